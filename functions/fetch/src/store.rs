//! From the spool folder into the bucket and the registry.
//!
//! A marker stands in the bucket before the bytes do and goes when the registry knows the batch, so
//! that bytes whose run died between the two are found again.

use tasador_ids::BatchId;
use tasador_lake::{Key, LakeError, key};
use tasador_registry::{Batch, BatchRecord, Opened, Origin};

use crate::spool::{self, LeftOver, Receipt, Slot};
use crate::{Error, Response, Run};

impl Run<'_> {
    /// Stores what came in whole, and makes it this run's batch.
    pub(crate) async fn store(&self, slot: Slot, receipt: &Receipt) -> Result<Response, Error> {
        let lake = &self.ctx.lake;
        let batch = &receipt.batch;
        let marker = key::incoming(batch, receipt.form);
        let text = serde_json::to_vec(receipt).map_err(|error| LakeError::Corrupt {
            key: marker.clone(),
            reason: format!("it can't be written as JSON: {error}"),
        })?;
        lake.put(&marker, text).await?;
        let raw = self.place_for(receipt).await?;
        lake.put_once_from_file(&raw, &slot.body(), batch.digest())
            .await?;
        tracing::debug!(%batch, key = %raw, "the raw bytes are stored");
        let response = self.open(receipt, raw).await?;
        slot.clear();
        Ok(response)
    }

    /// Where the bytes belong: once and for all, whatever a second source calls them.
    async fn place_for(&self, receipt: &Receipt) -> Result<Key, Error> {
        match self.raw_key(&receipt.batch).await {
            Err(Error::RawMissing { .. }) => Ok(key::raw(&receipt.batch, receipt.form)),
            found => found,
        }
    }

    /// Puts a batch whose bytes are in the bucket into the registry, as this run's.
    pub(crate) async fn open(&self, receipt: &Receipt, raw: Key) -> Result<Response, Error> {
        let origin = if receipt.run == self.id {
            Origin::Source
        } else {
            Origin::Resumed
        };
        let record = BatchRecord {
            batch: receipt.batch,
            run: self.id.clone(),
            execution_arn: self.execution.clone(),
            source: receipt.source.clone(),
            format: receipt.form.format,
            size_bytes: receipt.size_bytes,
            received_at: receipt.received_at,
        };
        let opened = self.ctx.registry.open_batch(&record, origin).await?;
        self.remove_marker(&raw).await;
        let named_so = key::raw(&receipt.batch, receipt.form);
        if named_so != raw {
            self.remove_marker(&named_so).await;
        }
        if let Opened::Known(_) = opened {
            tracing::info!(batch = %receipt.batch, "the batch is known already");
        }
        let batch = self.known(&receipt.batch).await?;
        match self.ctx.registry.batch_of_run(&self.id).await? {
            Some(mine) => Ok(self.answer(&batch, &mine, raw)),
            None => Err(Error::UnknownBatch {
                batch: receipt.batch,
            }),
        }
    }

    /// Makes known bytes this run's batch as well: the source sent them once more.
    pub(crate) async fn point_to(
        &self,
        known: &Batch,
        receipt: &Receipt,
    ) -> Result<Response, Error> {
        let raw = self.raw_key(&known.record.batch).await?;
        self.open(receipt, raw).await
    }

    /// Removes what an earlier call of this run left of a batch that it opened.
    pub(crate) async fn clear_up(&self, batch: &BatchId, raw: &Key) {
        self.remove_marker(raw).await;
        let left_over = self
            .spool_folder()
            .and_then(|folder| spool::left_over(&folder));
        for left in left_over.unwrap_or_default() {
            if let LeftOver::Batch(slot, receipt) = left
                && receipt.batch == *batch
            {
                slot.clear();
            }
        }
    }

    /// Removes the marker of a batch that is in the registry. One that stays is removed by a later
    /// run, so this is no reason to fail.
    pub(crate) async fn remove_marker(&self, raw: &Key) {
        let Some(marker) = marker_of(raw) else { return };
        for tries_left in [1, 0] {
            match self.ctx.lake.delete(&marker).await {
                Ok(()) => return,
                Err(error) => {
                    tracing::warn!(%error, key = %marker, tries_left, "the marker was not removed");
                }
            }
        }
    }
}

/// The marker that belongs to a raw object.
fn marker_of(raw: &Key) -> Option<Key> {
    format!("{}{}", key::INCOMING, raw.file_name()).parse().ok()
}

/// The batch that a marker's name tells.
pub(crate) fn batch_of(marker: &Key) -> Option<BatchId> {
    marker.file_name().split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tasador_lake::{Format, RawForm};

    #[test]
    fn a_marker_and_its_object_have_one_name() {
        let batch = BatchId::of(b"batch");
        for format in Format::ALL {
            for gzip in [false, true] {
                let form = RawForm { format, gzip };
                let marker = key::incoming(&batch, form);
                assert_eq!(marker_of(&key::raw(&batch, form)), Some(marker.clone()));
                assert_eq!(batch_of(&marker), Some(batch));
            }
        }
    }
}
