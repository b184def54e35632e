//! Moves the entries of the inference log into Parquet files and lets them expire from the table.

use tasador_runtime::Context;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let ctx = Context::from_env().await?;
    let ctx = &ctx;
    tasador_runtime::serve(|request| compact::handle(request, ctx)).await
}
