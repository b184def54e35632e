//! Gathers what the rule looks at.
//!
//! What belongs to the batch must be there. What belongs to the champion may be damaged or gone:
//! then it is a fact like any other. A store that does not answer is neither, and the state machine
//! asks again.

use serde::de::DeserializeOwned;
use tasador_champion::{ChampionStatus, EvaluatedVersion, Flaw, LoadedVersion};
use tasador_dataset::{Manifest, ManifestEntry, read_batch};
use tasador_ids::{BatchId, DatasetId, Digest, ModelVersion};
use tasador_lake::key::{self, ModelFile};
use tasador_lake::{Key, LakeError};
use tasador_listing::{BatchReport, Profile};
use tasador_model::Frame;
use tasador_performance::Performance;
use tasador_registry::RegistryError;
use tasador_runtime::Context;

use crate::GateError;
use crate::rules::{ChampionError, ServedError, Serving, Standing};

/// The metric of a version that the champion's error on a batch is compared with.
const MEDIAN_APE: &str = "validation_median_ape";

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
    pub(crate) async fn champion(&self) -> Result<Option<ModelVersion>, GateError> {
        let model = &self.ctx.config.model;
        let champion = self.ctx.registry.champion(model).await;
        let champion = champion.map_err(self.registry())?;
        Ok(champion.map(|champion| champion.version))
    }

    /// How things stand with the model in production.
    pub(crate) async fn standing(&self) -> Result<Standing, GateError> {
        let ctx = self.ctx;
        let status = tasador_champion::champion(ctx, &ctx.config.model).await;
        let batch = self.batch;
        let failed = |source| GateError::Champion { batch, source };
        let evaluated = match status.map_err(failed)? {
            ChampionStatus::None => return Ok(Standing::Vacant),
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
                return Ok(Standing::Unloadable {
                    version: unusable.version,
                    why: unusable.flaw.to_string(),
                });
            }
        };
        let LoadedVersion { record, model, .. } = &champion.loaded;
        let version = record.version;
        let reference: Option<Profile> = self
            .aside(
                &key::model(&self.ctx.config.model, version, ModelFile::Profile),
                version,
            )
            .await?;
        let learnt: Option<Manifest> = match record.dataset {
            Some(dataset) => self.aside(&key::dataset(&dataset), version).await?,
            None => None,
        };
        let inputs = model
            .inputs()
            .iter()
            .map(|input| input.name.clone())
            .collect();
        let validation = record.metrics.get(MEDIAN_APE);
        let error = match validation {
            Some(validation) => self.error(champion, validation).await?,
            None => None,
        };
        let performance = self.ctx.registry.performance(&self.ctx.config.model).await;
        let performance = performance.map_err(self.registry())?;
        Ok(Standing::Serving(Box::new(Serving {
            version,
            served: served_error(performance.as_ref(), version, validation),
            inputs,
            learnt_rows: learnt.map(|manifest| manifest.rows()),
            reference,
            error,
        })))
    }

    /// A document beside the champion, where it can be had.
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
        // Reading Parquet and pricing a large batch take seconds, and the reader brings threads of
        // its own that a runtime of one thread does not bear.
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

    /// The dataset that would be learnt from: all usable batches and this one, by reception. A batch
    /// that is processed again keeps its place.
    pub(crate) async fn manifest(&self, rows: u64) -> Result<Manifest, GateError> {
        let usable = self
            .ctx
            .registry
            .usable_batches()
            .await
            .map_err(self.registry())?;
        let received_at = self
            .ctx
            .registry
            .batch(&self.batch)
            .await
            .map_err(self.registry())?
            .map(|batch| batch.record.received_at);
        let mut batches = Vec::with_capacity(usable.len() + 1);
        for other in usable.into_iter().filter(|other| other.batch != self.batch) {
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
        Ok(Manifest { batches })
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
