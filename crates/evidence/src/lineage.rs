//! The lineage of a version: its dataset and the batches in it.

use std::collections::HashSet;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tasador_ids::{BatchId, DatasetId, ModelName, ModelVersion, RunId};
use tasador_lake::{Lake, LakeError, key};
use tasador_registry::{Batch, BatchEvent, OutcomeKind, Registry, VersionRecord};

use crate::EvidenceError;

/// Batches looked up at once.
const CONCURRENCY: usize = 8;

/// The lineage of a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Lineage {
    /// The registered model.
    pub model: ModelName,
    /// The version.
    pub version: ModelVersion,
    /// The run that trained it; absent for versions that people registered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// The dataset that it learned from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dataset: Option<DatasetId>,
    /// The batches of that dataset, in order of arrival.
    pub batches: Vec<LineageBatch>,
    /// Properties that were withdrawn since. The dataset does not leave them out, so the version has learned
    /// from their rows if its batches have any.
    #[serde(skip_serializing_if = "is_zero")]
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub properties_withdrawn: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// A batch that a version learned from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LineageBatch {
    /// The batch: the hash of its bytes.
    pub batch: BatchId,
    /// The number of its clean rows.
    pub rows: u64,
    /// The source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// When it arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub received_at: Option<Timestamp>,
    /// Its outcome.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<OutcomeKind>,
    /// The run that decided the outcome.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// The decision that withdrew the batch since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<BatchEvent>,
}

/// The part of `datasets/<dataset>.json` that is needed here. The crate that writes it links Parquet,
/// which this crate should not.
#[derive(Debug, Deserialize)]
struct Manifest {
    batches: Vec<Entry>,
    /// The keys of properties that the dataset leaves out.
    #[serde(default)]
    without: HashSet<String>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    batch: BatchId,
    rows: u64,
}

impl Lineage {
    fn of(version: &VersionRecord, batches: Vec<LineageBatch>, properties_withdrawn: u64) -> Self {
        Self {
            model: version.model.clone(),
            version: version.version,
            run: version.run.clone(),
            dataset: version.dataset,
            batches,
            properties_withdrawn,
        }
    }

    /// The batches that were withdrawn since.
    pub fn withdrawn(&self) -> impl Iterator<Item = &LineageBatch> {
        self.batches
            .iter()
            .filter(|batch| batch.withdrawn.is_some())
    }
}

/// Of these versions, those that learned from one of these batches. A manifest that is missing tells
/// nothing.
///
/// # Errors
/// [`EvidenceError`] if the bucket does not answer.
pub async fn learned_from(
    lake: &Lake,
    versions: &[VersionRecord],
    batches: &HashSet<BatchId>,
) -> Result<HashSet<ModelVersion>, EvidenceError> {
    if batches.is_empty() {
        return Ok(HashSet::new());
    }
    let datasets: HashSet<DatasetId> = versions.iter().filter_map(|it| it.dataset).collect();
    let found: Vec<Option<DatasetId>> = stream::iter(datasets)
        .map(|dataset| async move {
            let Some(manifest) = manifest(lake, &dataset).await? else {
                return Ok(None);
            };
            let mut entries = manifest.batches.iter();
            let learned = entries.any(|entry| batches.contains(&entry.batch));
            Ok::<_, EvidenceError>(learned.then_some(dataset))
        })
        .buffered(CONCURRENCY)
        .try_collect()
        .await?;
    let found: HashSet<DatasetId> = found.into_iter().flatten().collect();
    let learned = versions.iter().filter(|version| {
        let dataset = version.dataset.as_ref();
        dataset.is_some_and(|dataset| found.contains(dataset))
    });
    Ok(learned.map(|version| version.version).collect())
}

/// Reads the lineage of a version. If the manifest of the dataset is missing, there are no batches.
///
/// # Errors
/// [`EvidenceError`] if bucket or registry do not answer.
pub async fn lineage(
    lake: &Lake,
    registry: &Registry,
    version: &VersionRecord,
) -> Result<Lineage, EvidenceError> {
    let manifest = match &version.dataset {
        Some(dataset) => manifest(lake, dataset).await?,
        None => None,
    };
    let Some(Manifest { batches, without }) = manifest else {
        return Ok(Lineage::of(version, Vec::new(), 0));
    };
    let withdrawn = registry.withdrawn().await?;
    let withdrawn = withdrawn
        .property_keys()
        .filter(|property| !without.contains(&property.to_string()));
    let withdrawn = withdrawn.count() as u64;
    let batches = known_all(registry, batches).await?;
    Ok(Lineage::of(version, batches, withdrawn))
}

/// The batches of a dataset, in order of arrival; `None` if its manifest is missing.
///
/// # Errors
/// [`EvidenceError`] if bucket or registry do not answer.
pub async fn dataset(
    lake: &Lake,
    registry: &Registry,
    dataset: &DatasetId,
) -> Result<Option<Vec<LineageBatch>>, EvidenceError> {
    match manifest(lake, dataset).await? {
        Some(manifest) => Ok(Some(known_all(registry, manifest.batches).await?)),
        None => Ok(None),
    }
}

async fn manifest(lake: &Lake, dataset: &DatasetId) -> Result<Option<Manifest>, EvidenceError> {
    match lake.get_json(&key::dataset(dataset)).await {
        Ok(manifest) => Ok(Some(manifest)),
        Err(LakeError::NotFound { .. } | LakeError::Corrupt { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

async fn known_all(
    registry: &Registry,
    entries: Vec<Entry>,
) -> Result<Vec<LineageBatch>, EvidenceError> {
    stream::iter(entries)
        .map(|entry| known(registry, entry))
        .buffered(CONCURRENCY)
        .try_collect()
        .await
}

async fn known(registry: &Registry, entry: Entry) -> Result<LineageBatch, EvidenceError> {
    let batch = registry.batch(&entry.batch).await?;
    let withdrawn = batch.as_ref().and_then(Batch::withdrawal).cloned();
    let (record, outcome) = match batch {
        Some(batch) => (Some(batch.record), batch.outcome),
        None => (None, None),
    };
    let (source, received_at) = match record {
        Some(record) => (Some(record.source), Some(record.received_at)),
        None => (None, None),
    };
    Ok(LineageBatch {
        batch: entry.batch,
        rows: entry.rows,
        source,
        received_at,
        outcome: outcome.as_ref().map(|outcome| outcome.kind),
        run: outcome.map(|outcome| outcome.run),
        withdrawn,
    })
}
