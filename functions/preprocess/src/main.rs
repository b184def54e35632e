//! Cleans a batch: typed rows, rejected rows with their reasons, and a report.

use tasador_runtime::Context;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let ctx = Context::from_env().await?;
    let ctx = &ctx;
    tasador_runtime::serve(|request| preprocess::handle(request, ctx)).await
}
