//! Routers as Lambda functions behind API Gateway.

use axum::{Router, middleware};
use http::StatusCode;

use crate::problem::Problem;
use crate::request_id::trace;

/// Serves a router until the process is stopped.
///
/// # Errors
/// Where the Lambda runtime API cannot be reached.
pub async fn serve(router: Router) -> Result<(), lambda_runtime::Error> {
    lambda_http::run(router.layer(middleware::from_fn(trace))).await
}

/// Answers unknown paths with 404 and known ones with another method with 405, as problems.
pub fn with_not_found(router: Router) -> Router {
    router
        .fallback(|| async { Problem::new(StatusCode::NOT_FOUND) })
        .method_not_allowed_fallback(|| async { Problem::new(StatusCode::METHOD_NOT_ALLOWED) })
}
