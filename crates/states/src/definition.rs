//! A definition as it is loaded: typed and complete. A definition that [`Machine::run`] could not
//! execute like Step Functions is rejected, with the name of the state and field.

mod body;
mod fields;
mod state;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

pub(crate) use body::{Body, Items, Limit, Resource, Task, Until, Word};
use fields::{Fields, Strict};
pub(crate) use state::State;

/// Longest name of a state, as on AWS.
const NAME_MAX_CHARS: usize = 80;

/// Longest time-out, as on AWS.
const TIMEOUT_MAX_S: u64 = 99_999_999;

/// A state machine that can be run.
#[derive(Debug, Clone)]
pub struct Machine {
    pub(crate) states: States,
    pub(crate) timeout: Option<Duration>,
}

/// A group of states: those of the machine, of a branch, or of a Map's items.
#[derive(Debug, Clone)]
pub(crate) struct States {
    pub(crate) start: String,
    all: BTreeMap<String, State>,
}

/// Why a definition is rejected.
#[derive(Debug, thiserror::Error)]
pub enum DefinitionError {
    #[error("the definition is not valid JSON, or has a field twice in one object")]
    Json(#[source] serde_json::Error),
    #[error("{}field `{field}`: {reason}", state.as_ref().map(|state| format!("state `{state}`, ")).unwrap_or_default())]
    Field {
        state: Option<String>,
        field: String,
        reason: String,
    },
}

impl Machine {
    /// Reads a definition in the Amazon States Language, in JSONPath.
    ///
    /// ```
    /// # use tasador_states::Machine;
    /// let text = r#"{"StartAt": "A", "States": {"A": {"Type": "Task", "End": true, "Resource": "arn:x"}}}"#;
    /// let error = Machine::parse(text).unwrap_err().to_string();
    /// assert!(error.starts_with("state `A`, field `Resource`: "), "{error}");
    /// ```
    ///
    /// # Errors
    /// [`DefinitionError`], which names the state and the field.
    pub fn parse(definition: &str) -> Result<Self, DefinitionError> {
        let Strict(value) = serde_json::from_str(definition).map_err(DefinitionError::Json)?;
        let mut fields = Fields::of(None, "", value)?;
        fields.take("Comment");
        fields.only("Version", "1.0")?;
        fields.only("QueryLanguage", "JSONPath")?;
        let timeout = fields
            .whole("TimeoutSeconds", 1..=TIMEOUT_MAX_S)?
            .map(Duration::from_secs);
        let states = States::parse(&mut fields)?;
        fields.finish()?;
        let mut seen = BTreeSet::new();
        for state in states.nested() {
            if !seen.insert(state.name.as_str()) {
                return Err(DefinitionError::Field {
                    state: Some(state.name.clone()),
                    field: "States".to_owned(),
                    reason:
                        "another state has this name; names must be unique in the whole machine"
                            .to_owned(),
                });
            }
        }
        Ok(Self { states, timeout })
    }

    /// Names of all states, including those inside Map and Parallel, in alphabetical order.
    pub fn state_names(&self) -> BTreeSet<&str> {
        self.states
            .nested()
            .into_iter()
            .map(|state| state.name.as_str())
            .collect()
    }

    /// Names of the Task states, including those inside Map and Parallel, in alphabetical order.
    pub fn task_names(&self) -> BTreeSet<&str> {
        let states = self.states.nested().into_iter();
        states
            .filter(|state| matches!(state.body, Body::Task(_)))
            .map(|state| state.name.as_str())
            .collect()
    }

    /// Every error name in a retrier or a catcher, in alphabetical order.
    pub fn error_names(&self) -> BTreeSet<&str> {
        let states = self.states.nested();
        let retried = states
            .iter()
            .flat_map(|state| &state.retry)
            .flat_map(|retrier| &retrier.errors);
        let caught = states
            .iter()
            .flat_map(|state| &state.catch)
            .flat_map(|catcher| &catcher.errors);
        retried.chain(caught).map(String::as_str).collect()
    }
}

impl States {
    /// Takes `StartAt` and `States`.
    fn parse(fields: &mut Fields) -> Result<Self, DefinitionError> {
        let start = fields.required_text("StartAt")?;
        let Some(Value::Object(map)) = fields.take("States") else {
            return Err(fields.refuse("States", "it is required and must be an object"));
        };
        let mut all = BTreeMap::new();
        for (name, value) in map {
            if name.is_empty() || name.chars().count() > NAME_MAX_CHARS {
                return Err(fields.refuse(
                    "States",
                    format!("`{name}` must have 1 to {NAME_MAX_CHARS} characters"),
                ));
            }
            all.insert(name.clone(), State::parse(&name, value)?);
        }
        let states = Self { start, all };
        states.check(fields)?;
        Ok(states)
    }

    /// Checks that every transition leads to a state, every state is reachable, and one of them ends.
    fn check(&self, fields: &Fields) -> Result<(), DefinitionError> {
        if !self.all.contains_key(&self.start) {
            return Err(fields.refuse(
                "StartAt",
                format!("there is no state `{}` in this group", self.start),
            ));
        }
        let mut reached = BTreeSet::new();
        let mut ahead = vec![self.start.as_str()];
        while let Some(state) = ahead.pop().and_then(|name| self.all.get(name)) {
            if !reached.insert(state.name.as_str()) {
                continue;
            }
            for (field, next) in state.ways_on() {
                if !self.all.contains_key(next) {
                    return Err(DefinitionError::Field {
                        state: Some(state.name.clone()),
                        field: field.to_owned(),
                        reason: format!("there is no state `{next}` in this group"),
                    });
                }
                ahead.push(next);
            }
        }
        if let Some(unreached) = self
            .all
            .keys()
            .find(|name| !reached.contains(name.as_str()))
        {
            return Err(fields.refuse("States", format!("`{unreached}` is not reachable")));
        }
        if !self.all.values().any(State::can_end) {
            return Err(fields.refuse("States", "no state ends the execution"));
        }
        Ok(())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&State> {
        self.all.get(name)
    }

    /// All states, including nested ones.
    fn nested(&self) -> Vec<&State> {
        let inside = |state| -> Vec<&State> {
            State::inside(state)
                .into_iter()
                .flat_map(Self::nested)
                .collect()
        };
        self.all
            .values()
            .flat_map(|state| std::iter::once(state).chain(inside(state)))
            .collect()
    }
}

#[cfg(test)]
mod tests;
