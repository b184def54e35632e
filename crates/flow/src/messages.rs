//! What goes from state to state: the request and the answer of each function, and the document
//! that they add up to.
//!
//! States pass keys and small facts, never data.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use tasador_ids::{BatchId, DatasetId, Digest, Format, Key, ModelVersion, RunId};

use crate::facts::{Measurement, Origin, OutcomeKind, Period, PromotionSeq, Rows, RunError, Step};
use crate::metrics::Metrics;
use crate::reason::Reason;

/// The most characters kept of an error's message: the history is for people, and the log has all.
const MESSAGE_CHARS: usize = 2_000;

pub mod fetch {
    use jiff::Timestamp;

    use super::{BatchId, Deserialize, Format, Key, Origin, Reason, RunId, Serialize, Value};

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    pub struct Request {
        /// The run that works on the batch.
        pub run_id: RunId,
        /// Its execution in Step Functions, the ARN.
        pub execution: String,
        /// The execution's input. An object with `batch` names a stored batch; one with `object`, a
        /// `bucket` and a `key` of S3, names the source; everything else in it is ignored.
        #[serde(default)]
        pub input: Value,
    }

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "status", rename_all = "snake_case")]
    pub enum Response {
        /// A batch, which is in the bucket and in the registry.
        Batch(Batch),
        NothingNew {
            /// The source that was asked, without credentials.
            source: String,
            reasons: Vec<Reason>,
        },
    }

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    pub struct Batch {
        pub batch: BatchId,
        /// Its bytes in the bucket.
        pub key: Key,
        pub format: Format,
        /// Where it came from, without credentials.
        pub source: String,
        pub origin: Origin,
        /// Whether the same bytes had come before. Their outcome is another run's, unless this run
        /// was given the batch by name.
        pub repeat: bool,
        /// When its last byte arrived, the first time.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub received_at: Option<Timestamp>,
        pub size_bytes: u64,
        /// Whether the run works on it now or waits for other runs.
        #[serde(default)]
        pub turn: Turn,
    }

    /// Whether a run works on its batch now.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(tag = "status", rename_all = "snake_case")]
    pub enum Turn {
        Go {
            /// How long it has waited; absent where it has not.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            waited_ms: Option<u64>,
        },
        Wait {
            since: Timestamp,
            /// When to ask again, in seconds.
            wait_s: u64,
        },
    }

    impl Default for Turn {
        fn default() -> Self {
            Self::Go { waited_ms: None }
        }
    }
}

pub mod preprocess {
    use std::collections::BTreeMap;

    use super::{BatchId, Deserialize, Digest, Format, Key, Period, Rows, RunId, Serialize};

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    pub struct Request {
        pub run_id: RunId,
        pub batch: BatchId,
        /// The raw object.
        pub key: Key,
        pub format: Format,
    }

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    pub struct Response {
        pub rows: Rows,
        /// The clean rows.
        pub clean_key: Key,
        pub clean_sha256: Digest,
        pub rejected_key: Key,
        /// What was recognised of the columns, as sentences; of very many, the first ones.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub recognised: Vec<String>,
        /// The quality report and the distribution profile.
        pub profile_key: Key,
        /// Columns beyond the twelve known ones; of very many, the first ones.
        pub columns_new: Vec<String>,
        /// Known columns that the source did not send.
        pub columns_gone: Vec<String>,
        /// The days that its dates span.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub period: Option<Period>,
        /// How many rows were rejected for each reason, by its code.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        pub rejected_for: BTreeMap<String, u64>,
    }
}

pub mod gate {
    use super::{
        BatchId, Deserialize, Measurement, ModelVersion, Origin, Reason, RunId, Serialize,
        Training, preprocess,
    };

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    pub struct Request {
        pub run_id: RunId,
        pub batch: BatchId,
        /// A batch that was named is judged again, whatever its earlier outcome.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub origin: Option<Origin>,
        /// Whether it had an outcome before this run got it.
        #[serde(default)]
        pub repeat: bool,
        pub preprocess: preprocess::Response,
    }

