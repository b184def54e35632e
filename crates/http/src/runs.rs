//! Executions of the pipeline, for the API and the page: started, listed and followed.

use aws_sdk_sfn::primitives::DateTime;
use aws_sdk_sfn::types::{ExecutionListItem, ExecutionStatus, HistoryEvent, HistoryEventType};
use http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use tasador_ids::RunId;
use tasador_registry::{Outcome, OutcomeKind, Page, PageRequest};
use tasador_runtime::Context;
use utoipa::ToSchema;

use crate::backend::BackendError;
use crate::problem::Problem;

/// Events of a page of an execution's history, the most that Step Functions gives. A run has some sixty events; one
/// that waits for its turn or is throttled for hours has thousands.
const EVENTS_PAGE: i32 = 1_000;
/// The most events that its steps are read from: as many as an execution can have.
const EVENTS_MAX: usize = 25_000;
/// The newest events, in which the current state of a run stands.
const NEWEST_EVENTS: i32 = 400;

/// How far an execution is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
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
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Run {
    pub run: String,
    pub state: RunState,
    pub started_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
}

/// One state that an execution went through.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Step {
    pub name: String,
    pub entered_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
}

/// How far an execution is, and what came of it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Followed {
    #[serde(flatten)]
    pub run: Run,
    pub steps: Vec<Step>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
}

/// What a running execution is doing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// The state that was entered last.
    pub step: Option<String>,
    /// Candidates that are trained or have failed, and all of them; none before the training.
    pub candidates: Option<(u64, u64)>,
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

/// The state machine of this installation.
///
/// # Errors
/// 503 if it has none.
pub fn machine(ctx: &Context) -> Result<&str, Problem> {
    ctx.config.state_machine.as_deref().ok_or_else(|| {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE)
            .detail("This installation has no pipeline that can be reached over HTTP.")
    })
}

/// Executions, newest first, running ones too.
///
/// # Errors
/// What Step Functions fails with.
pub async fn list(
    ctx: &Context,
    machine: &str,
    page: PageRequest,
) -> Result<Page<Run>, BackendError> {
    let answer = ctx
        .sfn
        .list_executions()
        .state_machine_arn(machine)
        .max_results(i32::try_from(page.limit).unwrap_or(i32::MAX))
        .set_next_token(page.token)
        .send()
        .await
        .map_err(|error| BackendError::of_step_functions(&error))?;
    Ok(Page {
        items: answer.executions().iter().map(Run::of).collect(),
        next: answer.next_token,
    })
}

/// Starts an execution.
///
/// # Errors
/// What Step Functions fails with.
pub async fn start(ctx: &Context, machine: &str, input: &Value) -> Result<Run, BackendError> {
    // Names that sort by time, as the state machine's own do.
    let name = uuid::Uuid::now_v7().to_string();
    let answer = ctx
        .sfn
        .start_execution()
        .state_machine_arn(machine)
        .name(&name)
        .input(input.to_string())
        .send()
        .await
        .map_err(|error| BackendError::of_step_functions(&error))?;
    Ok(Run::new(
        &name,
        &ExecutionStatus::Running,
        answer.start_date(),
        None,
    ))
}

