//! The rules by which the outcome of a run is recorded, and becomes that of its batch.

use tasador_flow::{Contender, Language, Metrics, Outcome, OutcomeKind};

use crate::RegistryError;
use crate::batch::Batch;
use crate::promotion::PromotionEvent;

/// What [`Registry::record_outcome`](crate::Registry::record_outcome) leaves in the history.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// The run's entry as it stands.
    pub outcome: Outcome,
    /// Whether this call wrote it; false where the run had one already.
    pub first: bool,
}

/// The outcome as it has to stand in the history, given the run's promotion if it made one.
///
/// A run that failed after the alias had moved has promoted: the promotion is what people see in
/// production, so it is the outcome, and the error is kept beside it.
///
/// # Errors
/// [`RegistryError::Conflict`] for a promotion that never took place.
pub(crate) fn reconcile(
    mut outcome: Outcome,
    event: Option<&PromotionEvent>,
) -> Result<Outcome, RegistryError> {
    if event.is_none() && outcome.kind == OutcomeKind::Promoted {
        return Err(RegistryError::Conflict {
            why: format!(
                "run `{}` is recorded as promoted, but it never moved the champion's alias",
                outcome.run
            ),
        });
    }
    outcome.promoted = event.is_some();
    outcome.promotion = event.map(|event| event.seq);
    if let Some(event) = event.filter(|_| outcome.kind != OutcomeKind::Promoted) {
        outcome.kind = OutcomeKind::Promoted;
        outcome.challenger.get_or_insert_with(|| Contender {
            version: event.version,
            algorithm: None,
            metrics: Metrics::default(),
        });
        outcome.sentence = Language::English.outcome(&outcome);
    }
    // Rows of a batch that failed a run stay out of datasets: they would fail the next one, too.
    let finished = !matches!(outcome.kind, OutcomeKind::Failed | OutcomeKind::NothingNew);
    outcome.usable = outcome.usable && finished && outcome.clean.is_some();
    Ok(outcome)
}

/// Whether the outcome of a run becomes that of its batch.
///
/// Only of a run that holds the batch's claim, so not where the source sent known bytes again,
/// and not of a run that was considered dead and lost the batch to another. A batch keeps its first
/// outcome, except one that keeps its rows out of datasets (a failure, a batch that was skipped as
/// unusable): a later run that was given the batch by name and came to a decision replaces it, or
/// the batch's rows would be lost.
pub(crate) fn settles(outcome: &Outcome, batch: &Batch) -> bool {
    let decided = match outcome.kind {
        OutcomeKind::Promoted | OutcomeKind::Rejected | OutcomeKind::Skipped => true,
        OutcomeKind::Failed => false,
        OutcomeKind::NothingNew => return false,
    };
    batch.claim.run == outcome.run
        && match &batch.outcome {
            None => true,
            Some(before) => decided && before.leaves_rows_out(),
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{BatchOutcome, BatchRecord, Claim};
    use crate::promotion::PromotionKind;
    use OutcomeKind::{Failed, NothingNew, Promoted, Rejected, Skipped};
    use jiff::Timestamp;
    use tasador_flow::PromotionSeq;
    use tasador_ids::{BatchId, Format, ModelVersion, RunId};

    const KINDS: [OutcomeKind; 5] = [Promoted, Rejected, Skipped, Failed, NothingNew];

    fn outcome(run: &str, kind: OutcomeKind) -> Outcome {
        let batch = BatchId::of(b"batch");
        serde_json::from_value(serde_json::json!({
            "run": run, "kind": kind, "sentence": "So it is.", "batch": batch, "usable": true,
            "clean": {"key": "clean/1.parquet", "sha256": batch, "rows": 3},
            "error": {"class": "Bug", "message": "it broke"},
            "promoted": false, "model": "Model", "started_at": Timestamp::UNIX_EPOCH,
            "recorded_at": Timestamp::UNIX_EPOCH, "duration_ms": 1,
        }))
        .unwrap()
    }

    fn batch(holder: &str, settled: Option<OutcomeKind>) -> Batch {
        let run: RunId = holder.parse().unwrap();
        Batch {
            record: BatchRecord {
                batch: BatchId::of(b"batch"),
                run: run.clone(),
                execution_arn: "arn".to_owned(),
                source: "source".to_owned(),
                format: Format::Csv,
                size_bytes: 5,
                received_at: Timestamp::UNIX_EPOCH,
            },
            claim: Claim {
                run,
                execution_arn: "arn".to_owned(),
                at: Timestamp::UNIX_EPOCH,
            },
            outcome: settled.map(|kind| BatchOutcome::of(&outcome("earlier", kind))),
        }
    }

    #[test]
    fn whose_outcome_a_batch_takes() {
        // A run with the claim, over what the batch has already.
        let table = [
            (Promoted, [true, false, false, false, true]),
            (Rejected, [true, false, false, false, true]),
            (Skipped, [true, false, false, false, true]),
            (Failed, [true, false, false, false, false]),
            (NothingNew, [false, false, false, false, false]),
        ];
        for (kind, wants) in table {
            let befores = [
                None,
                Some(Promoted),
                Some(Rejected),
                Some(Skipped),
                Some(Failed),
            ];
            for (before, want) in befores.into_iter().zip(wants) {
                let got = settles(&outcome("run", kind), &batch("run", before));
                assert_eq!(got, want, "{kind:?} over {before:?}");
                let other = settles(&outcome("run", kind), &batch("other", before));
                assert!(!other, "{kind:?} over {before:?} without the claim");
            }
        }
    }

    #[test]
    fn a_batch_that_was_unusable_may_be_decided_anew() {
        let mut unusable = batch("run", Some(Skipped));
        if let Some(before) = &mut unusable.outcome {
            before.usable = false;
        }
        for kind in [Promoted, Rejected, Skipped] {
            assert!(settles(&outcome("run", kind), &unusable), "{kind:?}");
        }
        assert!(!settles(&outcome("run", Failed), &unusable));
    }

    #[test]
    fn the_alias_has_the_last_word_on_promotion() {
        let event = PromotionEvent {
            seq: PromotionSeq(4),
            model: "Model".parse().unwrap(),
            kind: PromotionKind::Promotion,
            version: ModelVersion(9),
            previous: None,
            run: "run".parse().unwrap(),
            reason: "better".to_owned(),
            verdict_key: None,
            at: Timestamp::UNIX_EPOCH,
        };
        for kind in KINDS {
            let promoted = reconcile(outcome("run", kind), Some(&event)).unwrap();
            assert_eq!(
                (promoted.kind, promoted.promotion),
                (Promoted, Some(PromotionSeq(4))),
                "{kind:?}"
            );
            assert!(promoted.promoted && promoted.usable && promoted.error.is_some());
            let other = reconcile(outcome("run", kind), None);
            match kind {
                Promoted => assert!(matches!(other, Err(RegistryError::Conflict { .. }))),
                _ => {
                    let other = other.unwrap();
                    assert_eq!((other.kind, other.promoted), (kind, false));
                    assert_eq!(other.usable, matches!(kind, Rejected | Skipped), "{kind:?}");
                }
            }
        }
        let failed = reconcile(outcome("run", Failed), Some(&event)).unwrap();
        assert_eq!(failed.sentence, "Version 9 is now in production.");
        assert_eq!(
            Language::English.notification(&failed),
            "Version 9 is now in production. After that, an error occurred: it broke."
        );
    }

    #[test]
    fn rows_that_were_never_cleaned_are_not_usable() {
        let mut bare = outcome("run", Skipped);
        bare.clean = None;
        assert!(!reconcile(bare, None).unwrap().usable);
    }
}
