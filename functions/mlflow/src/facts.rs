//! What filters and orders can ask of the registry's records.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::language::{Facts, Subject};
use tasador_registry::{Experiment, LoggedModel, ModelRecord, RunRecord, VersionRecord};

use super::place;

fn one<'a>(text: impl Into<Cow<'a, str>>) -> Vec<Cow<'a, str>> {
    vec![text.into()]
}

fn labelled<'a>(labels: &'a BTreeMap<String, String>, key: &str) -> Vec<Cow<'a, str>> {
    labels.get(key).map(Cow::from).into_iter().collect()
}

impl Facts for Asked<'_, RunRecord> {
    fn number(&self, subject: &Subject) -> Option<f64> {
        match subject {
            Subject::Metric(key) => self.0.metrics.get(key),
            Subject::Attribute("start_time") => Some(self.0.start_ms as f64),
            Subject::Attribute("end_time") => self.0.end_ms.map(|end| end as f64),
            _ => None,
        }
    }

    fn texts(&self, subject: &Subject) -> Vec<Cow<'_, str>> {
        let run = self.0;
        match subject {
            Subject::Param(key) => labelled(&run.params, key),
            Subject::Tag(key) => labelled(&run.tags, key),
            Subject::Attribute("run_id") => one(&run.run_id),
            Subject::Attribute("run_name") => one(&run.name),
            Subject::Attribute("status") => one(run.status.name()),
            Subject::Attribute("user_id") => one(&run.user),
            Subject::Attribute("artifact_uri") => one(place::of_run(run)),
            Subject::Dataset(field) => run
                .datasets
                .values()
                .filter_map(|mark| match *field {
                    "name" => Some(Cow::from(&mark.name)),
                    "digest" => Some(Cow::from(&mark.digest)),
                    _ => mark.context.as_deref().map(Cow::from),
                })
                .collect(),
            _ => Vec::new(),
        }
    }
}

impl Facts for Asked<'_, Experiment> {
    fn number(&self, subject: &Subject) -> Option<f64> {
        match subject {
            Subject::Attribute("creation_time") => Some(self.0.created_ms as f64),
            Subject::Attribute("last_update_time") => {
                Some(self.0.updated_ms.unwrap_or(self.0.created_ms) as f64)
            }
            _ => None,
        }
    }

    fn texts(&self, subject: &Subject) -> Vec<Cow<'_, str>> {
        match subject {
            Subject::Tag(key) => labelled(&self.0.tags, key),
            Subject::Attribute("name") => one(&self.0.name),
            Subject::Attribute("experiment_id") => one(&self.0.experiment_id),
            _ => Vec::new(),
        }
    }
}

impl Facts for Asked<'_, ModelRecord> {
    fn number(&self, subject: &Subject) -> Option<f64> {
        let at = match subject {
            Subject::Attribute("creation_timestamp") => self.0.created_at,
            Subject::Attribute("last_updated_timestamp") => {
                self.0.updated_at.unwrap_or(self.0.created_at)
            }
            _ => return None,
        };
        Some(at.as_millisecond() as f64)
    }

    fn texts(&self, subject: &Subject) -> Vec<Cow<'_, str>> {
        match subject {
            Subject::Tag(key) => labelled(&self.0.tags, key),
            Subject::Attribute("name") => one(self.0.model.as_str()),
            _ => Vec::new(),
        }
    }
}

impl Facts for Asked<'_, VersionRecord> {
    fn number(&self, subject: &Subject) -> Option<f64> {
        match subject {
            Subject::Attribute("version_number") => Some(f64::from(self.0.version.0)),
            Subject::Attribute("creation_timestamp") => {
                Some(self.0.created_at.as_millisecond() as f64)
            }
            Subject::Attribute("last_updated_timestamp") => {
                Some(self.0.updated_at.as_millisecond() as f64)
            }
            _ => None,
        }
    }

    fn texts(&self, subject: &Subject) -> Vec<Cow<'_, str>> {
        match subject {
            Subject::Tag(key) => labelled(&self.0.tags, key),
            Subject::Attribute("name") => one(self.0.model.as_str()),
            Subject::Attribute("run_id") => self
                .0
                .mlflow_run_id
                .as_deref()
                .map(Cow::from)
                .into_iter()
                .collect(),
            Subject::Attribute("source_path") => one(place::source_of_version(self.0)),
            _ => Vec::new(),
        }
    }
}

impl Facts for Asked<'_, LoggedModel> {
    fn number(&self, subject: &Subject) -> Option<f64> {
        match subject {
            // Of several runs and datasets, the latest.
            Subject::Metric(key) => self
                .0
                .metrics
                .iter()
                .filter(|metric| metric.key == *key)
                .max_by_key(|metric| (metric.timestamp_ms, metric.step))
                .map(|metric| metric.value.0),
            Subject::Attribute("creation_time") => Some(self.0.created_ms as f64),
            Subject::Attribute("last_updated_time") => Some(self.0.updated_ms as f64),
            _ => None,
        }
    }

    fn texts(&self, subject: &Subject) -> Vec<Cow<'_, str>> {
        let model = self.0;
        let maybe = |text: &'static str| one(text);
        match subject {
            Subject::Param(key) => labelled(&model.params, key),
            Subject::Tag(key) => labelled(&model.tags, key),
            Subject::Attribute("name") => one(&model.name),
            Subject::Attribute("model_id") => one(&model.model_id),
            Subject::Attribute("model_type") => model
                .model_type
                .as_deref()
                .map(Cow::from)
                .into_iter()
                .collect(),
            Subject::Attribute("source_run_id") => model
                .source_run_id
                .as_deref()
                .map(Cow::from)
                .into_iter()
                .collect(),
            Subject::Attribute("status") => maybe(super::view::model_status(model.status)),
            _ => Vec::new(),
        }
    }
}

/// A record that is asked.
pub(super) struct Asked<'a, T>(pub(super) &'a T);