/// How far an execution is: its state, its steps, its outcome.
///
/// # Errors
/// `NotFound` if neither Step Functions nor the history knows it; what either fails with.
pub async fn follow(ctx: &Context, machine: &str, run: &RunId) -> Result<Followed, BackendError> {
    let arn = execution(machine, run);
    let described = ctx.sfn.describe_execution().execution_arn(&arn).send();
    let mut pages = ctx
        .sfn
        .get_execution_history()
        .execution_arn(&arn)
        .include_execution_data(false)
        .into_paginator()
        .page_size(EVENTS_PAGE)
        .items()
        .send();
    let events = async {
        let mut events = Vec::new();
        while events.len() < EVENTS_MAX
            && let Some(event) = pages.try_next().await?
        {
            events.push(event);
        }
        Ok(events)
    };
    let (described, events, outcome) =
        tokio::join!(described, events, ctx.registry.history_of(run));
    let outcome = outcome?;
    let described = match (described, outcome.clone()) {
        (Ok(described), _) => described,
        // Step Functions forgets executions after 90 days; the history never does.
        (Err(_), Some(entry)) => return Ok(remembered(entry)),
        (Err(error), None) => return Err(BackendError::of_step_functions(&error)),
    };
    let events = events.map_err(|error| BackendError::of_step_functions(&error))?;
    let (start, stop) = (described.start_date(), described.stop_date());
    Ok(Followed {
        run: Run::new(run.as_str(), described.status(), start, stop),
        steps: steps(&events),
        outcome,
    })
}

/// What a running execution is doing.
///
/// # Errors
/// What Step Functions fails with.
pub async fn progress(ctx: &Context, machine: &str, run: &RunId) -> Result<Progress, BackendError> {
    let events = ctx
        .sfn
        .get_execution_history()
        .execution_arn(execution(machine, run))
        .include_execution_data(false)
        .reverse_order(true)
        .max_results(NEWEST_EVENTS)
        .send()
        .await
        .map_err(|error| BackendError::of_step_functions(&error))?;
    Ok(progress_in(events.events()))
}

/// From events, the newest first.
fn progress_in(events: &[HistoryEvent]) -> Progress {
    let step = events
        .iter()
        .find_map(HistoryEvent::state_entered_event_details);
    let mut done = 0;
    let mut candidates = None;
    for event in events {
        match event.r#type() {
            HistoryEventType::MapIterationSucceeded | HistoryEventType::MapIterationFailed => {
                done += 1;
            }
            HistoryEventType::MapStateStarted => {
                let details = event.map_state_started_event_details();
                let total = details.and_then(|details| u64::try_from(details.length()).ok());
                candidates = total.map(|total| (done, total));
                break;
            }
            _ => {}
        }
    }
    Progress {
        step: step.map(|details| details.name().to_owned()),
        candidates,
    }
}

/// A run of which only the history knows.
fn remembered(outcome: Outcome) -> Followed {
    let failed = outcome.kind == OutcomeKind::Failed;
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
    use aws_sdk_sfn::types::{MapStateStartedEventDetails, StateEnteredEventDetails};

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

    #[test]
    fn progress_is_the_last_state_and_the_candidates_done() {
        let event = |kind| {
            HistoryEvent::builder()
                .timestamp(DateTime::from_millis(0))
                .r#type(kind)
                .id(1)
        };
        let entered = |name: &str| {
            let details = StateEnteredEventDetails::builder().name(name);
            event(HistoryEventType::TaskStateEntered)
                .state_entered_event_details(details.build().unwrap())
                .build()
                .unwrap()
        };
        let map = MapStateStartedEventDetails::builder().length(5).build();
        let all = [
            entered("Gate"),
            event(HistoryEventType::MapStateStarted)
                .map_state_started_event_details(map)
                .build()
                .unwrap(),
            entered("Train"),
            event(HistoryEventType::MapIterationSucceeded)
                .build()
                .unwrap(),
            event(HistoryEventType::MapIterationFailed).build().unwrap(),
            entered("Compare"),
        ];
        let table = [
            (1, "Gate", None),
            (3, "Train", Some((0, 5))),
            (4, "Train", Some((1, 5))),
            (6, "Compare", Some((2, 5))),
        ];
        for (count, step, candidates) in table {
            let newest_first: Vec<HistoryEvent> = all[..count].iter().rev().cloned().collect();
            let expected = Progress {
                step: Some(step.to_owned()),
                candidates,
            };
            assert_eq!(progress_in(&newest_first), expected);
        }
        assert_eq!(progress_in(&[]), Progress::default());
    }
}
