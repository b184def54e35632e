//! Entries that are put back as they were, for a registry that was lost or has gaps. Nothing that is
//! there is changed, so each call may be repeated, and beside a registry that is in use.

use aws_sdk_dynamodb::types::AttributeValue;
use tasador_flow::{CleanFile, Outcome};
use tasador_ids::{BatchId, ModelName};

use super::fault::Attempt;
use super::item::{Expression, item, listed, text, value};
use super::modify::{COUNTED, counted};
use super::promotions::RunPromotion;
use super::query::{Order, Place};
use super::versions::Made;
use super::{ATTEMPTS, Registry, back_off, key};
use crate::RegistryError;
use crate::batch::{Batch, RunBatch, UsableBatch};
use crate::page::PageRequest;
use crate::promotion::{Champion, PromotionEvent};
use crate::version::VersionRecord;

impl Registry {
    /// Whether it has no run, no batch that waits for an outcome, and no model.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Damaged`].
    pub async fn is_empty(&self) -> Result<bool, RegistryError> {
        let first = PageRequest::first(1);
        Ok(self.history(&first).await?.items.is_empty()
            && self.models(&first).await?.items.is_empty()
            && self.open_batches().await?.is_empty())
    }

    /// Puts a batch back with its outcome, and among the open or the usable ones. False if it is there.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`].
    pub async fn restore_batch(&self, batch: &Batch) -> Result<bool, RegistryError> {
        const WHAT: &str = "restore a batch";
        let record = &batch.record;
        let mut new = item(key::batch(&record.batch), batch)?;
        if batch.outcome.is_none() {
            new.insert("open_pk".to_owned(), text(key::OPEN));
            let place = key::received(record.received_at, &record.batch);
            new.insert("open_sk".to_owned(), text(place));
        }
        let mut writes = vec![self.put(new, Expression::absent())?];
        if let Some(usable) = usable(batch) {
            // Whatever is listed under a batch that is lost.
            let any = Expression::new("attribute_exists(pk) OR attribute_not_exists(pk)");
            writes.push(self.put(Self::usable_item(&usable)?, any)?);
        }
        Ok(self.transact(WHAT, writes).await? == Attempt::Done)
    }

    /// Puts a run's outcome back into the history and counts it. False if it is there.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Contended`].
    pub async fn restore_outcome(&self, outcome: &Outcome) -> Result<bool, RegistryError> {
        const WHAT: &str = "restore an outcome";
        if let (Some(batch), Some(origin)) = (outcome.batch, outcome.origin) {
            let mine = RunBatch {
                batch,
                origin,
                repeat: outcome.repeat,
                at: outcome.started_at,
            };
            let pointer = item(key::run_batch(&outcome.run), &mine)?;
            self.put_if(WHAT, pointer, Expression::absent()).await?;
        }
        for round in 0..ATTEMPTS {
            if self.history_of(&outcome.run).await?.is_some() {
                return Ok(false);
            }
            let place = format!("{}#{}", key::moment(outcome.recorded_at), outcome.run);
            let entry = item(key::run_history(&outcome.run), outcome)?;
            let entry = listed(entry, key::HISTORY, place);
            let writes = vec![
                self.put(entry, Expression::absent())?,
                self.counted(outcome).await?,
            ];
            if self.transact(WHAT, writes).await? == Attempt::Done {
                return Ok(true);
            }
            back_off(round).await;
        }
        Err(RegistryError::Contended { operation: WHAT })
    }

    /// Puts a version back under its number. False if it is there. The model exists afterwards, and its
    /// next version has a higher number.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Contended`].
    pub async fn restore_version(&self, record: &VersionRecord) -> Result<bool, RegistryError> {
        const WHAT: &str = "restore a version";
        let (model, version) = (&record.model, record.version);
        self.restore_model(record).await?;
        let source = key::version_source(model, &record.source_key);
        let made = item(source, &Made { version })?;
        self.put_if(WHAT, made, Expression::absent()).await?;
        let mut entry = item(key::version(model, version), record)?;
        if let Some(run) = &record.mlflow_run_id {
            let place = format!("{model}#{:010}", version.0);
            entry = listed(entry, key::versions_of(run), place);
        }
        let put = self.put_if(WHAT, entry, Expression::absent()).await?;
        Ok(put == Attempt::Done)
    }

