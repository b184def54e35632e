//! Whether an execution of the state machine still runs: a batch of one that does is not touched.

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
        tasador_aws::code(&error),
        Some("ExecutionDoesNotExist" | "InvalidArn" | "ValidationException")
    ) {
        tracing::warn!(execution, "the execution no longer exists");
        return Ok(false);
    }
    Err(Error::Executions {
        execution: execution.to_owned(),
        retryable: tasador_aws::is_retryable(&error),
        cause: Box::new(error),
    })
}
