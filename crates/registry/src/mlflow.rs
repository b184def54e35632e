//! What MLflow's clients keep: experiments, runs with their metrics, and models that runs log.
//! Registered models and their versions are the registry's own.

mod experiments;
pub(crate) mod key;
mod links;
mod logged_models;
mod ranks;
mod run;
mod run_log;
mod runs;
mod training;

pub use logged_models::{LoggedModel, LoggedModelStatus, ModelMetric};
pub use ranks::{ByStart, Values};
pub use run::{
    DatasetLink, DatasetMark, DatasetSummary, Experiment, MetricPoint, ModelLink, Moment,
    RankedRun, RunChange, RunLinks, RunLog, RunRecord, RunStatus,
};
pub use training::{ARTIFACT_SCHEME, Training, artifact_uri};
