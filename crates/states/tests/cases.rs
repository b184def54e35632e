//! A table of small machines, each with the states it enters and how it ends.
//! `tests/emulator/second-opinion` runs the same table with other interpreters.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::Mutex;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use tasador_states::{
    BoxFuture, Call, Clock as _, Ending, Execution, HistoryEvent, Host, Machine, TaskError,
    VirtualClock,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    definition: Value,
    input: Value,
    expected: Expected,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    status: String,
    /// The states that are entered, in order.
    path: Vec<String>,
    output: Option<Value>,
    error: Option<String>,
    /// Only if the machine defines it: interpreters use different wording.
    cause: Option<String>,
}

/// The machines in the table have no tasks.
struct Nobody;

impl Host for Nobody {
    fn call<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Value, TaskError>> {
        panic!("{} is a task", call.state)
    }
}

fn run(case: &Case) -> Expected {
    let machine = Machine::parse(&case.definition.to_string()).unwrap();
    let clock = VirtualClock::new(Timestamp::UNIX_EPOCH);
    let events = Mutex::new(Vec::new());
    let started = HistoryEvent::started(&case.input.to_string(), Timestamp::UNIX_EPOCH);
    let execution = Execution {
        arn: "arn:aws:states:us-east-1:000000000000:execution:m:run".to_owned(),
        name: "run".to_owned(),
        role_arn: "arn:aws:iam::000000000000:role/r".to_owned(),
        machine_arn: "arn:aws:states:us-east-1:000000000000:stateMachine:m".to_owned(),
    };
    let past = [started];
    let ending = clock.drive(machine.run(&execution, &past, &Nobody, &clock, &events));
    let (status, output, error, cause) = match ending.unwrap().unwrap() {
        Ending::Succeeded { output } => ("SUCCEEDED", Some(output), None, None),
        Ending::Failed { error, cause } => ("FAILED", None, error, cause),
        Ending::TimedOut => ("TIMED_OUT", None, None, None),
        Ending::Aborted { error, cause } => ("ABORTED", None, error, cause),
    };
    assert!(
        clock.now() < Timestamp::UNIX_EPOCH + Duration::from_secs(60),
        "{}: other interpreters really wait",
        case.name
    );
    let events = events.into_inner().unwrap();
    let path = events.iter().filter_map(|event| {
        let entered = event.kind.ends_with("StateEntered");
        entered.then(|| event.detail("name").unwrap().to_owned())
    });
    let path = path.collect();
    let said = case.expected.cause.is_some();
    Expected {
        status: status.to_owned(),
        path,
        output,
        error,
        cause: cause.filter(|_| said),
    }
}

#[test]
fn every_machine_of_the_table_ends_as_expected() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("cases.json")).unwrap();
    assert!(cases.len() > 40, "{}", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        let found = run(case);
        if found != case.expected {
            wrong.push(format!(
                "{}:\n  {found:?}\n  instead of {:?}",
                case.name, case.expected
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
