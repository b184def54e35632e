//! HTTP: prices from the model in production.

use tasador_pricing::Pricing;
use tasador_runtime::Context;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let ctx = Context::from_env().await?;
    tasador_http::serve(predict::router(Pricing::new(ctx))).await
}
