//! Trainings of the pipeline as MLflow's clients see them: runs of one experiment for each registered
//! model, linked to the dataset.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tasador_ids::{DatasetId, Key, ModelName, ModelVersion, RunId, key};

use super::run::{DatasetLink, Experiment, MetricPoint, RunRecord, RunStatus};
use crate::RegistryError;
use crate::table::Registry;
use tasador_flow::Metrics;

/// How MLflow's clients address files that the tracking server serves.
pub const ARTIFACT_SCHEME: &str = "mlflow-artifacts:/";

/// Where MLflow's clients find the files of a version that the pipeline trained.
pub fn artifact_uri(model: &ModelName, version: ModelVersion) -> String {
    let prefix = key::model_prefix(model, version);
    format!("{ARTIFACT_SCHEME}{}", prefix.trim_end_matches('/'))
}

/// One training, finished or failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Training {
    /// The MLflow run: 32 hexadecimal digits.
    pub mlflow_run_id: String,
    pub name: String,
    /// The registered model, whose experiment the run belongs to.
    pub model: ModelName,
    /// The pipeline's run.
    pub run: RunId,
    pub dataset: DatasetId,
    /// The bucket and the key of the dataset's manifest.
    pub dataset_object: (String, Key),
    pub status: RunStatus,
    pub params: BTreeMap<String, String>,
    pub metrics: Metrics,
    pub tags: BTreeMap<String, String>,
    /// Where the version's files are, if there is a version.
    pub artifact_uri: Option<String>,
    pub start_ms: i64,
    pub end_ms: i64,
}

impl Registry {
    /// Writes a training as a run. Repeating it changes nothing.
    ///
    /// # Errors
    /// Those of the registry.
    pub async fn put_training(&self, training: Training) -> Result<(), RegistryError> {
        let mut new = Experiment::named(training.model.as_str(), training.start_ms);
        // MLflow's pages show the experiment as what it is.
        let kind = ("mlflow.experimentKind", "custom_model_development");
        new.tags.insert(kind.0.to_owned(), kind.1.to_owned());
        let experiment = self.experiment(&new).await?;
        let mut tags = training.tags;
        tags.insert("tasador.run".to_owned(), training.run.to_string());
        tags.insert("tasador.dataset".to_owned(), training.dataset.to_string());
        let run = RunRecord {
            user: "tasador".to_owned(),
            status: training.status,
            end_ms: Some(training.end_ms),
            artifact_uri: training.artifact_uri,
            params: training.params,
            metrics: training.metrics,
            tags,
            ..RunRecord::new(
                training.mlflow_run_id,
                experiment.experiment_id,
                training.name,
                training.start_ms,
            )
        };
        // Each metric is a series of one point.
        let series: Vec<MetricPoint> = run.latest().collect();
        let (bucket, key) = training.dataset_object;
        let dataset = DatasetLink {
            name: "listings".to_owned(),
            digest: training.dataset.short(),
            source_type: "s3".to_owned(),
            source: serde_json::json!({ "uri": format!("s3://{bucket}/{key}") }).to_string(),
            schema: None,
            profile: None,
            tags: BTreeMap::from([("mlflow.data.context".to_owned(), "train".to_owned())]),
        };
        self.put_run(&run, &series, &[dataset]).await
    }
}
