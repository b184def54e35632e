//! Errors in the two shapes that AWS's JSON protocols use.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// An error of Step Functions: JSON 1.0 with the shape's name in `__type`, always HTTP 400 but for
/// faults of the server.
#[derive(Debug)]
pub(crate) struct SfnError {
    shape: &'static str,
    message: String,
}

impl SfnError {
    /// The disk cannot be written. AWS has no such error.
    pub(crate) const INSUFFICIENT_STORAGE: &'static str = "InsufficientStorage";

    pub(crate) fn new(shape: &'static str, message: impl Into<String>) -> Self {
        Self {
            shape,
            message: message.into(),
        }
    }

    #[cfg(test)]
    pub(crate) fn shape(&self) -> &'static str {
        self.shape
    }
}

impl IntoResponse for SfnError {
    fn into_response(self) -> Response {
        let status = match self.shape {
            "InternalFailure" => StatusCode::INTERNAL_SERVER_ERROR,
            // No client tries this again by itself.
            Self::INSUFFICIENT_STORAGE => StatusCode::INSUFFICIENT_STORAGE,
            _ => StatusCode::BAD_REQUEST,
        };
        let body = json!({
            "__type": format!("com.amazonaws.swf.service.v2.model#{}", self.shape),
            "message": self.message,
        });
        (status, [(header::CONTENT_TYPE, JSON_1_0)], body.to_string()).into_response()
    }
}

/// Content type of AWS JSON 1.0.
pub(crate) const JSON_1_0: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.0");

/// An error of Lambda: REST-JSON with the shape's name in a header.
#[derive(Debug)]
pub(crate) struct LambdaError {
    pub(crate) status: StatusCode,
    pub(crate) shape: &'static str,
    pub(crate) message: String,
}

impl IntoResponse for LambdaError {
    fn into_response(self) -> Response {
        let kind = if self.status.is_server_error() {
            "Service"
        } else {
            "User"
        };
        let body = json!({ "Type": kind, "Message": self.message });
        (
            self.status,
            [
                (
                    header::CONTENT_TYPE,
                    HeaderValue::from_static("application/json"),
                ),
                (
                    header::HeaderName::from_static("x-amzn-errortype"),
                    HeaderValue::from_static(self.shape),
                ),
            ],
            body.to_string(),
        )
            .into_response()
    }
}
