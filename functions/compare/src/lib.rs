//! Compares the best candidate with the champion on the same homes, and gives a verdict.
//!
//! All homes of the dataset are priced by both sides, each home by the fold models that never saw its
//! property; then the rule of [`tasador_model::compare`] decides.
//! If the champion cannot be loaded, an alarm is raised, the last sound former champion is compared in its
//! place, and the challenger must not be worse than what was recorded of the champion.

use serde::{Deserialize, Serialize};
use tasador_champion::{
    ChampionStatus, EvaluatedVersion, Flaw, LoadedVersion, StoreError, Unusable,
};
use tasador_dataset::Manifest;
use tasador_flow::Stale;
use tasador_flow::compare::Decision;
pub use tasador_flow::compare::{Request, Response};
use tasador_flow::{Candidate, Language, Reason};
use tasador_ids::{DatasetId, Digest, ModelName, ModelVersion, RunId};
use tasador_lake::{Key, LakeError, key};
use tasador_model::compare::{self as rule, Parts, Recorded, Rule, Verdict};
use tasador_registry::VersionRecord;
use tasador_runtime::{Classify, Context, ErrorClass, chain, config::CompareLimits};

/// What is stored of a comparison; it never changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The registered model.
    pub model: ModelName,
    /// The pipeline's run.
    pub run_id: RunId,
    /// The dataset whose held-out homes both were scored on.
    pub dataset: DatasetId,
    /// The challenger's version.
    pub challenger_version: Option<ModelVersion>,
    /// The champion's version.
    pub champion_version: Option<ModelVersion>,
    /// The former champion that was compared, if the champion cannot be loaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stand_in: Option<ModelVersion>,
    /// Every candidate with its validation.
    pub candidates: Vec<Candidate>,
    /// The verdict.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// What stopped the comparison.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The dataset could not be read.
    #[error("the dataset {dataset} could not be read")]
    Dataset {
        /// The dataset.
        dataset: DatasetId,
        /// Why.
        source: Box<tasador_dataset::LoadError>,
    },
    /// The bucket did not give or take a file.
    #[error("a file of the comparison could not be read or kept")]
    Lake(#[from] LakeError),
    #[error("a model could not be loaded")]
    Model(#[from] StoreError),
    /// No candidate was trained, and not because of the dataset.
    #[error("no candidate could be trained: {reasons}")]
    NoCandidate {
        /// Each candidate with its reason.
        reasons: String,
        /// Whether only a store that did not answer, or is full, kept all of them from being trained.
        is_retryable: bool,
    },
    /// The thread that scored came to nothing.
    #[error("scoring ended without a result: {reason}")]
    Thread {
        /// What the runtime says.
        reason: String,
    },
}

impl Classify for Error {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Dataset { source, .. } if source.is_retryable() => ErrorClass::Retryable,
            Self::Dataset { source, .. } if source.is_corrupt() => ErrorClass::CorruptArtifact,
            Self::Dataset { .. } => ErrorClass::Bug,
            Self::Lake(error) => error.class(),
            Self::Model(error) => error.class(),
            Self::NoCandidate {
                is_retryable: true, ..
            } => ErrorClass::Retryable,
            Self::NoCandidate { .. } | Self::Thread { .. } => ErrorClass::Bug,
        }
    }
}

