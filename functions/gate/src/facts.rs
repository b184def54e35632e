//! Gathers what the rule looks at.
//!
//! What belongs to the batch must be there. What belongs to the champion may be damaged or gone:
//! then it is a fact like any other. A store that does not answer is neither, and the state machine
//! asks again.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use tasador_champion::{ChampionStatus, EvaluatedVersion, Flaw, LoadedVersion};
use tasador_dataset::{CleanBatch, LoadError, Manifest, ManifestEntry, read_batch};
use tasador_flow::Stale;
use tasador_ids::{BatchId, DatasetId, Digest, ModelVersion};
use tasador_lake::key::{self, ModelFile};
use tasador_lake::{Key, LakeError};
use tasador_listing::{BatchReport, Profile, PropertyKey};
use tasador_model::Frame;
use tasador_performance::{PROMISED, Performance};
use tasador_registry::{Batch, RegistryError, Withdrawn};
use tasador_runtime::Context;

use crate::GateError;
use tasador_rules::{Champion, ChampionError, ServedError, Serving};

/// When a batch was received and when it got its outcome, as far as it is known.
type Times = (Option<Timestamp>, Option<Timestamp>);

/// Whether two batches were worked on at the same time. Batches whose end is not known were stored by an
/// earlier version.
fn overlap(left: Times, right: Times) -> bool {
    let ((Some(began), Some(ended)), (Some(other_began), Some(other_ended))) = (left, right) else {
        return false;
    };
    began <= other_ended && other_began <= ended
}

/// Gathers facts on one batch.
pub(crate) struct Gather<'a> {
    pub(crate) ctx: &'a Context,
    pub(crate) batch: BatchId,
    pub(crate) clean_key: &'a Key,
    pub(crate) clean_sha256: Digest,
}

