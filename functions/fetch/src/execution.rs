//! Whether an execution of the state machine still runs: a batch of one that does is not touched.

use aws_sdk_sfn::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_sfn::types::ExecutionStatus;
use tasador_runtime::Context;

use crate::Error;

pub(crate) async fn is_running(ctx: &Context, execution: &str) -> Result<bool, Error> {
    let answer = ctx
        .sfn
        .describe_execution()
        .execution_arn(execution)
        .send()
        .await;
    let error = match answer {
        Ok(described) => return Ok(*described.status() == ExecutionStatus::Running),
        Err(error) => error,
    };
    // Step Functions forgets executions after 90 days; a name that it would never give runs nowhere.
    if matches!(
        error.as_service_error().and_then(|error| error.code()),
        Some("ExecutionDoesNotExist" | "InvalidArn" | "ValidationException")
    ) {
        tracing::warn!(execution, "execution {execution} is not known any more");
        return Ok(false);
    }
    let retryable = match &error {
        SdkError::ConstructionFailure(_) => false,
        SdkError::ServiceError(answer) => {
            let status = answer.raw().status().as_u16();
            matches!(status, 408 | 429 | 500..)
                || answer
                    .err()
                    .code()
                    .is_some_and(|code| code.contains("Throttling"))
        }
        _ => true,
    };
    Err(Error::Executions {
        execution: execution.to_owned(),
        retryable,
        cause: Box::new(error),
    })
}
