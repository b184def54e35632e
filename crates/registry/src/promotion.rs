//! The champion: who holds the alias, who may take it, and the events that tell how it moved.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tasador_ids::{Key, ModelName, ModelVersion, RunId};

use crate::RegistryError;
use crate::version::VersionStatus;
use tasador_flow::PromotionSeq;

/// The alias of the version in production.
pub const CHAMPION: &str = "champion";

/// Why an alias moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
    pub verdict_key: Option<Key>,
    /// When.
    pub at: Timestamp,
}

/// One change of the alias; the registry never changes or deletes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
    pub verdict_key: Option<Key>,
    /// When.
    pub at: Timestamp,
}

/// The version in production.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
    /// A rollback leads to a lower number, or to a version that was in production before the champion.
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

impl Promotion {
    pub(crate) fn refused(&self, why: Refusal) -> PromoteError {
        PromoteError::Refused {
            model: self.model.clone(),
            version: self.version,
            why,
        }
    }
}

/// The event that a promotion leads to, by what stands in the registry: the champion, the status of
/// the version that is to take over (none where there is no such version), and whether the run's
/// final outcome is recorded.
///
/// That the champion changed is said first: then all else was judged on old facts.
///
/// # Errors
/// [`PromoteError::ChampionChanged`] and [`PromoteError::Refused`].
pub(crate) fn judge(
    promotion: &Promotion,
    champion: Option<&Champion>,
    status: Option<VersionStatus>,
    run_is_over: bool,
) -> Result<PromotionEvent, PromoteError> {
    let previous = champion.map(|champion| champion.version);
    if previous != promotion.expected {
        return Err(PromoteError::ChampionChanged {
            model: promotion.model.clone(),
            expected: promotion.expected,
            actual: previous,
        });
    }
    let refusal = match status {
        _ if run_is_over => Some(Refusal::RunIsOver),
        None => Some(Refusal::Unknown),
        Some(VersionStatus::Pending | VersionStatus::Failed) => Some(Refusal::NotReady),
        Some(VersionStatus::Ready) if previous == Some(promotion.version) => {
            Some(Refusal::AlreadyChampion)
        }
        Some(VersionStatus::Ready) => match promotion.kind {
            PromotionKind::Rollback if previous.is_none() => Some(Refusal::NotEarlier),
            PromotionKind::Rollback | PromotionKind::Promotion => None,
        },
    };
    if let Some(why) = refusal {
        return Err(promotion.refused(why));
    }
    Ok(PromotionEvent {
        seq: PromotionSeq(champion.map_or(0, |champion| champion.promotion.0) + 1),
        model: promotion.model.clone(),
        kind: promotion.kind,
        version: promotion.version,
        previous,
        run: promotion.run.clone(),
        reason: promotion.reason.clone(),
        verdict_key: promotion.verdict_key.clone(),
        at: promotion.at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const READY: Option<VersionStatus> = Some(VersionStatus::Ready);
    const PENDING: Option<VersionStatus> = Some(VersionStatus::Pending);
    const FAILED: Option<VersionStatus> = Some(VersionStatus::Failed);

    fn wish(kind: PromotionKind, version: u32, expected: Option<u32>) -> Promotion {
        Promotion {
            model: "Model".parse().unwrap(),
            version: ModelVersion(version),
            expected: expected.map(ModelVersion),
            kind,
            run: "run".parse().unwrap(),
            reason: "better".to_owned(),
            verdict_key: None,
            at: Timestamp::UNIX_EPOCH,
        }
    }

    fn champion(version: u32) -> Champion {
        Champion {
            version: ModelVersion(version),
            since: Timestamp::UNIX_EPOCH,
            promotion: PromotionSeq(7),
            run: "before".parse().unwrap(),
        }
    }

    #[test]
    fn who_may_be_promoted() {
        use PromotionKind::{Promotion as Up, Rollback as Back};
        use Refusal::{AlreadyChampion, NotEarlier, NotReady, RunIsOver, Unknown};
        type Row = (
            PromotionKind,
            u32,
            Option<u32>,
            Option<u32>,
            Option<VersionStatus>,
            bool,
            Result<u64, Option<Refusal>>,
        );
        let table: [Row; 14] = [
            // kind, version, expected, champion, status, run is over → number, or refusal (none: changed)
            (Up, 1, None, None, READY, false, Ok(1)),
            (Up, 5, Some(4), Some(4), READY, false, Ok(8)),
            (Up, 3, Some(4), Some(4), READY, false, Ok(8)),
            (Back, 3, Some(4), Some(4), READY, false, Ok(8)),
            (Up, 5, None, Some(4), READY, false, Err(None)),
            (Up, 5, Some(4), None, READY, false, Err(None)),
            (Up, 5, Some(3), Some(4), PENDING, true, Err(None)),
            (Up, 5, Some(4), Some(4), None, false, Err(Some(Unknown))),
            (Up, 5, Some(4), Some(4), PENDING, false, Err(Some(NotReady))),
            (Up, 5, Some(4), Some(4), FAILED, false, Err(Some(NotReady))),
            (
                Up,
                4,
                Some(4),
                Some(4),
                READY,
                false,
                Err(Some(AlreadyChampion)),
            ),
            (Back, 5, Some(4), Some(4), READY, false, Ok(8)),
            (Back, 1, None, None, READY, false, Err(Some(NotEarlier))),
            (Up, 5, Some(4), Some(4), READY, true, Err(Some(RunIsOver))),
        ];
        for (kind, version, expected, holder, status, over, want) in table {
            let holder = holder.map(champion);
            let got = judge(
                &wish(kind, version, expected),
                holder.as_ref(),
                status,
                over,
            );
            let label =
                format!("{kind:?} {version} expecting {expected:?} over {holder:?} {status:?}");
            match (got, want) {
                (Ok(event), Ok(seq)) => {
                    assert_eq!(event.seq, PromotionSeq(seq), "{label}");
                    assert_eq!(
                        event.previous,
                        holder.map(|holder| holder.version),
                        "{label}"
                    );
                }
                (Err(PromoteError::ChampionChanged { .. }), Err(None)) => {}
                (Err(PromoteError::Refused { why, .. }), Err(Some(refusal))) => {
                    assert_eq!(why, refusal, "{label}")
                }
                (got, want) => panic!("{label}: {got:?}, not {want:?}"),
            }
        }
    }

    #[test]
    fn a_changed_champion_is_named_in_the_sentence() {
        let error = judge(
            &wish(PromotionKind::Promotion, 5, Some(3)),
            Some(&champion(4)),
            READY,
            false,
        )
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "the champion of Model is version 4, not version 3"
        );
        let error = judge(
            &wish(PromotionKind::Promotion, 5, None),
            Some(&champion(4)),
            READY,
            false,
        )
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "the champion of Model is version 4, not none"
        );
    }
}
