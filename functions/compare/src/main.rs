//! Compares the best candidate with the champion on the same held-out homes.

// The futures of the AWS clients nest deeper than the compiler follows unasked.
#![recursion_limit = "256"]

use tasador_runtime::Context;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let ctx = Context::from_env().await?;
    tasador_runtime::serve(|request| compare::handle(request, &ctx)).await
}
