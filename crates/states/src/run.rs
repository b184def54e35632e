//! Runs a machine from its start, or from the end of a history.
//!
//! A history is resumed after the last top-level state that has exited. A state that was entered and
//! had not exited is entered again, also a whole Map or Parallel, and its retries start at zero.
//! Tasks must therefore be idempotent.

mod fan;
mod state;
mod task;

use std::fmt;
use std::io;
use std::sync::{Mutex, PoisonError};

use futures::future::{Either, select};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::clock::{Clock, Pause};
use crate::definition::Machine;
use crate::error::{Fault, name};
use crate::journal::{HistoryEvent, Journal, STARTED, to_millisecond, whole};
use crate::task::Host;

/// Longest history, as on AWS. It also ends a machine that loops without end.
const EVENTS_MAX: u64 = 25_000;

/// The execution, as tasks see it in the context object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    /// ARN of the execution: `$$.Execution.Id`.
    pub arn: String,
    pub name: String,
    /// ARN of its role.
    pub role_arn: String,
    /// ARN of the state machine; its last part is the machine's name.
    pub machine_arn: String,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Ending {
    /// It reached a state that ends the machine.
    Succeeded {
        /// The output of that state.
        output: Value,
    },
    /// It reached a Fail state, or an error was not caught.
    Failed {
        /// Name of the error.
        error: Option<String>,
        /// What people read.
        cause: Option<String>,
    },
    /// It exceeded the machine's time-out.
    TimedOut,
    /// Its host stopped it. A run never ends this way, but a history may.
    Aborted {
        /// The error name that the host gave.
        error: Option<String>,
        /// What people read.
        cause: Option<String>,
    },
}

impl Ending {
    /// The ending that an event records; `None` if the execution continues after it.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] if an output is not JSON.
    pub fn of(event: &HistoryEvent) -> io::Result<Option<Self>> {
        let text = |field| event.detail(field).map(str::to_owned);
        Ok(Some(match event.kind.as_str() {
            "ExecutionSucceeded" => Self::Succeeded {
                output: payload(event, "output")?,
            },
            "ExecutionFailed" => Self::Failed {
                error: text("error"),
                cause: text("cause"),
            },
            "ExecutionTimedOut" => Self::TimedOut,
            "ExecutionAborted" => Self::Aborted {
                error: text("error"),
                cause: text("cause"),
            },
            _ => return Ok(None),
        }))
    }
}

impl Machine {
    /// Runs an execution to its end; `past` is its history so far. The first event, which has the
    /// input, is [`HistoryEvent::started`]; the caller who starts the execution writes it.
    ///
    /// The machine's time-out starts with that first event. If the history has ended already, its
    /// ending is returned. If the input or the output to continue from cannot be read, the execution
    /// fails with `States.Runtime`: resuming it would fail the same way.
    ///
    /// # Errors
    /// The journal's error if it cannot write; the execution then stops and can be resumed.
    /// [`io::ErrorKind::InvalidData`] if `past` is not a history.
    pub async fn run(
        &self,
        execution: &Execution,
        past: &[HistoryEvent],
        host: &dyn Host,
        clock: &dyn Clock,
        journal: &dyn Journal,
    ) -> io::Result<Ending> {
        let (Some(first), Some(last)) = (past.first(), past.last()) else {
            return Err(no_history("it has no event"));
        };
        if first.kind != STARTED {
            return Err(no_history("it does not begin with ExecutionStarted"));
        }
        if let Some(ending) = Ending::of(last)? {
            return Ok(ending);
        }
        let input = payload(first, "input");
        let context = execution_context(execution, input.as_ref().ok(), first.timestamp);
        let engine = Engine {
            execution,
            host,
            clock,
            journal,
            last_id: Mutex::new(last.id),
            execution_context: context,
            machine_context: json!({
                "Id": execution.machine_arn,
                "Name": execution.machine_arn.rsplit(':').next(),
            }),
        };
        let mut previous = 0;
        let run = engine.take_up(self, past, input, &mut previous);
        let ended = match self.timeout {
            None => run.await,
            Some(timeout) => {
                let deadline = first
                    .timestamp
                    .checked_add(timeout)
                    .unwrap_or(Timestamp::MAX);
                let deadline = clock.sleep_until(deadline, Pause::Deadline);
                // The deadline is checked first: after it, no state is entered.
                match select(deadline, Box::pin(run)).await {
                    Either::Left(_) => Err(Halt::TimedOut),
                    Either::Right((ended, _)) => ended,
                }
            }
        };
        engine.end(ended, previous)
    }
}

