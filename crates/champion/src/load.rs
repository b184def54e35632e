//! Loading one version and verifying it.

use tasador_ids::{Digest, ModelName, ModelVersion};
use tasador_lake::{LakeError, key};
use tasador_model::{ArtifactError, FoldModels, Frame, Model, Prediction};
use tasador_registry::{RegistryError, VersionRecord, VersionStatus};
use tasador_runtime::{Classify, Context, ErrorClass};

/// A version of the pipeline with its model, read from bytes that have the recorded hash.
#[derive(Debug)]
pub struct LoadedVersion {
    pub record: VersionRecord,
    /// The SHA-256 of the model's bytes.
    pub sha256: Digest,
    pub model: Model,
}

/// A version with the models that evaluate it on homes that it learned from.
#[derive(Debug)]
pub struct EvaluatedVersion {
    pub loaded: LoadedVersion,
    pub folds: FoldModels,
}

impl EvaluatedVersion {
    /// The price and interval of every home, each by the fold model that never saw its property.
    pub fn predict_all(&self, homes: &Frame) -> Vec<Prediction> {
        self.folds.predict_all(&self.loaded.model, homes)
    }
}

impl LoadedVersion {
    /// Loads and verifies the fold models of this version.
    ///
    /// # Errors
    /// As [`load`].
    pub async fn with_folds(
        self,
        ctx: &Context,
    ) -> Result<Result<EvaluatedVersion, Unusable>, StoreError> {
        let digests = match &self.record.artifact {
            Some(artifact) => artifact.folds.clone(),
            None => Vec::new(),
        };
        let mut folds = Vec::with_capacity(digests.len());
        for (fold, digest) in digests.iter().enumerate() {
            let key = key::fold(&self.record.model, self.version(), fold);
            let flaw = match ctx.lake.get_verified(&key, *digest).await {
                Ok(bytes) => {
                    match tokio::task::spawn_blocking(move || Model::from_bytes(&bytes)).await? {
                        Ok(model) => {
                            folds.push(model);
                            continue;
                        }
                        Err(error) => Flaw::NotAModel(error),
                    }
                }
                Err(LakeError::NotFound { .. }) => Flaw::Missing,
                Err(error @ LakeError::Corrupt { .. }) => Flaw::Damaged(error),
                Err(error @ LakeError::TooLarge { .. }) => Flaw::TooLarge(error),
                Err(error) => return Err(error.into()),
            };
            return Ok(Err(Unusable {
                version: self.version(),
                record: Some(Box::new(self.record)),
                flaw,
            }));
        }
        Ok(match FoldModels::new(folds) {
            Some(folds) => Ok(EvaluatedVersion {
                loaded: self,
                folds,
            }),
            None => Err(Unusable {
                version: self.version(),
                record: Some(Box::new(self.record)),
                flaw: Flaw::NoFolds,
            }),
        })
    }

    pub fn version(&self) -> ModelVersion {
        self.record.version
    }
}

/// The version in production.
#[derive(Debug)]
pub enum ChampionStatus {
    /// No version was promoted yet.
    None,
    Loaded(Box<LoadedVersion>),
    /// It cannot be loaded; trying again changes nothing until somebody repairs it.
    Unusable(Box<Unusable>),
}

impl ChampionStatus {
    /// The version that the alias names, whether or not it can be loaded.
    pub fn version(&self) -> Option<ModelVersion> {
        match self {
            Self::None => None,
            Self::Loaded(loaded) => Some(loaded.version()),
            Self::Unusable(unusable) => Some(unusable.version),
        }
    }
}

/// A version that cannot be loaded. Its text is fit for callers; the source is for the log.
#[derive(Debug, thiserror::Error)]
#[error("version {version} cannot be loaded: {flaw}")]
pub struct Unusable {
    pub version: ModelVersion,
    /// Its entry in the registry, if that can be read.
    pub record: Option<Box<VersionRecord>>,
    #[source]
    pub flaw: Flaw,
}

