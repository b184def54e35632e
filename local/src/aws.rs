//! The operations of DynamoDB, Step Functions and Lambda that the product and its users need, in AWS's
//! own protocol, so that the `aws` CLI and every SDK work against the local cloud unchanged.
//! Signatures are verified as on AWS.

pub(crate) mod dynamodb;
mod error;
pub(crate) mod http_event;
mod lambda;
mod sfn;
mod signature;

use std::time::SystemTime;

use axum::Router;
use axum::body::{Body, HttpBody as _, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::post;

use error::LambdaError;
pub(crate) use error::SfnError;
pub(crate) use signature::Verifier;

use crate::executions::Executions;
use crate::functions::Functions;

/// `POST /` for Step Functions, `/2015-03-31/functions…` for Lambda.
pub(crate) fn router(executions: Executions, functions: Functions, verifier: Verifier) -> Router {
    let signed_for = |service| (verifier.clone(), service);
    let sfn = Router::new()
        .route("/", post(sfn::answer))
        .with_state(executions)
        .route_layer(middleware::from_fn_with_state(
            signed_for("states"),
            require_signature,
        ));
    let lambda = lambda::router(functions).route_layer(middleware::from_fn_with_state(
        signed_for("lambda"),
        require_signature,
    ));
    sfn.merge(lambda)
}

/// Lets pass what was signed for this service.
async fn require_signature(
    State((verifier, service)): State<(Verifier, &'static str)>,
    request: Request,
    next: Next,
) -> Response {
    let (parts, body) = request.into_parts();
    // One more byte than Lambda takes must arrive for the answer to be its own.
    let max_bytes = lambda::SYNC_LIMIT_BYTES + 1;
    // Before the first byte is read, so that a client which asks first does not send them.
    if body.size_hint().lower() > max_bytes as u64 {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    }
    let Ok(body) = to_bytes(body, max_bytes).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    match verifier.verify(service, &parts, &body, SystemTime::now()) {
        Ok(()) => next.run(Request::from_parts(parts, Body::from(body))).await,
        Err(error) if service == "lambda" => LambdaError {
            status: StatusCode::FORBIDDEN,
            shape: error.shape(),
            message: error.to_string(),
        }
        .into_response(),
        Err(error) => SfnError::new(error.shape(), error.to_string()).into_response(),
    }
}

fn request_id() -> HeaderValue {
    HeaderValue::from_str(&uuid::Uuid::new_v4().to_string())
        .unwrap_or(HeaderValue::from_static("-"))
}