/// Gives a verdict on the best of `request.candidates`. A rejection is a verdict, never an error.
///
/// # Errors
/// [`Error`], with the class that says whether the call should be repeated.
pub async fn handle(request: Request, ctx: &Context) -> Result<Response, Error> {
    let model = &ctx.config.model;
    let incumbent = Incumbent::of(ctx, model).await?;
    let challenger = challenger(&request, model, ctx).await?;
    let challenger_version = challenger.as_ref().map(|it| it.loaded.version());
    let (champion_version, stand_in) = (incumbent.champion, incumbent.stand_in());

    let verdict = match challenger {
        None => {
            let verdict = nobody(&request.candidates, limits(&ctx.config.compare));
            // Out of memory, out of time, a bug: a person has to look, and the batch is not to blame.
            if request.candidates.iter().any(broke) {
                let is_retryable = request.candidates.iter().all(broke_on_a_store);
                let reasons = verdict.reasons.iter();
                let reasons: Vec<String> = reasons
                    .map(|reason| Language::English.reason(reason))
                    .collect();
                return Err(Error::NoCandidate {
                    reasons: reasons.join("; "),
                    is_retryable,
                });
            }
            verdict
        }
        Some(challenger) => {
            let models = [Some(&challenger), incumbent.loaded.as_ref()];
            let inputs = models
                .into_iter()
                .flatten()
                .flat_map(|it| it.loaded.model.inputs())
                .map(|input| input.name.clone());
            let columns = inputs.chain(Parts::columns().map(str::to_owned));
            let homes = tasador_dataset::load(
                &ctx.lake,
                request.dataset,
                &request.dataset_key,
                Some(columns.collect()),
            )
            .await
            .map_err(|source| Error::Dataset {
                dataset: request.dataset,
                source: Box::new(source),
            })?;
            let (rule, seed) = (limits(&ctx.config.compare), ctx.config.seed);
            tokio::task::spawn_blocking(move || judge(&rule, seed, &homes, &challenger, &incumbent))
                .await
                .map_err(|error| Error::Thread {
                    reason: error.to_string(),
                })?
        }
    };
    let decision = verdict.decision;
    tracing::info!(?decision, "{}", verdict.sentence);
    let record = Record {
        model: model.clone(),
        run_id: request.run_id,
        dataset: request.dataset,
        challenger_version,
        champion_version,
        stand_in,
        candidates: request.candidates,
        verdict,
    };
    let verdict_key = keep(&record, ctx).await?;
    let verdict = record.verdict;
    Ok(Response {
        decision,
        challenger: challenger_version,
        champion: champion_version,
        stand_in,
        sentence: verdict.sentence,
        reasons: verdict.reasons,
        verdict_key,
        challenger_metrics: verdict.challenger.map(|scores| scores.by_name().collect()),
        champion_metrics: verdict.champion.map(|scores| scores.by_name().collect()),
    })
}

/// Keeps the record under the hash of its bytes: a run that compares again, because the champion
/// changed under it, has two records, and one that only repeats itself has one.
async fn keep(record: &Record, ctx: &Context) -> Result<Key, Error> {
    let bytes = serde_json::to_vec(record).map_err(|error| Error::Thread {
        reason: format!("the verdict can't be written: {error}"),
    })?;
    let key = key::verdict(&record.run_id, &Digest::of(&bytes));
    ctx.lake.put_once(&key, bytes).await?;
    Ok(key)
}

/// The champion's side of a comparison.
#[derive(Debug, Default)]
struct Incumbent {
    /// The version in production.
    champion: Option<ModelVersion>,
    /// The champion, or the former champion that stands in for it.
    loaded: Option<EvaluatedVersion>,
    /// Why the champion cannot be compared itself, and what was recorded of it.
    unusable: Option<(String, Option<Recorded>)>,
    /// That the champion learned from what was withdrawn since.
    stale: Option<Reason>,
}

impl Incumbent {
    async fn of(ctx: &Context, model: &ModelName) -> Result<Self, Error> {
        let status = tasador_champion::champion(ctx, model).await?;
        let champion = status.version();
        Ok(match status {
            ChampionStatus::None => Self::default(),
            ChampionStatus::Loaded(loaded) => match loaded.with_folds(ctx).await? {
                Ok(loaded) => Self {
                    champion,
                    stale: stale(&loaded.loaded.record, ctx).await?,
                    loaded: Some(loaded),
                    unusable: None,
                },
                Err(unusable) => Self::without(champion, &unusable, ctx, model).await?,
            },
            ChampionStatus::Unusable(unusable) => {
                Self::without(champion, &unusable, ctx, model).await?
            }
        })
    }

