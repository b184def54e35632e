//! Trains one candidate: one algorithm on one dataset, registered with its evidence.
//!
//! The served model learns from every home. What is measured comes from its fold models: each home is
//! priced by the one that never saw its property (see [`tasador_model::train`]).
//!
//! Everything that this function writes depends on `<run>/<algorithm>`: the version's number, the id
//! of the MLflow run, the keys. A repeated call finds the finished work or completes it. The same
//! dataset, algorithm and seed give the same bytes, so an existing object counts as written.

mod profile;
mod schema;
mod signature;

pub use tasador_flow::train::Request;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tasador_archive::VersionCopy;
use tasador_flow::{Candidate, Metrics};
use tasador_ids::{DatasetId, Digest, ModelVersion, RunId};
use tasador_lake::LakeError;
use tasador_lake::key::{self, ModelFile};
use tasador_listing::Profile;
use tasador_model::evidence::{self, Files, RatioStudy, Report};
use tasador_model::train::{Evidence, TrainConfig, TrainError};
use tasador_model::{Algorithm, Comparables, Frame, Scores};
use tasador_registry::{
    Artifact, FinishedVersion, NewVersion, RegistryError, RunStatus, Training, VersionStatus,
};
use tasador_runtime::{Classify, Context, ErrorClass};

/// Tag of a run with the version that it registered.
const VERSION_TAG: &str = "tasador.version";

/// Tag of a run with the SHA-256 of the schema that its listings were read by.
const SCHEMA_TAG: &str = "tasador.schema";

/// Tag of a run with the reason why it registered no version.
const REASON_TAG: &str = "tasador.reason";

/// Why the training failed, for reasons other than the data.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the dataset {dataset} could not be read")]
    Dataset {
        dataset: DatasetId,
        source: Box<tasador_dataset::LoadError>,
    },
    #[error("the model's files could not be stored")]
    Lake(#[from] LakeError),
    #[error("the version could not be registered")]
    Registry(#[from] RegistryError),
    #[error("{what} could not be created for the model: {reason}")]
    File { what: &'static str, reason: String },
    #[error("training ended without a result: {reason}")]
    Thread { reason: String },
}

impl Classify for Error {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Dataset { source, .. } if source.is_retryable() => ErrorClass::Retryable,
            Self::Dataset { source, .. } if source.is_corrupt() => ErrorClass::CorruptArtifact,
            Self::Dataset { .. } => ErrorClass::Bug,
            Self::Lake(error) => error.class(),
            Self::Registry(error) => error.class(),
            Self::File { .. } | Self::Thread { .. } => ErrorClass::Bug,
        }
    }
}

/// Trains and registers the requested candidate. If an algorithm cannot learn from a dataset, the
/// result is a candidate without a version, not an error.
///
/// # Errors
/// [`Error`], with the class that says whether to repeat the call.
pub async fn handle(request: Request, ctx: &Context) -> Result<Candidate, Error> {
    let algorithm: Algorithm = match request.algorithm.parse() {
        Ok(algorithm) => algorithm,
        Err(unknown) => {
            return Ok(Candidate::failed(request.algorithm, unknown.to_string()));
        }
    };
    let names = Names::of(&request.run_id, algorithm);
    if let Some(done) = finished(&names, algorithm, ctx).await? {
        tracing::info!(%algorithm, "trained before");
        return Ok(done);
    }

    let started_ms = ctx.now().as_millisecond();
    let homes = tasador_dataset::load(&ctx.lake, request.dataset, &request.dataset_key, None)
        .await
        .map_err(|source| Error::Dataset {
            dataset: request.dataset,
            source: Box::new(source),
        })?;
    let config = TrainConfig::new(algorithm, request.seed.unwrap_or(ctx.config.seed));
    let trained = {
        let (config, names) = (config.clone(), names.clone());
        tokio::task::spawn_blocking(move || train(&config, &names, &homes))
            .await
            .map_err(|error| Error::Thread {
                reason: error.to_string(),
            })??
    };
    match trained {
        Ok(trained) => register(&request, &config, &names, trained, started_ms, ctx).await,
        Err(error) => {
            tracing::warn!(%algorithm, "not trained: {error}");
            let reason = error.to_string();
            let tags = BTreeMap::from([(REASON_TAG.to_owned(), reason.clone())]);
            let params = params(&request, &config, None);
            let times = (started_ms, ctx.now().as_millisecond());
            let training = Training {
                tags,
                ..failed(&request, &names, params, times, ctx)
            };
            ctx.registry.put_training(training).await?;
            Ok(Candidate::failed(algorithm.as_str(), reason))
        }
    }
}

