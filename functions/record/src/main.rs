//! Writes the outcome of a run into the history.

use tasador_runtime::Context;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let ctx = Context::from_env().await?;
    let ctx = &ctx;
    tasador_runtime::serve(|request| record::handle(request, ctx)).await
}
