//! The operations of Step Functions and Lambda that the product and its users need, in AWS's own
//! protocol, so that the `aws` CLI and every SDK work against the local cloud unchanged.

mod error;
pub(crate) mod http_event;
pub mod lambda;
pub mod sfn;

use axum::Router;
use axum::routing::post;

use crate::executions::Executions;
use crate::functions::Functions;

/// `POST /` for Step Functions, `/2015-03-31/functions…` for Lambda.
pub fn router(executions: Executions, functions: Functions) -> Router {
    Router::new()
        .route("/", post(sfn::answer))
        .with_state(executions)
        .merge(lambda::router(functions))
}
