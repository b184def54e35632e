//! Error names of the States language, and the errors that pass through a state machine.

use serde_json::{Map, Value};

/// Error names that the language defines.
pub(crate) mod name {
    /// Matches every error except `States.Runtime` and `States.DataLimitExceeded`.
    pub(crate) const ALL: &str = "States.ALL";
    /// Matches every error that `ALL` matches, except `States.Timeout`.
    pub(crate) const TASK_FAILED: &str = "States.TaskFailed";
    /// A task or an execution took longer than allowed.
    pub(crate) const TIMEOUT: &str = "States.Timeout";
    /// A path does not exist in the document. Nothing catches it.
    pub(crate) const RUNTIME: &str = "States.Runtime";
    /// A payload exceeded 256 KiB. Only its name catches it, no wildcard.
    pub(crate) const DATA_LIMIT_EXCEEDED: &str = "States.DataLimitExceeded";
    /// No rule of a Choice was true and it has no default.
    pub(crate) const NO_CHOICE_MATCHED: &str = "States.NoChoiceMatched";
    /// A result cannot be written to `ResultPath`.
    pub(crate) const RESULT_PATH_MATCH_FAILURE: &str = "States.ResultPathMatchFailure";
    /// An intrinsic function got invalid arguments.
    pub(crate) const INTRINSIC_FAILURE: &str = "States.IntrinsicFailure";

    /// Every name with `States.` that `ErrorEquals` may contain. `States.Runtime` is not one of
    /// them: it always fails the execution, so naming it is a mistake.
    pub(crate) const CATCHABLE: [&str; 15] = [
        ALL,
        TASK_FAILED,
        TIMEOUT,
        DATA_LIMIT_EXCEEDED,
        NO_CHOICE_MATCHED,
        RESULT_PATH_MATCH_FAILURE,
        INTRINSIC_FAILURE,
        "States.BranchFailed",
        "States.ExceedToleratedFailureThreshold",
        "States.HeartbeatTimeout",
        "States.Http.Socket",
        "States.ItemReaderFailed",
        "States.ParameterPathFailure",
        "States.Permissions",
        "States.ResultWriterFailed",
    ];
}

/// Why a task failed, as the error and cause of a state machine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}: {cause}")]
pub struct TaskError {
    /// Name that `Retry` and `Catch` match, such as a Lambda function's `errorType`.
    pub error: String,
    /// The text for people. For a Lambda function it is the JSON `{"errorType", "errorMessage"}`.
    pub cause: String,
}

/// An error that leaves a state. A Fail state may omit both error and cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) error: Option<String>,
    pub(crate) cause: Option<String>,
}

impl Fault {
    pub(crate) fn new(error: &str, cause: impl Into<String>) -> Self {
        Self {
            error: Some(error.to_owned()),
            cause: Some(cause.into()),
        }
    }

    pub(crate) fn name(&self) -> &str {
        self.error.as_deref().unwrap_or_default()
    }

    /// The value that a catcher passes on: `{"Error", "Cause"}`.
    pub(crate) fn output(&self) -> Value {
        let mut output = Map::new();
        for (key, word) in [("Error", &self.error), ("Cause", &self.cause)] {
            if let Some(word) = word {
                output.insert(key.to_owned(), word.as_str().into());
            }
        }
        output.into()
    }

    /// Details of an event: `{"error", "cause"}`.
    pub(crate) fn details(&self) -> Value {
        let mut details = Map::new();
        for (key, word) in [("error", &self.error), ("cause", &self.cause)] {
            if let Some(word) = word {
                details.insert(key.to_owned(), word.as_str().into());
            }
        }
        details.into()
    }

    /// Adds where it happened, in the wording of Step Functions.
    pub(crate) fn at(mut self, state: &str, entered_event: u64) -> Self {
        if let Some(cause) = &mut self.cause {
            *cause = format!(
                "An error occurred while executing the state '{state}' (entered at the event id #{entered_event}). {cause}"
            );
        }
        self
    }
}

impl From<TaskError> for Fault {
    fn from(error: TaskError) -> Self {
        Self {
            error: Some(error.error),
            cause: Some(error.cause),
        }
    }
}

/// Whether a list of names in `ErrorEquals` matches the error name `error`.
///
/// `States.Runtime` always fails the execution; `States.DataLimitExceeded` is matched only by its
/// name.
pub(crate) fn matches(error_equals: &[String], error: &str) -> bool {
    if error == name::RUNTIME {
        return false;
    }
    error_equals.iter().any(|wanted| match wanted.as_str() {
        name::ALL => error != name::DATA_LIMIT_EXCEEDED,
        name::TASK_FAILED => error != name::DATA_LIMIT_EXCEEDED && error != name::TIMEOUT,
        wanted => wanted == error,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_their_errors() {
        let table = [
            // name, States.ALL, States.TaskFailed, the name itself
            ("Bug", true, true, true),
            (name::TIMEOUT, true, false, true),
            (name::INTRINSIC_FAILURE, true, true, true),
            (name::DATA_LIMIT_EXCEEDED, false, false, true),
            (name::RUNTIME, false, false, false),
            ("", true, true, true),
        ];
        for (error, all, task_failed, own) in table {
            assert_eq!(matches(&[name::ALL.to_owned()], error), all, "{error}");
            assert_eq!(
                matches(&[name::TASK_FAILED.to_owned()], error),
                task_failed,
                "{error}"
            );
            assert_eq!(matches(&[error.to_owned()], error), own, "{error}");
            assert!(!matches(&["Other".to_owned()], error), "{error}");
        }
    }
}
