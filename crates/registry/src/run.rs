//! Runs as MLflow knows them: what was tried with which parameters, and what was measured.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::metrics::Metrics;

/// How a run stands; the names are MLflow's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RunStatus {
    /// At work.
    Running,
    /// Not begun.
    Scheduled,
    /// Done.
    Finished,
    /// Broke.
    Failed,
    /// Ended from outside.
    Killed,
}

/// One measured value of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricPoint {
    /// The metric.
    pub key: String,
    /// The value.
    pub value: f64,
    /// The step, such as the boosting round; 0 where there is no series.
    pub step: i64,
    /// When it was measured, in milliseconds since 1970.
    pub timestamp_ms: i64,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Its id: 32 hexadecimal digits.
    pub run_id: String,
    /// Its experiment's id.
    pub experiment_id: String,
    /// Its name, for people.
    pub name: String,
    /// How it stands.
    pub status: RunStatus,
    /// When it began, in milliseconds since 1970.
    pub start_ms: i64,
    /// When it ended, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_ms: Option<i64>,
    /// What it was given.
    #[serde(default)]
    pub params: BTreeMap<String, String>,
    /// The latest value of each metric.
    #[serde(default)]
    pub metrics: Metrics,
    /// Free labels.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// An experiment: a named group of runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Experiment {
    /// Its id: decimal digits. `0` is MLflow's `Default`.
    pub experiment_id: String,
    /// Its name, which is unique.
    pub name: String,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: i64,
}
