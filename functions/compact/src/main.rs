//! Turns the inference log's items into Parquet files, and lets the items expire.

use tasador_runtime::Context;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let ctx = Context::from_env().await?;
    let ctx = &ctx;
    tasador_runtime::serve(|request| compact::handle(request, ctx)).await
}
