//! Batches: who received them, who works on them, and what became of them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tasador_ids::{BatchId, Format, RunId};

use tasador_flow::{CleanFile, Origin, Outcome, OutcomeKind};

/// The facts of a batch as the source delivered it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchRecord {
    /// The batch: the hash of its bytes.
    pub batch: BatchId,
    /// The run that puts it into the registry, and works on it first.
    pub run: RunId,
    /// The execution of that run in Step Functions.
    pub execution_arn: String,
    /// Where it came from: the address as configured, without credentials.
    pub source: String,
    /// How its bytes are written.
    pub format: Format,
    /// The length of the raw object in bytes.
    pub size_bytes: u64,
    /// When the last byte arrived.
    pub received_at: Timestamp,
}

/// Who works on a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The run.
    pub run: RunId,
    /// Its execution in Step Functions: a batch is free for others once this is no longer running.
    pub execution_arn: String,
    /// When the claim was made.
    pub at: Timestamp,
}

/// A batch as the registry knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// Its facts at reception.
    pub record: BatchRecord,
    /// Who works or worked on it last.
    pub claim: Claim,
    /// What became of it; none while it is open.
    #[serde(default)]
    pub outcome: Option<BatchOutcome>,
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchOutcome {
    /// The outcome.
    pub kind: OutcomeKind,
    /// The run that reached it.
    pub run: RunId,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// Whether its clean rows belong into the datasets of later runs.
    pub usable: bool,
    /// Its clean rows, where it came that far.
    #[serde(default)]
    pub clean: Option<CleanFile>,
}

impl BatchOutcome {
    /// The outcome of a run as its batch keeps it.
    pub fn of(outcome: &Outcome) -> Self {
        Self {
            kind: outcome.kind,
            run: outcome.run.clone(),
            recorded_at: outcome.recorded_at,
            usable: outcome.usable,
            clean: outcome.clean.clone(),
        }
    }

    /// Whether the batch's rows stay out of datasets for a reason that may pass: it broke its run, or
    /// was skipped as unusable.
    pub fn leaves_rows_out(&self) -> bool {
        match self.kind {
            OutcomeKind::Failed => true,
            OutcomeKind::Skipped => !self.usable,
            OutcomeKind::Promoted | OutcomeKind::Rejected | OutcomeKind::NothingNew => false,
        }
    }
}

/// A run's batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunBatch {
    /// The batch.
    pub batch: BatchId,
    /// How the run came by it.
    pub origin: Origin,
    /// Whether the batch had an outcome before the run got it.
    pub repeat: bool,
    /// When the run got it.
    pub at: Timestamp,
}

/// What [`Registry::open_batch`](crate::Registry::open_batch) found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    pub batch: Batch,
    /// The run's pointer to it.
    pub mine: RunBatch,
    /// Whether this run opened the batch, now or in an earlier call. Of bytes that were known
    /// already, record, claim and outcome are as they were.
    pub new: bool,
}

/// A batch that belongs into datasets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsableBatch {
    /// The batch.
    pub batch: BatchId,
    /// When it was received: the order of the list.
    pub received_at: Timestamp,
    /// Its clean rows.
    pub clean: CleanFile,
}
