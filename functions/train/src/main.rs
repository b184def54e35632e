//! Trains one candidate algorithm on one dataset: as a Lambda function, or once with the request as
//! its argument, as a job of AWS Batch for datasets that are too large for a function.

// The futures of the AWS clients exceed the compiler's default recursion limit.
#![recursion_limit = "256"]

use std::process::ExitCode;

use tasador_runtime::Context;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Box<dyn std::error::Error + Send + Sync>> {
    let ctx = Context::from_env().await?;
    let Some(request) = std::env::args().nth(1) else {
        tasador_runtime::serve(|request| train::handle(request, &ctx)).await?;
        return Ok(ExitCode::SUCCESS);
    };
    let train = tasador_runtime::handler(move |request| {
        let ctx = ctx.clone();
        async move { train::handle(request, &ctx).await }
    });
    Ok(tasador_runtime::once(&request, train).await)
}
