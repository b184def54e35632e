//! Decides whether a cleaned batch justifies training, and says why.
//!
//! A refusal is a result, not an error. [`handle`] gathers the facts, [`rules::judge`] decides, and
//! where candidates are to be trained, the dataset they learn from is written down: all usable
//! batches so far and this one. The same call again has the same effect: a dataset's name is the
//! hash of its list, and nothing else is written.

mod facts;
pub mod rules;
mod words;

use serde::{Deserialize, Serialize};
use tasador_champion::StoreError;
use tasador_dataset::{Manifest, ReadError};
use tasador_ids::{BatchId, DatasetId, Digest, ModelVersion, RunId};
use tasador_lake::{Key, LakeError};
use tasador_model::Algorithm;
use tasador_registry::{Origin, Reason, RegistryError};
use tasador_runtime::{Classify, Context, ErrorClass};

use rules::{Facts, Limits, Measurement, Standing, Verdict};

/// A cleaned batch to be judged.
#[derive(Debug, Clone, Deserialize)]
pub struct Request {
    /// The run.
    pub run_id: RunId,
    /// The batch.
    pub batch: BatchId,
    /// How the run came by it: one that was named is judged anew, whatever became of it before.
    #[serde(default)]
    pub origin: Option<Origin>,
    /// Whether it had an outcome before this run got it.
    #[serde(default)]
    pub repeat: bool,
    /// What `preprocess` made of it.
    pub preprocess: Cleaned,
}

/// The part of `preprocess`'s answer that is needed here.
#[derive(Debug, Clone, Deserialize)]
pub struct Cleaned {
    /// The clean rows.
    pub clean_key: Key,
    /// The SHA-256 of the clean file.
    pub clean_sha256: Digest,
    /// The quality report and the distribution profile.
    pub profile_key: Key,
}

/// The decision as it goes on in the state machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Response {
    /// Whether to train.
    pub decision: Verdict,
    /// Why, most important first; never empty.
    pub reasons: Vec<Reason>,
    /// Whether later datasets may hold the batch's rows.
    pub usable: bool,
    /// The version in production, if any.
    pub champion: Option<ModelVersion>,
    /// What to learn from; only where candidates are to be trained.
    #[serde(flatten, default, skip_serializing_if = "Option::is_none")]
    pub training: Option<Training>,
    /// All that was measured, whether or not it decided anything.
    pub measurements: Vec<Measurement>,
}

/// What is to be trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Training {
    /// The dataset.
    pub dataset: DatasetId,
    /// Its list of batches in the bucket.
    pub dataset_key: Key,
    /// The algorithms to try.
    pub candidates: Vec<Algorithm>,
    /// Where they are trained.
    pub train_on: TrainOn,
}

/// What trains a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrainOn {
    /// The function: within 15 minutes and 10 GB.
    Function,
    /// A job of AWS Batch, which has time and memory for more.
    Job,
}

impl TrainOn {
    /// A job where the dataset has so many rows that jobs are wanted for.
    fn of(rows: u64, job_from_rows: Option<u64>) -> Self {
        match job_from_rows {
            Some(from) if rows >= from => Self::Job,
            _ => Self::Function,
        }
    }
}

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
            Self::Clean { .. } => ErrorClass::CorruptArtifact,
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

    if let Some(refusal) = rules::refusal(&report, processed, limits) {
        let champion = gather.champion().await?;
        return Ok(respond(refusal, champion, None));
    }
    let standing = gather.standing().await?;
    let manifest = gather.manifest(report.profile.rows).await?;
    let facts = Facts {
        processed,
        report: &report,
        dataset_rows: manifest.rows(),
        champion: &standing,
    };
    let decision = rules::judge(&facts, limits);
    let training = match decision.verdict {
        Verdict::Skip => None,
        Verdict::Train => Some(write_dataset(&gather, &manifest, wanted).await?),
    };
    Ok(respond(decision, Standing::version(&standing), training))
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
        candidates: wanted.candidates,
        train_on: TrainOn::of(manifest.rows(), wanted.job_from_rows),
    })
}

fn respond(
    decision: rules::Decision,
    champion: Option<ModelVersion>,
    training: Option<Training>,
) -> Response {
    let sentence = decision
        .reasons
        .first()
        .map_or("", |reason| reason.sentence.as_str());
    // What the alarm for drift counts.
    let codes: Vec<&str> = decision
        .reasons
        .iter()
        .map(|reason| reason.code.as_str())
        .collect();
    tracing::info!(
        decision = ?decision.verdict,
        usable = decision.usable,
        reasons = codes.join(" "),
        measurements = serde_json::to_string(&decision.measurements).unwrap_or_default(),
        "judged: {sentence}",
    );
    Response {
        decision: decision.verdict,
        reasons: decision.reasons,
        usable: decision.usable,
        champion,
        training,
        measurements: decision.measurements,
    }
}
