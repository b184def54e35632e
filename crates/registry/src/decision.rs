//! What people decide about batches and properties after a run has ended: the rules.

use std::collections::HashSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tasador_flow::{BatchAction, BatchEvent, OutcomeKind, printable};
use tasador_ids::BatchId;
use tasador_listing::PropertyKey;

use crate::RegistryError;
use crate::batch::Batch;

/// A decision that a person wants to take about a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchChange {
    pub batch: BatchId,
    pub action: BatchAction,
    /// Who: the token, or `local`.
    pub by: String,
    /// Why, as written.
    pub reason: Option<String>,
    pub at: Timestamp,
}

/// A property whose rows are left out of datasets, whatever batches they are in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PropertyWithdrawal {
    #[cfg_attr(feature = "openapi", schema(value_type = String, pattern = "^[0-9a-f]{32}$"))]
    pub property: PropertyKey,
    /// Who: the token, or `local`.
    pub by: String,
    /// Why, with control characters escaped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    pub at: Timestamp,
}

impl PropertyWithdrawal {
    pub fn new(property: PropertyKey, by: &str, reason: Option<&str>, at: Timestamp) -> Self {
        Self {
            property,
            by: printable(by),
            reason: reason.map(printable),
            at,
        }
    }
}

/// All that was taken out of datasets and is still out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Withdrawn {
    pub batches: Vec<BatchEvent>,
    pub properties: Vec<PropertyWithdrawal>,
}

impl Withdrawn {
    pub fn is_empty(&self) -> bool {
        self.batches.is_empty() && self.properties.is_empty()
    }

    /// The ids of the batches.
    pub fn batch_ids(&self) -> HashSet<BatchId> {
        self.batches.iter().map(|event| event.batch).collect()
    }

    /// The keys of the properties.
    pub fn property_keys(&self) -> impl Iterator<Item = PropertyKey> {
        self.properties.iter().map(|withdrawal| withdrawal.property)
    }

    /// The decision that took a batch out.
    pub fn batch(&self, batch: &BatchId) -> Option<&BatchEvent> {
        self.batches.iter().find(|event| event.batch == *batch)
    }
}

/// Why a decision about a batch was not taken.
#[derive(Debug, thiserror::Error)]
pub enum DecideError {
    #[error("batch {batch} is not known")]
    Unknown { batch: BatchId },
    #[error("batch {batch} {why}")]
    Forbidden { batch: BatchId, why: Forbidden },
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

/// Which rule forbids a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    #[error("has no outcome yet: a run is working on it, or the next run will")]
    Open,
    #[error("is neither in quarantine nor withdrawn, so there is nothing to release")]
    NotHeld,
    #[error("is not in quarantine, so there is nothing to discard; withdraw it instead")]
    NotInQuarantine,
    #[error("is in quarantine: no dataset contains its rows; discard it instead")]
    InQuarantine,
    #[error("is in no dataset, so there is nothing to take out")]
    NotUsed,
}

/// What a decision comes to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decided {
    /// It was taken before: repeating it changes nothing.
    Already(BatchEvent),
    Now(BatchEvent),
}

