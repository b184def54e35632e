//! The model that prices: the champion, looked up anew when what is known of it is old.
//!
//! One task looks, and requests that find the knowledge outdated wait for it: for a second at most if
//! there is a model meanwhile. While the champion can't be loaded, the old model goes on, or the last
//! sound former champion stands in. That is logged once, shown in `/health`, counted for the alarm, and
//! tried again with growing intervals.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use tasador_champion::{LoadedVersion, StoreError, Unusable};
use tasador_ids::ModelVersion;
use tasador_model::{Comparables, Model, Row};
use tasador_registry::{RegistryError, VersionRecord};
use tasador_runtime::{Context, chain};
use tokio::sync::{OnceCell, OwnedMutexGuard};

use crate::comparables::{self, ComparableSale};
use crate::describe::ModelDescription;

/// How long a request waits for news of the champion while there is one to go on with. A look-up
/// takes some 5 ms, and loading a model some 100 ms. The task goes on beyond it: on a server at
/// once, on Lambda with the next request.
const TIMEOUT: Duration = Duration::from_secs(1);
/// How often the interval between two tries doubles: from 3 s to 12 s.
const DOUBLINGS_MAX: u32 = 2;

/// A model with its entry in the registry.
#[derive(Debug)]
pub struct Champion {
    /// Its entry in the registry.
    pub record: VersionRecord,
    /// The model.
    pub model: Model,
    /// What `GET /model` says of it.
    pub description: ModelDescription,
    /// The description as JSON.
    pub description_json: Bytes,
    /// The sales it learned from, once somebody asked for comparable sales.
    sales: OnceCell<Option<Comparables>>,
}

impl Champion {
    /// Its number.
    pub fn version(&self) -> ModelVersion {
        self.record.version
    }

    /// Reads the sales that the version learned from, where nobody did before.
    pub(crate) async fn load_comparables(&self, ctx: &Context) -> Result<(), String> {
        let load = || comparables::load(ctx, &self.record.model, self.version());
        self.sales.get_or_try_init(load).await.map(|_| ())
    }

    /// The most similar of these sales.
    pub(crate) fn comparables(&self, home: &Row<'_>, count: usize) -> Vec<ComparableSale> {
        let Some(Some(sales)) = self.sales.get() else {
            return Vec::new();
        };
        let nearest = sales.nearest(&self.model, home, count, None).into_iter();
        nearest.map(ComparableSale::from).collect()
    }
}

/// Why the version in production can't be looked up or loaded. Its text is fit for callers; the
/// sources are for the log.
#[derive(Debug, thiserror::Error)]
enum LoadError {
    #[error("the registry did not say which version is in production")]
    Registry(#[source] RegistryError),
    #[error(transparent)]
    Unusable(Box<Unusable>),
    #[error("version {0} is in production and could not be read")]
    Store(ModelVersion, #[source] StoreError),
    #[error("version {0} can't be described")]
    Description(ModelVersion, #[source] serde_json::Error),
}

impl LoadError {
    /// The version that can't be loaded; none if the registry named none.
    fn version(&self) -> Option<ModelVersion> {
        match self {
            Self::Registry(_) => None,
            Self::Unusable(unusable) => Some(unusable.version),
            Self::Store(version, _) | Self::Description(version, _) => Some(*version),
        }
    }
}

fn described(loaded: LoadedVersion) -> Result<Arc<Champion>, LoadError> {
    let LoadedVersion { record, model, .. } = loaded;
    let description = ModelDescription::of(&record, &model);
    let description_json = serde_json::to_vec(&description)
        .map_err(|source| LoadError::Description(record.version, source))?
        .into();
    Ok(Arc::new(Champion {
        record,
        model,
        description,
        description_json,
        sales: OnceCell::new(),
    }))
}

/// Why there is no model to price with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoModel {
    /// None was promoted yet.
    NoChampion,
    /// The one in production is not available, in a sentence without a full stop.
    Trouble(String),
}

/// What is known of the champion without asking anybody.
#[derive(Debug, Clone)]
pub struct ChampionStatus {
    /// The model that priced last.
    pub champion: Option<Arc<Champion>>,
    /// What is wrong with the one that should, in a sentence without a full stop, since when.
    pub trouble: Option<(String, Timestamp)>,
}

/// The champion as far as it is known. Cloning is cheap.
#[derive(Debug, Clone)]
pub(crate) struct Champions(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    ctx: Context,
    known: Mutex<Known>,
    /// Held by the one task that looks.
    turn: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Debug, Default)]
struct Known {
    champion: Option<Arc<Champion>>,
    looked_at: Option<Timestamp>,
    trouble: Option<Trouble>,
}

/// Why the last look-up failed.
#[derive(Debug, Clone)]
struct Trouble {
    version: Option<ModelVersion>,
    sentence: String,
    /// Failed look-ups in a row.
    times: u32,
    since: Timestamp,
    tried_at: Timestamp,
}

/// What a look found.
enum Found {
    Nobody,
    Same,
    /// A version that can't be loaded, and whose next try is not due.
    NotYet,
    New(Arc<Champion>),
}

impl Known {
    fn answer(&self) -> Result<Arc<Champion>, NoModel> {
        match (&self.champion, &self.trouble) {
            (Some(champion), _) => Ok(Arc::clone(champion)),
            (None, Some(trouble)) => Err(NoModel::Trouble(trouble.sentence.clone())),
            (None, None) => Err(NoModel::NoChampion),
        }
    }

