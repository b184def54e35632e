//! Handlers as Lambda functions, and as jobs.

use std::io::Write as _;
use std::process::ExitCode;

use lambda_runtime::{LambdaEvent, service_fn};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::failure::{ErrorClass, Failure};
use crate::handler::{self, Handler};

/// Runs a handler as a Lambda function until the process is stopped. A failure leaves with its class as
/// `errorType`.
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
        handler::answer(event.payload, Some(&request_id), function).await
    }))
    .await
}

/// Runs a function as a job: once, on a request given as text. Prints its answer; the exit code is 1 if it
/// failed.
pub async fn once(request: &str, function: Handler) -> ExitCode {
    let answer = match serde_json::from_str(request) {
        Ok(request) => function(request).await,
        Err(error) => {
            let message = format!("the request is not JSON: {error}");
            tracing::error!("{message}");
            Err(Failure::new(ErrorClass::InvalidInput, message))
        }
    };
    match answer {
        Ok(answer) => {
            // The job is done even if nobody reads its answer.
            let _ = writeln!(std::io::stdout(), "{answer}");
            ExitCode::SUCCESS
        }
        Err(_) => ExitCode::FAILURE,
    }
}
