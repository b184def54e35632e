//! The history's entry, out of the state document. Pure: the same document and facts give the same
//! entry.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use tasador_ids::{ModelName, ModelVersion};
use tasador_registry::{Candidate, CleanFile, Contender, Metrics, Outcome, OutcomeKind, Rows};

use crate::Request;
use crate::state::State;
use crate::words;

/// What `train` answers for one algorithm.
#[derive(Debug, Deserialize)]
struct Trained {
    algorithm: String,
    #[serde(default)]
    version: Option<ModelVersion>,
    #[serde(default)]
    mlflow_run_id: Option<String>,
    #[serde(default)]
    validation: Metrics,
    #[serde(default)]
    reason: Option<String>,
}

impl From<Trained> for Candidate {
    fn from(trained: Trained) -> Self {
        Self {
            algorithm: trained.algorithm,
            version: trained.version,
            mlflow_run_id: trained.mlflow_run_id,
            metrics: trained.validation,
            reason: trained.reason,
        }
    }
}

/// The entry of a run: what the state document says of it, the version in production, and the time.
pub(crate) fn entry(
    request: Request,
    model: ModelName,
    production: Option<ModelVersion>,
    now: Timestamp,
) -> Outcome {
    let state = State(&request.state);
    let candidates = candidates(state);
    let challenger = contender(state, "challenger", &candidates);
    let champion = contender(state, "champion", &candidates);
    let rows: Option<Rows> = state.at("/preprocess/rows");
    let mut reasons = state.list("/fetch/reasons");
    reasons.extend(state.list("/gate/reasons"));
    reasons.extend(state.list("/verdict/reasons"));
    let elapsed_ms = now.duration_since(request.started_at).as_millis();
    let mut entry = Outcome {
        run: request.run_id,
        kind: request.outcome,
        sentence: String::new(),
        batch: state.at("/fetch/batch"),
        origin: state.at("/fetch/origin"),
        repeat: state.at("/fetch/repeat").unwrap_or(false),
        source: state.at("/fetch/source"),
        rows,
        clean: clean(state, rows),
        columns_new: state.list("/preprocess/columns_new"),
        columns_gone: state.list("/preprocess/columns_gone"),
        decision: state.at("/gate/decision"),
        reasons,
        measurements: state.list("/gate/measurements"),
        usable: state.at("/gate/usable").unwrap_or(false),
        dataset: state.at("/gate/dataset"),
        candidates,
        change_percent: change_percent(challenger.as_ref(), champion.as_ref()),
        challenger,
        champion,
        verdict: state.at("/verdict/sentence"),
        verdict_key: state.at("/verdict/verdict_key"),
        promoted: request.outcome == OutcomeKind::Promoted,
        promotion: state.at("/promotion/promotion"),
        model,
        production,
        error: state.trouble(),
        started_at: request.started_at,
        recorded_at: now,
        // A clock that was set back meanwhile makes no run shorter than nothing.
        duration_ms: u64::try_from(elapsed_ms).unwrap_or(0),
        waited_ms: state.at("/fetch/turn/waited_ms"),
        settled: false,
    };
    entry.sentence = words::sentence(request.outcome, &entry, state);
    entry
}

/// What came of each candidate. Of one whose training failed, the reason is what the state machine caught.
fn candidates(state: State<'_>) -> Vec<Candidate> {
    let items = state.0.pointer("/candidates").and_then(Value::as_array);
    let read = items.into_iter().flatten().filter_map(|item| {
        let mut candidate: Candidate = State(item).at::<Trained>("")?.into();
        if let Some(trouble) = State(item).trouble() {
            candidate.reason = Some(format!("{}: {}", trouble.class, trouble.message));
        }
        Some(candidate)
    });
    read.collect()
}

/// The clean rows, where `preprocess` came to its end.
fn clean(state: State<'_>, rows: Option<Rows>) -> Option<CleanFile> {
    Some(CleanFile {
        key: state.at("/preprocess/clean_key")?,
        sha256: state.at("/preprocess/clean_sha256")?,
        rows: rows?.clean,
    })
}

/// One side of the comparison.
fn contender(state: State<'_>, side: &str, candidates: &[Candidate]) -> Option<Contender> {
    let mut version = state.at(&format!("/verdict/{side}"))?;
    // If the champion could not be loaded, the figures are those of the version that stood in for it.
    if side == "champion"
        && let Some(stand_in) = state.at("/verdict/stand_in")
    {
        version = stand_in;
    }
    let algorithm = candidates
        .iter()
        .find(|candidate| candidate.version == Some(version))
        .map(|candidate| candidate.algorithm.clone());
    Some(Contender {
        version,
        algorithm,
        metrics: state
            .at(&format!("/verdict/{side}_metrics"))
            .unwrap_or_default(),
    })
}