    #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
    #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
    #[cfg_attr(feature = "openapi", schema(as = GateDecision))]
    #[serde(rename_all = "snake_case")]
    pub enum Decision {
        /// Candidates are trained.
        Train,
        /// The batch is recorded, and nothing else happens.
        Skip,
        /// The batch is kept out of datasets until a person decides.
        Hold,
    }

    impl Decision {
        pub const ALL: [Self; 3] = [Self::Train, Self::Skip, Self::Hold];

        pub const fn as_str(self) -> &'static str {
            match self {
                Self::Train => "train",
                Self::Skip => "skip",
                Self::Hold => "hold",
            }
        }
    }

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    pub struct Response {
        pub decision: Decision,
        /// Most important first; never empty.
        pub reasons: Vec<Reason>,
        /// What a person should know of the batch, although it decided nothing.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub notices: Vec<Reason>,
        /// Whether later datasets may contain the batch's rows.
        pub usable: bool,
        /// The version in production, if any.
        pub champion: Option<ModelVersion>,
        /// Only where candidates are to be trained.
        #[serde(flatten, default, skip_serializing_if = "Option::is_none")]
        pub training: Option<Training>,
        /// All that was measured, whether or not it decided anything.
        pub measurements: Vec<Measurement>,
    }
}

/// What is to be trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Training {
    pub dataset: DatasetId,
    /// Its list of batches in the bucket.
    pub dataset_key: Key,
    /// The algorithms to try.
    pub candidates: Vec<String>,
    pub train_on: TrainOn,
}

/// What trains a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrainOn {
    /// The function: within 15 minutes and 10 GB.
    Function,
    /// A job of AWS Batch, which has time and memory for more.
    Job,
}

impl TrainOn {
    /// A job from so many rows on, if jobs are configured.
    pub fn of(rows: u64, job_from_rows: Option<u64>) -> Self {
        match job_from_rows {
            Some(from) if rows >= from => Self::Job,
            _ => Self::Function,
        }
    }
}

pub mod train {
    use super::{DatasetId, Deserialize, Key, RunId, Serialize, TrainOn};

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    pub struct Request {
        pub run_id: RunId,
        pub dataset: DatasetId,
        /// Where its manifest is in the bucket.
        pub dataset_key: Key,
        pub algorithm: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub train_on: Option<TrainOn>,
        /// The configured seed where it is absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub seed: Option<u64>,
    }
}

/// One algorithm on one dataset: what `train` answers, `compare` ranks, and the history keeps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Candidate {
    /// The algorithm, such as `boosting`.
    pub algorithm: String,
    /// The registered version; none where the algorithm could not learn from the dataset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<ModelVersion>,
    /// The MLflow run that logged it: 32 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mlflow_run_id: Option<String>,
    /// The artefact in the bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_key: Option<Key>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Digest>,
    /// Its scores on homes it had not seen; `metrics` in entries stored earlier.
    #[serde(default, alias = "metrics", skip_serializing_if = "Metrics::is_empty")]
    pub validation: Metrics,
    /// Why the algorithm could not learn, as a clause. Trying again changes nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What the state machine caught, if the training failed for reasons other than the dataset. The
    /// history keeps it as the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(ignore))]
    pub error: Option<Caught>,
}

impl Candidate {
    /// An algorithm that could not learn from the dataset.
    pub fn failed(algorithm: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            algorithm: algorithm.into(),
            version: None,
            mlflow_run_id: None,
            artifact_key: None,
            sha256: None,
            validation: Metrics::default(),
            reason: Some(reason.into()),
            error: None,
        }
    }
}

