//! Copies of what the registry committed, as write-once objects under `registry/` of the bucket: outcomes
//! of runs with their batches, people's decisions about batches and properties, changes of the champion, and
//! versions with the hashes of their files.
//!
//! A copy is written after the registry has committed. If a process dies between the two, the repeated
//! step writes it; copies that are missing nevertheless are found by `tasador verify` and written by
//! `tasador repair`.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tasador_ids::{BatchId, Digest, Key, ModelName, ModelVersion, key};
use tasador_lake::{Lake, LakeError};
use tasador_registry::{
    BatchEvent, BatchRecord, Outcome, PromotionEvent, PropertyWithdrawal, Registry, RegistryError,
    Training, VersionRecord,
};
use tasador_runtime::{Classify, ErrorClass};

/// The outcome of a run, and the batch that it worked on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunCopy {
    /// As the run left it: without a decision that a person took later.
    pub outcome: Outcome,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<BatchRecord>,
}

/// A version of the pipeline that is ready.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VersionCopy {
    pub version: VersionRecord,
    /// The SHA-256 of each of its files, by its name in the version's folder.
    pub files: BTreeMap<String, Digest>,
    /// How MLflow's clients see its training; absent in copies that a repair made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training: Option<Training>,
}

impl VersionCopy {
    /// The SHA-256 of each file, by its key.
    pub fn hashes(&self) -> BTreeMap<Key, Digest> {
        let prefix = key::model_prefix(&self.version.model, self.version.version);
        let files = self.files.iter();
        files
            .filter_map(|(name, digest)| Some((format!("{prefix}{name}").parse().ok()?, *digest)))
            .collect()
    }
}

/// Why a copy could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    #[error("the registry's entry could not be read or written")]
    Registry(#[from] RegistryError),
    #[error("the copy of a registry's entry could not be written to the bucket")]
    Lake(#[from] LakeError),
}

impl Classify for ArchiveError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Registry(error) => error.class(),
            Self::Lake(error) => error.class(),
        }
    }
}

/// Where the copy of a run's outcome is.
///
/// # Errors
/// [`LakeError::Corrupt`] if it cannot be written as JSON, which never happens.
fn run_key(copy: &RunCopy) -> Result<(Key, Vec<u8>), LakeError> {
    let bytes = json(&copy.outcome.run, copy)?;
    Ok((
        key::registry_run(&copy.outcome.run, &Digest::of(&bytes)),
        bytes,
    ))
}

/// Keeps the outcome of a run, and the promotion that the run made.
///
/// # Errors
/// [`ArchiveError`]; repeating the call completes it.
pub async fn keep_run(
    lake: &Lake,
    registry: &Registry,
    outcome: &Outcome,
) -> Result<(), ArchiveError> {
    if outcome.promoted
        && let Some(event) = registry.promotion_of_run(&outcome.run).await?
    {
        keep_promotion(lake, &event).await?;
    }
    let batch = match &outcome.batch {
        Some(batch) => registry.batch(batch).await?.map(|batch| batch.record),
        None => None,
    };
    let copy = RunCopy {
        outcome: recorded(outcome),
        batch,
    };
    let (key, bytes) = run_key(&copy)?;
    lake.put_once(&key, bytes).await?;
    Ok(())
}

/// The outcome as its run left it.
pub fn recorded(outcome: &Outcome) -> Outcome {
    Outcome {
        decided: None,
        ..outcome.clone()
    }
}

/// Keeps people's decisions about a batch.
///
/// # Errors
/// [`ArchiveError`]; repeating the call completes it.
pub async fn keep_decisions(
    lake: &Lake,
    registry: &Registry,
    batch: &BatchId,
) -> Result<(), ArchiveError> {
    for event in registry.batch_events(batch).await? {
        keep_decision(lake, &event).await?;
    }
    Ok(())
}

/// Keeps one decision about a batch.
///
/// # Errors
/// [`LakeError`]; repeating the call completes it.
pub async fn keep_decision(lake: &Lake, event: &BatchEvent) -> Result<(), LakeError> {
    let key = key::registry_decision(&event.batch, event.seq);
    lake.put_json_once(&key, event).await.map(drop)
}

