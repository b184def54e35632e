//! Small facts about a run that messages, reasons and the history share.

use std::fmt;

use serde::{Deserialize, Serialize};
use tasador_ids::{Digest, Key};

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
