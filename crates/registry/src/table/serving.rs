//! Counters of instances that come and go, kept so that their sum never goes back.
//!
//! Each instance keeps its own counts under its own name, so nobody waits for anybody. One that has
//! not counted for long is folded: in one transaction its item goes, its counts are added to the
//! total, and a note of what was added stays. An instance that wakes after that finds the note and
//! goes on under another name with what it counted beyond; so nothing is counted twice or lost,
//! whichever answers of the table were lost on the way.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::fault::Attempt;
use super::item::{Expression, item, text, value};
use super::query::Place;
use super::{ATTEMPTS, Registry, back_off, key};
use crate::RegistryError;
use crate::serving::{CountsKept, PipelineCounts, ServingCounts, ServingTotals};
use tasador_flow::Outcome;

/// How long the note of a folded instance stays: far longer than anything that answers sleeps.
const NOTE_LIFE: SignedDuration = SignedDuration::from_hours(24 * 30);

#[derive(Debug, Serialize, Deserialize)]
struct InstanceItem {
    instance: String,
    /// Text whose order is that of time.
    updated: String,
    counts: ServingCounts,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct TotalItem {
    /// How many instances it took over.
    folds: u64,
    counts: ServingCounts,
}

#[derive(Debug, Serialize, Deserialize)]
struct NoteItem {
    counts: ServingCounts,
    /// When the table may forget it, in seconds since 1970.
    expires_at: i64,
}

impl Registry {
    /// Keeps what an instance counted since it got its name. Repeating it changes nothing.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Contended`].
    pub async fn keep_counts(
        &self,
        instance: &str,
        counts: &ServingCounts,
        at: Timestamp,
    ) -> Result<CountsKept, RegistryError> {
        const WHAT: &str = "keep an instance's counters";
        for round in 0..ATTEMPTS {
            let kept = InstanceItem {
                instance: instance.to_owned(),
                updated: key::moment(at),
                counts: counts.clone(),
            };
            let always = Expression::new("attribute_not_exists(pk) OR attribute_exists(pk)");
            let writes = vec![
                self.check(key::folded(instance), Expression::absent())?,
                self.put(item(key::instance(instance), &kept)?, always)?,
            ];
            if self.transact(WHAT, writes).await? == Attempt::Done {
                return Ok(CountsKept::Kept);
            }
            if let Some(note) = self.get::<NoteItem>(WHAT, key::folded(instance)).await? {
                return Ok(CountsKept::Folded(note.counts));
            }
            back_off(round).await;
        }
        Err(RegistryError::Contended { operation: WHAT })
    }

    /// What all instances counted, as they kept it last.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`], [`RegistryError::Damaged`], [`RegistryError::Contended`].
    pub async fn serving_totals(&self) -> Result<ServingTotals, RegistryError> {
        const WHAT: &str = "sum the counters";
        for round in 0..ATTEMPTS {
            let before = self.total().await?;
            let instances = self.instances().await?;
            // An instance folded in between would be missing or counted twice.
            if self.total().await?.folds != before.folds {
                back_off(round).await;
                continue;
            }
            let mut counts = before.counts;
            for instance in &instances {
                counts.add(&instance.counts);
            }
            return Ok(ServingTotals {
                counts,
                instances: u32::try_from(instances.len()).unwrap_or(u32::MAX),
            });
        }
        Err(RegistryError::Contended { operation: WHAT })
    }

    /// Adds the counts of instances that kept none since `idle_since` to the total. Gives back how
    /// many there were. Several may do it at once.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Damaged`].
    pub async fn fold_counts(
        &self,
        idle_since: Timestamp,
        at: Timestamp,
    ) -> Result<u32, RegistryError> {
        let limit = key::moment(idle_since);
        let mut folded = 0;
        for instance in self.instances().await? {
            if instance.updated < limit && self.fold(&instance, at).await? == Attempt::Done {
                folded += 1;
            }
        }
        Ok(folded)
    }

    async fn fold(&self, gone: &InstanceItem, at: Timestamp) -> Result<Attempt, RegistryError> {
        let total = self.total().await?;
        let mut counts = total.counts;
        counts.add(&gone.counts);
        let next = TotalItem {
            folds: total.folds + 1,
            counts,
        };
        let note = NoteItem {
            counts: gone.counts.clone(),
            expires_at: at
                .saturating_add(NOTE_LIFE)
                .map_or(i64::MAX, Timestamp::as_second),
        };
        let unchanged = match total.folds {
            0 => Expression::absent(),
            folds => Expression::new("#folds = :folds")
                .name("#folds", "folds")
                .value(":folds", value(&folds)?),
        };
        let idle = Expression::new("#updated = :updated")
            .name("#updated", "updated")
            .value(":updated", text(&gone.updated));
        // Where another was here first, the next call finds what is left.
        self.transact(
            "fold an instance's counters",
            vec![
                self.delete(key::instance(&gone.instance), idle)?,
                self.put(item(key::serving_total(), &next)?, unchanged)?,
                self.put(
                    item(key::folded(&gone.instance), &note)?,
                    Expression::absent(),
                )?,
            ],
        )
        .await
    }

    /// What the pipeline decided so far.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Damaged`].
    pub async fn pipeline_counts(&self) -> Result<PipelineCounts, RegistryError> {
        let kept = self
            .get::<Versioned>("read the pipeline's counters", key::pipeline_counts())
            .await?;
        Ok(kept.unwrap_or_default().counts)
    }

    /// The part of an outcome's transaction that counts it.
    pub(super) async fn counted(
        &self,
        outcome: &Outcome,
    ) -> Result<aws_sdk_dynamodb::types::TransactWriteItem, RegistryError> {
        let kept = self
            .get::<Versioned>("read the pipeline's counters", key::pipeline_counts())
            .await?;
        let unchanged = match &kept {
            None => Expression::absent(),
            Some(kept) => Expression::new("#writes = :writes")
                .name("#writes", "writes")
                .value(":writes", value(&kept.writes)?),
        };
        let mut next = kept.unwrap_or_default();
        next.writes += 1;
        next.counts.count(outcome);
        self.put(item(key::pipeline_counts(), &next)?, unchanged)
    }

    async fn total(&self) -> Result<TotalItem, RegistryError> {
        let total = self
            .get("read the counters' total", key::serving_total())
            .await?;
        Ok(total.unwrap_or_default())
    }

    async fn instances(&self) -> Result<Vec<InstanceItem>, RegistryError> {
        let place = Place::Partition {
            pk: key::instance("").pk,
            prefix: key::instance("").sk,
        };
        self.all("list the counters of instances", &place).await
    }
}

/// The pipeline's counters with the number of their writes, by which they are replaced.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Versioned {
    writes: u64,
    counts: PipelineCounts,
}
