//! What the system remembers: batches and their outcomes, models, versions, the champion, runs.
//!
//! The types and the rules know no table; [`Registry`] keeps them in DynamoDB. Every write is
//! conditional or idempotent, so each may be repeated; what must change
//! together changes in one transaction; what must be unique rests on a condition of the table.
//! Lists are read by key or index, page by page, never by scan.

mod batch;
mod compaction;
mod decision;
mod error;
mod inference;
mod mlflow;
mod outcome;
mod page;
mod promotion;
mod rollback;
mod serving;
mod sortable;
mod table;
mod version;

pub use batch::{Batch, BatchOutcome, BatchRecord, Claim, Opened, RunBatch, UsableBatch};
pub use compaction::{CompactionClaim, HourCompaction, LooseInference};
pub use decision::{BatchChange, DecideError, Forbidden, PropertyWithdrawal, Withdrawn};
pub use error::RegistryError;
pub use inference::InferenceRecord;
pub use mlflow::{
    ARTIFACT_SCHEME, ByStart, DatasetLink, DatasetMark, DatasetSummary, Experiment, LoggedModel,
    LoggedModelStatus, MetricPoint, ModelLink, ModelMetric, Moment, RankedRun, RunChange, RunLinks,
    RunLog, RunRecord, RunStatus, Training, Values, artifact_uri,
};
pub use outcome::Recorded;
pub use page::{PAGE_LIMIT_MAX, Page, PageRequest};
pub use promotion::{
    CHAMPION, Champion, PromoteError, Promotion, PromotionEvent, PromotionKind, Refusal,
};
pub use rollback::{ProposalState, ProposedRollback};
pub use serving::{
    CountsKept, DURATION_BOUNDS_US, GateFigures, HourCounts, PipelineCounts, ServingCounts,
    ServingTotals, hour_name,
};
pub use table::{Aliases, Registry, Tables, Turn};
pub use tasador_flow::gate::Decision as GateDecision;
pub use tasador_flow::{
    BatchAction, BatchEvent, Candidate, CleanFile, Contender, Measurement, Metrics, Number, Origin,
    Outcome, OutcomeKind, PromotionSeq, Reason, Rows, RunError,
};
pub use version::{
    Artifact, FinishedVersion, ListingSchema, LoggedVersion, ModelRecord, NewVersion,
    VersionRecord, VersionStatus,
};
