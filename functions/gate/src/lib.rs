//! Decides whether a cleaned batch justifies training, and says why.
//!
//! A refusal is a result, not an error. [`handle`] gathers the facts, [`tasador_rules::judge`] decides, and
//! where candidates are to be trained, the dataset they learn from is written down: all usable
//! batches so far and this one. The same call again has the same effect: a dataset's name is the
//! hash of its list, and nothing else is written.

mod facts;

use tasador_champion::StoreError;
use tasador_dataset::{LoadError, Manifest, ReadError};
use tasador_flow::gate::Decision;
use tasador_flow::{Origin, Reason, TrainOn, Training};
use tasador_ids::{BatchId, ModelVersion};
use tasador_lake::LakeError;
use tasador_model::Algorithm;
use tasador_registry::{Batch, RegistryError};
use tasador_rules::{self as rules, Facts, Judgement, Limits};
use tasador_runtime::{Classify, Context, ErrorClass};

pub use tasador_flow::gate::{Request, Response};

/// Why no decision was reached.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    /// The request names something that can't be.
    #[error("{0}")]
    Request(String),
    /// The bucket did not answer, or the batch's own files are not there.
    #[error("batch {batch} can't be judged")]
    Lake {
        /// The batch.
        batch: BatchId,
        /// What the bucket says.
        source: LakeError,
    },
    /// The registry did not answer.
    #[error("batch {batch} can't be judged")]
    Registry {
        /// The batch.
        batch: BatchId,
        /// What the registry says.
        source: RegistryError,
    },
    #[error("batch {batch} can't be judged")]
    Champion { batch: BatchId, source: StoreError },
    /// The batch's clean rows can't be read.
    #[error("the clean rows of batch {batch} can't be read")]
    Clean {
        /// The batch.
        batch: BatchId,
        /// What the reader says.
        source: ReadError,
    },
    /// The rows of an earlier batch can't be counted.
    #[error("the clean rows of batch {batch} cannot be counted")]
    Keys {
        batch: BatchId,
        source: Box<LoadError>,
    },
    /// The dataset's list of batches can't be written as JSON.
    #[error("the dataset's list of batches can't be written as JSON")]
    Manifest(#[source] serde_json::Error),
    /// A thread of this process ended.
    #[error("the champion could not be tried on batch {batch}")]
    Thread {
        /// The batch.
        batch: BatchId,
        /// What became of the thread.
        source: tokio::task::JoinError,
    },
}

impl Classify for GateError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Request(_) => ErrorClass::InvalidInput,
            Self::Manifest(_) | Self::Thread { .. } => ErrorClass::Bug,
            Self::Lake { source, .. } => source.class(),
            Self::Registry { source, .. } => source.class(),
            Self::Champion { source, .. } => source.class(),
            Self::Keys { source, .. } if source.is_retryable() => ErrorClass::Retryable,
            Self::Clean { .. } | Self::Keys { .. } => ErrorClass::CorruptArtifact,
        }
    }
}

/// Judges the batch of a run against the champion and what it learnt from.
///
/// A champion that can't be used is a reason to train, never an error.
///
/// # Errors
/// [`GateError`] where the facts can't be gathered: a store did not answer, or the batch's own
/// report or clean rows are not there.
pub async fn handle(request: Request, ctx: &Context) -> Result<Response, GateError> {
    let wanted = Wanted {
        candidates: ctx.config.candidates.clone(),
        job_from_rows: ctx.config.train_job_from_rows,
    };
    decide(&request, ctx, &ctx.config.gate, wanted).await
}

/// What is trained where there is reason to, and from how many rows on by a job.
struct Wanted {
    candidates: Vec<Algorithm>,
    job_from_rows: Option<u64>,
}

async fn decide(
    request: &Request,
    ctx: &Context,
    limits: &Limits,
    wanted: Wanted,
) -> Result<Response, GateError> {
    let gather = facts::Gather {
        ctx,
        batch: request.batch,
        clean_key: &request.preprocess.clean_key,
        clean_sha256: request.preprocess.clean_sha256,
    };
    let report = gather.report(&request.preprocess.profile_key).await?;
    let processed = request.repeat && request.origin != Some(Origin::Named);

    let examined = match rules::examine(&report, processed, limits) {
        Ok(examined) => examined,
        Err(refusal) => {
            let champion = gather.champion_version().await?;
            return Ok(respond(refusal, champion, None));
        }
    };
    let batch = gather.batch().await?;
    if let Some(event) = batch.as_ref().and_then(Batch::withdrawal) {
        let champion = gather.champion_version().await?;
        return Ok(respond(rules::withdrawn(event, examined), champion, None));
    }
    let withdrawn = gather.withdrawn().await?;
    let (champion, learned) = gather.champion(examined.reasons.is_empty()).await?;
    let received_at = batch.as_ref().map(|batch| batch.record.received_at);
    let manifest = gather
        .manifest(report.profile.rows, received_at, &withdrawn)
        .await?;
    let facts = Facts {
        report: &report,
        dataset_rows: manifest.rows(),
        champion: &champion,
        released: batch.as_ref().is_some_and(Batch::is_released),
        stale: gather.stale(learned.as_ref(), &withdrawn).await?,
        units: ctx.config.units(),
    };
    let judgement = rules::judge(examined, &facts, limits);
    let training = match judgement.decision {
        Decision::Skip | Decision::Hold => None,
        Decision::Train => Some(write_dataset(&gather, &manifest, wanted).await?),
    };
    Ok(respond(judgement, champion.version(), training))
}

async fn write_dataset(
    gather: &facts::Gather<'_>,
    manifest: &Manifest,
    wanted: Wanted,
) -> Result<Training, GateError> {
    let (dataset, dataset_key) = gather.write(manifest).await?;
    Ok(Training {
        dataset,
        dataset_key,
        candidates: wanted.candidates.iter().map(ToString::to_string).collect(),
        train_on: TrainOn::of(manifest.rows(), wanted.job_from_rows),
    })
}

fn respond(
    judgement: Judgement,
    champion: Option<ModelVersion>,
    training: Option<Training>,
) -> Response {
    let Judgement {
        decision,
        reasons,
        notices,
        usable,
        measurements,
    } = judgement;
    // What the alarm for drift counts.
    let codes: Vec<&str> = reasons.iter().map(Reason::code).collect();
    tracing::info!(
        decision = decision.as_str(),
        usable,
        reasons = codes.join(" "),
        measurements = serde_json::to_string(&measurements).unwrap_or_default(),
        "judged: {}",
        reasons.first().map(Reason::sentence).unwrap_or_default(),
    );
    Response {
        decision,
        reasons,
        notices,
        usable,
        champion,
        training,
        measurements,
    }
}
