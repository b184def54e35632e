//! Step Functions: StartExecution, DescribeExecution, ListExecutions, GetExecutionHistory,
//! StopExecution, DescribeStateMachine and ListStateMachines.

use std::io::ErrorKind;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::error::{JSON_1_0, SfnError};
use super::request_id;
use crate::executions::{Execution, ExecutionError, Executions, Summary};
use crate::machine::{MACHINE_NAME, ROLE_ARN, execution_arn, execution_name, machine_arn};

const TARGET_PREFIX: &str = "AWSStepFunctions.";

/// Largest page of ListExecutions and GetExecutionHistory.
const PAGE_MAX: usize = 1000;
/// Default page.
const PAGE_DEFAULT: usize = 100;

pub(super) async fn answer(
    State(executions): State<Executions>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let target = headers
        .get("x-amz-target")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let answer = match target.strip_prefix(TARGET_PREFIX) {
        Some(operation) => dispatch(&executions, operation, &body),
        None => Err(SfnError::new(
            "UnknownOperationException",
            "X-Amz-Target must name an operation of AWSStepFunctions; S3 and DynamoDB listen on their own ports",
        )),
    };
    let request_id = [(HeaderName::from_static("x-amzn-requestid"), request_id())];
    match answer {
        Ok(body) => (
            request_id,
            [(header::CONTENT_TYPE, JSON_1_0)],
            body.to_string(),
        )
            .into_response(),
        Err(error) => (request_id, error).into_response(),
    }
}