pub mod compare {
    use super::{
        Candidate, DatasetId, Deserialize, Key, Metrics, ModelVersion, Reason, RunId, Serialize,
    };

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    pub struct Request {
        pub run_id: RunId,
        pub dataset: DatasetId,
        /// Where its manifest is in the bucket.
        pub dataset_key: Key,
        pub candidates: Vec<Candidate>,
    }

    #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    pub enum Decision {
        /// The challenger becomes the champion.
        Promote,
        Reject,
    }

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    pub struct Response {
        pub decision: Decision,
        /// The best candidate, where any could be trained.
        pub challenger: Option<ModelVersion>,
        /// The version in production, whether or not it can be loaded.
        pub champion: Option<ModelVersion>,
        /// The former champion that was compared in its place, if the champion cannot be loaded.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub stand_in: Option<ModelVersion>,
        /// The decision with its numbers, in English.
        pub sentence: String,
        pub reasons: Vec<Reason>,
        /// The whole verdict in the bucket.
        pub verdict_key: Key,
        /// The challenger's scores.
        pub challenger_metrics: Option<Metrics>,
        /// The champion's scores on the same homes.
        pub champion_metrics: Option<Metrics>,
    }
}

pub mod promote {
    use super::{Deserialize, Key, ModelVersion, PromotionSeq, RunId, Serialize};

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    pub struct Request {
        /// Each run promotes at most once.
        pub run_id: RunId,
        pub version: ModelVersion,
        /// The champion that the comparison saw; null where there was none.
        #[serde(default)]
        pub expected_champion: Option<ModelVersion>,
        /// Why, as people read it.
        pub sentence: String,
        /// The verdict in the bucket.
        #[serde(default)]
        pub verdict_key: Option<Key>,
    }

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    pub struct Response {
        pub version: ModelVersion,
        /// The champion before it; null for the first.
        pub previous: Option<ModelVersion>,
        /// The number of the promotion.
        pub promotion: PromotionSeq,
    }
}

pub mod record {
    use jiff::Timestamp;

    use super::{Deserialize, OutcomeKind, RunId, Serialize, State, readable_or_default};

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    pub struct Request {
        pub run_id: RunId,
        /// How the run ended, as the state machine sees it.
        pub outcome: OutcomeKind,
        /// When the execution began.
        pub started_at: Timestamp,
        /// The whole document; of a run that failed early only the first parts.
        #[serde(default, deserialize_with = "readable_or_default")]
        pub state: State,
    }

    /// The outcome as it stands in the history.
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    pub struct Response {
        pub outcome: OutcomeKind,
        /// The notification, in English.
        pub sentence: String,
    }
}

/// The document of an execution. A part that is missing or malformed leaves the others.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    #[serde(deserialize_with = "readable", skip_serializing_if = "Option::is_none")]
    pub fetch: Option<fetch::Response>,
    #[serde(deserialize_with = "readable", skip_serializing_if = "Option::is_none")]
    pub preprocess: Option<preprocess::Response>,
    #[serde(deserialize_with = "readable", skip_serializing_if = "Option::is_none")]
    pub gate: Option<gate::Response>,
    #[serde(deserialize_with = "readable", skip_serializing_if = "Option::is_none")]
    pub candidates: Option<Vec<Candidate>>,
    #[serde(deserialize_with = "readable", skip_serializing_if = "Option::is_none")]
    pub verdict: Option<compare::Response>,
    #[serde(deserialize_with = "readable", skip_serializing_if = "Option::is_none")]
    pub promotion: Option<promote::Response>,
    /// What the state machine caught.
    #[serde(deserialize_with = "readable", skip_serializing_if = "Option::is_none")]
    pub error: Option<Caught>,
}

/// An error as Step Functions catches it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Caught {
    #[serde(deserialize_with = "text")]
    pub error: String,
    #[serde(deserialize_with = "text")]
    pub cause: String,
}

impl Caught {
    /// The class and the message in one clause.
    pub fn reason(&self) -> String {
        let (class, message) = self.read();
        format!("{class}: {message}")
    }

