//! People's decisions about batches and properties: each one an event, written with its effect.

use tasador_flow::{BatchAction, BatchEvent, OutcomeKind};
use tasador_ids::BatchId;

use super::fault::Attempt;
use super::item::{Expression, item, text, value};
use super::key::{self, EVENT, OPEN, WITHDRAWN, WITHDRAWN_BATCH, WITHDRAWN_PROPERTY};
use super::query::Place;
use super::{ATTEMPTS, Registry, back_off};
use crate::RegistryError;
use crate::batch::{Batch, BatchOutcome};
use crate::decision::{BatchChange, DecideError, Decided, PropertyWithdrawal, Withdrawn, decide};

impl Registry {
    /// Takes a decision about a batch: the batch, its place among the usable ones, the entry of its run
    /// in the history and the event change in one transaction.
    ///
    /// A released batch has no outcome afterwards and is among the open ones, so that the next run
    /// works on it. A discarded or withdrawn one keeps the run of its outcome, and is in no later
    /// dataset. Repeating a decision changes nothing and gives the event of the first.
    ///
    /// # Errors
    /// [`DecideError`]: a batch that is not known, or a rule that forbids it.
    pub async fn decide_batch(&self, change: &BatchChange) -> Result<BatchEvent, DecideError> {
        const WHAT: &str = "decide about a batch";
        for round in 0..ATTEMPTS {
            let id = change.batch;
            let Some(batch) = self.batch(&id).await? else {
                return Err(DecideError::Unknown { batch: id });
            };
            let event = match decide(&batch, change) {
                Ok(Decided::Already(event)) => return Ok(event),
                Ok(Decided::Now(event)) => event,
                Err(why) => return Err(DecideError::Forbidden { batch: id, why }),
            };
            let Some(outcome) = &batch.outcome else {
                continue;
            };
            let writes = self.decision(&batch, outcome, &event)?;
            if self.transact(WHAT, writes).await? == Attempt::Done {
                return Ok(event);
            }
            back_off(round).await;
        }
        Err(RegistryError::Contended { operation: WHAT }.into())
    }

    /// The writes that a decision takes effect with.
    pub(super) fn decision(
        &self,
        batch: &Batch,
        outcome: &BatchOutcome,
        event: &BatchEvent,
    ) -> Result<Vec<aws_sdk_dynamodb::types::TransactWriteItem>, RegistryError> {
        let record = &batch.record;
        let unchanged = Expression::new("#outcome.#run = :run AND #outcome.#kind = :kind")
            .name("#outcome", "outcome")
            .name("#run", "run")
            .name("#kind", "kind")
            .value(":run", text(outcome.run.as_str()))
            .value(":kind", value(&outcome.kind)?);
        let change = if event.action == BatchAction::Release {
            Expression::new("SET #decided = :event, #open = :open, #place = :place REMOVE #outcome")
                .name("#open", "open_pk")
                .name("#place", "open_sk")
                .value(":open", text(OPEN))
                .value(
                    ":place",
                    text(key::received(record.received_at, &record.batch)),
                )
        } else {
            let after = BatchOutcome {
                kind: OutcomeKind::Withdrawn,
                usable: false,
                ..outcome.clone()
            };
            Expression::new("SET #decided = :event, #outcome = :after")
                .value(":after", value(&after)?)
        };
        let change = change
            .name("#decided", "decided")
            .value(":event", value(event)?);
        let of_run = Expression::new("SET #decided = :event")
            .name("#decided", "decided")
            .value(":event", value(event)?);
        let withdrawn = key::withdrawn_batch(&record.batch);
        let mut writes = vec![
            self.update(key::batch(&record.batch), change, unchanged)?,
            self.put(
                item(key::batch_event(&record.batch, event.seq), event)?,
                Expression::absent(),
            )?,
            self.update(
                key::run_history(&outcome.run),
                of_run,
                Expression::present(),
            )?,
            if event.action == BatchAction::Release {
                self.delete(withdrawn, Expression::any())?
            } else {
                self.put(item(withdrawn, event)?, Expression::any())?
            },
        ];
        if outcome.usable {
            writes.push(self.delete(
                key::usable(record.received_at, &record.batch),
                Expression::present(),
            )?);
        }
        Ok(writes)
    }

    /// All decisions about a batch, oldest first.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Damaged`].
    pub async fn batch_events(&self, batch: &BatchId) -> Result<Vec<BatchEvent>, RegistryError> {
        let place = Place::Partition {
            pk: key::batch(batch).pk,
            prefix: EVENT.to_owned(),
        };
        self.all("list decisions about a batch", &place).await
    }

    /// Takes a property out of all later datasets. The first withdrawal of a property stands.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Damaged`].
    pub async fn withdraw_property(
        &self,
        withdrawal: &PropertyWithdrawal,
    ) -> Result<PropertyWithdrawal, RegistryError> {
        const WHAT: &str = "withdraw a property";
        let place = || key::withdrawn_property(&withdrawal.property);
        for round in 0..ATTEMPTS {
            if let Some(known) = self.get(WHAT, place()).await? {
                return Ok(known);
            }
            let put = self.put(item(place(), withdrawal)?, Expression::absent())?;
            if self.transact(WHAT, vec![put]).await? == Attempt::Done {
                return Ok(withdrawal.clone());
            }
            back_off(round).await;
        }
        Err(RegistryError::Contended { operation: WHAT })
    }

    /// All that was taken out of datasets and is still out. Strongly consistent.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Damaged`].
    pub async fn withdrawn(&self) -> Result<Withdrawn, RegistryError> {
        const WHAT: &str = "list what was withdrawn";
        let place = |prefix: &str| Place::Partition {
            pk: WITHDRAWN.to_owned(),
            prefix: prefix.to_owned(),
        };
        let (batches, properties) = (place(WITHDRAWN_BATCH), place(WITHDRAWN_PROPERTY));
        Ok(Withdrawn {
            batches: self.all(WHAT, &batches).await?,
            properties: self.all(WHAT, &properties).await?,
        })
    }
}
