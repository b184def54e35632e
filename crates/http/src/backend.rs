//! What a caller is told when bucket, registry or Step Functions fail: one rule for every function that
//! answers HTTP. What the caller cannot act on is logged here, once, and not revealed.

use std::error::Error;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use http::StatusCode;
use tasador_evidence::EvidenceError;
use tasador_lake::LakeError;
use tasador_registry::{PromoteError, Refusal, RegistryError};
use tasador_runtime::chain;

use crate::problem::Problem;

/// A failure behind a function, by what its caller can do about it. Texts are whole sentences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BackendError {
    NotFound(String),
    /// The request contradicts what is stored.
    Conflict(String),
    /// Another version is champion than the request expects.
    ChampionChanged(String),
    /// The page token was not given out by this list.
    BadPageToken,
    /// The same request may succeed later.
    Unavailable(String),
    Internal,
}

impl BackendError {
    /// Logs the error, and tells callers only whether to try again.
    pub fn unanswered(error: &dyn Error, is_retryable: bool, backend: &str) -> Self {
        tracing::error!("{backend} failed: {}", chain(error));
        if is_retryable {
            Self::Unavailable(format!("{backend} does not answer right now; try again."))
        } else {
            Self::Internal
        }
    }

    /// A failure of Step Functions.
    pub fn of_step_functions<E>(error: &SdkError<E, HttpResponse>) -> Self
    where
        E: Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        match tasador_aws::code(error) {
            Some("InvalidToken") => Self::BadPageToken,
            Some("ExecutionDoesNotExist") => Self::NotFound("There is no run of that name.".into()),
            // Only the local cloud writes to a disk.
            Some("InsufficientStorage") => {
                tracing::error!("the pipeline cannot write to its disk: {}", chain(error));
                Self::Unavailable(
                    "The pipeline cannot write to its disk: free some space, then try again."
                        .into(),
                )
            }
            _ => Self::unanswered(error, tasador_aws::is_retryable(error), "The pipeline"),
        }
    }
}

impl From<RegistryError> for BackendError {
    fn from(error: RegistryError) -> Self {
        match error {
            RegistryError::BadPageToken => Self::BadPageToken,
            RegistryError::NotFound { what } => Self::NotFound(format!("There is no {what}.")),
            RegistryError::Conflict { why } => Self::Conflict(format!("{why}.")),
            error => Self::unanswered(&error, error.is_retryable(), "The registry"),
        }
    }
}

impl From<LakeError> for BackendError {
    fn from(error: LakeError) -> Self {
        match error {
            LakeError::NotFound { .. } => Self::NotFound("There is no such file.".into()),
            LakeError::AlreadyExists { .. } => {
                Self::Conflict("A file with other content exists at that path.".into())
            }
            error => Self::unanswered(&error, error.is_retryable(), "The store"),
        }
    }
}

impl From<EvidenceError> for BackendError {
    fn from(error: EvidenceError) -> Self {
        Self::unanswered(&error, error.is_retryable(), "The store")
    }
}

impl From<PromoteError> for BackendError {
    fn from(error: PromoteError) -> Self {
        match error {
            PromoteError::ChampionChanged {
                actual: Some(version),
                ..
            } => Self::ChampionChanged(format!(
                "Version {version} is in production now: check it, then send its number as `expected`."
            )),
            PromoteError::ChampionChanged { actual: None, .. } => Self::ChampionChanged(
                "No version is in production: send null as `expected`.".into(),
            ),
            PromoteError::Refused {
                why: Refusal::Unknown,
                ..
            } => Self::NotFound("The model has no such version.".into()),
            PromoteError::Refused { version, why, .. } => {
                Self::Conflict(format!("Version {version} can't become champion: {why}."))
            }
            PromoteError::Registry(error) => error.into(),
        }
    }
}

impl<E: Into<BackendError>> From<E> for Problem {
    fn from(error: E) -> Self {
        match error.into() {
            BackendError::NotFound(detail) => Self::not_found(detail),
            BackendError::Conflict(detail) => Self::new(StatusCode::CONFLICT).detail(detail),
            BackendError::ChampionChanged(detail) => Self::new(StatusCode::CONFLICT)
                .detail(detail)
                .field("expected", "another version is in production now"),
            BackendError::BadPageToken => Self::not_found("There is no such page.")
                .field("page", "must be the value of `next` of an earlier answer"),
            BackendError::Unavailable(detail) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE).detail(detail)
            }
            BackendError::Internal => Self::new(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry(retryable: bool) -> RegistryError {
        RegistryError::Unavailable {
            operation: "read",
            retryable,
            source: "secret detail".into(),
        }
    }

    fn lake(retryable: bool) -> LakeError {
        LakeError::Unavailable {
            operation: "read",
            at: "models/a".to_owned(),
            retryable,
            source: "secret detail".into(),
        }
    }

    #[test]
    fn try_again_is_said_only_where_it_can_help() {
        let table: Vec<(Problem, u16)> = vec![
            (registry(true).into(), 503),
            (registry(false).into(), 500),
            (lake(true).into(), 503),
            (lake(false).into(), 500),
            (EvidenceError::Lake(lake(true)).into(), 503),
            // The permanent refusal that used to be answered with "try again".
            (EvidenceError::Lake(lake(false)).into(), 500),
            (EvidenceError::Registry(registry(false)).into(), 500),
            (PromoteError::Registry(registry(true)).into(), 503),
            (RegistryError::Contended { operation: "write" }.into(), 503),
            (RegistryError::BadPageToken.into(), 404),
            (
                RegistryError::NotFound {
                    what: "run `r`".into(),
                }
                .into(),
                404,
            ),
            (
                RegistryError::Conflict {
                    why: "it ended".into(),
                }
                .into(),
                409,
            ),
        ];
        for (problem, status) in table {
            assert_eq!(problem.status.as_u16(), status, "{problem:?}");
            let text = serde_json::to_string(&problem).unwrap();
            assert!(!text.contains("secret"), "{text}");
            assert_eq!(text.contains("try again"), status == 503, "{text}");
        }
    }
}
