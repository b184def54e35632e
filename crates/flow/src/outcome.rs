//! The outcome of a run: one entry of the history.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tasador_ids::{BatchId, DatasetId, Key, ModelName, ModelVersion, RunId};

use crate::facts::{CleanFile, Measurement, Origin, OutcomeKind, PromotionSeq, Rows, RunError};
use crate::messages::{Candidate, gate};
use crate::metrics::Metrics;
use crate::reason::Reason;

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
    /// What was recognised of its columns, as sentences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recognised: Vec<String>,
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
