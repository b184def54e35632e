//! Executions of the pipeline: started, listed and followed.

use aws_sdk_sfn::primitives::DateTime;
use aws_sdk_sfn::types::{ExecutionListItem, ExecutionStatus, HistoryEvent};
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, Request, State};
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tasador_http::body::Fields;
use tasador_http::{BackendError, Problem};
use tasador_ids::{BatchId, RunId};
use tasador_registry::{Outcome, Page};
use tasador_runtime::Context;
use utoipa::ToSchema;

use crate::openapi::{BodyFailures, Failures};
use crate::promotions::BODY_MAX_BYTES;
use crate::window::{self, Limit, Window};

/// The most events of an execution that its steps are read from. A run has some sixty, a few
/// hundred where all is tried again and again.
const EVENTS_MAX: i32 = 1_000;

/// How far an execution is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RunState {
    Running,
    Succeeded,
    Failed,
    TimedOut,
    Aborted,
}

impl From<&ExecutionStatus> for RunState {
    fn from(status: &ExecutionStatus) -> Self {
        match status {
            ExecutionStatus::Succeeded => Self::Succeeded,
            ExecutionStatus::Failed => Self::Failed,
            ExecutionStatus::TimedOut => Self::TimedOut,
            ExecutionStatus::Aborted => Self::Aborted,
            // Waiting for a redrive is under way, too.
            _ => Self::Running,
        }
    }
}

/// One execution.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Run {
    run: String,
    state: RunState,
    started_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<u64>,
}

/// One state that an execution went through.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Step {
    name: String,
    entered_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<u64>,
}

/// How far an execution is, and what came of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Followed {
    #[serde(flatten)]
    run: Run,
    steps: Vec<Step>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<Outcome>,
}

impl Run {
    fn new(
        name: &str,
        status: &ExecutionStatus,
        start: &DateTime,
        stop: Option<&DateTime>,
    ) -> Self {
        let started_at = timestamp(start);
        let ended_at = stop.and_then(timestamp);
        Self {
            run: name.to_owned(),
            state: status.into(),
            started_at,
            ended_at,
            duration_ms: between(started_at, ended_at),
        }
    }

    fn of(item: &ExecutionListItem) -> Self {
        Self::new(
            item.name(),
            item.status(),
            item.start_date(),
            item.stop_date(),
        )
    }
}

/// Executions of the pipeline, newest first, running ones too.
#[utoipa::path(get, path = "/runs", tag = "runs", params(("limit" = inline(Option<Limit>), Query, description = "Entries on the page, 50 where nothing is said"), ("page" = Option<String>, Query, nullable = false, description = "The value of `next` of the page before")),
    responses((status = 200, body = Page<Run>), Failures))]
pub(crate) async fn list(
    State(ctx): State<Context>,
    window: Result<Query<Window>, QueryRejection>,
) -> Result<Json<Page<Run>>, Problem> {
    let page = window::page(window)?;
    let answer = ctx
        .sfn
        .list_executions()
        .state_machine_arn(machine(&ctx)?)
        .max_results(i32::try_from(page.limit).unwrap_or(i32::MAX))
        .set_next_token(page.token)
        .send()
        .await
        .map_err(|error| BackendError::of_step_functions(&error))?;
    Ok(Json(Page {
        items: answer.executions().iter().map(Run::of).collect(),
        next: answer.next_token,
    }))
}

/// The body of `POST /runs`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "read field by field, so that every wrong one is told"
)]
pub(crate) struct Start {
    /// A stored batch to work on; without one the source is asked.
    batch: Option<BatchId>,
}

/// Starts an execution of the pipeline.
#[utoipa::path(post, path = "/runs", tag = "runs", request_body = Option<Start>,
    responses((status = 202, body = Run, description = "It was started; `Location` names it",
        headers(("location" = String, description = "Where it is followed"))), Failures, BodyFailures))]
pub(crate) async fn start(
    State(ctx): State<Context>,
    request: Request,
) -> Result<Response, Problem> {
    let mut fields = Fields::read(request, BODY_MAX_BYTES).await?;
    let batch = fields.text(
        "batch",
        "the id of a batch, 64 hexadecimal digits",
        |text| text.parse::<BatchId>().ok(),
    )?;
    fields.end()?;
    let input = match batch {
        None => json!({}),
        Some(batch) => {
            if ctx.registry.batch(&batch).await?.is_none() {
                return Err(Problem::not_found("`batch` names an unknown batch.")
                    .field("batch", "no batch of that id was ever received"));
            }
            json!({"batch": batch})
        }
    };
    // Names that sort by time, as the state machine's own do.
    let name = uuid::Uuid::now_v7().to_string();
    let answer = ctx
        .sfn
        .start_execution()
        .state_machine_arn(machine(&ctx)?)
        .name(&name)
        .input(input.to_string())
        .send()
        .await
        .map_err(|error| BackendError::of_step_functions(&error))?;
    let started = Run::new(&name, &ExecutionStatus::Running, answer.start_date(), None);
    let location = [(header::LOCATION, format!("/runs/{name}"))];
    Ok((StatusCode::ACCEPTED, location, Json(started)).into_response())
}