/// The names that one training uses.
#[derive(Debug, Clone)]
struct Names {
    /// `<run>/<algorithm>`, which determines the version's number.
    source_key: String,
    /// The first 32 hexadecimal digits of its SHA-256.
    mlflow_run_id: String,
}

impl Names {
    fn of(run: &RunId, algorithm: Algorithm) -> Self {
        let source_key = format!("{run}/{algorithm}");
        let mlflow_run_id = Digest::of(source_key.as_bytes())
            .to_string()
            .chars()
            .take(32)
            .collect();
        Self {
            source_key,
            mlflow_run_id,
        }
    }
}

/// The files of a fit, as bytes.
struct Trained {
    artifact: Vec<u8>,
    /// The bytes of each fold model, in the order of their folds.
    folds: Vec<Vec<u8>>,
    onnx: Vec<u8>,
    mlmodel: String,
    signature: serde_json::Value,
    measured: Measured,
    ratios: RatioStudy,
    files: Files,
    profile: Profile,
    /// The sales that it learned from; none among asking prices only.
    comparables: Option<Vec<u8>>,
}

/// `metrics.json`: how the model was made, and its accuracy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// How it was trained, and the validation by which candidates are ranked.
    #[serde(flatten)]
    pub evidence: Evidence,
    /// The accuracy in detail.
    #[serde(alias = "holdout")]
    pub report: Report,
}

/// Trains the model. The outer error is a bug of this program, the inner one a property of the data.
fn train(
    config: &TrainConfig,
    names: &Names,
    homes: &Frame,
) -> Result<Result<Trained, TrainError>, Error> {
    let fitted = match tasador_model::train::fit(config, homes) {
        Ok(fitted) => fitted,
        Err(error) => return Ok(Err(error)),
    };
    let bytes = |model: &tasador_model::Model| {
        model.to_bytes().map_err(|error| Error::File {
            what: "artefact",
            reason: error.to_string(),
        })
    };
    let artifact = bytes(&fitted.model)?;
    let folds = fitted
        .folds
        .models()
        .iter()
        .map(bytes)
        .collect::<Result<_, _>>()?;
    let report = evidence::report(&fitted);
    let comparables = Comparables::of(&fitted.model, &fitted.homes)
        .map(|sales| sales.to_bytes())
        .transpose()
        .map_err(|error| Error::File {
            what: "comparable sales",
            reason: error.to_string(),
        })?;
    let name = format!("House prices, {}", names.source_key);
    let ratios = evidence::ratio_study(&fitted);
    let files = evidence::files(&name, &fitted, &report, &ratios);
    let tasador_model::train::Trained {
        model, evidence, ..
    } = fitted;
    Ok(Ok(Trained {
        folds,
        onnx: model.to_onnx(),
        mlmodel: signature::mlmodel(&model, &names.mlflow_run_id, artifact.len() as u64),
        signature: signature::of(&model),
        artifact,
        measured: Measured { evidence, report },
        ratios,
        files,
        profile: profile::of(homes),
        comparables,
    }))
}