/// The change of each metric from champion to challenger, in percent of the champion's value.
fn change_percent(challenger: Option<&Contender>, champion: Option<&Contender>) -> Metrics {
    let (Some(challenger), Some(champion)) = (challenger, champion) else {
        return Metrics::default();
    };
    let changes = champion.metrics.0.iter().filter_map(|(name, before)| {
        let after = challenger.metrics.get(name)?;
        let change = (after - before) / before.abs() * 100.0;
        // The number of homes is the same on both sides and no measure of either.
        (name != "rows" && change.is_finite()).then(|| (name.clone(), change))
    });
    changes.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use tasador_ids::{BatchId, DatasetId};
    use tasador_registry::Origin;

    fn full() -> Value {
        let batch = BatchId::of(b"batch");
        json!({
            "fetch": {"status": "fetched", "batch": batch, "key": "raw/1.json", "format": "api_json", "size_bytes": 9,
                "source": "http://source/data", "received_at": "2026-01-01T00:00:00Z", "origin": "source", "repeat": false},
            "preprocess": {"batch": batch, "clean_key": "clean/1.parquet", "clean_sha256": batch, "rejected_key": "r",
                "profile_key": "p", "rows": {"raw": 100, "clean": 90, "rejected": 7, "duplicates": 3},
                "columns_new": ["pool"], "columns_gone": []},
            "gate": {"decision": "train", "usable": true, "dataset": DatasetId::of(b"d"), "dataset_key": "datasets/d.json",
                "reasons": [{"code": "drift", "sentence": "`bed` has moved", "measured": 0.3, "limit": 0.2, "column": "bed"}]},
            "candidates": [
                {"status": "trained", "algorithm": "boosting", "model": "Model", "version": 4, "mlflow_run_id": "0a", "artifact_key": "k",
                    "sha256": "s", "validation": {"mae": 69.0, "rmse": 98.0, "r2": 0.7, "rows": 9}},
                {"status": "failed", "algorithm": "linear", "reason": "every price is equal"}],
            "verdict": {"decision": "promote", "challenger": 4, "champion": 2, "sentence": "MAE is down by 10.0 %.",
                "reasons": [{"code": "better", "sentence": "mae"}], "verdict_key": "verdicts/run/1.json",
                "challenger_metrics": {"mae": 90.0, "rmse": 99.0, "r2": 0.9, "rows": 20},
                "champion_metrics": {"mae": 100.0, "rmse": 99.0, "r2": -0.5, "rows": 20, "zero": 0.0}},
            "promotion": {"version": 4, "previous": 2, "promotion": 3},
        })
    }

    fn built(outcome: OutcomeKind, state: Value) -> Outcome {
        let request = Request {
            run_id: "run".parse().unwrap(),
            outcome,
            started_at: "2026-01-01T00:00:00Z".parse().unwrap(),
            state,
        };
        let now = "2026-01-01T00:00:12.5Z".parse().unwrap();
        entry(
            request,
            "Model".parse().unwrap(),
            Some(ModelVersion(4)),
            now,
        )
    }

    #[test]
    fn a_whole_document_is_a_whole_entry() {
        let entry = built(OutcomeKind::Promoted, full());
        assert_eq!(entry.batch, Some(BatchId::of(b"batch")));
        assert_eq!(entry.origin, Some(Origin::Source));
        assert_eq!(
            entry.rows,
            Some(Rows {
                raw: 100,
                clean: 90,
                rejected: 7,
                duplicates: 3
            })
        );
        assert_eq!(entry.clean.as_ref().map(|clean| clean.rows), Some(90));
        assert_eq!(entry.columns_new, ["pool"]);
        assert_eq!(
            entry
                .reasons
                .iter()
                .map(|reason| reason.code.as_str())
                .collect::<Vec<_>>(),
            ["drift", "better"]
        );
        let candidates: Vec<_> = entry
            .candidates
            .iter()
            .map(|candidate| (candidate.algorithm.as_str(), candidate.version))
            .collect();
        assert_eq!(
            candidates,
            [("boosting", Some(ModelVersion(4))), ("linear", None)]
        );
        assert_eq!(
            entry.candidates[1].reason.as_deref(),
            Some("every price is equal")
        );
        let challenger = entry.challenger.unwrap();
        assert_eq!(
            (challenger.version, challenger.algorithm.as_deref()),
            (ModelVersion(4), Some("boosting"))
        );
        assert_eq!(entry.champion.unwrap().algorithm, None);
        let changes: Vec<_> = entry
            .change_percent
            .0
            .iter()
            .map(|(name, change)| (name.as_str(), change.round()))
            .collect();
        assert_eq!(changes, [("mae", -10.0), ("r2", 280.0), ("rmse", 0.0)]);
        assert_eq!(entry.promotion.unwrap().0, 3);
        assert_eq!(entry.duration_ms, 12_500);
        assert_eq!(
            entry.sentence,
            "Version 4 went into production: MAE is down by 10.0 %."
        );
        assert_eq!(entry.error, None);
    }

    #[test]
    fn a_candidate_whose_training_failed_has_the_error_as_its_reason() {
        let out_of_memory = json!({
            "errorType": "Runtime.OutOfMemory", "errorMessage": "RequestId: 1 Error: Runtime exited with error: signal: killed",
        });
        let mut state = full();
        state["candidates"][1] = json!({
            "status": "failed", "algorithm": "forest", "reason": "Runtime.OutOfMemory",
            "error": {"Error": "Runtime.OutOfMemory", "Cause": out_of_memory.to_string()},
        });
        state["fetch"]["turn"] = json!({"status": "go", "waited_ms": 90_000});
        let entry = built(OutcomeKind::Promoted, state);
        let reason = entry.candidates[1].reason.as_deref();
        assert_eq!(
            reason,
            Some(
                "Runtime.OutOfMemory: RequestId: 1 Error: Runtime exited with error: signal: killed"
            )
        );
        assert_eq!((entry.error, entry.waited_ms), (None, Some(90_000)));
    }

    #[test]
    fn the_sentence_tells_the_outcome() {
        let skip = json!({"fetch": {"status": "fetched"}, "gate": {"decision": "skip", "reasons": [{"code": "few_rows", "sentence": "49 rows are fewer than 50"}]}});
        let error = json!({"Error": "Bug", "Cause": "{\"errorType\":\"Bug\",\"errorMessage\":\"a column is odd\"}"});
        let mut broken = full();
        for part in ["gate", "candidates", "verdict", "promotion", "preprocess"] {
            broken.as_object_mut().unwrap().remove(part);
        }
        broken["error"] = error;
        let table = [
            (OutcomeKind::Rejected, full(), "MAE is down by 10.0 %."),
            (
                OutcomeKind::Skipped,
                skip,
                "No training: 49 rows are fewer than 50.",
            ),
            (
                OutcomeKind::NothingNew,
                json!({"fetch": {"status": "nothing_new", "reasons": [{"code": "exhausted", "sentence": "The source is exhausted."}]}}),
                "The source is exhausted.",
            ),
            (
                OutcomeKind::NothingNew,
                json!({}),
                "The source has nothing new.",
            ),
            (
                OutcomeKind::Failed,
                broken,
                "The run broke while cleaning: a column is odd.",
            ),
            (
                OutcomeKind::Failed,
                json!({}),
                "The run broke while fetching: the cause is not known.",
            ),
            (
                OutcomeKind::Rejected,
                json!({}),
                "The challenger was not better.",
            ),
            (OutcomeKind::Skipped, json!({}), "No training."),
            (
                OutcomeKind::Promoted,
                json!({}),
                "A new version went into production.",
            ),
        ];
        for (kind, state, want) in table {
            assert_eq!(
                built(kind, state.clone()).sentence,
                want,
                "{kind:?} {state}"
            );
        }
    }

    /// Every value of a document, one at a time, as it could be in a bad document.
    fn damaged(value: &Value, replacement: &Value) -> Vec<Value> {
        let mut variants = vec![replacement.clone()];
        match value {
            Value::Object(fields) => {
                for (name, field) in fields {
                    for variant in damaged(field, replacement) {
                        let mut copy = fields.clone();
                        copy.insert(name.clone(), variant);
                        variants.push(Value::Object(copy));
                    }
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    for variant in damaged(item, replacement) {
                        let mut copy = items.clone();
                        copy[index] = variant;
                        variants.push(Value::Array(copy));
                    }
                }
            }
            _ => {}
        }
        variants
    }

    #[test]
    fn no_document_is_too_odd_for_an_entry() {
        let mut variants = 0;
        for replacement in [
            json!(null),
            json!("odd"),
            json!(-1.5),
            json!([[]]),
            json!({"a": {}}),
        ] {
            for state in damaged(&full(), &replacement) {
                let entry = built(OutcomeKind::Failed, state);
                assert!(entry.sentence.ends_with('.'));
                variants += 1;
            }
        }
        assert!(variants > 300, "{variants}");
    }
}
