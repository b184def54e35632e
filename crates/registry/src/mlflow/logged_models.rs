//! Models that runs log, registered or not.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::key;
use crate::RegistryError;
use crate::table::Registry;
use crate::table::fault::Attempt;
use crate::table::item::{Expression, item, listed};
use crate::table::query::Place;
use tasador_flow::Number;

/// How a logged model stands; the names are MLflow's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LoggedModelStatus {
    /// On its way.
    #[serde(rename = "LOGGED_MODEL_PENDING")]
    Pending,
    /// Complete.
    #[serde(rename = "LOGGED_MODEL_READY")]
    Ready,
    /// Broken.
    #[serde(rename = "LOGGED_MODEL_UPLOAD_FAILED")]
    Failed,
}

/// A measured value of a logged model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelMetric {
    /// The metric.
    pub key: String,
    /// The value.
    pub value: Number,
    /// The step.
    pub step: i64,
    /// When it was measured, in milliseconds since 1970.
    pub timestamp_ms: i64,
    /// The run that measured it.
    pub run_id: String,
    /// The name and the digest of the dataset it was measured on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<(String, String)>,
}

/// A model that a run logged, registered or not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoggedModel {
    /// Its id: `m-` and 32 hexadecimal digits.
    pub model_id: String,
    /// Its experiment's id.
    pub experiment_id: String,
    /// Its name.
    pub name: String,
    /// Where its artefacts are.
    pub artifact_uri: String,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: i64,
    /// When it last changed, in milliseconds since 1970.
    pub updated_ms: i64,
    /// How it stands.
    pub status: LoggedModelStatus,
    /// What it is, such as `agent`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_type: Option<String>,
    /// The run that logged it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_run_id: Option<String>,
    /// When it was deleted, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_ms: Option<i64>,
    /// What it was given.
    #[serde(default)]
    pub params: BTreeMap<String, String>,
    /// Free labels.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// What was measured of it: the latest value by run, metric and dataset.
    #[serde(default)]
    pub metrics: Vec<ModelMetric>,
}

impl LoggedModel {
    /// Takes a measured value; a later one of the same run, metric and dataset replaces it.
    pub fn measured(&mut self, metric: ModelMetric) {
        let same = |known: &&mut ModelMetric| {
            (&known.key, &known.run_id, &known.dataset)
                == (&metric.key, &metric.run_id, &metric.dataset)
        };
        match self.metrics.iter_mut().find(same) {
            Some(known) => {
                if (known.step, known.timestamp_ms) <= (metric.step, metric.timestamp_ms) {
                    *known = metric;
                }
            }
            None => self.metrics.push(metric),
        }
    }
}

impl Registry {
    /// Makes a logged model. False where its id is taken.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`].
    pub async fn make_logged_model(&self, model: &LoggedModel) -> Result<bool, RegistryError> {
        let record = listed(
            item(key::logged_model(&model.model_id), model)?,
            key::logged_models_of(&model.experiment_id),
            key::started(model.created_ms, &model.model_id),
        );
        let made = self
            .put_if("make a logged model", record, Expression::absent())
            .await?;
        Ok(made == Attempt::Done)
    }

    /// A logged model, deleted or not.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Damaged`].
    pub async fn logged_model(&self, model_id: &str) -> Result<Option<LoggedModel>, RegistryError> {
        self.get("read a logged model", key::logged_model(model_id))
            .await
    }

    /// Changes a logged model except for its id, experiment and time; none if there is no such model.
    ///
    /// # Errors
    /// Those of the registry.
    pub async fn change_logged_model(
        &self,
        model_id: &str,
        change: &(dyn Fn(&mut LoggedModel) + Sync),
    ) -> Result<Option<LoggedModel>, RegistryError> {
        self.modify("change a logged model", key::logged_model(model_id), change)
            .await
    }

    /// All logged models of an experiment, latest first, deleted or not.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Damaged`].
    pub async fn logged_models(
        &self,
        experiment_id: &str,
    ) -> Result<Vec<LoggedModel>, RegistryError> {
        let place = Place::List(key::logged_models_of(experiment_id));
        self.all("list logged models", &place).await
    }
}