    /// The error's class and its message.
    fn read(&self) -> (String, String) {
        /// What a Lambda function's failure says: JSON within the cause.
        #[derive(Default, Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct LambdaError {
            error_type: Option<String>,
            error_message: Option<String>,
        }
        let Self { error, cause } = self;
        let lambda: LambdaError = serde_json::from_str(cause).unwrap_or_default();
        let class = [Some(error.as_str()), lambda.error_type.as_deref()]
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
                "States.Timeout" => "it exceeded its time limit",
                _ => "the cause is not known",
            });
        (
            class.to_owned(),
            message.chars().take(MESSAGE_CHARS).collect(),
        )
    }
}

impl State {
    /// What the state machine caught, as the history keeps it.
    pub fn run_error(&self) -> Option<RunError> {
        let (class, message) = self.error.as_ref()?.read();
        Some(RunError {
            class,
            message,
            step: Some(self.step()),
        })
    }

    /// Where a failed run failed: at the first part that is missing.
    fn step(&self) -> Step {
        match self {
            Self { fetch: None, .. } => Step::Fetch,
            Self {
                fetch: Some(fetch::Response::NothingNew { .. }),
                ..
            } => Step::Record,
            Self {
                preprocess: None, ..
            } => Step::Preprocess,
            Self { gate: None, .. } => Step::Gate,
            Self {
                gate: Some(gate), ..
            } if gate.decision != gate::Decision::Train => Step::Record,
            Self {
                candidates: None, ..
            } => Step::Train,
            Self { verdict: None, .. } => Step::Compare,
            Self {
                verdict: Some(verdict),
                promotion: None,
                ..
            } if verdict.decision == compare::Decision::Promote => Step::Promote,
            _ => Step::Record,
        }
    }
}

/// A part where it is there, not null, and of its type.
fn readable<'de, D, T>(from: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let value = Value::deserialize(from)?;
    if value.is_null() {
        return Ok(None);
    }
    Ok(T::deserialize(value)
        .inspect_err(|error| {
            let part = std::any::type_name::<T>();
            tracing::warn!(
                part,
                "a part of the state could not be read and is left out: {error}"
            );
        })
        .ok())
}

fn readable_or_default<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned + Default,
{
    Ok(readable(from)?.unwrap_or_default())
}

/// Any value as text; null as none.
fn text<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::String(text) => text,
        Value::Null => String::new(),
        other => other.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn error_of(caught: Value) -> RunError {
        let state: State = serde_json::from_value(json!({ "error": caught })).unwrap();
        state.run_error().unwrap()
    }

    #[test]
    fn a_caught_error_is_read_for_people() {
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
                "it exceeded its time limit",
            ),
            (
                json!({"Error": "States.Timeout", "Cause": ""}),
                "States.Timeout",
                "it exceeded its time limit",
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
            (
                json!({"Error": null, "Cause": null}),
                "Unknown",
                "the cause is not known",
            ),
        ];
        for (caught, class, message) in table {
            let error = error_of(caught.clone());
            assert_eq!(
                (error.class.as_str(), error.message.as_str()),
                (class, message),
                "{caught}"
            );
        }
        assert_eq!(State::default().run_error(), None);
    }

    #[test]
    fn a_candidate_stored_earlier_is_read() {
        let stored = json!({"algorithm": "linear", "version": 3, "mlflow_run_id": "0a", "metrics": {"mae": 5.0}});
        let candidate: Candidate = serde_json::from_value(stored).unwrap();
        assert_eq!(candidate.version, Some(ModelVersion(3)));
        assert_eq!(candidate.validation.get("mae"), Some(5.0));
    }

    proptest! {
        #[test]
        fn any_cause_has_a_class_and_a_message(class: String, cause: String) {
            let error = error_of(json!({"Error": class, "Cause": cause}));
            prop_assert!(!error.class.is_empty() && !error.message.is_empty());
        }
    }
}
