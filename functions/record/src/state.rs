//! The parts of the state document, each read on its own: one that is missing or malformed leaves
//! the others.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tasador_registry::Trouble;

/// The most characters kept of what an error says: the history is for people, and the log has all.
const MESSAGE_CHARS: usize = 2_000;

/// A state document.
#[derive(Debug, Clone, Copy)]
pub(crate) struct State<'a>(pub(crate) &'a Value);

impl State<'_> {
    /// What stands at a JSON pointer, where it is there, not null, and of that type.
    pub(crate) fn at<T: DeserializeOwned>(self, pointer: &str) -> Option<T> {
        let value = self.0.pointer(pointer).filter(|value| !value.is_null())?;
        match T::deserialize(value) {
            Ok(read) => Some(read),
            Err(error) => {
                tracing::warn!(
                    pointer,
                    "`{pointer}` of the state can't be read and is left out: {error}"
                );
                None
            }
        }
    }

    /// The items at a pointer that can be read; none where there is no list.
    pub(crate) fn list<T: DeserializeOwned>(self, pointer: &str) -> Vec<T> {
        let items = self.0.pointer(pointer).and_then(Value::as_array);
        items
            .into_iter()
            .flatten()
            .enumerate()
            .filter_map(|(index, _)| self.at(&format!("{pointer}/{index}")))
            .collect()
    }

    /// Whether a part is there.
    pub(crate) fn has(self, pointer: &str) -> bool {
        self.0
            .pointer(pointer)
            .is_some_and(|value| !value.is_null())
    }

    /// What broke, from what the state machine caught.
    pub(crate) fn trouble(self) -> Option<Trouble> {
        let error = self.0.get("error").filter(|error| !error.is_null())?;
        let named = error
            .get("Error")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let cause = match error.get("Cause") {
            Some(Value::String(cause)) => cause.clone(),
            Some(Value::Null) | None => String::new(),
            Some(other) => other.to_string(),
        };
        // A Lambda function's failure is JSON inside the text; the service's own are plain text.
        let lambda: LambdaError = serde_json::from_str(&cause).unwrap_or_default();
        let class = [Some(named), lambda.error_type.as_deref()]
            .into_iter()
            .flatten()
            .find(|class| !class.is_empty())
            .unwrap_or("Unknown");
        let message = [lambda.error_message.as_deref(), Some(cause.as_str())]
            .into_iter()
            .flatten()
            .map(str::trim)
            .find(|message| !message.is_empty())
            .unwrap_or(match class {
                "States.Timeout" => "it took longer than it may",
                _ => "the cause is not known",
            });
        Some(Trouble {
            class: class.to_owned(),
            message: message.chars().take(MESSAGE_CHARS).collect(),
        })
    }
}

/// What a Lambda function's failure says.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LambdaError {
    error_type: Option<String>,
    error_message: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn a_cause_is_read_for_people() {
        let lambda = r#"{"errorType":"SourceUnavailable","errorMessage":"the source answered 500","trace":[]}"#;
        let table = [
            (
                json!({"Error": "SourceUnavailable", "Cause": lambda}),
                "SourceUnavailable",
                "the source answered 500",
            ),
            (
                json!({"Cause": lambda}),
                "SourceUnavailable",
                "the source answered 500",
            ),
            (
                json!({"Error": "States.Timeout"}),
                "States.Timeout",
                "it took longer than it may",
            ),
            (
                json!({"Error": "States.Timeout", "Cause": ""}),
                "States.Timeout",
                "it took longer than it may",
            ),
            (
                json!({"Error": "Lambda.Unknown", "Cause": "The cause could not be determined"}),
                "Lambda.Unknown",
                "The cause could not be determined",
            ),
            (
                json!({"Error": "Bug", "Cause": "{\"errorMessage\":\"\"}"}),
                "Bug",
                "{\"errorMessage\":\"\"}",
            ),
            (
                json!({"Error": "Bug", "Cause": {"a": 1}}),
                "Bug",
                "{\"a\":1}",
            ),
            (json!({"Error": "Bug", "Cause": "[1, 2]"}), "Bug", "[1, 2]"),
            (json!("nonsense"), "Unknown", "the cause is not known"),
        ];
        for (error, class, message) in table {
            let state = json!({ "error": error });
            let trouble = State(&state).trouble().unwrap();
            assert_eq!(
                (trouble.class.as_str(), trouble.message.as_str()),
                (class, message),
                "{error}"
            );
        }
        assert_eq!(State(&json!({"error": null})).trouble(), None);
        assert_eq!(State(&json!([])).trouble(), None);
    }

    proptest! {
        #[test]
        fn any_cause_is_some_message(class: String, cause: String) {
            let state = json!({"error": {"Error": class, "Cause": cause}});
            let trouble = State(&state).trouble().unwrap();
            prop_assert!(!trouble.class.is_empty() && !trouble.message.is_empty());
        }
    }
}
