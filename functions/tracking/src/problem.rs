//! What can go wrong, as callers may see it; the log tells the rest.

use aws_sdk_sfn::config::http::HttpResponse;
use aws_sdk_sfn::error::{ProvideErrorMetadata, SdkError};
use axum::extract::rejection::QueryRejection;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use tasador_evidence::EvidenceError;
use tasador_registry::RegistryError;
use tasador_runtime::{Problem, chain};

/// A problem on its way out of a handler.
pub(crate) struct Refused(Box<Problem>);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self(problem.into())
    }
}

impl From<Box<Problem>> for Refused {
    fn from(problem: Box<Problem>) -> Self {
        Self(problem)
    }
}

impl From<RegistryError> for Refused {
    fn from(error: RegistryError) -> Self {
        if matches!(error, RegistryError::BadPageToken) {
            return bad_page().into();
        }
        unanswered(&error, error.is_retryable(), "The registry")
    }
}

impl From<EvidenceError> for Refused {
    fn from(error: EvidenceError) -> Self {
        unanswered(&error, error.is_retryable(), "The store")
    }
}

/// Of Step Functions.
pub(crate) fn of_executions<E>(error: &SdkError<E, HttpResponse>) -> Refused
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    let code = error.as_service_error().and_then(|error| error.code());
    match code {
        Some("InvalidToken") => bad_page().into(),
        Some("ExecutionDoesNotExist") => no_such("No run of that name is known.").into(),
        _ => {
            let lasting = match error {
                SdkError::ConstructionFailure(_) => true,
                SdkError::ServiceError(answer) => {
                    answer.raw().status().as_u16() < 500
                        && !code.is_some_and(|code| code.contains("Throttling"))
                }
                _ => false,
            };
            unanswered(error, !lasting, "The pipeline")
        }
    }
}

pub(crate) fn unanswered(error: &dyn std::error::Error, retryable: bool, who: &str) -> Refused {
    tracing::error!("a request can't be answered: {}", chain(error));
    if retryable {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE)
            .detail(format!("{who} does not answer right now; try again."))
            .into()
    } else {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR).into()
    }
}

fn bad_page() -> Problem {
    no_such("There is no such page.").field(
        "page",
        "the value of `next` of an earlier answer is expected",
    )
}

pub(crate) fn unprocessable(field: &str, reason: impl Into<String>) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY)
        .detail(format!("`{field}` can't be used."))
        .field(field, reason)
}

pub(crate) fn unreadable_query(rejection: &QueryRejection) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST).detail(format!(
        "The query can't be read: {}.",
        rejection.body_text()
    ))
}

pub(crate) fn no_such(detail: &str) -> Problem {
    Problem::new(StatusCode::NOT_FOUND).detail(detail)
}
