//! A registered version with its model, or why it can't be used.

use tasador_ids::{Digest, ModelName, ModelVersion};
use tasador_lake::LakeError;
use tasador_model::Model;
use tasador_registry::{RegistryError, VersionStatus};
use tasador_runtime::Context;

use crate::Error;

/// A version whose model is here, out of bytes that have the recorded hash.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) version: ModelVersion,
    pub(crate) sha256: Digest,
    pub(crate) model: Model,
}

/// What came of loading a version.
#[derive(Debug)]
pub(crate) enum Loading {
    Usable(Box<Loaded>),
    /// Trying again changes nothing.
    Unusable {
        version: ModelVersion,
        /// As a part of a sentence.
        reason: String,
    },
}

impl Loading {
    /// Loads a version and verifies it.
    ///
    /// # Errors
    /// Only for what may pass: whatever is wrong with the version itself is [`Loading::Unusable`].
    pub(crate) async fn of(
        model: &ModelName,
        version: ModelVersion,
        ctx: &Context,
    ) -> Result<Self, Error> {
        let unusable = |reason: String| Ok(Self::Unusable { version, reason });
        let record = match ctx.registry.version(model, version).await {
            Ok(Some(record)) => record,
            Ok(None) => return unusable("it is not in the registry".to_owned()),
            Err(error @ RegistryError::Damaged { .. }) => return unusable(error.to_string()),
            Err(error) => return Err(error.into()),
        };
        let (VersionStatus::Ready, Some(artifact)) = (record.status, record.artifact) else {
            return unusable("its registration was never finished".to_owned());
        };
        let bytes = match ctx.lake.get_verified(&artifact.key, artifact.sha256).await {
            Ok(bytes) => bytes,
            Err(
                error @ (LakeError::NotFound { .. }
                | LakeError::Corrupt { .. }
                | LakeError::TooLarge { .. }),
            ) => return unusable(error.to_string()),
            Err(error) => return Err(error.into()),
        };
        Ok(match Model::from_bytes(&bytes) {
            Ok(model) => Self::Usable(Box::new(Loaded {
                version,
                sha256: artifact.sha256,
                model,
            })),
            Err(error) => Self::Unusable {
                version,
                reason: error.to_string(),
            },
        })
    }

    pub(crate) fn version(&self) -> ModelVersion {
        match self {
            Self::Usable(loaded) => loaded.version,
            Self::Unusable { version, .. } => *version,
        }
    }
}
