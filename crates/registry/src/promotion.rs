//! The champion: who holds the alias, who may take it, and the events that tell how it moved.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tasador_ids::{ModelName, ModelVersion, RunId};

use crate::RegistryError;
use crate::version::VersionStatus;

/// The alias of the version in production.
pub const CHAMPION: &str = "champion";

/// The number of a promotion: 1, 2, 3 … per model, without a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PromotionSeq(pub u64);

impl fmt::Display for PromotionSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why an alias moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PromotionKind {
    /// A better version takes over.
    Promotion,
    /// An earlier version comes back.
    Rollback,
}

/// The wish to make a version the champion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promotion {
    /// The registered model.
    pub model: ModelName,
    /// The version that is to be champion.
    pub version: ModelVersion,
    /// The champion that the wish is based on; none where there was none.
    pub expected: Option<ModelVersion>,
    /// Whether it is better, or comes back.
    pub kind: PromotionKind,
    /// Who wishes it: each run promotes at most once.
    pub run: RunId,
    /// Why, in a sentence.
    pub reason: String,
    /// Where the verdict is in the bucket; none for a rollback by hand.
    pub verdict_key: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// One move of the alias, as it stands in the registry for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromotionEvent {
    /// Its number.
    pub seq: PromotionSeq,
    /// The registered model.
    pub model: ModelName,
    /// Whether a better version took over, or an earlier one came back.
    pub kind: PromotionKind,
    /// The champion from then on.
    pub version: ModelVersion,
    /// The champion before; none for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<ModelVersion>,
    /// The run that moved it.
    pub run: RunId,
    /// Why, in a sentence.
    pub reason: String,
    /// Where the verdict is in the bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict_key: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// The version in production.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Champion {
    /// The version.
    pub version: ModelVersion,
    /// Since when.
    pub since: Timestamp,
    /// The number of the promotion that made it champion.
    pub promotion: PromotionSeq,
    /// The run that promoted it.
    pub run: RunId,
}

/// Why a version did not become champion.
#[derive(Debug, thiserror::Error)]
pub enum PromoteError {
    /// Another version has become champion since the wish was formed.
    #[error("the champion of {model} is {}, not {}", named(*actual), named(*expected))]
    ChampionChanged {
        /// The registered model.
        model: ModelName,
        /// The champion that was expected.
        expected: Option<ModelVersion>,
        /// The champion there is.
        actual: Option<ModelVersion>,
    },
    /// The wish is against the rules.
    #[error("version {version} of {model} can't become champion: {why}")]
    Refused {
        /// The registered model.
        model: ModelName,
        /// The version.
        version: ModelVersion,
        /// Which rule.
        why: Refusal,
    },
    /// The registry did not answer, or contradicts.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

/// Which rule forbids a promotion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such version.
    #[error("it is not registered")]
    Unknown,
    /// Its artefact never got ready.
    #[error("its registration is not finished")]
    NotReady,
    /// The alias would not move.
    #[error("it is champion already")]
    AlreadyChampion,
    /// A rollback goes back.
    #[error("a rollback goes to an earlier version")]
    NotEarlier,
    /// The run has its final outcome: what it did can't change any more.
    #[error("the run's outcome is recorded already")]
    RunIsOver,
    /// The run has promoted another version.
    #[error("the run has promoted another version")]
    RunPromotedAnother,
}

fn named(version: Option<ModelVersion>) -> String {
    version.map_or_else(|| "none".to_owned(), |version| format!("version {version}"))
}
