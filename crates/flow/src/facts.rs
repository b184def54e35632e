//! Small facts about a run that messages, reasons and the history share.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use tasador_ids::{BatchId, Digest, Key, RunId};

use crate::metrics::optional_number;

/// How a run came by its batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The source was asked and delivered it.
    Source,
    /// An earlier run had left it without an outcome.
    Resumed,
    /// The execution's input named it.
    Named,
}

/// The clean rows of a batch in the bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CleanFile {
    /// Its key in the bucket.
    pub key: Key,
    /// The SHA-256 of its bytes.
    pub sha256: Digest,
    /// Its rows.
    pub rows: u64,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum OutcomeKind {
    /// A new model went into production.
    Promoted,
    /// A new model was trained and was not better.
    Rejected,
    /// The gate saw no reason to train.
    Skipped,
    /// The gate holds the batch until a person releases or discards it.
    Quarantined,
    /// A person took the batch out of the datasets: a batch's outcome, never a run's.
    Withdrawn,
    /// Something broke.
    Failed,
    /// The source had nothing new.
    NothingNew,
}

impl OutcomeKind {
    /// Those that a run may come to.
    pub const OF_RUNS: [Self; 6] = [
        Self::Promoted,
        Self::Rejected,
        Self::Skipped,
        Self::Quarantined,
        Self::Failed,
        Self::NothingNew,
    ];

    /// The name in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Promoted => "promoted",
            Self::Rejected => "rejected",
            Self::Skipped => "skipped",
            Self::Quarantined => "quarantined",
            Self::Withdrawn => "withdrawn",
            Self::Failed => "failed",
            Self::NothingNew => "nothing_new",
        }
    }
}

/// What a person decides about a batch that has an outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum BatchAction {
    /// A batch in quarantine, or one that was withdrawn, is judged again as if it were sound.
    Release,
    /// A batch in quarantine stays out of datasets permanently.
    Discard,
    /// The rows of a batch are left out of later datasets.
    Withdraw,
}

impl BatchAction {
    /// The name in JSON and in addresses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Discard => "discard",
            Self::Withdraw => "withdraw",
        }
    }
}

impl FromStr for BatchAction {
    type Err = UnknownAction;
    fn from_str(text: &str) -> Result<Self, UnknownAction> {
        [Self::Release, Self::Discard, Self::Withdraw]
            .into_iter()
            .find(|action| action.as_str() == text)
            .ok_or(UnknownAction)
    }
}

/// The text is no action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownAction;

/// A person's decision about a batch, as it is recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BatchEvent {
    /// The number of the decision: 1, 2, 3 … per batch, without a gap.
    pub seq: u32,
    pub batch: BatchId,
    pub action: BatchAction,
    /// The token of the person, or `local` if no token was required.
    pub by: String,
    /// Why, as the person wrote it, with control characters escaped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    pub at: Timestamp,
    /// The outcome that the batch had before.
    pub before: OutcomeKind,
    /// The run of that outcome.
    pub outcome_run: RunId,
}

/// Text of a person, as it may be written to a terminal: control characters are escaped.
pub fn printable(text: &str) -> String {
    let mut printed = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() {
            printed.extend(letter.escape_default());
        } else {
            printed.push(letter);
        }
    }
    printed
}

/// What one of the gate's checks found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Measurement {
    /// What was measured, a stable name such as `psi`.
    pub code: String,
    /// The column it was measured on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The value; none where it could not be measured.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "optional_number"
    )]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::metrics::Written>))]
    pub measured: Option<f64>,
    /// The limit it was compared with.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "optional_number"
    )]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::metrics::Written>))]
    pub limit: Option<f64>,
    /// Whether it is one of the reasons for the decision.
    #[serde(default)]
    pub fired: bool,
    /// Why there is no value, or why it was not believed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What happened to the rows of a batch. `raw` = `clean` + `rejected` + `duplicates`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Rows {
    /// Rows received.
    pub raw: u64,
    /// Rows that can be learnt from.
    pub clean: u64,
    /// Rows refused, each with its reason.
    pub rejected: u64,
    /// Rows seen before, in this batch or an earlier one.
    pub duplicates: u64,
}

/// The first and the last day of the dates in a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Period {
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = Date))]
    pub first: Date,
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = Date))]
    pub last: Date,
}

/// How much of a dataset was withdrawn since a model learned from it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stale {
    pub batches: u64,
    /// Properties of which the dataset has a row.
    pub properties: u64,
}

/// What broke.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RunError {
    /// The stable error class, such as `SourceUnavailable` or `States.Timeout`.
    pub class: String,
    /// What people read.
    pub message: String,
    /// Where it happened, for runs that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Step>,
}

/// A part of the pipeline, named as its first state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = PipelineStep))]
pub enum Step {
    Fetch,
    Preprocess,
    Gate,
    Train,
    Compare,
    Promote,
    Record,
}

/// The number of a promotion: 1, 2, 3 … per model, without a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct PromotionSeq(pub u64);

impl fmt::Display for PromotionSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
