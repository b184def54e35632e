//! One state from entry to exit: its input and output, its retries, its catchers.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Engine, Halt, with_milliseconds};
use crate::BoxFuture;
use crate::clock::Pause;
use crate::definition::{Body, Limit, State, States, Until, Word};
use crate::document::limited;
use crate::error::{Fault, matches, name};
use crate::journal::{to_millisecond, whole};
use crate::path::{Path, Scope};
use crate::retry::{RetryState, random};

/// A state in progress.
pub(super) struct Visit<'s> {
    pub(super) state: &'s State,
    /// Id of the event that entered it.
    pub(super) entered: u64,
    /// The context object.
    pub(super) context: Value,
    /// The value of `$$.Map.Item`.
    pub(super) item: Option<&'s Value>,
    pub(super) retries: u32,
}

impl Visit<'_> {
    /// Adds the state to an error in the document.
    pub(super) fn at(&self, fault: Fault) -> Fault {
        fault.at(&self.state.name, self.entered)
    }

    fn runtime(&self, cause: impl Into<String>) -> Fault {
        self.at(Fault::new(name::RUNTIME, cause))
    }

    fn scope<'v>(&'v self, document: &'v Value) -> Scope<'v> {
        Scope {
            document,
            context: &self.context,
        }
    }

    pub(super) fn get(&self, path: &Path, document: &Value) -> Result<Value, Fault> {
        path.get(self.scope(document))
            .map_err(|fault| self.at(fault))
    }

    /// The value of a limit for this document.
    pub(super) fn limit(&self, limit: &Limit, document: &Value, least: u64) -> Result<u64, Fault> {
        match limit {
            Limit::Fixed(number) => Ok(*number),
            Limit::At(path) => {
                let value = self.get(path, document)?;
                let number = value.as_u64().filter(|number| *number >= least);
                number.ok_or_else(|| {
                    self.runtime(format!("{value} is not a whole number of at least {least}"))
                })
            }
        }
    }
}