    /// Whether this is to be believed without another look.
    fn is_fresh(&self, now: Timestamp, refresh: Duration) -> bool {
        let interval = match &self.trouble {
            // A registry that is away costs requests their patience: it is asked less often.
            Some(trouble) if trouble.version.is_none() => self.interval(trouble, refresh),
            _ => refresh,
        };
        self.looked_at.is_some_and(|at| within(at, now, interval))
    }

    /// The time between two tries. Without any model there is nothing to lose by trying.
    fn interval(&self, trouble: &Trouble, refresh: Duration) -> Duration {
        match self.champion {
            Some(_) => {
                refresh.saturating_mul(1 << trouble.times.saturating_sub(1).min(DOUBLINGS_MAX))
            }
            None => refresh,
        }
    }
}

/// Whether `now` is less than `interval` after `at`; a clock that was set back counts as later.
fn within(at: Timestamp, now: Timestamp, interval: Duration) -> bool {
    let age = now.duration_since(at);
    age >= SignedDuration::ZERO && age.unsigned_abs() < interval
}

impl Champions {
    pub(crate) fn new(ctx: Context) -> Self {
        Self(Arc::new(Shared {
            ctx,
            known: Mutex::default(),
            turn: Arc::default(),
        }))
    }

    /// The model to price with. While a new champion can't be loaded, the old one goes on.
    pub(crate) async fn current(&self) -> Result<Arc<Champion>, NoModel> {
        let shared = &self.0;
        let champion = {
            let known = shared.known();
            if known.is_fresh(shared.ctx.now(), shared.refresh()) {
                return known.answer();
            }
            known.champion.clone()
        };
        match (Arc::clone(&shared.turn).try_lock_owned(), champion) {
            (Ok(turn), champion) => {
                // A separate task: a request that gives up does not end the look.
                let look = tokio::spawn(Arc::clone(shared).look(turn));
                // Where the task is late or gone, what is known stands.
                if champion.is_some() {
                    let _late = tokio::time::timeout(TIMEOUT, look).await;
                } else {
                    let _gone = look.await;
                }
            }
            // Somebody looks, and there is a model meanwhile.
            (Err(_), Some(champion)) => return Ok(champion),
            (Err(_), None) => drop(shared.turn.lock().await),
        }
        shared.known().answer()
    }

    pub(crate) fn status(&self) -> ChampionStatus {
        let known = self.0.known();
        ChampionStatus {
            champion: known.champion.clone(),
            trouble: known
                .trouble
                .as_ref()
                .map(|trouble| (trouble.sentence.clone(), trouble.since)),
        }
    }
}

impl Shared {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refresh(&self) -> Duration {
        self.ctx.config.predict.champion_refresh
    }

