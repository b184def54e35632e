//! What the state machine's tasks do here: functions are called in this process, outcomes are
//! logged where AWS sends them, and faults strike where they are planned.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tasador_runtime::{ErrorClass, Failure};
use tasador_states::{BoxFuture, Call, Clock, Pause, Resource, TaskError, WallClock};

use crate::faults::{Faults, When};
use crate::functions::Functions;

/// The longest pause for those in a hurry.
const HURRIED_PAUSE: Duration = Duration::from_millis(10);

/// The longest Wait state: asking again whether a run may go on costs nothing here.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// The services that the machine uses besides functions.
const PUBLISH: &str = "sns:publish";
const SUBMIT_JOB: &str = "batch:submitJob.sync";

/// Does the tasks of all executions.
pub(crate) struct Host {
    functions: Functions,
    faults: Faults,
    clock: LocalClock,
}

impl Host {
    /// A host that calls `functions`. In a `hurry`, and where faults are planned, tries follow on
    /// one another without AWS's long waits.
    pub(crate) fn new(functions: Functions, faults: Faults, hurry: bool) -> Self {
        let clock = LocalClock {
            faults: faults.clone(),
            hurry,
        };
        Self {
            functions,
            faults,
            clock,
        }
    }

    /// The clock that executions wait on.
    pub(crate) fn clock(&self) -> &dyn Clock {
        &self.clock
    }
}

impl tasador_states::Host for Host {
    fn call<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Value, TaskError>> {
        let work = match call.resource {
            Resource::Function(arn) => Work::Function(function_name(arn).to_owned()),
            Resource::Service(operation) => Work::Service(operation.to_owned()),
        };
        let (functions, faults) = (self.functions.clone(), self.faults.clone());
        let (state, input) = (call.state.to_owned(), call.input);
        Box::pin(async move {
            // In its own task, it is at work side by side with its siblings, and finishes, as
            // on AWS, when the execution is stopped or does not wait any longer.
            match tokio::spawn(work.run(state, input, functions, faults)).await {
                Ok(answer) => answer,
                // Nothing aborts it but the end of the process: the execution goes on at the next
                // start, and must not be told meanwhile that the function failed.
                Err(error) if error.is_cancelled() => std::future::pending().await,
                Err(error) => Err(task_error(&Failure::new(
                    ErrorClass::Bug,
                    format!("the task broke off: {error}"),
                ))),
            }
        })
    }
}

/// What a task does.
enum Work {
    Function(String),
    Service(String),
}

impl Work {
    async fn run(
        self,
        state: String,
        input: Value,
        functions: Functions,
        faults: Faults,
    ) -> Result<Value, TaskError> {
        let (Self::Function(name) | Self::Service(name)) = &self;
        let names = [state.as_str(), name.as_str()];
        let strike = |when| match faults.strike(when, &names) {
            None => Ok(()),
            Some(class) => Err(struck(class, when)),
        };
        strike(When::Before)?;
        let answer = match &self {
            Self::Function(name) => outcome_of(functions.invoke(name, input).await),
            Self::Service(operation) => serve(operation, &input, &functions).await,
        }?;
        strike(When::After)?;
        Ok(answer)
    }
}

/// A job whose definition is called like a function and does what it does, with its request as the only
/// argument; in this process, as functions are.
async fn run_job(job: &Value, functions: &Functions) -> Result<Value, TaskError> {
    let text = |pointer| job.pointer(pointer).and_then(Value::as_str);
    let name = text("/JobName").unwrap_or_default();
    let ended = |status, reason: &str| json!({ "JobName": name, "JobId": uuid::Uuid::new_v4().to_string(), "Status": status, "StatusReason": reason });
    let definition = text("/JobDefinition").unwrap_or_default();
    let program = definition.rsplit('/').next().unwrap_or_default();
    let request = text("/ContainerOverrides/Command/0").unwrap_or_default();
    let result = match serde_json::from_str(request) {
        Ok(request) => functions.invoke(program, request).await,
        Err(error) => Err(Failure::new(
            ErrorClass::InvalidInput,
            format!("the request is not JSON: {error}"),
        )),
    };
    match result {
        Ok(_) => Ok(ended("SUCCEEDED", "")),
        // Whatever went wrong in it, Step Functions knows only that a job failed.
        Err(failure) => Err(TaskError {
            error: "States.TaskFailed".to_owned(),
            cause: ended("FAILED", &failure.message).to_string(),
        }),
    }
}