impl Gather<'_> {
    /// What became of the batch's rows.
    pub(crate) async fn report(&self, profile_key: &Key) -> Result<BatchReport, GateError> {
        let report: BatchReport = self
            .ctx
            .lake
            .get_json(profile_key)
            .await
            .map_err(self.lake())?;
        if report.format != BatchReport::FORMAT {
            return Err(self.lake()(LakeError::Corrupt {
                key: profile_key.clone(),
                reason: format!(
                    "its format is {}, and {} is read",
                    report.format,
                    BatchReport::FORMAT
                ),
            }));
        }
        Ok(report)
    }

    /// The version in production.
    pub(crate) async fn champion_version(&self) -> Result<Option<ModelVersion>, GateError> {
        let model = &self.ctx.config.model;
        let champion = self.ctx.registry.champion(model).await;
        let champion = champion.map_err(self.registry())?;
        Ok(champion.map(|champion| champion.version))
    }

    /// The model in production, and the dataset it learned from. Its error on the batch is only measured if
    /// it matters.
    pub(crate) async fn champion(
        &self,
        with_error: bool,
    ) -> Result<(Champion, Option<Manifest>), GateError> {
        let ctx = self.ctx;
        let status = tasador_champion::champion(ctx, &ctx.config.model).await;
        let batch = self.batch;
        let failed = |source| GateError::Champion { batch, source };
        let evaluated = match status.map_err(failed)? {
            ChampionStatus::None => return Ok((Champion::Absent, None)),
            ChampionStatus::Loaded(loaded) => {
                let evaluated = LoadedVersion::with_folds(*loaded, ctx).await;
                evaluated.map_err(failed)?.map_err(Box::new)
            }
            ChampionStatus::Unusable(unusable) => Err(unusable),
        };
        let champion = match evaluated {
            Ok(champion) => champion,
            Err(unusable) => {
                if !matches!(unusable.flaw, Flaw::NoFolds) {
                    tasador_champion::raise_alarm(ctx, &ctx.config.model, &unusable);
                }
                let reference = self.reference(unusable.version).await?;
                let unloadable = Champion::Unloadable {
                    version: unusable.version,
                    why: unusable.flaw.to_string(),
                    reference: reference.map(Box::new),
                };
                return Ok((unloadable, None));
            }
        };
        let LoadedVersion { record, model, .. } = &champion.loaded;
        let version = record.version;
        let reference = self.reference(version).await?;
        let learnt: Option<Manifest> = match record.dataset {
            Some(dataset) => self.aside(&key::dataset(&dataset), version).await?,
            None => None,
        };
        let inputs = model
            .inputs()
            .iter()
            .map(|input| input.name.clone())
            .collect();
        let important = model.important().map(str::to_owned).collect();
        let validation = record.metrics.get(PROMISED);
        let error = match validation {
            Some(validation) if with_error => self.error(champion, validation).await?,
            _ => None,
        };
        let performance = self.ctx.registry.performance(&self.ctx.config.model).await;
        let performance = performance.map_err(self.registry())?;
        let serving = Champion::Serving(Box::new(Serving {
            version,
            served: served_error(performance.as_ref(), version, validation),
            inputs,
            important,
            learnt_rows: learnt.as_ref().map(Manifest::rows),
            reference,
            error,
        }));
        Ok((serving, learnt))
    }

    /// What the rows that a version learned from look like.
    async fn reference(&self, version: ModelVersion) -> Result<Option<Profile>, GateError> {
        let key = key::model(&self.ctx.config.model, version, ModelFile::Profile);
        self.aside(&key, version).await
    }

    /// A document beside the champion, if it can be read.
    async fn aside<T: DeserializeOwned>(
        &self,
        key: &Key,
        version: ModelVersion,
    ) -> Result<Option<T>, GateError> {
        match self.ctx.lake.get_json(key).await {
            Ok(document) => Ok(Some(document)),
            Err(error @ (LakeError::NotFound { .. } | LakeError::Corrupt { .. })) => {
                tracing::warn!(%version, %key, "the batch is judged without this file: {error}");
                Ok(None)
            }
            Err(error) => Err(self.lake()(error)),
        }
    }

    /// How the model does on the batch; `None` where the batch has no home to try it on.
    async fn error(
        &self,
        champion: EvaluatedVersion,
        validation: f64,
    ) -> Result<Option<ChampionError>, GateError> {
        let bytes = self
            .ctx
            .lake
            .get_verified(self.clean_key, self.clean_sha256)
            .await
            .map_err(self.lake())?;
        let batch = self.batch;
        // Reading Parquet and pricing a large batch take seconds, and the reader starts
        // threads, which a runtime of one thread does not allow.
        tokio::task::spawn_blocking(move || {
            let clean = read_batch(bytes).map_err(|source| GateError::Clean { batch, source })?;
            let mut frame = clean.frame;
            // As many as there are rows: the reader sees to it.
            let _ = frame.set_properties(clean.properties.iter().map(|key| key.0).collect());
            Ok(champion_error(&champion, &frame, validation))
        })
        .await
        .map_err(|source| GateError::Thread { batch, source })?
    }

    /// The batch as the registry knows it.
    pub(crate) async fn batch(&self) -> Result<Option<Batch>, GateError> {
        let batch = self.ctx.registry.batch(&self.batch).await;
        batch.map_err(self.registry())
    }

    /// All that people have taken out of datasets.
    pub(crate) async fn withdrawn(&self) -> Result<Withdrawn, GateError> {
        let withdrawn = self.ctx.registry.withdrawn().await;
        withdrawn.map_err(self.registry())
    }

    /// The dataset that would be learnt from: all usable batches and this one, by reception. A batch
    /// that is processed again keeps its place.
    pub(crate) async fn manifest(
        &self,
        rows: u64,
        received_at: Option<Timestamp>,
        withdrawn: &Withdrawn,
    ) -> Result<Manifest, GateError> {
        let usable = self.ctx.registry.usable_batches().await;
        let usable = usable.map_err(self.registry())?;
        let mut times = HashMap::from([(self.batch, (received_at, Some(self.ctx.now())))]);
        let mut batches = Vec::with_capacity(usable.len() + 1);
        for other in usable.into_iter().filter(|other| other.batch != self.batch) {
            times.insert(other.batch, (Some(other.received_at), other.settled_at));
            batches.push((
                other.received_at,
                ManifestEntry {
                    batch: other.batch,
                    clean_key: other.clean.key,
                    clean_sha256: other.clean.sha256,
                    rows: other.clean.rows,
                },
            ));
        }
        let this = ManifestEntry {
            batch: self.batch,
            clean_key: self.clean_key.clone(),
            clean_sha256: self.clean_sha256,
            rows,
        };
        let place = match received_at {
            Some(at) => {
                batches.partition_point(|(other, entry)| (*other, entry.batch) < (at, self.batch))
            }
            None => batches.len(),
        };
        let mut batches: Vec<ManifestEntry> = batches.into_iter().map(|(_, entry)| entry).collect();
        batches.insert(place, this);
        let mut without: Vec<PropertyKey> = withdrawn.property_keys().collect();
        without.sort_unstable();
        let distinct_rows = self.distinct_rows(&batches, &times).await?;
        Ok(Manifest {
            batches,
            distinct_rows,
            without,
        })
    }

    /// The different rows of these batches, if some are in several. Only batches that were worked on at
    /// the same time can share rows, and only these are read.
    async fn distinct_rows(
        &self,
        batches: &[ManifestEntry],
        times: &HashMap<BatchId, Times>,
    ) -> Result<Option<u64>, GateError> {
        let of = |entry: &ManifestEntry| times.get(&entry.batch).copied().unwrap_or_default();
        let shares = |entry: &&ManifestEntry| {
            let others = batches.iter().filter(|other| other.batch != entry.batch);
            let mut others = others.map(|other| overlap(of(entry), of(other)));
            others.any(|overlaps| overlaps)
        };
        let (mut rows, mut distinct) = (0, HashSet::new());
        for entry in batches.iter().filter(shares) {
            let keys = self.keys(entry).await?;
            rows += keys.row_hashes.len();
            distinct.extend(keys.row_hashes);
        }
        let repeated = (rows - distinct.len()) as u64;
        let all: u64 = batches.iter().map(|entry| entry.rows).sum();
        Ok((repeated > 0).then(|| all - repeated))
    }

    async fn keys(&self, entry: &ManifestEntry) -> Result<CleanBatch, GateError> {
        let keys = tasador_dataset::load_keys(&self.ctx.lake, entry).await;
        keys.map_err(self.keys_of(entry.batch))
    }

    /// How much of the champion's dataset people have withdrawn since.
    pub(crate) async fn stale(
        &self,
        learned: Option<&Manifest>,
        withdrawn: &Withdrawn,
    ) -> Result<Stale, GateError> {
        let Some(learned) = learned.filter(|_| !withdrawn.is_empty()) else {
            return Ok(Stale::default());
        };
        let (batches, properties) = (withdrawn.batch_ids(), withdrawn.property_keys());
        tasador_dataset::stale(&self.ctx.lake, learned, &batches, properties)
            .await
            .map_err(self.keys_of(self.batch))
    }

    /// Writes the dataset's list of batches under the hash of the list.
    pub(crate) async fn write(&self, manifest: &Manifest) -> Result<(DatasetId, Key), GateError> {
        let bytes = manifest.bytes().map_err(GateError::Manifest)?;
        let dataset = DatasetId::of(&bytes);
        let key = key::dataset(&dataset);
        self.ctx
            .lake
            .put_once(&key, bytes)
            .await
            .map_err(self.lake())?;
        Ok((dataset, key))
    }

    fn keys_of(&self, batch: BatchId) -> impl Fn(LoadError) -> GateError + use<> {
        move |source| GateError::Keys {
            batch,
            source: Box::new(source),
        }
    }

    fn lake(&self) -> impl Fn(LakeError) -> GateError + use<> {
        let batch = self.batch;
        move |source| GateError::Lake { batch, source }
    }

    fn registry(&self) -> impl Fn(RegistryError) -> GateError + use<> {
        let batch = self.batch;
        move |source| GateError::Registry { batch, source }
    }
}