/// Keeps the withdrawal of a property.
///
/// # Errors
/// [`LakeError`]; repeating the call completes it.
pub async fn keep_property(lake: &Lake, withdrawal: &PropertyWithdrawal) -> Result<(), LakeError> {
    let key = key::registry_property(withdrawal.property);
    lake.put_json_once(&key, withdrawal).await.map(drop)
}

/// Keeps a change of the champion.
///
/// # Errors
/// [`LakeError`]; repeating the call completes it.
pub async fn keep_promotion(lake: &Lake, event: &PromotionEvent) -> Result<(), LakeError> {
    let key = key::registry_promotion(&event.model, event.seq.0);
    lake.put_json_once(&key, event).await.map(drop)
}

/// Keeps a version that is ready. What people change of it later (description, labels) is not kept.
///
/// # Errors
/// [`LakeError`]; repeating the call completes it.
pub async fn keep_version(lake: &Lake, copy: &VersionCopy) -> Result<(), LakeError> {
    let VersionRecord { model, version, .. } = &copy.version;
    let key = key::registry_version(model, *version);
    match lake.put_json_once(&key, copy).await {
        // Somebody added a label between two calls of the same step.
        Ok(_) | Err(LakeError::AlreadyExists { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// All copies that can be read.
#[derive(Debug, Default)]
pub struct Copies {
    /// Oldest outcome first; of a run to which an error was added later, both.
    pub runs: Vec<RunCopy>,
    /// By batch and number.
    pub decisions: Vec<BatchEvent>,
    pub properties: Vec<PropertyWithdrawal>,
    /// By model and number.
    pub promotions: Vec<PromotionEvent>,
    /// By model and number.
    pub versions: Vec<VersionCopy>,
    /// Copies that cannot be read.
    pub damaged: BTreeSet<Key>,
}

impl Copies {
    /// Reads all copies in the bucket. One that cannot be read is listed in [`Copies::damaged`].
    ///
    /// # Errors
    /// [`LakeError::Unavailable`].
    pub async fn read(lake: &Lake) -> Result<Self, LakeError> {
        let mut copies = Self::default();
        let mut damaged = BTreeSet::new();
        copies.runs = all(lake, "runs/", &mut damaged).await?;
        copies.decisions = all(lake, "decisions/", &mut damaged).await?;
        copies.properties = all(lake, "properties/", &mut damaged).await?;
        copies.promotions = all(lake, "promotions/", &mut damaged).await?;
        copies.versions = all(lake, "versions/", &mut damaged).await?;
        copies.damaged = damaged;
        copies
            .runs
            .sort_by_key(|copy| (copy.outcome.recorded_at, copy.outcome.error.is_some()));
        copies
            .decisions
            .sort_by_key(|event| (event.batch, event.seq));
        copies
            .promotions
            .sort_by_key(|event| (event.model.clone(), event.seq));
        copies
            .versions
            .sort_by_key(|copy| (copy.version.model.clone(), copy.version.version));
        Ok(copies)
    }

    /// The copy of a version.
    pub fn version(&self, model: &ModelName, version: ModelVersion) -> Option<&VersionCopy> {
        self.versions
            .iter()
            .find(|copy| copy.version.version == version && copy.version.model == *model)
    }
}

async fn all<T: DeserializeOwned>(
    lake: &Lake,
    folder: &str,
    damaged: &mut BTreeSet<Key>,
) -> Result<Vec<T>, LakeError> {
    let mut all = Vec::new();
    for object in lake.list(&format!("{}{folder}", key::REGISTRY)).await? {
        match lake.get_json(&object.key).await {
            Ok(copy) => all.push(copy),
            Err(
                LakeError::Corrupt { .. } | LakeError::NotFound { .. } | LakeError::TooLarge { .. },
            ) => {
                damaged.insert(object.key);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(all)
}

fn json(what: impl std::fmt::Display, value: &impl Serialize) -> Result<Vec<u8>, LakeError> {
    serde_json::to_vec(value).map_err(|error| LakeError::Unavailable {
        operation: "write",
        at: what.to_string(),
        retryable: false,
        source: error.into(),
    })
}
