//! Batches: opened once, claimed by one run at a time, closed by an outcome.

use tasador_flow::Origin;
use tasador_ids::{BatchId, RunId};

use super::fault::Attempt;
use super::item::{Expression, Item, item, text, value};
use super::key::{self, OPEN};
use super::query::Place;
use super::{ATTEMPTS, Registry, back_off};
use crate::RegistryError;
use crate::batch::{Batch, BatchOutcome, BatchRecord, Claim, Opened, RunBatch, UsableBatch};

impl Registry {
    /// Puts a batch whose bytes are in the bucket into the registry, as the batch of `record.run`.
    ///
    /// Repeating it changes nothing. Bytes that are known already stay as they are, outcome
    /// included; the run points to them all the same, so that a repeated call of the run finds the
    /// same batch.
    ///
    /// # Errors
    /// [`RegistryError::Conflict`] where the run has another batch.
    pub async fn open_batch(
        &self,
        record: &BatchRecord,
        origin: Origin,
    ) -> Result<Opened, RegistryError> {
        const WHAT: &str = "open a batch";
        let mine = RunBatch {
            batch: record.batch,
            origin,
            repeat: false,
            at: record.received_at,
        };
        let batch = Batch {
            record: record.clone(),
            claim: Claim {
                run: record.run.clone(),
                execution_arn: record.execution_arn.clone(),
                at: record.received_at,
            },
            outcome: None,
            decided: None,
        };
        let mut new = item(key::batch(&record.batch), &batch)?;
        new.insert("open_pk".to_owned(), text(OPEN));
        new.insert(
            "open_sk".to_owned(),
            text(key::received(record.received_at, &record.batch)),
        );
        for round in 0..ATTEMPTS {
            let writes = vec![
                self.put(new.clone(), Expression::absent())?,
                self.put(
                    item(key::run_batch(&record.run), &mine)?,
                    Expression::absent(),
                )?,
            ];
            if self.transact(WHAT, writes).await? == Attempt::Done {
                return Ok(Opened {
                    batch,
                    mine,
                    new: true,
                });
            }
            let known = self.batch(&record.batch).await?;
            match (known, self.batch_of_run(&record.run).await?) {
                (_, Some(pointer)) if pointer.batch != record.batch => {
                    return Err(has_another(&record.run, &pointer.batch));
                }
                (Some(known), Some(mine)) => {
                    return Ok(Opened {
                        new: known.record.run == record.run,
                        batch: known,
                        mine,
                    });
                }
                (Some(known), None) => {
                    let mine = RunBatch {
                        repeat: known.outcome.is_some(),
                        ..mine.clone()
                    };
                    let pointer = self.put(
                        item(key::run_batch(&record.run), &mine)?,
                        Expression::absent(),
                    )?;
                    if self.transact(WHAT, vec![pointer]).await? == Attempt::Done {
                        return Ok(Opened {
                            batch: known,
                            mine,
                            new: false,
                        });
                    }
                }
                // Another writer was between two of these calls: the next round sees all of it.
                (None, _) => {}
            }
            back_off(round).await;
        }
        Err(RegistryError::Contended { operation: WHAT })
    }

    /// The batch of that id.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Damaged`].
    pub async fn batch(&self, batch: &BatchId) -> Result<Option<Batch>, RegistryError> {
        self.get("read a batch", key::batch(batch)).await
    }

    /// What became of a batch; none while it is open, or where there is no such batch.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Damaged`].
    pub async fn outcome_of(&self, batch: &BatchId) -> Result<Option<BatchOutcome>, RegistryError> {
        Ok(self.batch(batch).await?.and_then(|batch| batch.outcome))
    }

    /// The batch that a run opened or claimed.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Damaged`].
    pub async fn batch_of_run(&self, run: &RunId) -> Result<Option<RunBatch>, RegistryError> {
        self.get("read a run's batch", key::run_batch(run)).await
    }

    /// The batches that wait for an outcome, oldest first. Read from an index: a batch opened
    /// within the last second may be missing.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Damaged`].
    pub async fn open_batches(&self) -> Result<Vec<Batch>, RegistryError> {
        self.all("list open batches", &Place::Open).await
    }

    /// Makes `claim.run` the one that works on a batch, and the batch that run's batch.
    ///
    /// `seen` is the batch as the caller read it: the claim succeeds only while claim and outcome
    /// are still those. Of several runs that saw the same, one gets it. Repeating a claim that
    /// succeeded gives the same answer.
    ///
    /// # Errors
    /// [`RegistryError::Conflict`] where another run was first, or this run has another batch.
    pub async fn claim_batch(
        &self,
        seen: &Batch,
        claim: &Claim,
        origin: Origin,
    ) -> Result<RunBatch, RegistryError> {
        const WHAT: &str = "claim a batch";
        let id = seen.record.batch;
        let mine = RunBatch {
            batch: id,
            origin,
            repeat: seen.outcome.is_some(),
            at: claim.at,
        };
        let unchanged = match &seen.outcome {
            None => Expression::new("#claim.#run = :seen AND attribute_not_exists(#outcome)"),
            Some(outcome) => Expression::new("#claim.#run = :seen AND #outcome.#run = :settled")
                .value(":settled", text(outcome.run.as_str())),
        };
        let unchanged = unchanged
            .name("#claim", "claim")
            .name("#run", "run")
            .name("#outcome", "outcome")
            .value(":seen", text(seen.claim.run.as_str()));
        for round in 0..ATTEMPTS {
            match self.batch_of_run(&claim.run).await? {
                Some(pointer) if pointer.batch == id => return Ok(pointer),
                Some(pointer) => return Err(has_another(&claim.run, &pointer.batch)),
                None => {}
            }
            let writes = vec![
                self.update(
                    key::batch(&id),
                    Expression::new("SET #claim = :claim").value(":claim", value(claim)?),
                    unchanged.clone(),
                )?,
                self.put(
                    item(key::run_batch(&claim.run), &mine)?,
                    Expression::absent(),
                )?,
            ];
            if self.transact(WHAT, writes).await? == Attempt::Done {
                return Ok(mine);
            }
            let Some(now) = self.batch(&id).await? else {
                return Err(RegistryError::NotFound {
                    what: format!("batch `{id}`"),
                });
            };
            if now.claim.run != claim.run
                && (now.claim != seen.claim || now.outcome != seen.outcome)
            {
                return Err(RegistryError::Conflict {
                    why: format!(
                        "batch `{id}` was taken by run `{}` meanwhile",
                        now.claim.run
                    ),
                });
            }
            back_off(round).await;
        }
        Err(RegistryError::Contended { operation: WHAT })
    }

    /// The batches whose clean rows belong into datasets, in the order of their reception. Strongly
    /// consistent: a batch is in the list as soon as its outcome is recorded.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Damaged`].
    pub async fn usable_batches(&self) -> Result<Vec<UsableBatch>, RegistryError> {
        let place = Place::Partition {
            pk: key::USABLE.to_owned(),
            prefix: String::new(),
        };
        self.all("list usable batches", &place).await
    }

    /// The item that lists a batch for datasets.
    pub(super) fn usable_item(batch: &UsableBatch) -> Result<Item, RegistryError> {
        item(key::usable(batch.received_at, &batch.batch), batch)
    }
}

fn has_another(run: &RunId, batch: &BatchId) -> RegistryError {
    RegistryError::Conflict {
        why: format!("run `{run}` has batch `{batch}` already"),
    }
}
