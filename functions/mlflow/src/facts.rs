//! The values of the registry's records that filters and orders compare.

use std::borrow::Cow;
use std::collections::BTreeMap;

use tasador_registry::{
    Experiment, LoggedModel, LoggedModelStatus, ModelMetric, ModelRecord, RunRecord, VersionRecord,
};

use crate::language::{Facts, OnDataset, Subject};
use crate::place;

type Texts<'a> = Vec<Cow<'a, str>>;

fn one<'a>(text: impl Into<Cow<'a, str>>) -> Texts<'a> {
    vec![text.into()]
}

fn maybe(text: Option<&String>) -> Texts<'_> {
    text.map(Cow::from).into_iter().collect()
}

fn labelled<'a>(labels: &'a BTreeMap<String, String>, key: &str) -> Texts<'a> {
    maybe(labels.get(key))
}

impl Facts for RunRecord {
    fn number(&self, subject: &Subject) -> Option<f64> {
        match subject {
            Subject::Metric(key) => self.metrics.get(key),
            Subject::Attribute("start_time") => Some(self.start_ms as f64),
            Subject::Attribute("end_time") => self.end_ms.map(|end| end as f64),
            _ => None,
        }
    }

    fn texts(&self, subject: &Subject) -> Texts<'_> {
        match subject {
            Subject::Param(key) => labelled(&self.params, key),
            Subject::Tag(key) => labelled(&self.tags, key),
            Subject::Attribute("run_id") => one(&self.run_id),
            Subject::Attribute("run_name") => one(&self.name),
            Subject::Attribute("status") => one(self.status.name()),
            Subject::Attribute("user_id") => one(&self.user),
            Subject::Attribute("artifact_uri") => one(place::of_run(self)),
            Subject::Dataset(field) => {
                let values = self.datasets.values().filter_map(|mark| match *field {
                    "name" => Some(&mark.name),
                    "digest" => Some(&mark.digest),
                    _ => mark.context.as_ref(),
                });
                values.map(Cow::from).collect()
            }
            _ => Vec::new(),
        }
    }
}

impl Facts for Experiment {
    fn number(&self, subject: &Subject) -> Option<f64> {
        match subject {
            Subject::Attribute("creation_time") => Some(self.created_ms as f64),
            Subject::Attribute("last_update_time") => {
                Some(self.updated_ms.unwrap_or(self.created_ms) as f64)
            }
            _ => None,
        }
    }

    fn texts(&self, subject: &Subject) -> Texts<'_> {
        match subject {
            Subject::Tag(key) => labelled(&self.tags, key),
            Subject::Attribute("name") => one(&self.name),
            Subject::Attribute("experiment_id") => one(&self.experiment_id),
            _ => Vec::new(),
        }
    }
}

impl Facts for ModelRecord {
    fn number(&self, subject: &Subject) -> Option<f64> {
        let at = match subject {
            Subject::Attribute("last_updated_timestamp") => {
                self.updated_at.unwrap_or(self.created_at)
            }
            _ => return None,
        };
        Some(at.as_millisecond() as f64)
    }

    fn texts(&self, subject: &Subject) -> Texts<'_> {
        match subject {
            Subject::Tag(key) => labelled(&self.tags, key),
            Subject::Attribute("name") => one(self.model.as_str()),
            _ => Vec::new(),
        }
    }
}

impl Facts for VersionRecord {
    fn number(&self, subject: &Subject) -> Option<f64> {
        match subject {
            Subject::Attribute("version_number") => Some(f64::from(self.version.0)),
            Subject::Attribute("creation_timestamp") => {
                Some(self.created_at.as_millisecond() as f64)
            }
            Subject::Attribute("last_updated_timestamp") => {
                Some(self.updated_at.as_millisecond() as f64)
            }
            _ => None,
        }
    }

    fn texts(&self, subject: &Subject) -> Texts<'_> {
        match subject {
            Subject::Tag(key) => labelled(&self.tags, key),
            Subject::Attribute("name") => one(self.model.as_str()),
            Subject::Attribute("run_id") => maybe(self.mlflow_run_id.as_ref()),
            Subject::Attribute("source_path") => one(place::source_of_version(self)),
            _ => Vec::new(),
        }
    }
}

impl Facts for LoggedModel {
    fn number(&self, subject: &Subject) -> Option<f64> {
        match subject {
            Subject::Metric(key) => latest(self, key, |_| true),
            Subject::MetricOn(key, datasets) => latest(self, key, |metric| is_on(metric, datasets)),
            Subject::Attribute("creation_time") => Some(self.created_ms as f64),
            Subject::Attribute("last_updated_time") => Some(self.updated_ms as f64),
            _ => None,
        }
    }

    fn texts(&self, subject: &Subject) -> Texts<'_> {
        match subject {
            Subject::Param(key) => labelled(&self.params, key),
            Subject::Tag(key) => labelled(&self.tags, key),
            Subject::Attribute("name") => one(&self.name),
            Subject::Attribute("model_id") => one(&self.model_id),
            Subject::Attribute("model_type") => maybe(self.model_type.as_ref()),
            Subject::Attribute("source_run_id") => maybe(self.source_run_id.as_ref()),
            Subject::Attribute("status") => one(match self.status {
                LoggedModelStatus::Pending => "PENDING",
                LoggedModelStatus::Ready => "READY",
                LoggedModelStatus::Failed => "FAILED",
            }),
            _ => Vec::new(),
        }
    }
}

/// Of the values of several runs and datasets, the latest.
fn latest(model: &LoggedModel, key: &str, fits: impl Fn(&ModelMetric) -> bool) -> Option<f64> {
    let values = model.metrics.iter();
    values
        .filter(|metric| metric.key == key && fits(metric))
        .max_by_key(|metric| (metric.timestamp_ms, metric.step))
        .map(|metric| metric.value.0)
}

/// Whether a metric was measured on one of these datasets.
pub(crate) fn is_on(metric: &ModelMetric, datasets: &[OnDataset]) -> bool {
    let Some((name, digest)) = &metric.dataset else {
        return false;
    };
    let is = |asked: &Option<String>, found| asked.as_ref().is_none_or(|asked| asked == found);
    datasets
        .iter()
        .any(|asked| is(&asked.name, name) && is(&asked.digest, digest))
}
