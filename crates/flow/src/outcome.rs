//! The outcome of a run: one entry of the history.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tasador_ids::{BatchId, DatasetId, Digest, Key, ModelName, ModelVersion, RunId};

use crate::messages::{Candidate, gate};
use crate::metrics::{Metrics, optional_number};
use crate::reason::Reason;

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
    /// Something broke.
    Failed,
    /// The source had nothing new.
    NothingNew,
}

impl OutcomeKind {
    /// The name in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Promoted => "promoted",
            Self::Rejected => "rejected",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
            Self::NothingNew => "nothing_new",
        }
    }
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
    /// The limit it was held against.
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

/// One side of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Contender {
    /// The version.
    pub version: ModelVersion,
    /// Its algorithm, where the run trained it itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<String>,
    /// Its scores, out of fold (`mae` and `rmse` in US dollars, `r2`, …).
    #[serde(default)]
    pub metrics: Metrics,
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

/// What became of a run: one entry of the history.
///
/// What a run did not come to is absent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Outcome {
    /// The run.
    pub run: RunId,
    /// How it ended.
    pub kind: OutcomeKind,
    /// What people read: one sentence with the decision and its main reason.
    pub sentence: String,
    /// The batch it worked on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<BatchId>,
    /// How it came by the batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// Whether the batch had an outcome before this run got it.
    #[serde(default)]
    pub repeat: bool,
    /// Where the batch came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// What happened to its rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<Rows>,
    /// Its clean rows in the bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clean: Option<CleanFile>,
    /// Columns seen for the first time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns_new: Vec<String>,
    /// Columns that are gone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns_gone: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<gate::Decision>,
    /// The reasons, the gate's first, then those of the comparison.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<crate::reason::StoredReason>))]
    pub reasons: Vec<Reason>,
    /// Everything the gate measured, whether or not it was a reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub measurements: Vec<Measurement>,
    /// Whether the batch's clean rows belong into later datasets.
    #[serde(default)]
    pub usable: bool,
    /// The dataset the candidates learnt from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<DatasetId>,
    /// The algorithms tried.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<Candidate>,
    /// The best candidate, as compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub challenger: Option<Contender>,
    /// The champion it was compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub champion: Option<Contender>,
    /// Change of each metric from champion to challenger, in percent of the champion's value:
    /// below 0 means smaller.
    #[serde(default, skip_serializing_if = "Metrics::is_empty")]
    pub change_percent: Metrics,
    /// The verdict in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<String>,
    /// Where the whole verdict is in the bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict_key: Option<Key>,
    /// Whether the run moved the champion's alias.
    pub promoted: bool,
    /// The number of that promotion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promotion: Option<PromotionSeq>,
    /// The registered model.
    pub model: ModelName,
    /// The version in production when the outcome was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub production: Option<ModelVersion>,
    /// What broke. The outcome of a `failed` run; beside any other outcome, what broke after it had
    /// been reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<RunError>,
    /// When the execution began.
    pub started_at: Timestamp,
    /// When this was recorded.
    pub recorded_at: Timestamp,
    /// From beginning to record, in milliseconds.
    pub duration_ms: u64,
    /// How much of it the run waited for other runs; absent where it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waited_ms: Option<u64>,
    /// Whether this is also the outcome of the batch. False for a repeat of a batch that keeps the
    /// outcome it had, and for a run without a batch. Set by the registry.
    #[serde(default)]
    pub settled: bool,
}

impl Outcome {
    /// The change of the average error from champion to challenger, as a share of the champion's.
    pub fn mae_change(&self) -> Option<f64> {
        let of = |side: &Option<Contender>| side.as_ref().and_then(|side| side.metrics.get("mae"));
        let (new, old) = (of(&self.challenger)?, of(&self.champion)?);
        (old > 0.0 && new.is_finite()).then(|| new / old - 1.0)
    }
}
