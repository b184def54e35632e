mod errors;
mod paths;
mod resume;
mod throttling;
mod training;

use std::sync::Mutex;
use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::error::TaskError;
use crate::{BoxFuture, Call, Resource, VirtualClock};

pub(crate) use training::definition as training;

const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";

type Answer = Result<Value, TaskError>;

/// A call as the host saw it: state, function or operation, input, retries so far, and second.
type Seen = (String, String, Value, u32, i64);

/// A host with scripted answers, each after a number of seconds.
struct Script<F> {
    clock: VirtualClock,
    answer: F,
    seen: Mutex<Vec<Seen>>,
}

impl<F: Fn(&Call<'_>) -> (u64, Answer) + Send + Sync> Host for Script<F> {
    fn call<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Answer> {
        let (takes_s, answer) = (self.answer)(&call);
        let (Resource::Function(resource) | Resource::Service(resource)) = call.resource;
        let now = self.clock.now();
        let seen = (
            call.state.to_owned(),
            resource.to_owned(),
            call.input,
            call.retries,
            now.as_second(),
        );
        self.seen.lock().unwrap().push(seen);
        Box::pin(async move {
            if takes_s > 0 {
                self.clock
                    .sleep_until(now + Duration::from_secs(takes_s), Pause::Wait)
                    .await;
            }
            answer
        })
    }
}

fn execution() -> Execution {
    Execution {
        arn: "arn:aws:states:us-east-1:000000000000:execution:m:run-1".to_owned(),
        name: "run-1".to_owned(),
        role_arn: "arn:aws:iam::000000000000:role/r".to_owned(),
        machine_arn: "arn:aws:states:us-east-1:000000000000:stateMachine:m".to_owned(),
    }
}

/// What happened in a run.
#[derive(Debug)]
struct Ran {
    ending: Ending,
    events: Vec<HistoryEvent>,
    seen: Vec<Seen>,
    /// Seconds since the start.
    took_s: i64,
}

impl Ran {
    fn output(&self) -> &Value {
        match &self.ending {
            Ending::Succeeded { output } => output,
            other => panic!("{other:?}\n{:#?}", self.events),
        }
    }

    fn failure(&self) -> (&str, &str) {
        match &self.ending {
            Ending::Failed { error, cause } => (
                error.as_deref().unwrap_or_default(),
                cause.as_deref().unwrap_or_default(),
            ),
            other => panic!("{other:?}"),
        }
    }

    fn kinds(&self) -> Vec<&str> {
        self.events
            .iter()
            .map(|event| event.kind.as_str())
            .collect()
    }

    /// Names of the states that exited, in order.
    fn exited(&self) -> Vec<&str> {
        self.events
            .iter()
            .filter(|event| event.kind.ends_with("StateExited"))
            .filter_map(|event| event.detail("name"))
            .collect()
    }
}

/// Runs a machine on a new clock, from the start or from a history.
fn go_on<F>(machine: &Machine, past: &[HistoryEvent], answer: F) -> Ran
where
    F: Fn(&Call<'_>) -> (u64, Answer) + Send + Sync,
{
    let started = past[0].timestamp;
    let clock = VirtualClock::new(past.last().unwrap().timestamp);
    let host = Script {
        clock: clock.clone(),
        answer,
        seen: Mutex::default(),
    };
    let journal = Mutex::new(past.to_vec());
    let execution = execution();
    let run = machine.run(&execution, past, &host, &clock, &journal);
    let ending = clock
        .drive(run)
        .expect("it waits for nothing but the clock")
        .unwrap();
    let events = journal.into_inner().unwrap();
    for (index, event) in events.iter().enumerate() {
        assert_eq!(event.id, index as u64 + 1);
        assert!(event.previous_event_id < event.id);
    }
    Ran {
        ending,
        events,
        seen: host.seen.into_inner().unwrap(),
        took_s: clock.now().as_second() - started.as_second(),
    }
}

fn first(input: &Value) -> HistoryEvent {
    HistoryEvent::started(
        &input.to_string(),
        Timestamp::from_second(1_700_000_000).unwrap(),
    )
}

fn run<F>(definition: &Value, input: &Value, answer: F) -> Ran
where
    F: Fn(&Call<'_>) -> (u64, Answer) + Send + Sync,
{
    let machine = Machine::parse(&definition.to_string()).unwrap();
    go_on(&machine, &[first(input)], answer)
}

/// Runs one state that ends the machine.
fn run_state(state: Value, input: Value) -> Ran {
    run(
        &json!({ "StartAt": "A", "States": { "A": state } }),
        &input,
        |call| (0, Ok(call.input.clone())),
    )
}

fn fails(error: &str) -> Answer {
    Err(TaskError {
        error: error.to_owned(),
        cause: format!("{error} happened"),
    })
}

#[test]
fn a_run_can_move_to_another_thread() {
    fn send<T: Send>(_: T) {}
    let machine = Machine::parse(&training()).unwrap();
    let clock = VirtualClock::new(Timestamp::UNIX_EPOCH);
    let host = Script {
        clock: clock.clone(),
        answer: |_: &Call<'_>| (0, Ok(Value::Null)),
        seen: Mutex::default(),
    };
    send(machine.run(&execution(), &[], &host, &clock, &Mutex::new(Vec::new())));
}

#[test]
fn an_invalid_history_is_rejected() {
    let machine = Machine::parse(&training()).unwrap();
    let clock = VirtualClock::new(Timestamp::UNIX_EPOCH);
    let host = Script {
        clock: clock.clone(),
        answer: |_: &Call<'_>| (0, Ok(Value::Null)),
        seen: Mutex::default(),
    };
    for past in [vec![], vec![fetched("{}")]] {
        let journal = Mutex::new(Vec::new());
        let ran = clock
            .drive(machine.run(&execution(), &past, &host, &clock, &journal))
            .unwrap();
        assert_eq!(
            ran.unwrap_err().kind(),
            io::ErrorKind::InvalidData,
            "{past:?}"
        );
        assert!(journal.into_inner().unwrap().is_empty());
    }
}

/// The event after which the first state has this output.
fn fetched(output: &str) -> HistoryEvent {
    HistoryEvent {
        id: 2,
        kind: "TaskStateExited".to_owned(),
        details: Some((
            "stateExitedEventDetails".to_owned(),
            json!({ "name": "Fetch", "output": output }),
        )),
        ..first(&json!({}))
    }
}

#[test]
fn an_execution_whose_payload_cannot_be_read_fails() {
    let machine = Machine::parse(&training()).unwrap();
    let good = first(&json!({}));
    let nested = format!("{}{}", "[".repeat(130), "]".repeat(130));
    for payload in ["{", "1e999", r#""\ud800""#, &nested] {
        for past in [
            vec![HistoryEvent::started(payload, good.timestamp)],
            vec![good.clone(), fetched(payload)],
        ] {
            let ran = go_on(&machine, &past, |_| (0, Ok(Value::Null)));
            let (error, cause) = ran.failure();
            assert_eq!(error, "States.Runtime", "{payload}");
            let event = format!("event {}", past.len());
            assert!(cause.contains(&event), "{cause}");
            assert_eq!(ran.kinds().last(), Some(&"ExecutionFailed"));
            assert!(ran.seen.is_empty());
        }
    }
}
