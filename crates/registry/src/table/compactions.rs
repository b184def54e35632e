//! The log's way into files, hour by hour.
//!
//! Each hour has one item, and each file of the hour is decided upon by one conditional write: which
//! bytes it has, and its number. The next file can only be decided upon when the one before is
//! finished, that is, when it is in its place and its entries have their expiry; and only entries
//! without an expiry get into a file. So no entry is in two files, whoever races and wherever a
//! compaction breaks off, and none expires that is in no file.

use std::collections::HashSet;

use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::fault::{Attempt, unavailable};
use super::inferences::{self, SHARDS, Wanted};
use super::item::{Expression, item, value};
use super::{Registry, key};
use crate::RegistryError;
use crate::compaction::{CompactionClaim, HourCompaction, LooseInference};

/// Expiries that are written at the same time.
const EXPIRIES_AT_ONCE: usize = 16;

#[derive(Debug, Serialize, Deserialize)]
struct Through {
    /// Text whose order is that of time.
    place: String,
    through: Timestamp,
}

impl Registry {
    /// How far the compaction of the hour (UTC) that `at` lies in has come.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Damaged`].
    pub async fn compaction_of_hour(&self, at: Timestamp) -> Result<HourCompaction, RegistryError> {
        let kept = self
            .get("read an hour's compaction", key::compaction(at))
            .await?;
        Ok(kept.unwrap_or_default())
    }

    /// Decides upon the next file of an hour, where the hour is still as it was `seen`. Gives back
    /// how the hour stands now: with this claim, or with what another decided meanwhile.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Damaged`].
    pub async fn claim_compaction(
        &self,
        at: Timestamp,
        seen: &HourCompaction,
        claim: CompactionClaim,
    ) -> Result<HourCompaction, RegistryError> {
        let next = HourCompaction {
            claim: Some(claim),
            ..seen.clone()
        };
        self.replace(at, seen, &next).await?;
        self.compaction_of_hour(at).await
    }

    /// That the claimed file of an hour is finished. Where another said so before, nothing changes.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Damaged`].
    pub async fn finish_compaction(
        &self,
        at: Timestamp,
        seen: &HourCompaction,
    ) -> Result<(), RegistryError> {
        let Some(claim) = &seen.claim else {
            return Ok(());
        };
        let next = HourCompaction {
            done: claim.number,
            rows: seen.rows + claim.rows,
            claim: None,
        };
        self.replace(at, seen, &next).await.map(drop)
    }

    async fn replace(
        &self,
        at: Timestamp,
        seen: &HourCompaction,
        next: &HourCompaction,
    ) -> Result<Attempt, RegistryError> {
        let unchanged = match (&seen.claim, seen.done) {
            (None, 0) => Expression::absent(),
            (None, done) => Expression::new("#done = :done AND attribute_not_exists(#claim)")
                .name("#done", "done")
                .name("#claim", "claim")
                .value(":done", value(&done)?),
            (Some(claim), _) => {
                Expression::new("#claim.#sha256 = :sha256 AND #claim.#number = :number")
                    .name("#claim", "claim")
                    .name("#sha256", "sha256")
                    .name("#number", "number")
                    .value(":sha256", super::item::text(claim.sha256.to_string()))
                    .value(":number", value(&claim.number)?)
            }
        };
        let put = self.put(item(key::compaction(at), next)?, unchanged)?;
        self.transact("decide upon an hour's compaction", vec![put])
            .await
    }

    /// Entries of the hour that `at` lies in that are in no finished file, oldest first: all of
    /// them, or, where they are many, at least `most_bytes` of inputs and outputs.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Damaged`].
    pub async fn loose_inferences(
        &self,
        at: Timestamp,
        most_bytes: usize,
    ) -> Result<Vec<LooseInference>, RegistryError> {
        let mut loose = Vec::new();
        let mut bytes = 0;
        for shard in 0..SHARDS {
            let limit = most_bytes.saturating_sub(bytes);
            let (found, size) = self
                .inferences_of_shard(at, shard, Wanted::Loose { most_bytes: limit })
                .await?;
            bytes += size;
            loose.extend(found);
            if bytes >= most_bytes {
                break;
            }
        }
        loose.sort_by(|a, b| {
            let place = |loose: &LooseInference| (loose.record.at, loose.record.request_id.clone());
            place(a).cmp(&place(b))
        });
        Ok(loose)
    }

    /// Lets the entries of an hour that are in a file expire. `filed` says which, by time and
    /// request id. Repeating it changes nothing.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Damaged`].
    pub async fn expire_inferences(
        &self,
        at: Timestamp,
        filed: &HashSet<(Timestamp, String)>,
        expires_at: Timestamp,
    ) -> Result<(), RegistryError> {
        for shard in 0..SHARDS {
            let (loose, _) = self
                .inferences_of_shard(
                    at,
                    shard,
                    Wanted::Loose {
                        most_bytes: usize::MAX,
                    },
                )
                .await?;
            let filed = loose.iter().filter(|loose| {
                filed.contains(&(loose.record.at, loose.record.request_id.clone()))
            });
            let entries: Vec<_> = filed
                .map(|loose| self.expire_entry(loose, expires_at))
                .collect();
            stream::iter(entries)
                .buffer_unordered(EXPIRIES_AT_ONCE)
                .try_collect::<()>()
                .await?;
        }
        Ok(())
    }

    /// The first part last: an entry counts as loose as long as that has no expiry.
    async fn expire_entry(
        &self,
        loose: &LooseInference,
        expires_at: Timestamp,
    ) -> Result<(), RegistryError> {
        for part in (0..loose.parts).rev() {
            self.expire(inferences::entry(&loose.record, part), expires_at)
                .await?;
        }
        Ok(())
    }

    async fn expire(&self, key: key::Key, expires_at: Timestamp) -> Result<(), RegistryError> {
        let sent = self
            .client
            .update_item()
            .table_name(&self.tables.inferences)
            .set_key(Some(key.into()))
            .update_expression("SET #expires_at = :expires_at")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_names("#expires_at", "expires_at")
            .expression_attribute_values(":expires_at", value(&expires_at.as_second())?)
            .send()
            .await;
        match sent {
            Ok(_) => Ok(()),
            // Another compaction was here first, and the table has let it go since.
            Err(error)
                if error.as_service_error().and_then(|error| error.code())
                    == Some("ConditionalCheckFailedException") =>
            {
                Ok(())
            }
            Err(error) => Err(unavailable("let an inference expire")(error)),
        }
    }

    /// Up to when the log is compacted, as far as it is known; late entries may follow.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Damaged`].
    pub async fn compacted_through(&self) -> Result<Option<Timestamp>, RegistryError> {
        let kept = self
            .get::<Through>(
                "read how far the log is compacted",
                key::compacted_through(),
            )
            .await?;
        Ok(kept.map(|kept| kept.through))
    }

    /// Notes that the log is compacted up to this time. It never goes back.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`].
    pub async fn note_compacted_through(&self, through: Timestamp) -> Result<(), RegistryError> {
        let next = Through {
            place: key::moment(through),
            through,
        };
        let forward = Expression::new("attribute_not_exists(pk) OR #place < :place")
            .name("#place", "place")
            .value(":place", super::item::text(&next.place));
        let put = self.put(item(key::compacted_through(), &next)?, forward)?;
        self.transact("note how far the log is compacted", vec![put])
            .await
            .map(drop)
    }
}
