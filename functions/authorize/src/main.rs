//! Checks bearer tokens for API Gateway.

use tasador_runtime::Context;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let ctx = Context::from_env().await?.checks_tokens()?;
    let ctx = &ctx;
    tasador_runtime::serve(|request| authorize::handle(request, ctx)).await
}