async fn serve(operation: &str, input: &Value, functions: &Functions) -> Result<Value, TaskError> {
    match operation {
        PUBLISH => Ok(publish(input)),
        SUBMIT_JOB => run_job(input, functions).await,
        // `Machine::parse` knows no other.
        other => outcome_of(Err(Failure::new(
            ErrorClass::Bug,
            format!("there is no service for {other} here"),
        ))),
    }
}

/// Outcomes are logged here.
fn publish(message: &Value) -> Value {
    let text = |field| {
        message
            .get(field)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    tracing::info!(
        topic = text("TopicArn"),
        subject = text("Subject"),
        "{}",
        text("Message")
    );
    json!({ "MessageId": uuid::Uuid::new_v4().to_string() })
}

/// What a function came to, as Step Functions hears of it.
fn outcome_of(answer: Result<Value, Failure>) -> Result<Value, TaskError> {
    answer.map_err(|failure| task_error(&failure))
}

/// A failure in the words in which Lambda tells it to Step Functions.
fn task_error(failure: &Failure) -> TaskError {
    TaskError {
        error: failure.error_type.to_string(),
        cause: json!({ "errorType": failure.error_type, "errorMessage": failure.message })
            .to_string(),
    }
}

fn struck(class: String, when: When) -> TaskError {
    let side = match when {
        When::Before => "before",
        When::After => "after",
    };
    let message = format!("a planned fault struck {side} the task's effect");
    TaskError {
        cause: json!({ "errorType": class, "errorMessage": message }).to_string(),
        error: class,
    }
}

/// The name in a function's ARN, or in `name`, `name:qualifier` and `account:function:name`.
fn function_name(arn: &str) -> &str {
    let name = arn.rsplit_once("function:").map_or(arn, |(_, name)| name);
    name.split(':').next().unwrap_or(name)
}

/// The wall clock, hurried along between tries while faults are planned.
struct LocalClock {
    faults: Faults,
    hurry: bool,
}

impl Clock for LocalClock {
    fn now(&self) -> Timestamp {
        WallClock.now()
    }

    fn sleep_until(&self, when: Timestamp, pause: Pause) -> BoxFuture<'_, ()> {
        let is_hurried = self.hurry || self.faults.is_planned();
        let longest = match pause {
            Pause::Wait | Pause::Backoff if is_hurried => Some(HURRIED_PAUSE),
            Pause::Wait => Some(LONGEST_WAIT),
            Pause::Backoff | Pause::Deadline => None,
        };
        let latest = longest.and_then(|longest| self.now().checked_add(longest).ok());
        let when = latest.map_or(when, |latest| when.min(latest));
        Box::pin(async move { WallClock.sleep_until(when, pause).await })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::function_arn;

    #[test]
    fn a_function_is_known_by_any_of_its_names() {
        for arn in [
            &function_arn("train"),
            "train",
            "train:7",
            "123456789012:function:train",
            "arn:aws:lambda:x:1:function:train:live",
        ] {
            assert_eq!(function_name(arn), "train", "{arn}");
        }
    }

    #[test]
    fn a_failure_is_told_as_lambda_tells_it() {
        let error = task_error(&Failure::new(
            ErrorClass::SourceUnavailable,
            "no \"answer\"",
        ));
        assert_eq!(error.error, "SourceUnavailable");
        let cause: Failure = serde_json::from_str(&error.cause).unwrap();
        assert_eq!(cause.message, "no \"answer\"");
    }

    #[tokio::test]
    async fn tries_are_hurried_only_while_faults_are_planned() {
        let clock = LocalClock {
            faults: Faults::default(),
            hurry: false,
        };
        let in_an_hour = clock.now() + Duration::from_secs(3600);
        let short = Duration::from_millis(100);
        assert!(
            tokio::time::timeout(short, clock.sleep_until(in_an_hour, Pause::Backoff))
                .await
                .is_err()
        );
        clock.faults.plan("fail:before:Gate").unwrap();
        clock.sleep_until(in_an_hour, Pause::Backoff).await;
        assert!(
            tokio::time::timeout(short, clock.sleep_until(in_an_hour, Pause::Deadline))
                .await
                .is_err()
        );
    }
}