/// What is wrong with a version, as a clause.
#[derive(Debug, thiserror::Error)]
pub enum Flaw {
    #[error("it is not registered")]
    NotRegistered,
    #[error("its entry in the registry is damaged")]
    DamagedEntry(#[source] RegistryError),
    #[error("its registration is not finished")]
    Unfinished,
    #[error("it was not trained by the pipeline, whose versions alone can be served")]
    Foreign,
    #[error("it has no fold models, so it can be served but not evaluated")]
    NoFolds,
    #[error("its artifact is missing")]
    Missing,
    #[error("its artifact is damaged")]
    Damaged(#[source] LakeError),
    #[error("its artifact is too large")]
    TooLarge(#[source] LakeError),
    #[error("its artifact is not a model that this build can read")]
    NotAModel(#[source] ArtifactError),
}

/// A store did not answer, so nothing is known about the version.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the registry could not be read")]
    Registry(#[from] RegistryError),
    #[error("the artifact could not be read")]
    Lake(#[from] LakeError),
    #[error("the thread that read the model stopped")]
    Thread(#[from] tokio::task::JoinError),
}

impl StoreError {
    pub fn is_retryable(&self) -> bool {
        self.class() == ErrorClass::Retryable
    }
}

impl Classify for StoreError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Registry(error) => error.class(),
            Self::Lake(error) => error.class(),
            Self::Thread(_) => ErrorClass::Bug,
        }
    }
}

/// Looks up the version in production and loads it.
///
/// # Errors
/// [`StoreError`] if a store did not answer. A version that cannot be loaded is a result.
pub async fn champion(ctx: &Context, model: &ModelName) -> Result<ChampionStatus, StoreError> {
    let Some(alias) = ctx.registry.champion(model).await? else {
        return Ok(ChampionStatus::None);
    };
    Ok(match load(ctx, model, alias.version).await? {
        Ok(loaded) => ChampionStatus::Loaded(loaded.into()),
        Err(unusable) => ChampionStatus::Unusable(unusable.into()),
    })
}

/// Loads a version and verifies it.
///
/// # Errors
/// The outer error is a store that did not answer; the inner one is a fact about the version.
pub async fn load(
    ctx: &Context,
    model: &ModelName,
    version: ModelVersion,
) -> Result<Result<LoadedVersion, Unusable>, StoreError> {
    // On the heap: the futures of the stores' clients are large, and callers nest them.
    Box::pin(read(ctx, model, version)).await
}

async fn read(
    ctx: &Context,
    model: &ModelName,
    version: ModelVersion,
) -> Result<Result<LoadedVersion, Unusable>, StoreError> {
    let unusable = |record: Option<VersionRecord>, flaw| {
        Ok(Err(Unusable {
            version,
            record: record.map(Box::new),
            flaw,
        }))
    };
    let record = match ctx.registry.version(model, version).await {
        Ok(Some(record)) => record,
        Ok(None) => return unusable(None, Flaw::NotRegistered),
        Err(error @ RegistryError::Damaged { .. }) => {
            return unusable(None, Flaw::DamagedEntry(error));
        }
        Err(error) => return Err(error.into()),
    };
    let Some(artifact) = record.artifact.clone() else {
        let flaw = match record.status {
            VersionStatus::Ready => Flaw::Foreign,
            VersionStatus::Pending | VersionStatus::Failed => Flaw::Unfinished,
        };
        return unusable(Some(record), flaw);
    };
    if record.status != VersionStatus::Ready {
        return unusable(Some(record), Flaw::Unfinished);
    }
    // An object that is longer than what was registered is not read to its end.
    let bytes = ctx
        .lake
        .get_verified_within(&artifact.key, artifact.sha256, artifact.size_bytes);
    let bytes = match bytes.await {
        Ok(bytes) => bytes,
        Err(LakeError::NotFound { .. }) => return unusable(Some(record), Flaw::Missing),
        Err(error @ LakeError::Corrupt { .. }) => {
            return unusable(Some(record), Flaw::Damaged(error));
        }
        Err(error @ LakeError::TooLarge { .. }) => {
            return unusable(Some(record), Flaw::TooLarge(error));
        }
        Err(error) => return Err(error.into()),
    };
    match tokio::task::spawn_blocking(move || Model::from_bytes(&bytes)).await? {
        Ok(model) => Ok(Ok(LoadedVersion {
            record,
            sha256: artifact.sha256,
            model,
        })),
        Err(error) => unusable(Some(record), Flaw::NotAModel(error)),
    }
}
