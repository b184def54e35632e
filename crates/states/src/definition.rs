//! A definition as it is loaded: typed, complete, and refused by name where it holds what
//! [`Machine::run`] could not do as Step Functions does it.

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

/// States that lead to one another: those of the machine, of a branch, or of a Map's items.
#[derive(Debug, Clone)]
pub(crate) struct States {
    pub(crate) start: String,
    all: BTreeMap<String, State>,
}

/// Why a definition is refused.
#[derive(Debug, thiserror::Error)]
pub enum DefinitionError {
    /// It is not JSON, or an object in it has a field twice.
    #[error("the definition is no JSON that can be read one way only")]
    Json(#[source] serde_json::Error),
    /// A field that is wrong, missing, or not known here.
    #[error("{}field `{field}`: {reason}", state.as_ref().map(|state| format!("state `{state}`, ")).unwrap_or_default())]
    Field {
        /// The state that has it; `None` for the machine's own.
        state: Option<String>,
        /// The field, such as `Next` or `ItemProcessor.StartAt`.
        field: String,
        /// What is wrong with it.
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
                    reason: "another state has this name; it may stand once in the whole machine"
                        .to_owned(),
                });
            }
        }
        Ok(Self { states, timeout })
    }

    /// Names of all states, those inside Map and Parallel as well, in alphabetical order.
    pub fn state_names(&self) -> BTreeSet<&str> {
        self.states
            .nested()
            .into_iter()
            .map(|state| state.name.as_str())
            .collect()
    }

    /// Names of the states that have work done, those inside Map and Parallel as well, in alphabetical
    /// order.
    pub fn task_names(&self) -> BTreeSet<&str> {
        let states = self.states.nested().into_iter();
        states
            .filter(|state| matches!(state.body, Body::Task(_)))
            .map(|state| state.name.as_str())
            .collect()
    }

    /// Every error name that a retrier or a catcher waits for, in alphabetical order.
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
            return Err(fields.refuse("States", "it must be there, and an object"));
        };
        let mut all = BTreeMap::new();
        for (name, value) in map {
            if name.is_empty() || name.chars().count() > NAME_MAX_CHARS {
                return Err(fields.refuse(
                    "States",
                    format!("`{name}` must have from 1 to {NAME_MAX_CHARS} characters"),
                ));
            }
            all.insert(name.clone(), State::parse(&name, value)?);
        }
        let states = Self { start, all };
        states.check(fields)?;
        Ok(states)
    }

    /// Every way leads to a state, every state is on a way, and one of them ends.
    fn check(&self, fields: &Fields) -> Result<(), DefinitionError> {
        if !self.all.contains_key(&self.start) {
            return Err(fields.refuse(
                "StartAt",
                format!("there is no state `{}` here", self.start),
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
                        reason: format!("there is no state `{next}` here"),
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
            return Err(fields.refuse("States", format!("no way leads to `{unreached}`")));
        }
        if !self.all.values().any(State::can_end) {
            return Err(fields.refuse("States", "none of them ends"));
        }
        Ok(())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&State> {
        self.all.get(name)
    }

    /// All of them, and those inside of them.
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
