//! The history of an execution: events in the format of Step Functions' GetExecutionHistory. Each is
//! written to a journal before the execution acts on it.

use std::io;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value, json};

/// Stores events. When `record` has returned, the event must survive the process.
pub trait Journal: Send + Sync {
    /// Appends one event; ids arrive in order, without gaps.
    ///
    /// # Errors
    /// Why the event could not be written. The execution then stops at that event.
    fn record(&self, event: &HistoryEvent) -> io::Result<()>;
}

/// A journal in memory, for tests.
impl Journal for Mutex<Vec<HistoryEvent>> {
    fn record(&self, event: &HistoryEvent) -> io::Result<()> {
        self.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(event.clone());
        Ok(())
    }
}

/// One event of a history.
///
/// As JSON it has the fields of AWS's protocol: `timestamp` (seconds since 1970, to the
/// millisecond), `type`, `id`, `previousEventId`, and the details under their name. In addition to
/// AWS's fields, `stateExitedEventDetails` has `next`, the following state if there is one:
/// otherwise a resumed execution could not know whether a state succeeded or its error was caught.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryEvent {
    /// Counts from 1.
    pub id: u64,
    /// The event that led to this one; 0 for none.
    pub previous_event_id: u64,
    /// When it happened, to the millisecond.
    pub timestamp: Timestamp,
    /// The type, such as `TaskStateEntered`.
    pub kind: String,
    /// Name and fields of the details, such as `stateEnteredEventDetails`.
    pub details: Option<(String, Value)>,
}

impl HistoryEvent {
    /// The first event of every history. A host may write it before it reports that the execution
    /// has started, and then resume from it. `input` is JSON and is kept unchanged.
    pub fn started(input: &str, timestamp: Timestamp) -> Self {
        let details = json!({ "input": input, "inputDetails": whole() });
        Self {
            id: 1,
            previous_event_id: 0,
            timestamp: to_millisecond(timestamp),
            kind: STARTED.to_owned(),
            details: Some(("executionStartedEventDetails".to_owned(), details)),
        }
    }

    /// A text field of the details, such as `output`.
    pub fn detail(&self, field: &str) -> Option<&str> {
        self.details.as_ref()?.1.get(field)?.as_str()
    }
}

/// Type of the first event.
pub(crate) const STARTED: &str = "ExecutionStarted";

/// AWS's details for a payload that is not truncated.
pub(crate) fn whole() -> Value {
    json!({ "truncated": false })
}

/// Rounds to the precision of a history, so that an execution sees the same time after a resume.
pub(crate) fn to_millisecond(timestamp: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(timestamp.as_millisecond()).unwrap_or(timestamp)
}

impl Serialize for HistoryEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut event = Map::new();
        // Milliseconds since 1970 fit a double's 53 bits until the year 287396.
        event.insert(
            "timestamp".to_owned(),
            json!(self.timestamp.as_millisecond() as f64 / 1000.0),
        );
        event.insert("type".to_owned(), self.kind.as_str().into());
        event.insert("id".to_owned(), self.id.into());
        event.insert("previousEventId".to_owned(), self.previous_event_id.into());
        if let Some((name, details)) = &self.details {
            event.insert(name.clone(), details.clone());
        }
        event.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for HistoryEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut event = Map::deserialize(deserializer)?;
        let mut take = |field: &'static str| {
            event
                .shift_remove(field)
                .ok_or_else(|| D::Error::missing_field(field))
        };
        let seconds: f64 = field(take("timestamp")?)?;
        let kind = field(take("type")?)?;
        let id = field(take("id")?)?;
        let previous_event_id = field(take("previousEventId")?)?;
        let timestamp = Timestamp::from_millisecond((seconds * 1000.0).round() as i64)
            .map_err(D::Error::custom)?;
        let details = event
            .into_iter()
            .find(|(name, _)| name.ends_with("EventDetails"));
        Ok(Self {
            id,
            previous_event_id,
            timestamp,
            kind,
            details,
        })
    }
}

fn field<T: serde::de::DeserializeOwned, E: serde::de::Error>(value: Value) -> Result<T, E> {
    T::deserialize(value).map_err(E::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_the_format_of_the_protocol() {
        let time = Timestamp::from_millisecond(1_700_000_000_123).unwrap();
        let event = HistoryEvent::started(r#"{"b":1.5,"a":null}"#, time);
        let text = serde_json::to_string(&event).unwrap();
        assert_eq!(
            text,
            r#"{"timestamp":1700000000.123,"type":"ExecutionStarted","id":1,"previousEventId":0,"executionStartedEventDetails":{"input":"{\"b\":1.5,\"a\":null}","inputDetails":{"truncated":false}}}"#
        );
        assert_eq!(serde_json::from_str::<HistoryEvent>(&text).unwrap(), event);
    }

    #[test]
    fn an_event_with_a_missing_field_is_rejected_with_its_name() {
        let error = serde_json::from_str::<HistoryEvent>(r#"{"timestamp":1,"type":"X","id":1}"#)
            .unwrap_err();
        assert!(error.to_string().contains("previousEventId"), "{error}");
    }

    proptest::proptest! {
        #[test]
        fn timestamps_round_trip_to_the_millisecond(millisecond in 0i64..4_102_444_800_000) {
            let event = HistoryEvent::started("null", Timestamp::from_millisecond(millisecond).unwrap());
            let text = serde_json::to_string(&event).unwrap();
            proptest::prop_assert_eq!(serde_json::from_str::<HistoryEvent>(&text).unwrap(), event);
        }
    }
}
