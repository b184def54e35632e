//! What became of a run, and the rules by which a run's outcome becomes its batch's.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tasador_ids::{BatchId, DatasetId, Key, ModelName, ModelVersion, RunId};

use crate::RegistryError;
use crate::batch::{Batch, BatchOutcome, CleanFile, Origin};
use crate::kind::OutcomeKind;
use crate::metrics::{Metrics, optional_number};
use crate::promotion::{PromotionEvent, PromotionSeq};

/// One reason for a decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Reason {
    /// The reason's stable name, such as `drift`.
    pub code: String,
    /// What people read.
    pub sentence: String,
    /// The measured value, where there is one.
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
    /// The column it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
}

/// What one of the gate's checks found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Measured {
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

/// One algorithm's try.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Candidate {
    /// The algorithm, such as `boosting`.
    pub algorithm: String,
    /// The registered version; none where it could not be fitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<ModelVersion>,
    /// The MLflow run that logged it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mlflow_run_id: Option<String>,
    /// What `train` measured.
    #[serde(default, skip_serializing_if = "Metrics::is_empty")]
    pub metrics: Metrics,
    /// Why it could not be fitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
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
    /// Its scores on the held-out homes (`mae` and `rmse` in US dollars, `r2`, …).
    #[serde(default)]
    pub metrics: Metrics,
}

/// What broke.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Trouble {
    /// The stable error class, such as `SourceUnavailable` or `States.Timeout`.
    pub class: String,
    /// What people read.
    pub message: String,
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
    /// The gate's decision: `train` or `skip`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<String>,
    /// The reasons, the gate's first, then those of the comparison.
    #[serde(default)]
    pub reasons: Vec<Reason>,
    /// Everything the gate measured, whether or not it was a reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub measurements: Vec<Measured>,
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
    pub error: Option<Trouble>,
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

/// What [`Registry::record_outcome`](crate::Registry::record_outcome) leaves in the history.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// The run's entry as it stands.
    pub outcome: Outcome,
    /// Whether this call wrote it; false where the run had one already.
    pub first: bool,
}

impl Outcome {
    /// The outcome as it has to stand in the history, given the run's promotion if it made one.
    ///
    /// A run that broke after the alias had moved has promoted: the promotion is what people see in
    /// production, so it is the outcome, and what broke is kept beside it.
    ///
    /// # Errors
    /// [`RegistryError::Conflict`] for a promotion that never took place.
    pub(crate) fn reconciled(
        mut self,
        event: Option<&PromotionEvent>,
    ) -> Result<Self, RegistryError> {
        match event {
            None if self.kind == OutcomeKind::Promoted => {
                return Err(RegistryError::Conflict {
                    why: format!(
                        "run `{}` is said to have promoted, but the champion's alias never moved for it",
                        self.run
                    ),
                });
            }
            None => {
                self.promoted = false;
                self.promotion = None;
            }
            Some(event) => {
                if self.kind != OutcomeKind::Promoted {
                    self.kind = OutcomeKind::Promoted;
                    self.sentence = match &self.error {
                        Some(error) => format!(
                            "Version {} went into production; then the run broke: {}",
                            event.version, error.message
                        ),
                        None => format!("Version {} went into production.", event.version),
                    };
                }
                self.promoted = true;
                self.promotion = Some(event.seq);
            }
        }
        // Rows of a batch that broke a run stay out of datasets: they would break the next one, too.
        let finished = !matches!(self.kind, OutcomeKind::Failed | OutcomeKind::NothingNew);
        self.usable = self.usable && finished && self.clean.is_some();
        Ok(self)
    }

    /// Whether this becomes the outcome of its batch.
    ///
    /// Only of a run that holds the batch's claim, so not where the source sent known bytes again,
    /// and not of a run that was thought dead and lost the batch to another. A batch has one
    /// outcome for good, but for one that keeps its rows out of datasets (a failure, a batch that was
    /// skipped as unusable): a later run that was given the batch by name and came to a decision
    /// replaces it, or the batch's rows would be lost.
    pub(crate) fn settles(&self, batch: &Batch) -> bool {
        let decided = match self.kind {
            OutcomeKind::Promoted | OutcomeKind::Rejected | OutcomeKind::Skipped => true,
            OutcomeKind::Failed => false,
            OutcomeKind::NothingNew => return false,
        };
        batch.claim.run == self.run
            && match &batch.outcome {
                None => true,
                Some(before) => decided && before.leaves_rows_out(),
            }
    }

    /// The outcome as its batch keeps it.
    pub(crate) fn of_batch(&self) -> BatchOutcome {
        BatchOutcome {
            kind: self.kind,
            run: self.run.clone(),
            recorded_at: self.recorded_at,
            usable: self.usable,
            clean: self.clean.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{BatchRecord, Claim};
    use crate::promotion::PromotionKind;
    use OutcomeKind::{Failed, NothingNew, Promoted, Rejected, Skipped};
    use tasador_ids::Format;

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
            outcome: settled.map(|kind| outcome("earlier", kind).of_batch()),
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
                let got = outcome("run", kind).settles(&batch("run", before));
                assert_eq!(got, want, "{kind:?} over {before:?}");
                let other = outcome("run", kind).settles(&batch("other", before));
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
            assert!(outcome("run", kind).settles(&unusable), "{kind:?}");
        }
        assert!(!outcome("run", Failed).settles(&unusable));
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
            let promoted = outcome("run", kind).reconciled(Some(&event)).unwrap();
            assert_eq!(
                (promoted.kind, promoted.promotion),
                (Promoted, Some(PromotionSeq(4))),
                "{kind:?}"
            );
            assert!(promoted.promoted && promoted.usable && promoted.error.is_some());
            let other = outcome("run", kind).reconciled(None);
            match kind {
                Promoted => assert!(matches!(other, Err(RegistryError::Conflict { .. }))),
                _ => {
                    let other = other.unwrap();
                    assert_eq!((other.kind, other.promoted), (kind, false));
                    assert_eq!(other.usable, matches!(kind, Rejected | Skipped), "{kind:?}");
                }
            }
        }
        let broke = outcome("run", Failed).reconciled(Some(&event)).unwrap();
        assert_eq!(
            broke.sentence,
            "Version 9 went into production; then the run broke: it broke"
        );
    }

    #[test]
    fn rows_that_were_never_cleaned_are_not_usable() {
        let mut bare = outcome("run", Skipped);
        bare.clean = None;
        assert!(!bare.reconciled(None).unwrap().usable);
    }
}