    async fn look(self: Arc<Self>, turn: OwnedMutexGuard<()>) {
        // Somebody may have looked between the question and the turn.
        let fresh = self.known().is_fresh(self.ctx.now(), self.refresh());
        if !fresh {
            let found = self.find().await;
            let stand_in = match &found {
                Err(error) => self.stand_in(error).await,
                Ok(_) => None,
            };
            self.note(found, stand_in);
        }
        drop(turn);
    }

    async fn find(&self) -> Result<Found, LoadError> {
        let Context {
            config, registry, ..
        } = &self.ctx;
        let alias = registry
            .champion(&config.model)
            .await
            .map_err(LoadError::Registry)?;
        let Some(version) = alias.map(|alias| alias.version) else {
            return Ok(Found::Nobody);
        };
        if let Some(found) = self.nothing_to_load(version) {
            return Ok(found);
        }
        let loaded = tasador_champion::load(&self.ctx, &config.model, version)
            .await
            .map_err(|source| LoadError::Store(version, source))?
            .map_err(|unusable| LoadError::Unusable(unusable.into()))?;
        Ok(Found::New(described(loaded)?))
    }

    /// The former champion that stands in for one that can't be loaded, if no model is known here.
    async fn stand_in(&self, error: &LoadError) -> Option<Arc<Champion>> {
        let LoadError::Unusable(_) = error else {
            return None;
        };
        let model = &self.ctx.config.model;
        tasador_champion::count_unusable(&self.ctx, model);
        if self.known().champion.is_some() {
            return None;
        }
        let loaded = tasador_champion::last_sound(&self.ctx, model)
            .await
            .inspect_err(|error| tracing::error!("no former champion: {}", chain(error)))
            .ok()??;
        described(loaded).ok()
    }

    /// Whether this champion is the known one, or failed to load a short while ago.
    fn nothing_to_load(&self, version: ModelVersion) -> Option<Found> {
        let known = self.known();
        if known
            .champion
            .as_ref()
            .is_some_and(|champion| champion.version() == version)
        {
            return Some(Found::Same);
        }
        let trouble = known
            .trouble
            .as_ref()
            .filter(|trouble| trouble.version == Some(version))?;
        let interval = known.interval(trouble, self.refresh());
        within(trouble.tried_at, self.ctx.now(), interval).then_some(Found::NotYet)
    }

    fn note(&self, found: Result<Found, LoadError>, stand_in: Option<Arc<Champion>>) {
        let now = self.ctx.now();
        let mut known = self.known();
        known.looked_at = Some(now);
        match found {
            Ok(Found::NotYet) => {}
            Ok(Found::Same) => known.trouble = None,
            Ok(Found::Nobody) => {
                known.champion = None;
                known.trouble = None;
            }
            Ok(Found::New(champion)) => {
                let version = champion.version();
                tracing::info!(%version, "this version prices now");
                known.champion = Some(champion);
                known.trouble = None;
            }
            Err(error) => {
                let version = error.version();
                known.champion = known.champion.take().or(stand_in);
                let before = known
                    .trouble
                    .take()
                    .filter(|before| before.version == version);
                // Once for each version, not once for each try.
                if before.is_none() {
                    let meanwhile = known.champion.as_ref().map(|known| known.version());
                    tracing::error!(
                        class = tasador_champion::CHAMPION_UNUSABLE,
                        champion = version.map(|version| version.0),
                        serving = meanwhile.map(|version| version.0),
                        "the champion is not up to date: {}",
                        chain(&error)
                    );
                }
                known.trouble = Some(Trouble {
                    version,
                    sentence: error.to_string(),
                    times: before.as_ref().map_or(0, |before| before.times) + 1,
                    since: before.map_or(now, |before| before.since),
                    tried_at: now,
                });
            }
        }
    }
}
