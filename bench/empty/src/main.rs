//! An HTTP Lambda function that does nothing: what a cold start costs at the least.

use axum::Router;
use axum::routing::post;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    lambda_http::run(Router::new().route("/predict", post(|| async { "{}" }))).await
}
