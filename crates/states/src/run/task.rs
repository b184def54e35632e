//! One attempt of a Task: the call with its time-out, and AWS's events for it.

use std::time::Duration;

use futures::future::{Either, select};
use serde_json::{Map, Value, json};

use super::state::Visit;
use super::{Engine, Halt};
use crate::clock::Pause;
use crate::definition::{self, Task};
use crate::document::limited;
use crate::error::{Fault, name};
use crate::journal::whole;
use crate::task::{Call, Resource};

/// The events of a task. A plain function has separate event types and fields.
struct Events {
    /// `LambdaFunction` or `Task`.
    prefix: &'static str,
    /// Fields that all details share.
    base: Map<String, Value>,
}

impl Events {
    fn of(task: &Task) -> Self {
        let (prefix, service, operation) = match &task.resource {
            definition::Resource::Function => {
                return Self {
                    prefix: "LambdaFunction",
                    base: Map::new(),
                };
            }
            definition::Resource::Invoke => ("Task", "lambda", "invoke"),
            definition::Resource::Service { service, operation } => {
                ("Task", service.as_str(), operation.as_str())
            }
        };
        let mut base = Map::new();
        base.insert("resourceType".to_owned(), service.into());
        base.insert("resource".to_owned(), operation.into());
        Self { prefix, base }
    }

    /// Type and details of an event, such as `Succeeded`.
    fn event(&self, which: &str, fields: Value) -> (String, Option<(String, Value)>) {
        let mut details = self.base.clone();
        if let Value::Object(fields) = fields {
            details.extend(fields);
        }
        let kind = format!("{}{which}", self.prefix);
        let field = kind
            .replacen("LambdaF", "lambdaF", 1)
            .replacen("Task", "task", 1);
        (kind, Some((format!("{field}EventDetails"), details.into())))
    }
}

impl Engine<'_> {
    pub(super) async fn task(
        &self,
        visit: &Visit<'_>,
        task: &Task,
        input: Value,
        last: &mut u64,
    ) -> Result<Value, Halt> {
        let events = Events::of(task);
        let timeout_s = match &task.timeout {
            None => None,
            Some(limit) => Some(visit.limit(limit, &input, 1)?),
        };
        let input = limited(input).map_err(|fault| visit.at(fault))?;
        let (kind, details) = events.event("Scheduled", self.scheduled(task, &input, timeout_s));
        self.record(last, kind, details)?;

        let answer = match call(visit, task, input) {
            Err(fault) => Err(fault),
            Ok((resource, input)) => {
                // AWS has no details for the start of a plain function.
                let (kind, details) = events.event("Started", json!({}));
                self.record(last, kind, details.filter(|_| !events.base.is_empty()))?;
                let call = Call {
                    state: &visit.state.name,
                    resource: resource.as_resource(),
                    input,
                    retries: visit.retries,
                };
                self.within(timeout_s, call).await
            }
        };
        let answer = answer
            .map(|answer| answered(task, answer))
            .and_then(|answer| limited(answer).map_err(|fault| visit.at(fault)));
        match answer {
            Ok(answer) => {
                let fields = json!({ "output": answer.to_string(), "outputDetails": whole() });
                let (kind, details) = events.event("Succeeded", fields);
                self.record(last, kind, details)?;
                Ok(answer)
            }
            Err(fault) => {
                let which = if fault.name() == name::TIMEOUT {
                    "TimedOut"
                } else {
                    "Failed"
                };
                let (kind, details) = events.event(which, fault.details());
                self.record(last, kind, details)?;
                Err(fault.into())
            }
        }
    }

    async fn within(&self, timeout_s: Option<u64>, call: Call<'_>) -> Result<Value, Fault> {
        let answer = self.host.call(call);
        let Some(seconds) = timeout_s else {
            return answer.await.map_err(Fault::from);
        };
        let deadline = self
            .clock
            .sleep_until(self.later(Duration::from_secs(seconds)), Pause::Deadline);
        match select(answer, deadline).await {
            Either::Left((answer, _)) => answer.map_err(Fault::from),
            Either::Right(_) => Err(Fault {
                error: Some(name::TIMEOUT.to_owned()),
                cause: Some(format!("The task did not end within {seconds} s.")),
            }),
        }
    }

    fn scheduled(&self, task: &Task, input: &Value, timeout_s: Option<u64>) -> Value {
        let mut fields = match task.resource {
            definition::Resource::Function => {
                json!({ "resource": task.arn, "input": input.to_string(), "inputDetails": whole() })
            }
            _ => {
                let region = self.execution.machine_arn.split(':').nth(3);
                json!({ "region": region, "parameters": input.to_string() })
            }
        };
        if let (Some(timeout_s), Some(fields)) = (timeout_s, fields.as_object_mut()) {
            fields.insert("timeoutInSeconds".to_owned(), timeout_s.into());
        }
        fields
    }
}

/// The call's target; its name may come from the input.
enum Called<'a> {
    Function(&'a str),
    Named(String),
    Service(String),
}

impl Called<'_> {
    fn as_resource(&self) -> Resource<'_> {
        match self {
            Self::Function(arn) => Resource::Function(arn),
            Self::Named(name) => Resource::Function(name),
            Self::Service(operation) => Resource::Service(operation),
        }
    }
}

fn call<'a>(visit: &Visit<'_>, task: &'a Task, input: Value) -> Result<(Called<'a>, Value), Fault> {
    match &task.resource {
        definition::Resource::Function => Ok((Called::Function(&task.arn), input)),
        definition::Resource::Service { service, operation } => {
            Ok((Called::Service(format!("{service}:{operation}")), input))
        }
        definition::Resource::Invoke => {
            let Value::Object(mut fields) = input else {
                return Err(nameless(visit));
            };
            let payload = fields
                .shift_remove("Payload")
                .unwrap_or_else(|| Map::new().into());
            match fields.shift_remove("FunctionName") {
                Some(Value::String(name)) => Ok((Called::Named(name), payload)),
                _ => Err(nameless(visit)),
            }
        }
    }
}

fn nameless(visit: &Visit<'_>) -> Fault {
    visit.at(Fault::new(name::RUNTIME, "FunctionName must be text"))
}

/// The result of the task: `lambda:invoke` wraps the function's answer.
fn answered(task: &Task, answer: Value) -> Value {
    match task.resource {
        definition::Resource::Invoke => {
            json!({ "ExecutedVersion": "$LATEST", "Payload": answer, "StatusCode": 200 })
        }
        _ => answer,
    }
}
