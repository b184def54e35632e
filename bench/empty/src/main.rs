//! An HTTP Lambda function that does nothing: the lower bound of a cold start.

use axum::Router;
use axum::routing::post;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    lambda_http::run(Router::new().route("/predict", post(|| async { "{}" }))).await
}
