//! Errors in MLflow's format: a stable code that clients branch on, and a sentence.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::{Value, json};
use tasador_champion::{PromoteError, StoreError};
use tasador_http::{BackendError, Problem};
use tasador_ids::{ModelName, ModelVersion};
use tasador_lake::LakeError;
use tasador_registry::{PromoteError as Rejection, Refusal, RegistryError};

use crate::language::Invalid;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
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
    const fn parts(self) -> (&'static str, StatusCode) {
        match self {
            Self::BadRequest => ("BAD_REQUEST", StatusCode::BAD_REQUEST),
            Self::InvalidParameterValue => ("INVALID_PARAMETER_VALUE", StatusCode::BAD_REQUEST),
            Self::InvalidState => ("INVALID_STATE", StatusCode::BAD_REQUEST),
            Self::ResourceAlreadyExists => ("RESOURCE_ALREADY_EXISTS", StatusCode::BAD_REQUEST),
            Self::ResourceDoesNotExist => ("RESOURCE_DOES_NOT_EXIST", StatusCode::NOT_FOUND),
            Self::EndpointNotFound => ("ENDPOINT_NOT_FOUND", StatusCode::NOT_FOUND),
            Self::NotImplemented => ("NOT_IMPLEMENTED", StatusCode::NOT_IMPLEMENTED),
            Self::TemporarilyUnavailable => {
                ("TEMPORARILY_UNAVAILABLE", StatusCode::SERVICE_UNAVAILABLE)
            }
            Self::InternalError => ("INTERNAL_ERROR", StatusCode::INTERNAL_SERVER_ERROR),
        }
    }
}

/// The answer to a call, as JSON.
pub(crate) type Answer = Result<Value, ApiError>;

/// Why a call failed.
#[derive(Debug)]
pub(crate) struct ApiError {
    code: Code,
    pub(crate) message: String,
}

impl ApiError {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidParameterValue, message)
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(Code::BadRequest, message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(Code::ResourceDoesNotExist, message)
    }

    pub(crate) fn exists(message: impl Into<String>) -> Self {
        Self::new(Code::ResourceAlreadyExists, message)
    }

    pub(crate) fn missing(parameter: &str) -> Self {
        Self::invalid(format!(
            "Missing value for required parameter '{parameter}'."
        ))
    }

    /// The error of a parameter that stands within a list.
    pub(crate) fn within(self, list: &str, index: usize) -> Self {
        let message = self
            .message
            .replace("parameter '", &format!("parameter '{list}[{index}]."));
        Self { message, ..self }
    }

    pub(crate) fn not_covered(message: impl Into<String>) -> Self {
        Self::new(Code::NotImplemented, message)
    }

    pub(crate) fn bad_page_token() -> Self {
        Self::invalid("Invalid page token: it is not from this search.")
    }

    /// The error within a GraphQL answer.
    pub(crate) fn within_answer(&self) -> Value {
        json!({"code": self.code.parts().0, "message": self.message, "helpUrl": null})
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (code, status) = self.code.parts();
        (
            status,
            Json(json!({"error_code": code, "message": self.message})),
        )
            .into_response()
    }
}

impl From<Invalid> for ApiError {
    fn from(invalid: Invalid) -> Self {
        Self::invalid(invalid.to_string())
    }
}

/// What is wrong with a body.
impl From<Problem> for ApiError {
    fn from(problem: Problem) -> Self {
        let code = match problem.status {
            StatusCode::BAD_REQUEST => Code::BadRequest,
            _ => Code::InvalidParameterValue,
        };
        Self::new(code, problem.detail.unwrap_or_default())
    }
}

impl From<BackendError> for ApiError {
    fn from(error: BackendError) -> Self {
        match error {
            BackendError::NotFound(detail) => Self::not_found(detail),
            BackendError::Conflict(detail) => Self::invalid(detail),
            BackendError::ChampionChanged(detail) => Self::new(Code::InvalidState, detail),
            BackendError::BadPageToken => Self::bad_page_token(),
            BackendError::Unavailable(detail) => Self::new(Code::TemporarilyUnavailable, detail),
            BackendError::Internal => Self::new(Code::InternalError, "The request failed."),
        }
    }
}

impl From<RegistryError> for ApiError {
    fn from(error: RegistryError) -> Self {
        BackendError::from(error).into()
    }
}

pub(crate) fn unknown_version(model: &ModelName, version: ModelVersion) -> ApiError {
    ApiError::not_found(format!(
        "Model Version (name={model}, version={version}) not found"
    ))
}

impl From<PromoteError> for ApiError {
    fn from(error: PromoteError) -> Self {
        match error {
            PromoteError::Rejected(Rejection::Registry(error))
            | PromoteError::Store(StoreError::Registry(error)) => error.into(),
            PromoteError::Rejected(Rejection::Refused {
                model,
                version,
                why: Refusal::Unknown,
            }) => unknown_version(&model, version),
            PromoteError::Store(error) => {
                BackendError::unanswered(&error, error.is_retryable(), "The store").into()
            }
            error => Self::new(Code::InvalidState, format!("{error}.")),
        }
    }
}

impl From<LakeError> for ApiError {
    fn from(error: LakeError) -> Self {
        match BackendError::from(error) {
            BackendError::Conflict(detail) => Self::exists(detail),
            error => error.into(),
        }
    }
}