/// Writes the files first, then the version, then the run: a finished run implies all of them.
async fn register(
    request: &Request,
    config: &TrainConfig,
    names: &Names,
    trained: Trained,
    started_ms: i64,
    ctx: &Context,
) -> Result<Candidate, Error> {
    let model = &ctx.config.model;
    let algorithm = config.algorithm;
    let schema = schema::of(request, ctx).await?;
    let version = ctx
        .registry
        .register_version(&NewVersion {
            model: model.clone(),
            source_key: names.source_key.clone(),
            run: Some(request.run_id.clone()),
            mlflow_run_id: Some(names.mlflow_run_id.clone()),
            algorithm: Some(algorithm.to_string()),
            dataset: Some(request.dataset),
            schema: schema.clone(),
            tags: BTreeMap::new(),
            description: None,
            logged: None,
            at: ctx.now(),
        })
        .await?;
    let mut artifact = Artifact {
        key: key::model(model, version, ModelFile::Artifact),
        sha256: Digest::of(&trained.artifact),
        size_bytes: trained.artifact.len() as u64,
        folds: Vec::with_capacity(trained.folds.len()),
    };
    let size_bytes = artifact.size_bytes;
    let evidence = &trained.measured.evidence;
    let mut card = trained.files.card;
    if let Some(schema) = &schema {
        card.push_str(&schema::section(schema));
    }
    let json = |what, value: Result<Vec<u8>, serde_json::Error>| {
        value.map_err(|error| Error::File {
            what,
            reason: error.to_string(),
        })
    };
    let measured_json = json("metrics", serde_json::to_vec(&trained.measured))?;
    let signature_json = json("signature", serde_json::to_vec(&trained.signature))?;
    let profile_json = json("profile", serde_json::to_vec(&trained.profile))?;
    let ratios_json = json("ratio study", serde_json::to_vec(&trained.ratios))?;
    let mut files = vec![(artifact.key.clone(), trained.artifact)];
    for (fold, bytes) in trained.folds.into_iter().enumerate() {
        artifact.folds.push(Digest::of(&bytes));
        files.push((key::fold(model, version, fold), bytes));
    }
    for (file, bytes) in [
        (ModelFile::Onnx, trained.onnx),
        (ModelFile::MlModel, trained.mlmodel.into_bytes()),
        (ModelFile::Loader, signature::LOADER.into()),
        (ModelFile::Card, card.into_bytes()),
        (ModelFile::Residuals, trained.files.residuals.into_bytes()),
        (
            ModelFile::Calibration,
            trained.files.calibration.into_bytes(),
        ),
        (ModelFile::Signature, signature_json),
        (ModelFile::Metrics, measured_json),
        (ModelFile::Profile, profile_json),
        (ModelFile::RatioStudy, ratios_json),
    ] {
        files.push((key::model(model, version, file), bytes));
    }
    if let Some(bytes) = trained.comparables {
        files.push((key::model(model, version, ModelFile::Comparables), bytes));
    }
    let prefix = key::model_prefix(model, version);
    let (mut digests, mut recorded) = (BTreeMap::new(), BTreeMap::new());
    for (key, bytes) in files {
        let name = key
            .as_str()
            .strip_prefix(&prefix)
            .unwrap_or(key.as_str())
            .to_owned();
        let digest = Digest::of(&bytes);
        ctx.lake.put_once(&key, bytes).await?;
        digests.insert(name, digest);
        recorded.insert(key, digest);
    }
    ctx.registry.record_files(&recorded).await?;

    let metrics = measured(&trained.measured, &trained.ratios, size_bytes);
    let finished = ctx
        .registry
        .finish_version(
            model,
            version,
            &FinishedVersion {
                artifact: artifact.clone(),
                metrics: metrics.clone(),
                at: ctx.now(),
            },
        )
        .await?;
    // The same in each repetition, so that its metrics are the same points.
    let ended_ms = finished.updated_at.as_millisecond();
    let started_ms = started_ms.min(ended_ms);
    let params = params(request, config, Some(evidence));
    let times = (started_ms, ended_ms);
    let schema = schema.map(|schema| (SCHEMA_TAG.to_owned(), schema.sha256.to_string()));
    let tags = [
        (VERSION_TAG.to_owned(), version.to_string()),
        ("tasador.model".to_owned(), model.to_string()),
    ];
    let training = Training {
        status: RunStatus::Finished,
        metrics,
        tags: tags.into_iter().chain(schema).collect(),
        artifact_uri: Some(tasador_registry::artifact_uri(model, version)),
        ..failed(request, names, params, times, ctx)
    };
    let copy = VersionCopy {
        version: finished,
        files: digests,
        training: Some(training.clone()),
    };
    tasador_archive::keep_version(&ctx.lake, &copy).await?;
    ctx.registry.put_training(training).await?;
    tracing::info!(
        %algorithm, %version, size_bytes,
        "trained, validation MAE {:.0}",
        evidence.validation.mae,
    );
    Ok(candidate(
        algorithm,
        version,
        names,
        artifact,
        &evidence.validation,
    ))
}

