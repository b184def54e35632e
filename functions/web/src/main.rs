//! HTTP: the page that people look at.

use tasador_pricing::Pricing;
use tasador_runtime::Context;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let mut ctx = Context::from_env().await?;
    if ctx.config.require_tokens {
        ctx = ctx.checks_tokens()?;
    }
    tasador_http::serve(web::router(Pricing::new(ctx))).await
}