/// Why a state stops.
enum Halt {
    /// It failed; an enclosing state may retry or catch the error.
    Fault(Fault),
    /// The machine timed out.
    TimedOut,
    /// The journal cannot be written.
    Journal(io::Error),
}

impl From<Fault> for Halt {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<io::Error> for Halt {
    fn from(error: io::Error) -> Self {
        Self::Journal(error)
    }
}

/// Shared by all states of one run.
struct Engine<'a> {
    execution: &'a Execution,
    host: &'a dyn Host,
    clock: &'a dyn Clock,
    journal: &'a dyn Journal,
    last_id: Mutex<u64>,
    execution_context: Value,
    machine_context: Value,
}

impl Engine<'_> {
    /// Continues after the last top-level state that has exited.
    async fn take_up(
        &self,
        machine: &Machine,
        past: &[HistoryEvent],
        input: io::Result<Value>,
        previous: &mut u64,
    ) -> Result<Value, Halt> {
        let input = input.map_err(unreadable)?;
        let exited = past.iter().rev().find(|event| {
            event.kind.ends_with("StateExited")
                && event
                    .detail("name")
                    .is_some_and(|name| machine.states.get(name).is_some())
        });
        let Some(exited) = exited else {
            return self
                .flow(
                    &machine.states,
                    &machine.states.start,
                    input,
                    None,
                    previous,
                )
                .await;
        };
        *previous = exited.id;
        let output = payload(exited, "output").map_err(unreadable)?;
        match exited.detail("next") {
            None => Ok(output),
            Some(next) => {
                self.flow(&machine.states, next, output, None, previous)
                    .await
            }
        }
    }

    fn end(&self, ended: Result<Value, Halt>, previous: u64) -> io::Result<Ending> {
        let (ending, kind, details) = match ended {
            Err(Halt::Journal(error)) => return Err(error),
            Ok(output) => {
                let details = json!({ "output": output.to_string(), "outputDetails": whole() });
                (Ending::Succeeded { output }, "Succeeded", details)
            }
            Err(Halt::Fault(fault)) => {
                let details = fault.details();
                (
                    Ending::Failed {
                        error: fault.error,
                        cause: fault.cause,
                    },
                    "Failed",
                    details,
                )
            }
            Err(Halt::TimedOut) => (Ending::TimedOut, "TimedOut", Map::new().into()),
        };
        let details = Some((format!("execution{kind}EventDetails"), details));
        self.write(previous, format!("Execution{kind}"), details)?;
        Ok(ending)
    }

    /// Writes an event that follows `last`, and sets `last` to it.
    fn record(
        &self,
        last: &mut u64,
        kind: impl Into<String>,
        details: Option<(String, Value)>,
    ) -> Result<(), Halt> {
        *last = self.write(*last, kind.into(), details)?;
        if *last >= EVENTS_MAX - 1 {
            let cause = format!(
                "The execution reached the maximum number of history events ({EVENTS_MAX})."
            );
            return Err(Fault::new(name::RUNTIME, cause).into());
        }
        Ok(())
    }

    fn write(
        &self,
        previous_event_id: u64,
        kind: String,
        details: Option<(String, Value)>,
    ) -> io::Result<u64> {
        // Locked while the journal writes, so that ids are in order and without gaps.
        let mut last_id = self.last_id.lock().unwrap_or_else(PoisonError::into_inner);
        let event = HistoryEvent {
            id: *last_id + 1,
            previous_event_id,
            timestamp: to_millisecond(self.clock.now()),
            kind,
            details,
        };
        self.journal.record(&event)?;
        *last_id = event.id;
        Ok(event.id)
    }
}

/// Nothing catches it, as a payload that no state can read.
fn unreadable(error: io::Error) -> Halt {
    Fault::new(name::RUNTIME, error.to_string()).into()
}

fn execution_context(execution: &Execution, input: Option<&Value>, started: Timestamp) -> Value {
    json!({
        "Id": execution.arn,
        "Input": input,
        "Name": execution.name,
        "RoleArn": execution.role_arn,
        "StartTime": with_milliseconds(started),
    })
}

/// A time in the format of the context object: always with milliseconds.
fn with_milliseconds(time: Timestamp) -> String {
    format!("{time:.3}")
}

fn payload(event: &HistoryEvent, field: &str) -> io::Result<Value> {
    let text = event
        .detail(field)
        .ok_or_else(|| no_history(format_args!("event {} has no {field}", event.id)))?;
    serde_json::from_str(text)
        .map_err(|error| no_history(format_args!("{field} of event {}: {error}", event.id)))
}

fn no_history(reason: impl fmt::Display) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("this is not the history of an execution: {reason}"),
    )
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use tests::training;
