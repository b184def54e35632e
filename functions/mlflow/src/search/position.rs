//! Places in the order of a search, and the page tokens that name them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use tasador_registry::RunRecord;

use crate::error::ApiError;

/// A place in the order of a search; what comes behind it is the rest. It is the same for every
/// experiment, so one token serves a search through many.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Position {
    /// Which part of the order.
    pub(super) phase: usize,
    /// The value of the metric that is sorted by, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) value: Option<f64>,
    /// When the run began, in milliseconds since 1970.
    pub(super) start_ms: i64,
    /// The run.
    pub(super) run_id: String,
}

impl Position {
    pub(super) fn of(phase: usize, value: Option<f64>, run: &RunRecord) -> Self {
        Self {
            phase,
            // JSON has no word for NaN; within its part all values are equal.
            value: value.filter(|value| value.is_finite()),
            start_ms: run.start_ms,
            run_id: run.run_id.clone(),
        }
    }

    pub(super) fn token(&self) -> String {
        // Numbers and texts always serialise.
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    pub(super) fn read(token: &str) -> Result<Self, ApiError> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok();
        bytes
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .ok_or_else(ApiError::bad_page_token)
    }
}