    /// The side of a champion that cannot be loaded or evaluated.
    async fn without(
        champion: Option<ModelVersion>,
        unusable: &Unusable,
        ctx: &Context,
        model: &ModelName,
    ) -> Result<Self, StoreError> {
        if !matches!(unusable.flaw, Flaw::NoFolds) {
            tasador_champion::raise_alarm(ctx, model, unusable);
        }
        let loaded = match tasador_champion::last_sound(ctx, model).await? {
            Some(former) => former.with_folds(ctx).await?.ok(),
            None => None,
        };
        let stand_in = match &loaded {
            Some(former) => format!("version {} is compared instead", former.loaded.version()),
            None => "no former champion can be loaded either".to_owned(),
        };
        let recorded = unusable.record.as_deref().and_then(recorded);
        Ok(Self {
            champion,
            loaded,
            unusable: Some((format!("{}, and {stand_in}", unusable.flaw), recorded)),
            stale: None,
        })
    }

    fn stand_in(&self) -> Option<ModelVersion> {
        self.unusable.as_ref()?;
        self.loaded.as_ref().map(|it| it.loaded.version())
    }
}

/// That a version learned from what people have withdrawn since, if it did. A manifest that is gone tells
/// nothing.
async fn stale(record: &VersionRecord, ctx: &Context) -> Result<Option<Reason>, Error> {
    let withdrawn = ctx.registry.withdrawn().await.map_err(StoreError::from)?;
    let Some(dataset) = record.dataset.filter(|_| !withdrawn.is_empty()) else {
        return Ok(None);
    };
    let learned: Manifest = match ctx.lake.get_json(&key::dataset(&dataset)).await {
        Ok(learned) => learned,
        Err(LakeError::NotFound { .. } | LakeError::Corrupt { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let (batches, properties) = (withdrawn.batch_ids(), withdrawn.property_keys());
    let found = tasador_dataset::stale(&ctx.lake, &learned, &batches, properties).await;
    let Stale {
        batches,
        properties,
    } = found.map_err(|source| Error::Dataset {
        dataset,
        source: Box::new(source),
    })?;
    Ok(
        (batches + properties > 0).then_some(Reason::LearnedFromWithdrawn {
            version: record.version,
            batches,
            properties,
        }),
    )
}

/// The errors that were measured when a version was trained.
fn recorded(record: &VersionRecord) -> Option<Recorded> {
    ["holdout", "validation"].into_iter().find_map(|part| {
        let metric = |name: &str| record.metrics.get(&format!("{part}_{name}"));
        Some(Recorded {
            mae: metric("mae")?,
            rmse: metric("rmse")?,
        })
    })
}

/// The best candidate by validation that can be loaded; the log names the others.
async fn challenger(
    request: &Request,
    model: &ModelName,
    ctx: &Context,
) -> Result<Option<EvaluatedVersion>, Error> {
    for (algorithm, version) in ranking(&request.candidates) {
        let loaded = tasador_champion::load(ctx, model, version).await?;
        let evaluated = match loaded {
            Ok(loaded) => LoadedVersion::with_folds(loaded, ctx).await?,
            Err(unusable) => Err(unusable),
        };
        match evaluated {
            Ok(evaluated) => return Ok(Some(evaluated)),
            Err(unusable) => tracing::warn!(
                algorithm, %version,
                "candidate passed over: {}", chain(&unusable)
            ),
        }
    }
    Ok(None)
}

/// The trained candidates, best first: by mean absolute error in validation, as the rule goes by it.
/// Equal ones stay in their order.
fn ranking(candidates: &[Candidate]) -> Vec<(&str, ModelVersion)> {
    let mut trained: Vec<(f64, &str, ModelVersion)> = candidates
        .iter()
        .filter_map(|candidate| {
            let mae = candidate
                .validation
                .get("mae")
                .filter(|mae| mae.is_finite())?;
            Some((mae, candidate.algorithm.as_str(), candidate.version?))
        })
        .collect();
    trained.sort_by(|a, b| a.0.total_cmp(&b.0));
    trained
        .into_iter()
        .map(|(_, algorithm, version)| (algorithm, version))
        .collect()
}

/// Scores both sides on all homes.
fn judge(
    rule: &Rule,
    seed: u64,
    homes: &tasador_model::Frame,
    challenger: &EvaluatedVersion,
    incumbent: &Incumbent,
) -> Verdict {
    let prices = homes.prices().unwrap_or_default();
    let predict = |version: &EvaluatedVersion| version.predict_all(homes);
    let is_identical = |other: &EvaluatedVersion| other.loaded.sha256 == challenger.loaded.sha256;
    let predictions = incumbent.loaded.as_ref().map(predict);
    let champion = match (&incumbent.unusable, &predictions) {
        (Some((reason, recorded)), stand_in) => rule::Champion::Unusable {
            reason,
            recorded: *recorded,
            stand_in: stand_in.as_deref(),
        },
        (None, None) => rule::Champion::None,
        (None, Some(_)) if incumbent.loaded.as_ref().is_some_and(is_identical) => {
            rule::Champion::Identical
        }
        (None, Some(predictions)) => match &incumbent.stale {
            Some(reason) => rule::Champion::Stale {
                predictions,
                reason,
            },
            None => rule::Champion::Predictions(predictions),
        },
    };
    let challenger = predict(challenger);
    rule::judge(
        rule,
        seed,
        &Parts::of(homes, rule.segment_least as usize),
        prices,
        &homes.property_ids(),
        &challenger,
        champion,
    )
}

/// Whether a candidate's training failed for reasons other than its dataset.
fn broke(candidate: &Candidate) -> bool {
    candidate.error.is_some()
}

/// Whether a store that did not answer kept a candidate from being trained.
fn broke_on_a_store(candidate: &Candidate) -> bool {
    let caught = candidate.error.as_ref();
    caught.is_some_and(|caught| caught.error == ErrorClass::Retryable.as_str())
}

/// The verdict without any usable candidate.
fn nobody(candidates: &[Candidate], rule: Rule) -> Verdict {
    let mut reasons: Vec<Reason> = candidates
        .iter()
        .map(|candidate| match candidate.version {
            Some(version) => Reason::CandidateUnusable {
                algorithm: candidate.algorithm.clone(),
                version,
            },
            None => Reason::CandidateFailed {
                algorithm: candidate.algorithm.clone(),
                why: candidate.reason.clone().unwrap_or_default(),
            },
        })
        .collect();
    if reasons.is_empty() {
        reasons.push(Reason::NoCandidate);
    }
    let why = reasons
        .iter()
        .map(|reason| Language::English.reason(reason));
    let why: Vec<String> = why.collect();
    Verdict {
        decision: Decision::Reject,
        sentence: format!("Rejected: no usable new model: {}.", why.join("; ")),
        reasons,
        rule,
        rows: 0,
        challenger: None,
        champion: None,
        baseline_mae: None,
        changes: None,
        segment: None,
        ratios: Vec::new(),
    }
}

fn limits(limits: &CompareLimits) -> Rule {
    Rule {
        mae_down: limits.min_mae_gain_share,
        rmse_up: limits.max_rmse_loss_share,
        confidence: limits.confidence,
        samples: limits.samples,
        least_rows: limits.min_rows,
        rmse_margin: limits.rmse_margin_usd,
        segment_up: limits.max_segment_loss_share,
        segment_least: limits.segment_min_homes,
        ratio_ranges: limits.ratio_ranges,
    }
}

#[cfg(test)]
mod tests;