    /// The model of a version, with at least this version's number as its last one.
    async fn restore_model(&self, record: &VersionRecord) -> Result<(), RegistryError> {
        const WHAT: &str = "restore a model";
        let (model, version) = (&record.model, record.version);
        for round in 0..ATTEMPTS {
            let last = self.model(model).await?.map(|known| known.last_version);
            if last.is_some_and(|last| last >= version.0) {
                return Ok(());
            }
            let number = |number: u32| AttributeValue::N(number.to_string());
            let unchanged = match last {
                None => Expression::absent(),
                Some(last) => Expression::new("#last = :last").value(":last", number(last)),
            };
            let change = Expression::new(format!(
                "SET #last = :next, #model = :model, #created = if_not_exists(#created, :at), \
                     #updated = :updated, #list = :list, #place = :model{COUNTED}"
            ))
            .name("#last", "last_version")
            .name("#model", "model")
            .name("#created", "created_at")
            .name("#updated", "updated_at")
            .name("#list", "list_pk")
            .name("#place", "list_sk")
            .value(":next", number(version.0))
            .value(":model", text(model.as_str()))
            .value(":at", value(&record.created_at)?)
            .value(":updated", value(&record.updated_at)?)
            .value(":list", text(key::MODELS));
            let write = self.update(key::model(model), counted(change), unchanged)?;
            if self.transact(WHAT, vec![write]).await? == Attempt::Done {
                return Ok(());
            }
            back_off(round).await;
        }
        Err(RegistryError::Contended { operation: WHAT })
    }

    /// Puts the event of a change of the champion back. False if it is there. The alias is set by
    /// [`restore_champion`](Self::restore_champion).
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`].
    pub async fn restore_promotion(&self, event: &PromotionEvent) -> Result<bool, RegistryError> {
        const WHAT: &str = "restore a promotion";
        let pointer = RunPromotion {
            model: event.model.clone(),
            seq: event.seq,
        };
        let pointer = item(key::run_promotion(&event.run), &pointer)?;
        self.put_if(WHAT, pointer, Expression::absent()).await?;
        let entry = item(key::promotion(&event.model, event.seq), event)?;
        let put = self.put_if(WHAT, entry, Expression::absent()).await?;
        Ok(put == Attempt::Done)
    }

    /// Gives a model without a champion the one that its last promotion named. The champion that it has
    /// afterwards, and whether it is restored.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Damaged`].
    pub async fn restore_champion(
        &self,
        model: &ModelName,
    ) -> Result<Option<(Champion, bool)>, RegistryError> {
        const WHAT: &str = "restore the champion";
        if let Some(champion) = self.champion(model).await? {
            return Ok(Some((champion, false)));
        }
        let place = Place::Partition {
            pk: key::model(model).pk,
            prefix: key::promotions(),
        };
        let last: crate::Page<PromotionEvent> = self
            .page(WHAT, &place, Order::Descending, &PageRequest::first(1))
            .await?;
        let Some(event) = last.items.into_iter().next() else {
            return Ok(None);
        };
        let champion = Champion {
            version: event.version,
            since: event.at,
            promotion: event.seq,
            run: event.run,
        };
        let entry = item(key::champion(model), &champion)?;
        self.put_if(WHAT, entry, Expression::absent()).await?;
        Ok(self.champion(model).await?.map(|now| (now, true)))
    }

    /// Puts a batch that belongs into datasets back among them. False if it is there.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`].
    pub async fn restore_usable(&self, batch: &Batch) -> Result<bool, RegistryError> {
        let Some(usable) = usable(batch) else {
            return Ok(false);
        };
        let entry = Self::usable_item(&usable)?;
        let put = self
            .put_if("restore a usable batch", entry, Expression::absent())
            .await?;
        Ok(put == Attempt::Done)
    }

    /// Records other clean rows of a batch with an outcome: its file was lost, and cleaning the raw
    /// object again gave other bytes. False for a batch that has no outcome, or no clean rows.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Contended`].
    pub async fn replace_clean(
        &self,
        batch: &BatchId,
        clean: &CleanFile,
    ) -> Result<bool, RegistryError> {
        const WHAT: &str = "replace the clean rows of a batch";
        for round in 0..ATTEMPTS {
            let Some(mut known) = self.batch(batch).await? else {
                return Ok(false);
            };
            let Some(outcome) = &mut known.outcome else {
                return Ok(false);
            };
            let Some(before) = outcome.clean.replace(clean.clone()) else {
                return Ok(false);
            };
            if before == *clean {
                return Ok(true);
            }
            let unchanged = Expression::new("#outcome.#clean.#sha256 = :before")
                .name("#outcome", "outcome")
                .name("#clean", "clean")
                .name("#sha256", "sha256")
                .value(":before", value(&before.sha256)?);
            let change =
                Expression::new("SET #outcome.#clean = :clean").value(":clean", value(clean)?);
            let mut writes = vec![self.update(key::batch(batch), change, unchanged)?];
            if let Some(usable) = usable(&known) {
                writes.push(self.put(Self::usable_item(&usable)?, Expression::present())?);
            }
            if self.transact(WHAT, writes).await? == Attempt::Done {
                return Ok(true);
            }
            back_off(round).await;
        }
        Err(RegistryError::Contended { operation: WHAT })
    }
}

fn usable(batch: &Batch) -> Option<UsableBatch> {
    let outcome = batch.outcome.as_ref().filter(|outcome| outcome.usable)?;
    Some(UsableBatch {
        batch: batch.record.batch,
        received_at: batch.record.received_at,
        clean: outcome.clean.clone()?,
    })
}