fn dispatch(executions: &Executions, operation: &str, body: &[u8]) -> Result<Value, SfnError> {
    match operation {
        "StartExecution" => start(executions, parse(body)?),
        "DescribeExecution" => describe(executions, parse(body)?),
        "ListExecutions" => list(executions, parse(body)?),
        "GetExecutionHistory" => history(executions, parse(body)?),
        "StopExecution" => stop(executions, parse(body)?),
        "DescribeStateMachine" => {
            let request: MachineRequest = parse(body)?;
            check_machine(&request.state_machine_arn)?;
            Ok(json!({
                "stateMachineArn": machine_arn(),
                "name": MACHINE_NAME,
                "status": "ACTIVE",
                "definition": executions.definition(),
                "roleArn": ROLE_ARN,
                "type": "STANDARD",
                "creationDate": seconds(executions.served_since()),
            }))
        }
        "ListStateMachines" => Ok(json!({ "stateMachines": [{
            "stateMachineArn": machine_arn(),
            "name": MACHINE_NAME,
            "type": "STANDARD",
            "creationDate": seconds(executions.served_since()),
        }] })),
        other => Err(SfnError::new(
            "UnknownOperationException",
            format!("`{other}` is not among the operations of the local Step Functions"),
        )),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StartRequest {
    state_machine_arn: String,
    name: Option<String>,
    input: Option<String>,
}

fn start(executions: &Executions, request: StartRequest) -> Result<Value, SfnError> {
    check_machine(&request.state_machine_arn)?;
    let input = request.input.as_deref().unwrap_or("{}");
    let started = executions.start(request.name.as_deref(), input)?;
    Ok(
        json!({ "executionArn": execution_arn(&started.name), "startDate": seconds(started.started_at) }),
    )
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExecutionRequest {
    execution_arn: String,
}

fn describe(executions: &Executions, request: ExecutionRequest) -> Result<Value, SfnError> {
    let execution = executions.describe(name_in(&request.execution_arn)?)?;
    let Execution {
        summary,
        input,
        output,
        error,
        cause,
    } = execution;
    let mut answer = entry(&summary);
    answer.insert("input".to_owned(), input.into());
    answer.insert("inputDetails".to_owned(), json!({ "included": true }));
    answer.insert("redriveCount".to_owned(), 0.into());
    for (field, value) in [("output", output), ("error", error), ("cause", cause)] {
        if let Some(value) = value {
            answer.insert(field.to_owned(), value.into());
        }
    }
    if answer.contains_key("output") {
        answer.insert("outputDetails".to_owned(), json!({ "included": true }));
    }
    Ok(answer.into())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListRequest {
    state_machine_arn: Option<String>,
    status_filter: Option<String>,
    max_results: Option<usize>,
    next_token: Option<String>,
}

fn list(executions: &Executions, request: ListRequest) -> Result<Value, SfnError> {
    let Some(arn) = &request.state_machine_arn else {
        return Err(SfnError::new(
            "ValidationException",
            "stateMachineArn is missing",
        ));
    };
    check_machine(arn)?;
    let mut found = executions.list();
    if let Some(status) = &request.status_filter {
        found.retain(|summary| summary.status.as_str() == status);
    }
    let entries = found
        .iter()
        .map(|summary| Value::from(entry(summary)))
        .collect();
    page(
        "executions",
        entries,
        request.max_results,
        request.next_token.as_deref(),
    )
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HistoryRequest {
    execution_arn: String,
    #[serde(default)]
    reverse_order: bool,
    include_execution_data: Option<bool>,
    max_results: Option<usize>,
    next_token: Option<String>,
}

fn history(executions: &Executions, request: HistoryRequest) -> Result<Value, SfnError> {
    let mut events = executions.history(name_in(&request.execution_arn)?)?;
    if request.reverse_order {
        events.reverse();
    }
    if request.include_execution_data == Some(false) {
        events.iter_mut().for_each(without_data);
    }
    page(
        "events",
        events,
        request.max_results,
        request.next_token.as_deref(),
    )
}

/// Removes inputs and outputs from an event's details.
fn without_data(event: &mut Value) {
    let Some(event) = event.as_object_mut() else {
        return;
    };
    for details in event.values_mut().filter_map(Value::as_object_mut) {
        details.retain(|field, _| field != "input" && field != "output" && field != "parameters");
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StopRequest {
    execution_arn: String,
    error: Option<String>,
    cause: Option<String>,
}

fn stop(executions: &Executions, request: StopRequest) -> Result<Value, SfnError> {
    let stopped_at = executions.stop(
        name_in(&request.execution_arn)?,
        request.error,
        request.cause,
    )?;
    Ok(json!({ "stopDate": seconds(stopped_at) }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MachineRequest {
    state_machine_arn: String,
}

fn entry(summary: &Summary) -> Map<String, Value> {
    let mut entry = Map::new();
    entry.insert(
        "executionArn".to_owned(),
        execution_arn(&summary.name).into(),
    );
    entry.insert("stateMachineArn".to_owned(), machine_arn().into());
    entry.insert("name".to_owned(), summary.name.clone().into());
    entry.insert("status".to_owned(), summary.status.as_str().into());
    entry.insert("startDate".to_owned(), seconds(summary.started_at));
    if let Some(stopped_at) = summary.stopped_at {
        entry.insert("stopDate".to_owned(), seconds(stopped_at));
    }
    entry
}

/// One page of `all`; the token is the offset of the next.
fn page(
    field: &str,
    all: Vec<Value>,
    max: Option<usize>,
    token: Option<&str>,
) -> Result<Value, SfnError> {
    let start: usize = match token {
        None => 0,
        Some(token) => token
            .parse()
            .map_err(|_| SfnError::new("InvalidToken", format!("Invalid Token: '{token}'")))?,
    };
    let size = match max {
        None | Some(0) => PAGE_DEFAULT,
        Some(size) if size <= PAGE_MAX => size,
        Some(size) => {
            return Err(SfnError::new(
                "ValidationException",
                format!("maxResults is {size}; at most {PAGE_MAX} are given at once"),
            ));
        }
    };
    let total = all.len();
    let items: Vec<Value> = all.into_iter().skip(start).take(size).collect();
    let end = start.saturating_add(items.len());
    let mut answer = Map::new();
    answer.insert(field.to_owned(), items.into());
    if end < total {
        answer.insert("nextToken".to_owned(), end.to_string().into());
    }
    Ok(answer.into())
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, SfnError> {
    serde_json::from_slice(body)
        .map_err(|error| SfnError::new("ValidationException", error.to_string()))
}

fn check_machine(arn: &str) -> Result<(), SfnError> {
    if !arn.starts_with("arn:") {
        return Err(SfnError::new("InvalidArn", format!("Invalid Arn: '{arn}'")));
    }
    if arn != machine_arn() {
        return Err(SfnError::new(
            "StateMachineDoesNotExist",
            format!(
                "State Machine Does Not Exist: '{arn}'; the local one is {}",
                machine_arn()
            ),
        ));
    }
    Ok(())
}

fn name_in(arn: &str) -> Result<&str, SfnError> {
    if !arn.starts_with("arn:") {
        return Err(SfnError::new("InvalidArn", format!("Invalid Arn: '{arn}'")));
    }
    execution_name(arn).ok_or_else(|| {
        SfnError::new(
            "ExecutionDoesNotExist",
            format!("Execution Does Not Exist: '{arn}'"),
        )
    })
}

/// Seconds since 1970 to the millisecond, as AWS JSON writes times.
fn seconds(time: Timestamp) -> Value {
    json!(time.as_millisecond() as f64 / 1000.0)
}

impl From<ExecutionError> for SfnError {
    fn from(error: ExecutionError) -> Self {
        let shape = match &error {
            ExecutionError::NotFound { .. } => "ExecutionDoesNotExist",
            ExecutionError::Exists { .. } => "ExecutionAlreadyExists",
            ExecutionError::Name { .. } => "InvalidName",
            ExecutionError::Input { .. } => "InvalidExecutionInput",
            ExecutionError::Stopping => "ServiceQuotaExceededException",
            ExecutionError::Stalled { .. } => SfnError::INSUFFICIENT_STORAGE,
            ExecutionError::Journal { source, .. } => match source.kind() {
                ErrorKind::StorageFull
                | ErrorKind::QuotaExceeded
                | ErrorKind::ReadOnlyFilesystem => SfnError::INSUFFICIENT_STORAGE,
                _ => "InternalFailure",
            },
        };
        Self::new(shape, tasador_runtime::chain(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_cover_everything_once_in_order() {
        let all: Vec<Value> = (0..7).map(Value::from).collect();
        let mut seen = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let answer = page("items", all.clone(), Some(3), token.as_deref()).unwrap();
            seen.extend(answer["items"].as_array().unwrap().clone());
            match answer.get("nextToken") {
                Some(next) => token = Some(next.as_str().unwrap().to_owned()),
                None => break,
            }
        }
        assert_eq!(seen, all);
    }

    #[test]
    fn bad_pages_are_refused_by_name() {
        assert_eq!(
            page("items", vec![], None, Some("x")).unwrap_err().shape(),
            "InvalidToken"
        );
        assert_eq!(
            page("items", vec![], Some(1001), None).unwrap_err().shape(),
            "ValidationException"
        );
        assert_eq!(
            page("items", vec![], None, Some("99")).unwrap(),
            json!({"items": []})
        );
    }

    #[test]
    fn arns_that_are_not_ours_are_told_from_texts_that_are_none() {
        assert_eq!(name_in("gate").unwrap_err().shape(), "InvalidArn");
        assert_eq!(
            name_in("arn:aws:states:us-east-1:000000000000:execution:other:x")
                .unwrap_err()
                .shape(),
            "ExecutionDoesNotExist"
        );
        assert_eq!(name_in(&execution_arn("run-1")).unwrap(), "run-1");
        assert!(check_machine(&machine_arn()).is_ok());
    }

    #[test]
    fn a_history_without_data_keeps_its_shape() {
        let mut event = json!({"id": 2, "type": "TaskStateEntered", "stateEnteredEventDetails": {"name": "Gate", "input": "{}"}});
        without_data(&mut event);
        assert_eq!(
            event,
            json!({"id": 2, "type": "TaskStateEntered", "stateEnteredEventDetails": {"name": "Gate"}})
        );
    }
}
