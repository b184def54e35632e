//! Failures as the state machine sees them: a stable class, and one message.

use std::error::Error;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What kind of failure it is, by what is done about it. The name is Lambda's `errorType`, on which
/// the state machine branches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ErrorClass {
    /// The same call may succeed a little later: the state machine repeats it.
    Retryable,
    /// What came in cannot be worked with; repeating changes nothing.
    InvalidInput,
    /// The data source did not answer.
    SourceUnavailable,
    /// The source's answer was lost after its cursor had moved on: asking again would bring the next
    /// batch, and nobody would know of this one.
    AnswerLost,
    /// A stored object is not what was written.
    CorruptArtifact,
    /// Another run promoted meanwhile: the challenger is to be compared again.
    ChampionChanged,
    /// The program or its deployment is at fault; a person has to look.
    Bug,
}

impl ErrorClass {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Retryable,
        Self::InvalidInput,
        Self::SourceUnavailable,
        Self::AnswerLost,
        Self::CorruptArtifact,
        Self::ChampionChanged,
        Self::Bug,
    ];

    /// The name in the state machine.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Retryable => "Retryable",
            Self::InvalidInput => "InvalidInput",
            Self::SourceUnavailable => "SourceUnavailable",
            Self::AnswerLost => "AnswerLost",
            Self::CorruptArtifact => "CorruptArtifact",
            Self::ChampionChanged => "ChampionChanged",
            Self::Bug => "Bug",
        }
    }
}

impl fmt::Display for ErrorClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no class.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an error class")]
pub struct UnknownClass(pub String);

impl FromStr for ErrorClass {
    type Err = UnknownClass;
    fn from_str(text: &str) -> Result<Self, UnknownClass> {
        Self::ALL
            .into_iter()
            .find(|class| class.as_str() == text)
            .ok_or_else(|| UnknownClass(text.to_owned()))
    }
}

/// An error that knows its class.
pub trait Classify: Error {
    /// What kind of failure it is.
    fn class(&self) -> ErrorClass;
}

/// A handler's failure, ready to leave the process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// Its class.
    pub error_type: ErrorClass,
    /// The error and what caused it, on one line.
    #[serde(rename = "errorMessage")]
    pub message: String,
}

impl Failure {
    /// A failure of this class with this message.
    pub fn new(error_type: ErrorClass, message: impl Into<String>) -> Self {
        Self {
            error_type,
            message: message.into(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.error_type, self.message)
    }
}

impl<E: Classify> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::new(error.class(), chain(&error))
    }
}

impl From<Failure> for lambda_runtime::Diagnostic {
    fn from(failure: Failure) -> Self {
        Self {
            error_type: failure.error_type.to_string(),
            error_message: failure.message,
        }
    }
}

/// An error and its causes on one line, parted by `: `. A cause whose text the one before it already
/// ends with is left out, as some libraries repeat their source.
pub fn chain(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !text.is_empty() && !line.ends_with(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
        cause = error.source();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Link {
        text: &'static str,
        source: Option<Box<Link>>,
    }

    impl Classify for Link {
        fn class(&self) -> ErrorClass {
            ErrorClass::Retryable
        }
    }

    fn link(text: &'static str, source: Option<Link>) -> Link {
        Link {
            text,
            source: source.map(Box::new),
        }
    }

    #[test]
    fn a_chain_is_told_once_from_the_outside_in() {
        let error = link(
            "the batch can't be stored",
            Some(link("no answer: time-out", Some(link("time-out", None)))),
        );
        let failure = Failure::from(error);
        assert_eq!(
            failure.message,
            "the batch can't be stored: no answer: time-out"
        );
        assert_eq!(failure.error_type, ErrorClass::Retryable);
    }

    #[test]
    fn lambda_sees_the_class_as_error_type() {
        let diagnostic = lambda_runtime::Diagnostic::from(Failure::new(
            ErrorClass::InvalidInput,
            "no such batch",
        ));
        assert_eq!(
            serde_json::to_value(&diagnostic).unwrap(),
            serde_json::json!({"errorType": "InvalidInput", "errorMessage": "no such batch"})
        );
        let failure: Failure =
            serde_json::from_value(serde_json::to_value(diagnostic).unwrap()).unwrap();
        assert_eq!(failure.error_type, ErrorClass::InvalidInput);
    }

    #[test]
    fn classes_are_read_as_they_are_written() {
        for class in ErrorClass::ALL {
            assert_eq!(class.to_string().parse(), Ok(class));
            assert_eq!(serde_json::to_value(class).unwrap(), class.as_str());
        }
        assert!("retryable".parse::<ErrorClass>().is_err());
    }
}