impl Engine<'_> {
    /// Runs from the state `start` to one that ends, and returns its output.
    pub(super) fn flow<'s>(
        &'s self,
        states: &'s States,
        start: &'s str,
        input: Value,
        item: Option<&'s Value>,
        last: &'s mut u64,
    ) -> BoxFuture<'s, Result<Value, Halt>> {
        Box::pin(async move {
            let (mut at, mut document) = (start.to_owned(), input);
            loop {
                let Some(state) = states.get(&at) else {
                    // Only reached with the history of another definition.
                    return Err(Fault::new(
                        name::RUNTIME,
                        format!("The definition has no state '{at}'"),
                    )
                    .into());
                };
                let (output, next) = self.pass_through(state, document, item, last).await?;
                match next {
                    None => return Ok(output),
                    Some(next) => at = next.to_owned(),
                }
                document = output;
            }
        })
    }

    async fn pass_through<'s>(
        &'s self,
        state: &'s State,
        raw: Value,
        item: Option<&'s Value>,
        last: &mut u64,
    ) -> Result<(Value, Option<&'s str>), Halt> {
        let entered_at = to_millisecond(self.clock.now());
        let details =
            json!({ "name": state.name, "input": raw.to_string(), "inputDetails": whole() });
        self.record(
            last,
            format!("{}StateEntered", state.kind),
            Some(("stateEnteredEventDetails".to_owned(), details)),
        )?;
        let entered = *last;
        let mut retry_state = RetryState::new(&state.retry);
        let (output, next) = loop {
            let context = self.context(&state.name, entered_at, retry_state.retries, item);
            let visit = Visit {
                state,
                entered,
                context,
                item,
                retries: retry_state.retries,
            };
            let fault = match self.attempt(&visit, &raw, last).await {
                Ok(done) => break done,
                Err(Halt::Fault(fault)) => fault,
                Err(halt) => return Err(halt),
            };
            // The last event's id gives a different random number for every attempt.
            if let Some(delay) =
                retry_state.next_delay(fault.name(), random(&self.execution.name, *last))
            {
                self.clock
                    .sleep_until(self.later(delay), Pause::Backoff)
                    .await;
                continue;
            }
            let Some(catcher) = state
                .catch
                .iter()
                .find(|catcher| matches(&catcher.errors, fault.name()))
            else {
                return Err(fault.into());
            };
            let caught = catcher
                .result_path
                .put(raw, fault.output())
                .and_then(limited);
            break (
                caught.map_err(|fault| visit.at(fault))?,
                Some(catcher.next.as_str()),
            );
        };
        let mut details =
            json!({ "name": state.name, "output": output.to_string(), "outputDetails": whole() });
        if let (Some(next), Some(details)) = (next, details.as_object_mut()) {
            details.insert("next".to_owned(), next.into());
        }
        self.record(
            last,
            format!("{}StateExited", state.kind),
            Some(("stateExitedEventDetails".to_owned(), details)),
        )?;
        Ok((output, next))
    }

    /// One attempt: input, work, output.
    async fn attempt<'s>(
        &'s self,
        visit: &Visit<'s>,
        raw: &Value,
        last: &mut u64,
    ) -> Result<(Value, Option<&'s str>), Halt> {
        let state = visit.state;
        let at = |fault| visit.at(fault);
        if let Body::Fail { error, cause } = &state.body {
            return Err(self
                .fail(visit, raw, error.as_ref(), cause.as_ref())?
                .into());
        }
        let input = state.flow.input(visit.scope(raw)).map_err(at)?;
        let effective = state.flow.effective(input, &visit.context).map_err(at)?;
        let mut next = state.next.as_deref();
        let result = match &state.body {
            Body::Task(task) => self.task(visit, task, effective, last).await?,
            Body::Pass { result } => result.clone().unwrap_or(effective),
            Body::Wait(until) => {
                let until = self.until(visit, until, &effective)?;
                self.clock.sleep_until(until, Pause::Wait).await;
                effective
            }
            Body::Choice { rules, default } => {
                let mut chosen = default.as_deref();
                for (rule, to) in rules {
                    if rule.holds(visit.scope(&effective)).map_err(at)? {
                        chosen = Some(to);
                        break;
                    }
                }
                let cause = || {
                    Fault::new(
                        name::NO_CHOICE_MATCHED,
                        "No rule of the Choice is true, and it has no default.",
                    )
                };
                next = Some(chosen.ok_or_else(|| visit.at(cause()))?);
                effective
            }
            Body::Map(items) => self.map(visit, items, &effective, last).await?,
            Body::Parallel(branches) => self.parallel(visit, branches, &effective, last).await?,
            Body::Succeed | Body::Fail { .. } => effective,
        };
        let output = state.flow.output(raw, result, &visit.context).map_err(at)?;
        Ok((output, next))
    }

    fn fail(
        &self,
        visit: &Visit<'_>,
        raw: &Value,
        error: Option<&Word>,
        cause: Option<&Word>,
    ) -> Result<Fault, Fault> {
        let word = |word: Option<&Word>| match word {
            None => Ok(None),
            Some(Word::Literal(text)) => Ok(Some(text.clone())),
            Some(Word::Computed(expression)) => {
                match expression
                    .evaluate(visit.scope(raw))
                    .map_err(|fault| visit.at(fault))?
                {
                    Value::String(text) => Ok(Some(text)),
                    other => {
                        Err(visit.runtime(format!("Error and Cause must be text, not {other}")))
                    }
                }
            }
        };
        Ok(Fault {
            error: word(error)?,
            cause: word(cause)?,
        })
    }

    fn until(
        &self,
        visit: &Visit<'_>,
        until: &Until,
        document: &Value,
    ) -> Result<Timestamp, Fault> {
        match until {
            Until::Seconds(limit) => {
                Ok(self.later(Duration::from_secs(visit.limit(limit, document, 0)?)))
            }
            Until::Timestamp(time) => Ok(*time),
            Until::TimestampAt(path) => {
                let value = visit.get(path, document)?;
                let time = value.as_str().and_then(|text| text.parse().ok());
                time.ok_or_else(|| {
                    visit.runtime(format!(
                        "{value} is not a time such as 2026-03-14T01:59:00Z"
                    ))
                })
            }
        }
    }

    /// The time after this duration.
    pub(super) fn later(&self, by: Duration) -> Timestamp {
        self.clock.now().checked_add(by).unwrap_or(Timestamp::MAX)
    }

    /// The context object, as a state sees it.
    pub(super) fn context(
        &self,
        state: &str,
        entered_at: Timestamp,
        retries: u32,
        item: Option<&Value>,
    ) -> Value {
        let mut context = json!({
            "Execution": self.execution_context,
            "State": { "EnteredTime": with_milliseconds(entered_at), "Name": state, "RetryCount": retries },
            "StateMachine": self.machine_context,
        });
        if let (Some(item), Some(context)) = (item, context.as_object_mut()) {
            context.insert("Map".to_owned(), json!({ "Item": item }));
        }
        context
    }
}
