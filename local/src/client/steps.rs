//! How long each step of an execution took, from its history.

use std::time::Duration;

use aws_sdk_sfn::types::{HistoryEvent, HistoryEventType as Type};

/// One state that did work, with the time between entering and leaving it, retries included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Name of the state.
    pub state: String,
    /// From entering to leaving it.
    pub took: Duration,
}

/// The Task and Map states of the way, in order. What happens inside a Map is part of the Map.
pub fn steps(events: &[HistoryEvent]) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut open: Option<(String, i64)> = None;
    for event in events {
        let time = event.timestamp().to_millis().unwrap_or_default();
        let entered = event
            .state_entered_event_details()
            .map(|details| details.name());
        let exited = event
            .state_exited_event_details()
            .map(|details| details.name());
        match (event.r#type(), entered, exited) {
            // The innermost names differ from the Map's own, so only the Map's exit closes it.
            (Type::TaskStateEntered | Type::MapStateEntered, Some(state), _) if open.is_none() => {
                open = Some((state.to_owned(), time));
            }
            (_, _, Some(state)) if open.as_ref().is_some_and(|(name, _)| name == state) => {
                if let Some((state, start)) = open.take() {
                    let took =
                        Duration::from_millis(u64::try_from(time - start).unwrap_or_default());
                    steps.push(Step { state, took });
                }
            }
            _ => {}
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_sfn::primitives::DateTime;
    use aws_sdk_sfn::types::{StateEnteredEventDetails, StateExitedEventDetails};

    fn entered(kind: Type, name: &str, millis: i64) -> HistoryEvent {
        let details = StateEnteredEventDetails::builder()
            .name(name)
            .build()
            .unwrap();
        event(kind, millis)
            .state_entered_event_details(details)
            .build()
            .unwrap()
    }

    fn exited(kind: Type, name: &str, millis: i64) -> HistoryEvent {
        let details = StateExitedEventDetails::builder()
            .name(name)
            .build()
            .unwrap();
        event(kind, millis)
            .state_exited_event_details(details)
            .build()
            .unwrap()
    }

    fn event(kind: Type, millis: i64) -> aws_sdk_sfn::types::builders::HistoryEventBuilder {
        HistoryEvent::builder()
            .timestamp(DateTime::from_millis(millis))
            .r#type(kind)
            .id(1)
    }

    #[test]
    fn a_map_is_one_step_and_choices_are_none() {
        let events = [
            entered(Type::TaskStateEntered, "Gate", 0),
            exited(Type::TaskStateExited, "Gate", 30),
            entered(Type::ChoiceStateEntered, "Decide", 30),
            exited(Type::ChoiceStateExited, "Decide", 31),
            entered(Type::MapStateEntered, "TrainCandidates", 31),
            entered(Type::TaskStateEntered, "Train", 32),
            entered(Type::TaskStateEntered, "Train", 33),
            exited(Type::TaskStateExited, "Train", 500),
            exited(Type::TaskStateExited, "Train", 900),
            exited(Type::MapStateExited, "TrainCandidates", 901),
            entered(Type::TaskStateEntered, "Compare", 902),
        ];
        let expected = [("Gate", 30), ("TrainCandidates", 870)].map(|(state, millis)| Step {
            state: state.to_owned(),
            took: Duration::from_millis(millis),
        });
        assert_eq!(steps(&events), expected);
    }
}