/// The answer of an earlier, completed call.
async fn finished(
    names: &Names,
    algorithm: Algorithm,
    ctx: &Context,
) -> Result<Option<Candidate>, Error> {
    let Some(run) = ctx.registry.run(&names.mlflow_run_id).await? else {
        return Ok(None);
    };
    // A fit that the data did not allow counts as done too: a job returns no answer.
    if let (RunStatus::Failed, Some(reason)) = (run.status, run.tags.get(REASON_TAG)) {
        return Ok(Some(Candidate::failed(algorithm.as_str(), reason)));
    }
    let version = run.tags.get(VERSION_TAG).and_then(|text| text.parse().ok());
    let (RunStatus::Finished, Some(version)) = (run.status, version) else {
        return Ok(None);
    };
    let model = &ctx.config.model;
    let Some(record) = ctx.registry.version(model, version).await? else {
        return Ok(None);
    };
    let (VersionStatus::Ready, Some(artifact)) = (record.status, record.artifact) else {
        return Ok(None);
    };
    let evidence: Evidence = match ctx
        .lake
        .get_json(&key::model(model, version, ModelFile::Metrics))
        .await
    {
        Ok(evidence) => evidence,
        // Missing or damaged files are created again, or the store reports why they cannot be.
        Err(error) if error.is_retryable() => return Err(error.into()),
        Err(_) => return Ok(None),
    };
    let validation = &evidence.validation;
    Ok(Some(candidate(
        algorithm, version, names, artifact, validation,
    )))
}

fn candidate(
    algorithm: Algorithm,
    version: ModelVersion,
    names: &Names,
    artifact: Artifact,
    validation: &Scores,
) -> Candidate {
    Candidate {
        algorithm: algorithm.to_string(),
        version: Some(version),
        mlflow_run_id: Some(names.mlflow_run_id.clone()),
        artifact_key: Some(artifact.key),
        sha256: Some(artifact.sha256),
        validation: validation.by_name().collect(),
        reason: None,
        error: None,
    }
}

/// A training that failed, as MLflow's clients see it.
fn failed(
    request: &Request,
    names: &Names,
    params: BTreeMap<String, String>,
    (start_ms, end_ms): (i64, i64),
    ctx: &Context,
) -> Training {
    Training {
        mlflow_run_id: names.mlflow_run_id.clone(),
        name: names.source_key.clone(),
        model: ctx.config.model.clone(),
        run: request.run_id.clone(),
        dataset: request.dataset,
        dataset_object: (ctx.lake.bucket().to_owned(), request.dataset_key.clone()),
        status: RunStatus::Failed,
        params,
        metrics: Metrics::default(),
        tags: BTreeMap::new(),
        artifact_uri: None,
        start_ms,
        end_ms,
    }
}

fn params(
    request: &Request,
    config: &TrainConfig,
    evidence: Option<&Evidence>,
) -> BTreeMap<String, String> {
    let mut params = evidence
        .map(|evidence| evidence.parameters.clone())
        .unwrap_or_default();
    params.insert("algorithm".to_owned(), config.algorithm.to_string());
    params.insert("seed".to_owned(), config.seed.to_string());
    params.insert("dataset".to_owned(), request.dataset.to_string());
    params.insert("interval_level".to_owned(), config.level.to_string());
    if let Some(evidence) = evidence {
        params.insert("features".to_owned(), evidence.features.len().to_string());
    }
    params
}

/// The metrics in the registry's form.
fn measured(measured: &Measured, ratios: &RatioStudy, size_bytes: u64) -> Metrics {
    let Measured { evidence, report } = measured;
    let of = |part: &'static str, scores: &Scores| {
        let scores = scores.by_name();
        scores.map(move |(name, value)| (format!("{part}_{name}"), value))
    };
    let baseline = report.baseline.map(|old| {
        [
            ("baseline_rmse".to_owned(), old.rmse),
            ("baseline_mae".to_owned(), old.mae),
            ("baseline_r2".to_owned(), old.r2),
            ("baseline_median_ape".to_owned(), old.median_ape),
        ]
    });
    let ratios = ratios.all.iter().flat_map(|study| {
        let trimmed = study.trimmed.statistics.iter();
        let shares = [
            ("within_5", study.within_5),
            ("within_10", study.within_10),
            ("within_20", study.within_20),
            ("fsd", study.fsd),
            ("sales", study.untrimmed.sales as f64),
        ];
        trimmed
            .map(|(name, estimate)| (name.as_str(), estimate.value))
            .chain(shares)
            .map(|(name, value)| (format!("ratio_study_{name}"), value))
    });
    of("validation", &evidence.validation)
        .chain(
            evidence
                .out_of_time
                .iter()
                .flat_map(|later| of("out_of_time", &later.metrics)),
        )
        .chain(baseline.into_iter().flatten())
        .chain(ratios)
        .chain([
            ("training_rows".to_owned(), evidence.training_rows as f64),
            ("size_bytes".to_owned(), size_bytes as f64),
        ])
        .collect()
}

#[cfg(test)]
mod tests;
