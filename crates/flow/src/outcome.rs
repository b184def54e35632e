//! The outcome of a run: one entry of the history.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tasador_ids::{BatchId, DatasetId, Key, ModelName, ModelVersion, RunId};

use crate::facts::{
    BatchEvent, CleanFile, Measurement, Origin, OutcomeKind, Period, PromotionSeq, Rows, RunError,
    printable,
};
use crate::messages::{Candidate, gate};
use crate::metrics::Metrics;
use crate::reason::Reason;

/// One side of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Contender {
    /// The version.
    pub version: ModelVersion,
    /// Its algorithm, where the run trained it itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<String>,
    /// Its scores, out of fold (`mae` and `rmse` in the installation's currency, `r2`, …).
    #[serde(default)]
    pub metrics: Metrics,
}

/// What became of a run: one entry of the history.
///
/// What a run did not come to is absent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Outcome {
    /// The run.
    pub run: RunId,
    /// How it ended.
    pub kind: OutcomeKind,
    /// What people read: one sentence with the decision and its main reason.
    pub sentence: String,
    /// The batch it worked on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<BatchId>,
    /// How it came by the batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// Whether the batch had an outcome before this run got it.
    #[serde(default)]
    pub repeat: bool,
    /// Where the batch came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// When the batch arrived, the first time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received_at: Option<Timestamp>,
    /// The days that its dates span.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<Period>,
    /// How many rows were rejected for each reason, by its code.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rejected_for: BTreeMap<String, u64>,
    /// What happened to its rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<Rows>,
    /// Its clean rows in the bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clean: Option<CleanFile>,
    /// What was recognised of its columns, as sentences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recognised: Vec<String>,
    /// Columns seen for the first time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns_new: Vec<String>,
    /// Columns that are gone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns_gone: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<gate::Decision>,
    /// The reasons, the gate's first, then those of the comparison.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<crate::reason::StoredReason>))]
    pub reasons: Vec<Reason>,
    /// What a person should know of the batch, although it decided nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<crate::reason::StoredReason>))]
    pub notices: Vec<Reason>,
    /// Everything the gate measured, whether or not it was a reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub measurements: Vec<Measurement>,
    /// Whether the batch's clean rows belong into later datasets.
    #[serde(default)]
    pub usable: bool,
    /// The dataset the candidates learnt from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<DatasetId>,
    /// The algorithms tried.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<Candidate>,
    /// The best candidate, as compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub challenger: Option<Contender>,
    /// The champion it was compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub champion: Option<Contender>,
    /// Change of each metric from champion to challenger, in percent of the champion's value:
    /// below 0 means smaller.
    #[serde(default, skip_serializing_if = "Metrics::is_empty")]
    pub change_percent: Metrics,
    /// The verdict in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<String>,
    /// Where the whole verdict is in the bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict_key: Option<Key>,
    /// Whether the run moved the champion's alias.
    pub promoted: bool,
    /// The number of that promotion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promotion: Option<PromotionSeq>,
    /// The registered model.
    pub model: ModelName,
    /// The version in production when the outcome was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub production: Option<ModelVersion>,
    /// What broke. The outcome of a `failed` run; beside any other outcome, what broke after it had
    /// been reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<RunError>,
    /// When the execution began.
    pub started_at: Timestamp,
    /// When this was recorded.
    pub recorded_at: Timestamp,
    /// From beginning to record, in milliseconds.
    pub duration_ms: u64,
    /// How much of it the run waited for other runs; absent where it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waited_ms: Option<u64>,
    /// The last decision of a person about the batch since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided: Option<BatchEvent>,
    /// Whether this is also the outcome of the batch. False for a repeat of a batch that keeps the
    /// outcome it had, and for a run without a batch. Set by the registry.
    #[serde(default)]
    pub settled: bool,
}

impl Outcome {
    /// The name of the batch for people: that of its file, or where the source answered.
    pub fn batch_name(&self) -> Option<String> {
        let source = self.source.as_deref().filter(|_| self.batch.is_some());
        source.map(source_name).filter(|name| !name.is_empty())
    }

    /// Why a version that need not be better replaced the champion: that learned from withdrawn data.
    pub(crate) fn replaced_withdrawn(&self) -> Option<&Reason> {
        let old = self.champion.as_ref()?.version;
        self.reasons.iter().find(
            |reason| matches!(reason, Reason::LearnedFromWithdrawn { version, .. } if *version == old),
        )
    }

    /// The change of the average error from champion to challenger, as a share of the champion's.
    pub fn mae_change(&self) -> Option<f64> {
        let of = |side: &Option<Contender>| side.as_ref().and_then(|side| side.metrics.get("mae"));
        let (new, old) = (of(&self.challenger)?, of(&self.champion)?);
        (old > 0.0 && new.is_finite()).then(|| new / old - 1.0)
    }
}

/// The name of a file at this address or path; of an address without one, host and path.
pub fn source_name(source: &str) -> String {
    let path = source.split(['?', '#']).next().unwrap_or(source);
    let place = path.split_once("://").map_or(path, |(_, place)| place);
    let last = place.rsplit(['/', '\\']).next().unwrap_or(place);
    let is_file = last.contains('.') && (last.len() < place.len() || place == path);
    printable(if is_file {
        last
    } else {
        place.trim_end_matches('/')
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_batch_is_named_after_its_file_or_its_source() {
        let table = [
            ("/home/ana/ventas mayo.csv", Some("ventas mayo.csv")),
            (r"C:\data\may.xlsx", Some("may.xlsx")),
            ("s3://bucket/drop/may.csv.gz", Some("may.csv.gz")),
            ("https://example.com/files/may.csv?token=1", Some("may.csv")),
            (
                "http://127.0.0.1:8000/data?group_number=1",
                Some("127.0.0.1:8000/data"),
            ),
            ("https://example.com", Some("example.com")),
            ("https://example.com/", Some("example.com")),
            ("listings.csv", Some("listings.csv")),
            ("", None),
        ];
        for (source, name) in table {
            let outcome: Outcome = serde_json::from_value(json!({
                "run": "run", "kind": "skipped", "sentence": "", "batch": BatchId::of(b"b"), "source": source,
                "promoted": false, "model": "Model", "started_at": "2026-01-01T00:00:00Z",
                "recorded_at": "2026-01-01T00:00:00Z", "duration_ms": 1,
            }))
            .unwrap();
            assert_eq!(outcome.batch_name().as_deref(), name, "{source}");
        }
    }
}
