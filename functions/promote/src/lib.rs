//! Makes a model version the one in production: a promotion, or the rollback to an earlier version.
//!
//! Only a version whose artefact is in the bucket with the recorded hash gets there, and only while
//! the champion is the one the wish was based on. The alias and its event change in one
//! transaction; a run promotes once, and repeating the call gives the same answer.

use serde::{Deserialize, Serialize};
use tasador_ids::{ModelName, ModelVersion, RunId};
use tasador_lake::{Key, LakeError};
use tasador_registry::{
    Artifact, PromoteError, Promotion, PromotionKind, PromotionSeq, RegistryError, VersionStatus,
};
use tasador_runtime::{Classify, Context, ErrorClass};

/// The wish to make a version the champion.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Request {
    /// Who wishes it: the pipeline's run, or a name made for a rollback. Each promotes once.
    pub run_id: RunId,
    /// The registered model; the configured one where it is absent.
    #[serde(default)]
    pub model: Option<ModelName>,
    /// The version that is to be champion.
    pub version: ModelVersion,
    /// The champion that the wish is based on; null where there was none.
    #[serde(default)]
    pub expected_champion: Option<ModelVersion>,
    /// Whether a better version takes over (`promotion`) or an earlier one comes back (`rollback`).
    #[serde(default = "promotion")]
    pub kind: PromotionKind,
    /// Why, as people read it.
    pub sentence: String,
    /// Where the verdict is in the bucket; absent for a rollback.
    #[serde(default)]
    pub verdict_key: Option<Key>,
}

const fn promotion() -> PromotionKind {
    PromotionKind::Promotion
}

/// The promotion as it stands in the registry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Response {
    /// The champion that the run made.
    pub version: ModelVersion,
    /// The champion before it; null for the first.
    pub previous: Option<ModelVersion>,
    /// The number of the promotion.
    pub promotion: PromotionSeq,
}

/// Why a version did not become champion.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another run was first, or a rule of the registry forbids it.
    #[error(transparent)]
    Refused(#[from] PromoteError),
    /// The registry did not tell what the version is.
    #[error("the version could not be looked up")]
    Version(#[source] RegistryError),
    /// The version's bytes are not those that were registered.
    #[error("the artefact of version {version} is not what was registered, so it was not promoted")]
    Artifact {
        /// The version.
        version: ModelVersion,
        /// What is wrong with the bytes.
        source: LakeError,
    },
    /// The registry says of a finished version nothing that could be checked.
    #[error("version {version} has no artefact on record, so it was not promoted")]
    NoArtifact {
        /// The version.
        version: ModelVersion,
    },
}

impl Classify for Error {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Refused(error) => error.class(),
            Self::Version(error) => error.class(),
            Self::Artifact { source, .. } if source.is_retryable() => ErrorClass::Retryable,
            Self::Artifact { .. } | Self::NoArtifact { .. } => ErrorClass::CorruptArtifact,
        }
    }
}

/// Makes `request.version` the champion.
///
/// # Errors
/// [`Error`], with the class that the state machine branches on: `ChampionChanged` sends it back to
/// the comparison.
pub async fn handle(request: Request, ctx: &Context) -> Result<Response, Error> {
    let model = request.model.unwrap_or_else(|| ctx.config.model.clone());
    let version = request.version;
    let known = ctx
        .registry
        .version(&model, version)
        .await
        .map_err(Error::Version)?;
    match known.map(|known| (known.status, known.artifact)) {
        Some((_, Some(artifact))) => verify(version, &artifact, ctx).await?,
        Some((VersionStatus::Ready, None)) => return Err(Error::NoArtifact { version }),
        // Unknown or unfinished: the registry refuses it, after it has looked at the champion.
        Some((_, None)) | None => {}
    }
    let promotion = Promotion {
        model,
        version,
        expected: request.expected_champion,
        kind: request.kind,
        run: request.run_id,
        reason: request.sentence,
        verdict_key: request.verdict_key,
        at: ctx.now(),
    };
    let event = ctx.registry.promote(&promotion).await?;
    tracing::info!(
        run_id = %event.run, model = %event.model, version = %event.version, promotion = %event.seq,
        "version {} of {} is champion by run {}", event.version, event.model, event.run
    );
    Ok(Response {
        version: event.version,
        previous: event.previous,
        promotion: event.seq,
    })
}

/// Reads the artefact and holds it against the hash on record.
async fn verify(version: ModelVersion, artifact: &Artifact, ctx: &Context) -> Result<(), Error> {
    ctx.lake
        .get_verified(&artifact.key, artifact.sha256)
        .await
        .map(drop)
        .map_err(|source| Error::Artifact { version, source })
}
