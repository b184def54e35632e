//! Where artefacts are: how clients name a place, and which keys of the bucket it stands for.
//!
//! Clients know places as `mlflow-artifacts:/<path>` and ask the server for them. A path under
//! `models/` is a version that the pipeline made, with its files where they always are, and is read
//! only. Every other path is under `mlflow/` in the bucket.

use tasador_lake::Key;
use tasador_registry::{ARTIFACT_SCHEME, Experiment, RunRecord, VersionRecord, artifact_uri};

use crate::error::ApiError;

/// Where clients' artefacts are in the bucket.
const CLIENTS: &str = "mlflow/";
/// Where the pipeline's versions are.
const PIPELINE: &str = "models/";

/// The place of an experiment's artefacts.
pub(crate) fn of_experiment(experiment: &Experiment) -> String {
    experiment
        .artifact_location
        .clone()
        .unwrap_or_else(|| format!("{ARTIFACT_SCHEME}{}", experiment.experiment_id))
}

/// The place of a new run's artefacts, where its experiment's is not the usual one.
pub(crate) fn within(experiment: &Experiment, run_id: &str) -> Option<String> {
    let location = experiment.artifact_location.as_deref()?;
    Some(append(location, &format!("{run_id}/artifacts")))
}

/// A path within a place, before the query of its URI if it has one.
fn append(uri: &str, path: &str) -> String {
    let (base, query) = match uri.find(['?', '#']) {
        Some(at) => uri.split_at(at),
        None => (uri, ""),
    };
    format!("{}/{path}{query}", base.trim_end_matches('/'))
}

/// The place of a run's artefacts.
pub(crate) fn of_run(run: &RunRecord) -> String {
    run.artifact_uri.clone().unwrap_or_else(|| {
        format!(
            "{ARTIFACT_SCHEME}{}/{}/artifacts",
            run.experiment_id, run.run_id
        )
    })
}

/// The place of a logged model's artefacts.
pub(crate) fn of_logged_model(experiment: &Experiment, model_id: &str) -> String {
    append(
        &of_experiment(experiment),
        &format!("models/{model_id}/artifacts"),
    )
}

/// Whether a URI names something among this server's artifacts.
pub(crate) fn is_served(uri: &str) -> bool {
    uri.starts_with("mlflow-artifacts:") || uri.contains("/api/2.0/mlflow-artifacts/artifacts")
}

/// Whether a URI names a file of the machine that reads it. No run of this server has its artifacts there.
pub(crate) fn is_local(uri: &str) -> bool {
    let scheme = uri.split_once(':').map_or("", |(scheme, _)| scheme.trim());
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.chars().all(|character| {
            character.is_ascii_alphanumeric() || matches!(character, '+' | '-' | '.')
        });
    !is_scheme || scheme.eq_ignore_ascii_case("file")
}

/// Whether a URI is that of `root`, or of something within it.
pub(crate) fn is_inside(uri: &str, root: &str) -> bool {
    let parts = |uri: &str| -> Vec<String> {
        let parts = uri.split('/').filter(|part| !part.is_empty());
        parts.map(str::to_owned).collect()
    };
    let is_up = |part: &String| part.to_lowercase().replace("%2e", ".") == "..";
    let (uri, root) = (parts(uri), parts(root));
    uri.starts_with(&root) && !uri.iter().any(is_up)
}

/// Where a version comes from, as its maker said.
pub(crate) fn source_of_version(version: &VersionRecord) -> String {
    match &version.logged {
        Some(logged) => logged.source.clone(),
        None => artifact_uri(&version.model, version.version),
    }
}

/// Where a version's files are.
pub(crate) fn of_version(version: &VersionRecord) -> String {
    match &version.logged {
        Some(logged) => logged.location.clone(),
        None => artifact_uri(&version.model, version.version),
    }
}

/// A place in the bucket, as a path names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// The key, or the folder without its last slash; empty for the root of clients' artefacts.
    pub(crate) key: String,
    /// Whether clients may write there.
    pub(crate) is_writable: bool,
}

impl Place {
    /// The place of a path, which may end in a slash.
    pub(crate) fn of(path: &str) -> Result<Self, ApiError> {
        let path = path.trim_matches('/');
        if path.is_empty() {
            return Ok(Self {
                key: CLIENTS.trim_end_matches('/').to_owned(),
                is_writable: true,
            });
        }
        let is_writable = !path.starts_with(PIPELINE);
        let key = if is_writable {
            format!("{CLIENTS}{path}")
        } else {
            path.to_owned()
        };
        // The rules of keys keep everybody within the bucket's folder.
        match key.parse::<Key>() {
            Ok(_) => Ok(Self { key, is_writable }),
            Err(_) => Err(ApiError::invalid(format!("Invalid path: {path}"))),
        }
    }

    /// The place of a path within a place that clients know by its URI; none where it is outside the
    /// bucket.
    pub(crate) fn within(uri: &str, path: &str) -> Result<Option<Self>, ApiError> {
        let uri = uri.split(['?', '#']).next().unwrap_or_default();
        let Some(root) = uri.strip_prefix(ARTIFACT_SCHEME) else {
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
    pub(crate) fn object(&self) -> Result<Key, ApiError> {
        self.key
            .parse()
            .map_err(|_| ApiError::invalid(format!("Invalid path: {}", self.key)))
    }

    /// The same place, if clients may write there.
    pub(crate) fn writable(self) -> Result<Self, ApiError> {
        if self.is_writable {
            return Ok(self);
        }
        Err(ApiError::invalid(
            "The files of versions that the pipeline trained cannot be changed.",
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
        assert!(!place("models/M/3/MLmodel").is_writable);
        assert!(place("models/M/3").writable().is_err());
        assert_eq!(place("").key, "mlflow");
        assert_eq!(place("0/a\\..\\b").key, "mlflow/0/a\\..\\b");
        for path in ["../raw/x", "0/../../raw", "0//x", "./x", "models/../raw/x"] {
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
        assert_eq!(
            within("mlflow-artifacts:/0/a?x=1", "b").as_deref(),
            Some("mlflow/0/a/b")
        );
        assert_eq!(append("s3://b/a/?x=1", "r"), "s3://b/a/r?x=1");
        assert_eq!(within("s3://bucket/a", "b"), None);
    }

    #[test]
    fn files_of_a_machine_are_local() {
        for uri in [
            "/etc",
            "model",
            "",
            "file:///etc",
            "FILE:/etc",
            " file:/etc",
            "a b:c",
            "/x:y",
        ] {
            assert!(is_local(uri), "{uri}");
        }
        for uri in [
            "s3://bucket/x",
            "dbfs:/x",
            "mlflow-artifacts:/0/x",
            "https://host/x",
        ] {
            assert!(!is_local(uri), "{uri}");
        }
    }

    #[test]
    fn a_source_is_inside_a_root_by_whole_parts() {
        let root = "mlflow-artifacts:/0/a/artifacts";
        for (uri, expected) in [
            ("mlflow-artifacts:/0/a/artifacts", true),
            ("mlflow-artifacts:/0/a/artifacts/", true),
            ("mlflow-artifacts:/0/a/artifacts/model", true),
            ("mlflow-artifacts:/0/a/artifactsx", false),
            ("mlflow-artifacts:/0/a", false),
            ("mlflow-artifacts:/0/a/artifacts/../../b", false),
            ("mlflow-artifacts:/0/a/artifacts/%2E./b", false),
            ("s3:/0/a/artifacts", false),
        ] {
            assert_eq!(is_inside(uri, root), expected, "{uri}");
        }
    }
}
