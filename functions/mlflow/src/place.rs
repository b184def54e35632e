//! Where artefacts are: how clients name a place, and which keys of the bucket it stands for.
//!
//! Clients know places as `mlflow-artifacts:/<path>` and ask the server for them. A path under
//! `models/` is a version that the pipeline made, with its files where they always are, and is read
//! only. Every other path is under `mlflow/` in the bucket.

use tasador_ids::{ModelName, ModelVersion};
use tasador_lake::{Key, key};
use tasador_registry::{Experiment, RunRecord, VersionRecord};

use super::refusal::Refusal;

/// How clients name what the server gives out.
pub(super) const SCHEME: &str = "mlflow-artifacts:/";

/// Where clients' artefacts are in the bucket.
const CLIENTS: &str = "mlflow/";
/// Where the pipeline's versions are.
const PIPELINE: &str = "models/";

/// The place of an experiment's artefacts.
pub(super) fn of_experiment(experiment: &Experiment) -> String {
    experiment
        .artifact_location
        .clone()
        .unwrap_or_else(|| format!("{SCHEME}{}", experiment.experiment_id))
}

/// The place of a new run's artefacts, where its experiment's is not the usual one.
pub(super) fn within(experiment: &Experiment, run_id: &str) -> Option<String> {
    let location = experiment.artifact_location.as_deref()?;
    Some(format!(
        "{}/{run_id}/artifacts",
        location.trim_end_matches('/')
    ))
}

/// The place of a run's artefacts.
pub(super) fn of_run(run: &RunRecord) -> String {
    run.artifact_uri
        .clone()
        .unwrap_or_else(|| format!("{SCHEME}{}/{}/artifacts", run.experiment_id, run.run_id))
}

/// The place of a logged model's artefacts.
pub(super) fn of_logged_model(experiment: &Experiment, model_id: &str) -> String {
    let location = of_experiment(experiment);
    format!(
        "{}/models/{model_id}/artifacts",
        location.trim_end_matches('/')
    )
}

/// Where a version comes from, as its maker said.
pub(super) fn source_of_version(version: &VersionRecord) -> String {
    match &version.logged {
        Some(logged) => logged.source.clone(),
        None => of_pipeline(&version.model, version.version),
    }
}

/// Where a version's files are.
pub(super) fn of_version(version: &VersionRecord) -> String {
    match &version.logged {
        Some(logged) => logged.location.clone(),
        None => of_pipeline(&version.model, version.version),
    }
}

fn of_pipeline(model: &ModelName, version: ModelVersion) -> String {
    let prefix = key::model_prefix(model, version);
    format!("{SCHEME}{}", prefix.trim_end_matches('/'))
}

/// A place in the bucket, as a path names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The key, or the folder without its last slash; empty for the root of clients' artefacts.
    pub(super) key: String,
    /// Whether clients may write there.
    pub(super) is_open: bool,
}

impl Place {
    /// The place of a path, which may end in a slash.
    pub(super) fn of(path: &str) -> Result<Self, Refusal> {
        let path = path.trim_matches('/');
        if path.is_empty() {
            return Ok(Self {
                key: CLIENTS.trim_end_matches('/').to_owned(),
                is_open: true,
            });
        }
        let is_open = !path.starts_with(PIPELINE);
        let key = if is_open {
            format!("{CLIENTS}{path}")
        } else {
            path.to_owned()
        };
        // The rules of keys keep everybody within the bucket's folder.
        match key.parse::<Key>() {
            Ok(_) => Ok(Self { key, is_open }),
            Err(_) => Err(Refusal::invalid(format!("Invalid path: {path}"))),
        }
    }

    /// The place of a path within a place that clients know by its URI; none where it is outside the
    /// bucket.
    pub(super) fn within(uri: &str, path: &str) -> Result<Option<Self>, Refusal> {
        let Some(root) = uri.strip_prefix(SCHEME) else {
            return Ok(None);
        };
        // With a host, as `mlflow-artifacts://host/path`, it is the same server.
        let root = match root.strip_prefix('/') {
            Some(rest) => rest.split_once('/').map_or("", |(_, path)| path),
            None => root,
        };
        Self::of(&format!("{root}/{path}")).map(Some)
    }

    /// The object's key.
    pub(super) fn object(&self) -> Result<Key, Refusal> {
        self.key
            .parse()
            .map_err(|_| Refusal::invalid(format!("Invalid path: {}", self.key)))
    }

    /// That clients may write there.
    pub(super) fn open(self) -> Result<Self, Refusal> {
        if self.is_open {
            return Ok(self);
        }
        Err(Refusal::invalid(
            "What the pipeline made is written once: its files can't be changed.",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_has_its_place_and_none_leads_elsewhere() {
        let place = |path: &str| Place::of(path).unwrap();
        assert_eq!(
            place("0/abc/artifacts/model/MLmodel").key,
            "mlflow/0/abc/artifacts/model/MLmodel"
        );
        assert_eq!(place("models/M/3/").key, "models/M/3");
        assert!(!place("models/M/3/MLmodel").is_open);
        assert!(place("models/M/3").open().is_err());
        assert_eq!(place("").key, "mlflow");
        for path in [
            "../raw/x",
            "0/../../raw",
            "0//x",
            "./x",
            "models/../raw/x",
            "a\\b",
        ] {
            assert!(Place::of(path).is_err(), "{path}");
        }
    }

    #[test]
    fn places_of_this_server_are_known_by_their_uri() {
        let within =
            |uri: &str, path: &str| Place::within(uri, path).unwrap().map(|place| place.key);
        assert_eq!(
            within("mlflow-artifacts:/0/a", "b").as_deref(),
            Some("mlflow/0/a/b")
        );
        assert_eq!(
            within("mlflow-artifacts://host:1/0/a", "").as_deref(),
            Some("mlflow/0/a")
        );
        assert_eq!(within("s3://bucket/a", "b"), None);
    }
}
