//! What can go wrong, in MLflow's words: a stable code that clients branch on, and a sentence.

use crate::language::Invalid;
use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::{Value, json};
use tasador_lake::LakeError;
use tasador_registry::{PromoteError, RegistryError};
use tasador_runtime::chain;

/// The codes that are used here, with the status each has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    BadRequest,
    InvalidParameterValue,
    InvalidState,
    ResourceAlreadyExists,
    ResourceDoesNotExist,
    EndpointNotFound,
    NotImplemented,
    TemporarilyUnavailable,
    InternalError,
}

impl Code {
    const fn name(self) -> &'static str {
        match self {
            Self::BadRequest => "BAD_REQUEST",
            Self::InvalidParameterValue => "INVALID_PARAMETER_VALUE",
            Self::InvalidState => "INVALID_STATE",
            Self::ResourceAlreadyExists => "RESOURCE_ALREADY_EXISTS",
            Self::ResourceDoesNotExist => "RESOURCE_DOES_NOT_EXIST",
            Self::EndpointNotFound => "ENDPOINT_NOT_FOUND",
            Self::NotImplemented => "NOT_IMPLEMENTED",
            Self::TemporarilyUnavailable => "TEMPORARILY_UNAVAILABLE",
            Self::InternalError => "INTERNAL_ERROR",
        }
    }

    const fn status(self) -> StatusCode {
        match self {
            Self::BadRequest
            | Self::InvalidParameterValue
            | Self::InvalidState
            | Self::ResourceAlreadyExists => StatusCode::BAD_REQUEST,
            Self::ResourceDoesNotExist | Self::EndpointNotFound => StatusCode::NOT_FOUND,
            Self::NotImplemented => StatusCode::NOT_IMPLEMENTED,
            Self::TemporarilyUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::InternalError => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// A call that is not answered as it was meant.
#[derive(Debug)]
pub(super) struct Refusal {
    code: Code,
    message: String,
}

impl Refusal {
    pub(super) fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidParameterValue, message)
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(Code::BadRequest, message)
    }

    pub(super) fn missing(message: impl Into<String>) -> Self {
        Self::new(Code::ResourceDoesNotExist, message)
    }

    pub(super) fn exists(message: impl Into<String>) -> Self {
        Self::new(Code::ResourceAlreadyExists, message)
    }

    /// The code and the sentence, for an answer that has them within.
    pub(super) fn parts(&self) -> Value {
        json!({"code": self.code.name(), "message": self.message, "helpUrl": null})
    }

    #[cfg(test)]
    pub(super) fn message(&self) -> &str {
        &self.message
    }

    fn unanswered(error: &dyn std::error::Error, retryable: bool, who: &str) -> Self {
        tracing::error!("a request can't be answered: {}", chain(error));
        if retryable {
            Self::new(
                Code::TemporarilyUnavailable,
                format!("{who} does not answer right now; try again."),
            )
        } else {
            Self::new(Code::InternalError, "The request can't be answered.")
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({"error_code": self.code.name(), "message": self.message});
        (self.code.status(), Json(body)).into_response()
    }
}

impl From<Invalid> for Refusal {
    fn from(invalid: Invalid) -> Self {
        Self::invalid(invalid.to_string())
    }
}

impl From<RegistryError> for Refusal {
    fn from(error: RegistryError) -> Self {
        match &error {
            RegistryError::BadPageToken => {
                Self::invalid("Invalid page token: it is none that this search gave out.")
            }
            RegistryError::NotFound { what } => Self::missing(format!("There is no {what}.")),
            RegistryError::Conflict { why } => Self::invalid(format!("{why}.")),
            _ => Self::unanswered(&error, error.is_retryable(), "The registry"),
        }
    }
}

impl From<PromoteError> for Refusal {
    fn from(error: PromoteError) -> Self {
        match error {
            PromoteError::Registry(error) => error.into(),
            error => Self::new(Code::InvalidState, format!("{error}.")),
        }
    }
}

impl From<LakeError> for Refusal {
    fn from(error: LakeError) -> Self {
        match &error {
            LakeError::NotFound { .. } => Self::missing("There is no such artifact."),
            LakeError::AlreadyExists { .. } => {
                Self::exists("There are other bytes under that path, and they are kept.")
            }
            _ => Self::unanswered(&error, error.is_retryable(), "The store"),
        }
    }
}
