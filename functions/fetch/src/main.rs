//! Takes one batch from the source and stores it.

use tasador_runtime::Context;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let ctx = Context::from_env().await?;
    let ctx = &ctx;
    tasador_runtime::serve(|request| fetch::handle(request, ctx)).await
}
