//! The log of answered requests.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tasador_ids::{ModelName, ModelVersion};

/// One answered request for a price.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InferenceRecord {
    /// The request's id, as the answer gave it.
    pub request_id: String,
    /// When it was answered.
    pub at: Timestamp,
    /// The registered model.
    pub model: ModelName,
    /// The version that answered; none where none could.
    pub version: Option<ModelVersion>,
    /// The HTTP status of the answer.
    pub status: u16,
    /// What was wrong, where it was an error: the problem's detail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How long the answer took, in microseconds.
    pub duration_us: u64,
    /// What was asked, as it came.
    pub input: Value,
    /// What was answered.
    pub output: Value,
}