/// The error of the prices that a version served; `None` where no home was sold yet.
fn served_error(
    performance: Option<&Performance>,
    version: ModelVersion,
    validation: Option<f64>,
) -> Option<ServedError> {
    let figures = performance?.of_version(version)?;
    Some(ServedError {
        sales: figures.sales,
        served: figures.median_ape,
        validation: validation?,
    })
}

/// The median absolute percentage error of the champion on the priced homes of a batch, each priced by
/// the model that never saw its property, and its lower
/// bound at 97.5 %: the order statistic 1.96 standard deviations of the binomial below the middle
/// (Conover, *Practical Nonparametric Statistics*, Wiley 1999, section 3.2), which asks nothing of
/// how errors are distributed.
fn champion_error(
    champion: &EvaluatedVersion,
    frame: &Frame,
    validation: f64,
) -> Option<ChampionError> {
    let predictions = champion.predict_all(frame);
    let mut errors: Vec<f64> = frame
        .prices()?
        .iter()
        .zip(predictions)
        .filter(|(price, _)| price.is_finite() && **price > 0.0)
        .map(|(price, predicted)| (predicted.price - price).abs() / price)
        .collect();
    errors.sort_unstable_by(f64::total_cmp);
    let middle = errors.len().checked_sub(1)? / 2;
    let below = (1.96 * (errors.len() as f64).sqrt() / 2.0).ceil() as usize;
    Some(ChampionError {
        rows: errors.len() as u64,
        on_batch: *errors.get(middle)?,
        on_batch_at_least: middle
            .checked_sub(below)
            .and_then(|rank| errors.get(rank))
            .copied()
            .unwrap_or(0.0),
        validation,
    })
}
