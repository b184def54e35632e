//! Outcomes: one per run in the history, one per batch for good.

use tasador_flow::{Outcome, RunError};
use tasador_ids::{BatchId, RunId};

use super::fault::Attempt;
use super::item::{Expression, item, listed, text, value};
use super::key;
use super::query::{Order, Place};
use super::{ATTEMPTS, Registry, back_off};
use crate::RegistryError;
use crate::batch::{Batch, BatchOutcome, UsableBatch};
use crate::outcome::{Recorded, reconcile, settles};
use crate::page::{Page, PageRequest};

impl Registry {
    /// Writes the outcome of a run: its entry in the history, the outcome of its batch, the batch's
    /// leaving the open ones and its place among the usable ones, in one transaction.
    ///
    /// The first outcome of a run stands, however often and with whatever later outcomes this is
    /// called: a run whose outcome was recorded and which broke afterwards keeps it, and what broke
    /// is added to the entry. Whether the run promoted is read from the alias's events and not
    /// believed: a run that broke after the alias had moved is recorded as promoted, with what
    /// broke. Whether the outcome is also the batch's is told by [`Outcome::settled`]; repeats of
    /// a batch and runs that lost its claim leave it alone.
    ///
    /// # Errors
    /// [`RegistryError::Conflict`] for `promoted` where the run never moved the alias.
    pub async fn record_outcome(&self, outcome: Outcome) -> Result<Recorded, RegistryError> {
        const WHAT: &str = "record an outcome";
        for round in 0..ATTEMPTS {
            if let Some(known) = self.history_of(&outcome.run).await? {
                let outcome = self.add_error(known, outcome.error).await?;
                return Ok(Recorded {
                    outcome,
                    first: false,
                });
            }
            let event = self.promotion_of_run(&outcome.run).await?;
            let batch = self.batch_in(&outcome).await?;
            let mut entry = reconcile(outcome.clone(), event.as_ref())?;
            let settled = batch.as_ref().filter(|batch| settles(&entry, batch));
            entry.settled = settled.is_some();
            let place = format!("{}#{}", key::moment(entry.recorded_at), entry.run);
            let history = listed(
                item(key::run_history(&entry.run), &entry)?,
                key::HISTORY,
                place,
            );
            let mut writes = vec![
                self.put(history, Expression::absent())?,
                self.promoted_or_not(&entry.run, event.is_some())?,
                self.counted(&entry).await?,
            ];
            if let Some(batch) = settled {
                writes.push(self.settle(batch, &entry)?);
                if let (true, Some(clean)) = (entry.usable, &entry.clean) {
                    let usable = UsableBatch {
                        batch: batch.record.batch,
                        received_at: batch.record.received_at,
                        clean: clean.clone(),
                    };
                    writes.push(self.put(Self::usable_item(&usable)?, Expression::absent())?);
                }
            }
            if self.transact(WHAT, writes).await? == Attempt::Done {
                return Ok(Recorded {
                    outcome: entry,
                    first: true,
                });
            }
            back_off(round).await;
        }
        Err(RegistryError::Contended { operation: WHAT })
    }

    /// The batch an outcome is about. A batch the registry doesn't know can't be settled, but that
    /// must not keep the outcome out of the history.
    async fn batch_in(&self, outcome: &Outcome) -> Result<Option<Batch>, RegistryError> {
        let Some(id) = &outcome.batch else {
            return Ok(None);
        };
        let batch = self.batch(id).await?;
        if batch.is_none() {
            tracing::warn!(batch = %id, "the outcome names a batch that is not in the registry");
        }
        Ok(batch)
    }

    /// Gives a batch its outcome, while claim and outcome are as they were read.
    fn settle(
        &self,
        batch: &Batch,
        entry: &Outcome,
    ) -> Result<aws_sdk_dynamodb::types::TransactWriteItem, RegistryError> {
        let unchanged = match &batch.outcome {
            None => Expression::new("#claim.#run = :run AND attribute_not_exists(#outcome)"),
            Some(before) => Expression::new("#claim.#run = :run AND #outcome.#run = :before")
                .value(":before", text(before.run.as_str())),
        };
        let unchanged = unchanged
            .name("#claim", "claim")
            .name("#run", "run")
            .value(":run", text(entry.run.as_str()));
        let change = Expression::new("SET #outcome = :outcome REMOVE #open, #place")
            .name("#outcome", "outcome")
            .name("#open", "open_pk")
            .name("#place", "open_sk")
            .value(":outcome", value(&BatchOutcome::of(entry))?);
        self.update(key::batch(&batch.record.batch), change, unchanged)
    }

    /// Adds an error that occurred after an outcome was recorded; the first one stays.
    async fn add_error(
        &self,
        mut known: Outcome,
        error: Option<RunError>,
    ) -> Result<Outcome, RegistryError> {
        let Some(error) = error.filter(|_| known.error.is_none()) else {
            return Ok(known);
        };
        let change = Expression::new("SET #error = :error")
            .name("#error", "error")
            .value(":error", value(&error)?);
        let first = Expression::new("attribute_exists(pk) AND attribute_not_exists(#error)");
        let write = self.update(key::run_history(&known.run), change, first)?;
        match self
            .transact("add an error to an outcome", vec![write])
            .await?
        {
            Attempt::Done => {
                known.error = Some(error);
                Ok(known)
            }
            Attempt::Lost => Ok(self.history_of(&known.run).await?.unwrap_or(known)),
        }
    }

    /// The outcomes of runs, newest first. Read from an index: the outcome of the last second may
    /// be missing.
    ///
    /// # Errors
    /// [`RegistryError::BadPageToken`], [`RegistryError::Unavailable`], [`RegistryError::Damaged`].
    pub async fn history(&self, page: &PageRequest) -> Result<Page<Outcome>, RegistryError> {
        let place = Place::List(key::HISTORY.to_owned());
        self.page("list the history", &place, Order::Descending, page)
            .await
    }

    /// The outcome of a run.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Damaged`].
    pub async fn history_of(&self, run: &RunId) -> Result<Option<Outcome>, RegistryError> {
        self.get("read a run's outcome", key::run_history(run))
            .await
    }

    /// The outcome of the run that gave a batch its own, for readers who start at the batch.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Damaged`].
    pub async fn history_of_batch(
        &self,
        batch: &BatchId,
    ) -> Result<Option<Outcome>, RegistryError> {
        match self.outcome_of(batch).await? {
            Some(outcome) => self.history_of(&outcome.run).await,
            None => Ok(None),
        }
    }
}
