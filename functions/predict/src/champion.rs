//! The model that prices: the champion, looked up anew when what is known of it is old.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tasador_ids::ModelVersion;
use tasador_lake::{Key, LakeError};
use tasador_model::Model;
use tasador_registry::{RegistryError, VersionRecord};
use tasador_runtime::{Context, chain};

/// How long a request waits for news of the champion while there is one to go on with. A look-up
/// takes some 5 ms, and loading a model some 100 ms.
const PATIENCE: Duration = Duration::from_secs(2);

/// A model with its entry in the registry.
#[derive(Debug)]
pub(crate) struct Champion {
    pub(crate) record: VersionRecord,
    pub(crate) model: Model,
}

/// Why the version in production can't be loaded, or not be looked up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    #[error("the registry did not say which version is in production")]
    Registry(#[from] RegistryError),
    #[error("version {0} is in production and not in the registry")]
    Unregistered(ModelVersion),
    #[error("version {0} is in production and has no artefact")]
    NoArtifact(ModelVersion),
    #[error("the artefact of version {version} can't be had")]
    Lake { version: ModelVersion, source: LakeError },
    #[error("the artefact of version {version} is not a model")]
    Artifact { version: ModelVersion, source: tasador_model::ArtifactError },
    #[error("the thread that loads the model is gone")]
    Thread(#[from] tokio::task::JoinError),
    #[error("there was no answer in time")]
    Late,
}

/// The champion as far as it is known.
#[derive(Debug)]
pub(crate) struct Champions {
    refresh: Duration,
    known: Mutex<Known>,
    /// One looks, the others wait or go on with what is there.
    looking: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default, Clone)]
struct Known {
    champion: Option<Arc<Champion>>,
    looked_at: Option<Timestamp>,
    trouble: Option<String>,
}

impl Champions {
    pub(crate) fn new(ctx: &Context) -> Self {
        Self {
            refresh: ctx.config.predict.champion_refresh,
            known: Mutex::default(),
            looking: tokio::sync::Mutex::default(),
        }
    }

    /// The model to price with. While a new champion can't be loaded, the old one goes on.
    pub(crate) async fn current(&self, ctx: &Context) -> Option<Arc<Champion>> {
        let known = self.known();
        if self.is_fresh(&known, ctx.now()) {
            return known.champion;
        }
        let look = self.look(ctx);
        if known.champion.is_none() {
            look.await;
        } else if tokio::time::timeout(PATIENCE, look).await.is_err() {
            self.note(ctx, Err(LoadError::Late));
        }
        self.known().champion
    }

    /// The model that priced last, and what is wrong with the one that should.
    pub(crate) fn standing(&self) -> (Option<Arc<Champion>>, Option<String>) {
        let known = self.known();
        (known.champion, known.trouble)
    }

    fn is_fresh(&self, known: &Known, now: Timestamp) -> bool {
        known.looked_at.is_some_and(|at| Duration::try_from(now.duration_since(at)).is_ok_and(|age| age < self.refresh))
    }

    async fn look(&self, ctx: &Context) {
        let _turn = self.looking.lock().await;
        // Somebody may have looked while this one waited for its turn.
        let known = self.known();
        if !self.is_fresh(&known, ctx.now()) {
            let found = load(ctx, known.champion).await;
            self.note(ctx, found);
        }
    }

    fn note(&self, ctx: &Context, found: Result<Option<Arc<Champion>>, LoadError>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.looked_at = Some(ctx.now());
        match found {
            Ok(champion) => {
                if let Some(new) = &champion
                    && known.champion.as_ref().is_none_or(|old| old.record.version != new.record.version)
                {
                    let version = new.record.version;
                    tracing::info!(%version, "version {version} prices from now on");
                }
                known.champion = champion;
                known.trouble = None;
            }
            Err(error) => {
                let trouble = chain(&error);
                // Once for each trouble, not once for each request.
                if known.trouble.as_ref() != Some(&trouble) {
                    tracing::error!("the champion could not be brought up to date; what is there goes on pricing: {trouble}");
                }
                known.trouble = Some(trouble);
            }
        }
    }

    fn known(&self) -> Known {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The version in production; `known`, where it is still that one.
async fn load(ctx: &Context, known: Option<Arc<Champion>>) -> Result<Option<Arc<Champion>>, LoadError> {
    let Some(champion) = ctx.registry.champion(&ctx.config.model).await? else { return Ok(None) };
    let version = champion.version;
    if let Some(known) = known
        && known.record.version == version
    {
        return Ok(Some(known));
    }
    let record = ctx.registry.version(&ctx.config.model, version).await?.ok_or(LoadError::Unregistered(version))?;
    let artifact = record.artifact.as_ref().ok_or(LoadError::NoArtifact(version))?;
    let key: Key = artifact.key.parse().map_err(|_| LoadError::NoArtifact(version))?;
    let bytes = ctx
        .lake
        .get_verified(&key, artifact.sha256)
        .await
        .map_err(|source| LoadError::Lake { version, source })?;
    let model = tokio::task::spawn_blocking(move || Model::from_bytes(&bytes))
        .await?
        .map_err(|source| LoadError::Artifact { version, source })?;
    Ok(Some(Arc::new(Champion { record, model })))
}
