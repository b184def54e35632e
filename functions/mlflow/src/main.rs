//! HTTP: MLflow's REST API.

use tasador_runtime::Context;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let ctx = Context::from_env().await?;
    tasador_http::serve(mlflow::router(ctx)).await
}
