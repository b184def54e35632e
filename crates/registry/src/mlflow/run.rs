//! Experiments and runs as MLflow knows them: what was tried with which parameters, and what was
//! measured.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::sortable;
use tasador_flow::Metrics;

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

impl RunStatus {
    /// The name as MLflow writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Scheduled => "SCHEDULED",
            Self::Finished => "FINISHED",
            Self::Failed => "FAILED",
            Self::Killed => "KILLED",
        }
    }
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

impl MetricPoint {
    /// Where it stands among the points of its metric.
    pub fn moment(&self) -> Moment {
        Moment {
            step: self.step,
            timestamp_ms: self.timestamp_ms,
            value: self.value,
        }
    }
}

/// Where a point stands in its series: by step, then time, then value, as MLflow has it. The last
/// point is the metric's latest value, in whatever order points arrive.
///
/// It is kept as text that sorts the same way, so that a condition of the table can compare.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Moment {
    /// The step.
    pub step: i64,
    /// When it was measured, in milliseconds since 1970.
    pub timestamp_ms: i64,
    /// The value.
    pub value: f64,
}

/// Marks NaN among the values of moments.
const NAN: char = 'n';

impl PartialEq for Moment {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}#{}#{}",
            sortable::whole(self.step),
            sortable::whole(self.timestamp_ms),
            // MLflow stores NaN as 0 with a mark.
            match self.value.is_nan() {
                true => format!("{}{NAN}", sortable::number(0.0)),
                false => sortable::number(self.value),
            }
        )
    }
}

impl FromStr for Moment {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('#');
        let mut part = || parts.next().ok_or("three numbers are expected");
        Ok(Self {
            step: sortable::read_whole(part()?)?,
            timestamp_ms: sortable::read_whole(part()?)?,
            value: match part()? {
                text if text.ends_with(NAN) => f64::NAN,
                text => sortable::read_number(text)?,
            },
        })
    }
}

impl TryFrom<String> for Moment {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Moment> for String {
    fn from(moment: Moment) -> Self {
        moment.to_string()
    }
}

/// What is told of a dataset with each run it went into.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetMark {
    /// Its name.
    pub name: String,
    /// Its digest.
    pub digest: String,
    /// What it was for, such as `train`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
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
    /// Who made it.
    #[serde(default)]
    pub user: String,
    /// How it stands.
    pub status: RunStatus,
    /// When it began, in milliseconds since 1970.
    pub start_ms: i64,
    /// When it ended, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_ms: Option<i64>,
    /// When it was deleted, in milliseconds since 1970: it is hidden, and can come back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_ms: Option<i64>,
    /// Where its artefacts are, where that is not the usual place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_uri: Option<String>,
    /// What it was given.
    #[serde(default)]
    pub params: BTreeMap<String, String>,
    /// The latest value of each metric.
    #[serde(default)]
    pub metrics: Metrics,
    /// Where each of those values stands in its series.
    #[serde(default)]
    pub moments: BTreeMap<String, Moment>,
    /// Free labels.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// The datasets that went in, each under its own key.
    #[serde(default)]
    pub datasets: BTreeMap<String, DatasetMark>,
    /// Whether datasets or models went in, or models came out: there are items that say which.
    #[serde(default)]
    pub has_links: bool,
}

impl RunRecord {
    /// A run that has begun, to which nothing is logged yet.
    pub fn new(
        run_id: impl Into<String>,
        experiment_id: impl Into<String>,
        name: impl Into<String>,
        start_ms: i64,
    ) -> Self {
        Self {
            run_id: run_id.into(),
            experiment_id: experiment_id.into(),
            name: name.into(),
            user: String::new(),
            status: RunStatus::Running,
            start_ms,
            end_ms: None,
            deleted_ms: None,
            artifact_uri: None,
            params: BTreeMap::new(),
            metrics: Metrics::default(),
            moments: BTreeMap::new(),
            tags: BTreeMap::new(),
            datasets: BTreeMap::new(),
            has_links: false,
        }
    }