/// Applies the rules.
pub(crate) fn decide(batch: &Batch, change: &BatchChange) -> Result<Decided, Forbidden> {
    use BatchAction::{Discard, Release, Withdraw};
    use OutcomeKind::{Failed, NothingNew, Promoted, Quarantined, Rejected, Skipped, Withdrawn};

    let repeated = batch
        .decided
        .as_ref()
        .filter(|event| event.action == change.action);
    let Some(outcome) = &batch.outcome else {
        return match repeated {
            Some(event) => Ok(Decided::Already(event.clone())),
            None => Err(Forbidden::Open),
        };
    };
    let allowed = match (change.action, outcome.kind) {
        (Release, Quarantined | Withdrawn) => Ok(()),
        (Discard, Quarantined) => Ok(()),
        (Withdraw, Promoted | Rejected | Skipped) if outcome.usable => Ok(()),
        (Release, Promoted | Rejected | Skipped | Failed | NothingNew) => Err(Forbidden::NotHeld),
        (Discard, _) if outcome.usable => Err(Forbidden::NotInQuarantine),
        (Discard, _) => Err(Forbidden::NotUsed),
        (Withdraw, Quarantined) => Err(Forbidden::InQuarantine),
        (Withdraw, _) => Err(Forbidden::NotUsed),
    };
    match (allowed, repeated) {
        (Ok(()), _) => Ok(Decided::Now(BatchEvent {
            seq: batch.decided.as_ref().map_or(0, |event| event.seq) + 1,
            batch: change.batch,
            action: change.action,
            by: printable(&change.by),
            reason: change.reason.as_deref().map(printable),
            at: change.at,
            before: outcome.kind,
            outcome_run: outcome.run.clone(),
        })),
        (Err(_), Some(event)) => Ok(Decided::Already(event.clone())),
        (Err(why), None) => Err(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{BatchOutcome, BatchRecord, Claim};
    use BatchAction::{Discard, Release, Withdraw};
    use OutcomeKind::{Failed, Promoted, Quarantined, Rejected, Skipped, Withdrawn as Out};
    use tasador_ids::Format;

    fn batch(kind: Option<OutcomeKind>, usable: bool, decided: Option<BatchAction>) -> Batch {
        let run: tasador_ids::RunId = "run".parse().unwrap();
        let id = BatchId::of(b"batch");
        let at = Timestamp::UNIX_EPOCH;
        Batch {
            record: BatchRecord {
                batch: id,
                run: run.clone(),
                execution_arn: "arn".to_owned(),
                source: "source".to_owned(),
                format: Format::Csv,
                size_bytes: 5,
                received_at: at,
            },
            claim: Claim {
                run: run.clone(),
                execution_arn: "arn".to_owned(),
                at,
            },
            outcome: kind.map(|kind| BatchOutcome {
                kind,
                run: run.clone(),
                recorded_at: at,
                usable,
                clean: None,
            }),
            decided: decided.map(|action| BatchEvent {
                seq: 4,
                batch: id,
                action,
                by: "local".to_owned(),
                reason: None,
                at,
                before: Quarantined,
                outcome_run: run,
            }),
        }
    }

    fn change(action: BatchAction) -> BatchChange {
        BatchChange {
            batch: BatchId::of(b"batch"),
            action,
            by: "local".to_owned(),
            reason: Some("a\u{1b}[31mred\nline".to_owned()),
            at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn who_may_decide_what() {
        use Forbidden::{InQuarantine, NotHeld, NotInQuarantine, NotUsed, Open};
        let table = [
            (None, false, [Err(Open), Err(Open), Err(Open)]),
            (
                Some(Quarantined),
                false,
                [Ok(()), Ok(()), Err(InQuarantine)],
            ),
            (
                Some(Promoted),
                true,
                [Err(NotHeld), Err(NotInQuarantine), Ok(())],
            ),
            (
                Some(Rejected),
                true,
                [Err(NotHeld), Err(NotInQuarantine), Ok(())],
            ),
            (
                Some(Skipped),
                true,
                [Err(NotHeld), Err(NotInQuarantine), Ok(())],
            ),
            (
                Some(Skipped),
                false,
                [Err(NotHeld), Err(NotUsed), Err(NotUsed)],
            ),
            (
                Some(Failed),
                false,
                [Err(NotHeld), Err(NotUsed), Err(NotUsed)],
            ),
            (Some(Out), false, [Ok(()), Err(NotUsed), Err(NotUsed)]),
        ];
        for (kind, usable, wants) in table {
            for (action, want) in [Release, Discard, Withdraw].into_iter().zip(wants) {
                let got = decide(&batch(kind, usable, None), &change(action));
                assert_eq!(
                    got.map(|decided| assert!(matches!(decided, Decided::Now(_)))),
                    want,
                    "{action:?} of {kind:?}"
                );
            }
        }
    }

    #[test]
    fn a_decision_is_taken_once() {
        for (action, kind) in [
            (Release, None),
            (Release, Some(Promoted)),
            (Discard, Some(Out)),
            (Withdraw, Some(Out)),
        ] {
            let decided = decide(&batch(kind, true, Some(action)), &change(action));
            assert!(
                matches!(&decided, Ok(Decided::Already(event)) if event.seq == 4),
                "{action:?} of {kind:?}: {decided:?}"
            );
        }
        // Withdrawn after it had been released, and released again.
        let again = decide(
            &batch(Some(Promoted), true, Some(Release)),
            &change(Withdraw),
        );
        assert!(matches!(again, Ok(Decided::Now(event)) if event.seq == 5));
    }

    #[test]
    fn control_characters_of_a_reason_are_escaped() {
        let decided = decide(&batch(Some(Quarantined), false, None), &change(Discard));
        let Ok(Decided::Now(event)) = decided else {
            panic!("{decided:?}")
        };
        assert_eq!(event.reason.as_deref(), Some(r"a\u{1b}[31mred\nline"));
    }
}
