//! Registered models and their versions.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tasador_ids::{DatasetId, Digest, Key, ModelName, ModelVersion, RunId};

use tasador_flow::Metrics;

/// How far the registration of a version has come; the names are MLflow's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum VersionStatus {
    /// It has its number; its artefact is on its way.
    #[serde(rename = "PENDING_REGISTRATION")]
    Pending,
    /// Its artefact could not be made.
    #[serde(rename = "FAILED_REGISTRATION")]
    Failed,
    /// Its artefact is in the bucket under the recorded hash.
    #[serde(rename = "READY")]
    Ready,
}

/// What is known of a version when it gets its number.
#[derive(Debug, Clone, PartialEq)]
pub struct NewVersion {
    /// The registered model; made on the first registration.
    pub model: ModelName,
    /// What the version is made from, such as `<run>/<algorithm>`: the same source has the same
    /// version, however often it is registered.
    pub source_key: String,
    /// The pipeline's run; none for versions that people register.
    pub run: Option<RunId>,
    /// The MLflow run that logged it: 32 hexadecimal digits.
    pub mlflow_run_id: Option<String>,
    /// The algorithm, such as `boosting`.
    pub algorithm: Option<String>,
    /// The dataset it learns from.
    pub dataset: Option<DatasetId>,
    /// The schema that its listings were read by.
    pub schema: Option<ListingSchema>,
    /// Free labels.
    pub tags: BTreeMap<String, String>,
    /// What people say of it.
    pub description: Option<String>,
    /// What an MLflow client says of a model whose artefacts are stored already; the version is
    /// ready at once. None where the artefact is on its way.
    pub logged: Option<LoggedVersion>,
    /// When it is registered.
    pub at: Timestamp,
}

/// A version that was registered by an MLflow client: files in any of MLflow's formats.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LoggedVersion {
    /// Where the client says it comes from.
    pub source: String,
    /// Where its files are.
    pub location: String,
    /// A link to its run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_link: Option<String>,
    /// The logged model it was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_id: Option<String>,
}

/// The schema that the newest listings of a dataset were read by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ListingSchema {
    /// The version of the schema's format.
    pub format: u32,
    /// The SHA-256 of its text.
    pub sha256: Digest,
    /// Where its text is in the bucket; absent for the default schema.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Key>,
}

/// What is known of a version once its artefact is in the bucket.
#[derive(Debug, Clone, PartialEq)]
pub struct FinishedVersion {
    /// Its artefact.
    pub artifact: Artifact,
    /// What was measured of it.
    pub metrics: Metrics,
    /// When it became ready.
    pub at: Timestamp,
}

/// A model's bytes in the bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Artifact {
    /// The key in the bucket.
    pub key: Key,
    /// The SHA-256 of the bytes.
    pub sha256: Digest,
    /// The length in bytes.
    pub size_bytes: u64,
    /// The SHA-256 of each fold model, in the order of their folds; none for versions of the first
    /// edition.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub folds: Vec<Digest>,
}

/// A version of a registered model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VersionRecord {
    /// The registered model.
    pub model: ModelName,
    /// The number.
    pub version: ModelVersion,
    /// What it is made from.
    pub source_key: String,
    /// How far its registration has come.
    pub status: VersionStatus,
    /// Why it failed, where it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_message: Option<String>,
    /// The pipeline's run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// The MLflow run that logged it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mlflow_run_id: Option<String>,
    /// The algorithm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<String>,
    /// The dataset it learnt from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<DatasetId>,
    /// The schema that its listings were read by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<ListingSchema>,
    /// Its artefact; there once the status is [`VersionStatus::Ready`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact: Option<Artifact>,
    /// What was measured of it.
    #[serde(default)]
    pub metrics: Metrics,
    /// Free labels.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// What people say of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The stage that a client of MLflow gave it, such as `Staging`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    /// Where its files are, where an MLflow client registered it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logged: Option<LoggedVersion>,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// A registered model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ModelRecord {
    /// Its name.
    pub model: ModelName,
    /// The newest version's number.
    pub last_version: u32,
    /// When it was made, or its first version registered.
    pub created_at: Timestamp,
    /// When it or one of its versions last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Timestamp>,
    /// What people say of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Free labels.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}