/// How far an execution is: its state, its steps, its outcome.
#[utoipa::path(get, path = "/runs/{run}", tag = "runs", params(("run" = String, Path, description = "The run")),
    responses((status = 200, body = Followed), Failures))]
pub(crate) async fn follow(
    State(ctx): State<Context>,
    Path(run): Path<String>,
) -> Result<Json<Followed>, Problem> {
    let Ok(id) = run.parse::<RunId>() else {
        return Err(Problem::not_found("No run of that name is known."));
    };
    let arn = execution(machine(&ctx)?, &id);
    let described = ctx.sfn.describe_execution().execution_arn(&arn).send();
    let events = ctx
        .sfn
        .get_execution_history()
        .execution_arn(&arn)
        .include_execution_data(false)
        .max_results(EVENTS_MAX)
        .send();
    let (described, events, outcome) =
        tokio::join!(described, events, ctx.registry.history_of(&id));
    let outcome = outcome?;
    let described = match (described, &outcome) {
        (Ok(described), _) => described,
        (Err(error), outcome) => {
            // Step Functions forgets executions after 90 days; the history never does.
            return match outcome {
                Some(entry) => Ok(Json(remembered(entry.clone()))),
                None => Err(BackendError::of_step_functions(&error).into()),
            };
        }
    };
    let events = events.map_err(|error| BackendError::of_step_functions(&error))?;
    let (start, stop) = (described.start_date(), described.stop_date());
    Ok(Json(Followed {
        run: Run::new(id.as_str(), described.status(), start, stop),
        steps: steps(events.events()),
        outcome,
    }))
}

/// A run of which only the history knows.
fn remembered(outcome: Outcome) -> Followed {
    let failed = outcome.kind == tasador_registry::OutcomeKind::Failed;
    Followed {
        run: Run {
            run: outcome.run.to_string(),
            state: if failed {
                RunState::Failed
            } else {
                RunState::Succeeded
            },
            started_at: Some(outcome.started_at),
            ended_at: Some(outcome.recorded_at),
            duration_ms: Some(outcome.duration_ms),
        },
        steps: Vec::new(),
        outcome: Some(outcome),
    }
}

/// The states that were entered, in order; those of a map's branches too.
fn steps(events: &[HistoryEvent]) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for event in events {
        if let Some(entered) = event.state_entered_event_details() {
            steps.push(Step {
                name: entered.name().to_owned(),
                entered_at: timestamp(event.timestamp()),
                ended_at: None,
                duration_ms: None,
            });
        }
        if let Some(exited) = event.state_exited_event_details()
            // Branches that run at once have states of one name: the first that is open ended.
            && let Some(step) = steps
                .iter_mut()
                .find(|step| step.name == exited.name() && step.ended_at.is_none())
        {
            step.ended_at = timestamp(event.timestamp());
            step.duration_ms = between(step.entered_at, step.ended_at);
        }
    }
    steps
}

fn machine(ctx: &Context) -> Result<&str, Problem> {
    ctx.config.state_machine.as_deref().ok_or_else(|| {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE)
            .detail("This installation has no pipeline that can be reached over HTTP.")
    })
}

/// The ARN of an execution: that of its state machine with another kind, and the name behind it.
fn execution(machine: &str, run: &RunId) -> String {
    format!(
        "{}:{run}",
        machine.replacen(":stateMachine:", ":execution:", 1)
    )
}

fn timestamp(at: &DateTime) -> Option<Timestamp> {
    Timestamp::from_millisecond(at.to_millis().ok()?).ok()
}

fn between(start: Option<Timestamp>, end: Option<Timestamp>) -> Option<u64> {
    u64::try_from(end?.as_millisecond() - start?.as_millisecond()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_execution_is_named_after_its_machine() {
        assert_eq!(
            execution(
                "arn:aws:states:us-east-1:000000000000:stateMachine:training",
                &"run-1".parse().unwrap()
            ),
            "arn:aws:states:us-east-1:000000000000:execution:training:run-1"
        );
    }
}