    /// The latest value of each metric as a point.
    pub fn latest(&self) -> impl Iterator<Item = MetricPoint> + '_ {
        self.metrics.0.iter().map(|(key, value)| {
            let moment = self.moments.get(key);
            MetricPoint {
                key: key.clone(),
                value: *value,
                step: moment.map_or(0, |moment| moment.step),
                timestamp_ms: moment.map_or(self.end_ms.unwrap_or(self.start_ms), |moment| {
                    moment.timestamp_ms
                }),
            }
        })
    }
}

/// What is to be added to a run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunLog {
    /// Measured values.
    pub points: Vec<MetricPoint>,
    /// Parameters: a value once given stays.
    pub params: BTreeMap<String, String>,
    /// Labels.
    pub tags: BTreeMap<String, String>,
}

/// What is to change in a run; what is none stays.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunChange {
    /// The status.
    pub status: Option<RunStatus>,
    /// When it ended, in milliseconds since 1970.
    pub end_ms: Option<i64>,
    /// The name.
    pub name: Option<String>,
    /// Whether it is deleted, and since when.
    pub deleted_ms: Option<Option<i64>>,
    /// Labels that go.
    pub tags_removed: Vec<String>,
}

/// A run's place by one of its metrics.
#[derive(Debug, Clone, PartialEq)]
pub struct RankedRun {
    /// The run.
    pub run_id: String,
    /// When it began, in milliseconds since 1970.
    pub start_ms: i64,
    /// The latest value of the metric.
    pub value: f64,
}

/// A dataset that went into a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetLink {
    /// Its name.
    pub name: String,
    /// Its digest.
    pub digest: String,
    /// The kind of its source, such as `local`.
    pub source_type: String,
    /// Where it comes from, as JSON.
    pub source: String,
    /// Its columns, as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// Figures about it, as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// Free labels of the link, such as what the dataset was for.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// A dataset of an experiment, and what it was for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetSummary {
    pub experiment_id: String,
    pub name: String,
    pub digest: String,
    /// Such as `train`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
}

/// A logged model that went into a run or came out of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelLink {
    /// The model's id.
    pub model_id: String,
    /// The step at which it came out.
    #[serde(default)]
    pub step: i64,
}

/// What went into a run and what came out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunLinks {
    /// Datasets that went in.
    pub datasets: Vec<DatasetLink>,
    /// Models that went in.
    pub models_in: Vec<ModelLink>,
    /// Models that came out.
    pub models_out: Vec<ModelLink>,
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
    /// When it last changed, in milliseconds since 1970; none where it never did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_ms: Option<i64>,
    /// When it was deleted, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_ms: Option<i64>,
    /// Where the artefacts of its runs go, where that is not the usual place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_location: Option<String>,
    /// Free labels.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

impl Experiment {
    /// An experiment with nothing but its name; the id is given when it is made.
    pub fn named(name: impl Into<String>, created_ms: i64) -> Self {
        Self {
            experiment_id: String::new(),
            name: name.into(),
            created_ms,
            updated_ms: None,
            deleted_ms: None,
            artifact_location: None,
            tags: BTreeMap::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn moments_sort_as_text_and_come_back(a: (i64, i64, f64), b: (i64, i64, f64)) {
            let moment = |(step, timestamp_ms, value)| Moment { step, timestamp_ms, value };
            let (a, b) = (moment(a), moment(b));
            prop_assert_eq!(a.to_string().parse::<Moment>().unwrap(), a);
            if (a.step, a.timestamp_ms) != (b.step, b.timestamp_ms) {
                let as_numbers = (a.step, a.timestamp_ms).cmp(&(b.step, b.timestamp_ms));
                prop_assert_eq!(a.to_string().cmp(&b.to_string()), as_numbers);
            }
        }
    }
}
