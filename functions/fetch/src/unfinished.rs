//! What earlier runs left: it is finished before the next batch is fetched.

use tasador_lake::{ObjectInfo, key};
use tasador_registry::{Origin, RegistryError};

use crate::spool::{self, Asked, LeftOver, Receipt, Slot};
use crate::store::batch_of;
use crate::{Error, Response, Run};

impl Run<'_> {
    /// The oldest of what was left behind, if anything was: bytes in the spool folder, bytes in the
    /// bucket that the registry does not know, batches that ended without an outcome.
    pub(crate) async fn unfinished(&self) -> Result<Option<Response>, Error> {
        if let Some(found) = self.in_spool().await? {
            return Ok(Some(found));
        }
        if let Some(found) = self.in_bucket().await? {
            return Ok(Some(found));
        }
        self.in_registry().await
    }

    async fn in_spool(&self) -> Result<Option<Response>, Error> {
        let folder = self.spool_folder()?;
        for left in spool::left_over(&folder)? {
            let (slot, receipt) = match left {
                LeftOver::Batch(slot, receipt) => (slot, receipt),
                LeftOver::Question(slot, asked) => {
                    if !self
                        .owned_by_another_run(&asked.run, &asked.execution_arn)
                        .await?
                    {
                        self.unanswered(slot, asked)?;
                    }
                    continue;
                }
            };
            if self
                .owned_by_another_run(&receipt.run, &receipt.execution_arn)
                .await?
            {
                continue;
            }
            if let Some(response) = self.finish_left_over(slot, &receipt).await? {
                return Ok(Some(response));
            }
        }
        Ok(None)
    }

    /// A question of this run whose answer its dead process never had whole ends it: to ask again
    /// would bring the next batch.
    fn unanswered(&self, slot: Slot, asked: Asked) -> Result<(), Error> {
        slot.clear();
        tracing::error!(earlier_run = %asked.run, source = asked.source, "an earlier run ended while the source was answering; a batch may be lost");
        if asked.run != self.id {
            return Ok(());
        }
        let how = format!(
            "the process of this run ended while the source {} was answering",
            asked.source
        );
        Err(Error::Lost(how.into()))
    }

    async fn finish_left_over(
        &self,
        slot: Slot,
        receipt: &Receipt,
    ) -> Result<Option<Response>, Error> {
        let batch = receipt.batch;
        if self.ctx.registry.batch(&batch).await?.is_some() {
            // It came as far as the registry before its process died.
            slot.clear();
            return Ok(None);
        }
        if spool::digest(&slot.body()).await? != batch.digest() {
            tracing::error!(%batch, "the batch's file in the spool folder is damaged and was removed");
            slot.clear();
            return Ok(None);
        }
        tracing::info!(%batch, earlier_run = %receipt.run, "a batch that an earlier run received is stored now");
        self.store(slot, receipt).await.map(Some)
    }

    async fn in_bucket(&self) -> Result<Option<Response>, Error> {
        let lake = &self.ctx.lake;
        let mut waiting = Vec::new();
        for marker in lake.list(key::INCOMING).await? {
            match lake.get_json::<Receipt>(&marker.key).await {
                Ok(receipt) if batch_of(&marker.key) == Some(receipt.batch) => {
                    waiting.push((marker, receipt));
                }
                // Its run removed it meanwhile.
                Err(tasador_lake::LakeError::NotFound { .. }) => {}
                Err(error) if error.is_retryable() => return Err(error.into()),
                _ => {
                    tracing::error!(key = %marker.key, "this object is not a marker of this program, and is kept");
                }
            }
        }
        waiting.sort_by_key(|(_, receipt)| (receipt.received_at, receipt.batch));
        for (marker, receipt) in waiting {
            if let Some(response) = self.finish_marked(&marker, &receipt).await? {
                return Ok(Some(response));
            }
        }
        Ok(None)
    }

    async fn finish_marked(
        &self,
        marker: &ObjectInfo,
        receipt: &Receipt,
    ) -> Result<Option<Response>, Error> {
        let lake = &self.ctx.lake;
        let batch = receipt.batch;
        if self.ctx.registry.batch(&batch).await?.is_some() {
            lake.delete(&marker.key).await?;
            return Ok(None);
        }
        if self
            .owned_by_another_run(&receipt.run, &receipt.execution_arn)
            .await?
        {
            return Ok(None);
        }
        let stored = lake
            .list(&key::raw_prefix(&batch))
            .await?
            .into_iter()
            .next();
        match stored.filter(|stored| stored.size_bytes == receipt.size_bytes) {
            Some(stored) => {
                tracing::info!(%batch, earlier_run = %receipt.run, "resuming a batch that an earlier run stored");
                self.open(receipt, stored.key).await.map(Some)
            }
            None => {
                // The bytes went with the machine that received them, between marker and object.
                tracing::error!(%batch, earlier_run = %receipt.run, source = receipt.source, "an earlier run ended before its batch was stored; the bytes are lost");
                lake.delete(&marker.key).await?;
                Ok(None)
            }
        }
    }

    async fn in_registry(&self) -> Result<Option<Response>, Error> {
        for batch in self.ctx.registry.open_batches().await? {
            if batch.outcome.is_some() || self.is_held(&batch).await? {
                continue;
            }
            match self.claim(&batch, Origin::Resumed).await {
                Ok(response) => return Ok(Some(response)),
                // Another run was first with this one.
                Err(Error::Registry(RegistryError::Conflict { why })) => {
                    tracing::info!(batch = %batch.record.batch, "{why}");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}
