//! How runs end.

use serde::{Deserialize, Serialize};

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
