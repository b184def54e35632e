//! HTTP: files that people upload on the page.

use tasador_runtime::Context;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let mut ctx = Context::from_env().await?;
    if ctx.config.require_tokens {
        ctx = ctx.checks_tokens()?;
    }
    tasador_http::serve(upload::router(ctx)).await
}
