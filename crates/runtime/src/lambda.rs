//! Handlers as Lambda functions, and as jobs.

use std::io::Write as _;
use std::process::ExitCode;

use axum::Router;
use lambda_runtime::{LambdaEvent, service_fn};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::failure::{ErrorClass, Failure};
use crate::handler::{self, Handler};

/// Runs a handler as a Lambda function until the process is stopped. A failure is logged here, once,
/// and leaves with its class as `errorType`.
///
/// # Errors
/// Where the Lambda runtime API cannot be reached.
pub async fn serve<Req, Res, Err, Fut, F>(function: F) -> Result<(), lambda_runtime::Error>
where
    Req: DeserializeOwned,
    Res: Serialize,
    Err: Into<Failure>,
    Fut: Future<Output = Result<Res, Err>>,
    F: Fn(Req) -> Fut,
{
    let function = &function;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| async move {
        let request_id = event.context.request_id;
        let run_id = event
            .payload
            .get("run_id")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        // Boxed, because the compiler gives up on a future as deep as the clients' within Lambda's.
        let answer = Box::pin(handler::answer(event.payload, function)).await;
        if let Err(failure) = &answer {
            tracing::error!(
                request_id,
                run_id,
                error_type = %failure.error_type,
                "run {run_id} failed in this function: {}",
                failure.message
            );
        }
        answer
    }))
    .await
}

/// Runs a handler once, on a request that was given as text, and prints its answer: a function as a job.
/// Its end is the process's, with 1 where it failed.
pub async fn once(request: &str, function: Handler) -> ExitCode {
    let answer = match serde_json::from_str(request) {
        Ok(request) => function(request).await,
        Err(error) => Err(Failure::new(
            ErrorClass::InvalidInput,
            format!("the request is not JSON: {error}"),
        )),
    };
    match answer {
        Ok(answer) => {
            // What was done is done, whether or not anybody reads of it.
            let _ = writeln!(std::io::stdout(), "{answer}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            tracing::error!(error_type = %failure.error_type, "the job failed: {}", failure.message);
            ExitCode::FAILURE
        }
    }
}

/// Runs a router as a Lambda function behind API Gateway until the process is stopped.
///
/// # Errors
/// Where the Lambda runtime API cannot be reached.
pub async fn serve_http(router: Router) -> Result<(), lambda_runtime::Error> {
    lambda_http::run(router).await
}
