//! The history's entry, out of the state document. Pure: the same document and facts give the same
//! entry.

use jiff::Timestamp;
use tasador_flow::record::Request;
use tasador_flow::{
    Candidate, CleanFile, Contender, Language, Metrics, Outcome, OutcomeKind, State, fetch,
};
use tasador_ids::{ModelName, ModelVersion};

/// The entry of a run: what the state document says of it, the version in production, and the time.
pub(crate) fn entry(
    request: Request,
    model: ModelName,
    production: Option<ModelVersion>,
    now: Timestamp,
) -> Outcome {
    let error = request.state.run_error();
    let elapsed_ms = now.duration_since(request.started_at).as_millis();
    let mut entry = Outcome {
        run: request.run_id,
        kind: request.outcome,
        sentence: String::new(),
        batch: None,
        origin: None,
        repeat: false,
        source: None,
        received_at: None,
        period: None,
        rejected_for: Default::default(),
        rows: None,
        clean: None,
        recognised: Vec::new(),
        columns_new: Vec::new(),
        columns_gone: Vec::new(),
        decision: None,
        reasons: Vec::new(),
        notices: Vec::new(),
        measurements: Vec::new(),
        usable: false,
        dataset: None,
        candidates: Vec::new(),
        change_percent: Metrics::default(),
        challenger: None,
        champion: None,
        verdict: None,
        verdict_key: None,
        promoted: request.outcome == OutcomeKind::Promoted,
        promotion: None,
        model,
        production,
        error,
        started_at: request.started_at,
        recorded_at: now,
        // A clock that was set back meanwhile makes no run shorter than nothing.
        duration_ms: u64::try_from(elapsed_ms).unwrap_or(0),
        waited_ms: None,
        decided: None,
        settled: false,
    };
    fill(&mut entry, request.state);
    entry.sentence = Language::English.outcome(&entry);
    entry
}

/// What each part of the document says; a run that failed early has only the first ones.
fn fill(entry: &mut Outcome, state: State) {
    match state.fetch {
        Some(fetch::Response::Batch(batch)) => {
            entry.batch = Some(batch.batch);
            entry.origin = Some(batch.origin);
            entry.repeat = batch.repeat;
            entry.source = Some(batch.source);
            entry.received_at = batch.received_at;
            if let fetch::Turn::Go { waited_ms } = batch.turn {
                entry.waited_ms = waited_ms;
            }
        }
        Some(fetch::Response::NothingNew { source, reasons }) => {
            entry.source = Some(source);
            entry.reasons = reasons;
        }
        None => {}
    }
    if let Some(preprocess) = state.preprocess {
        entry.rows = Some(preprocess.rows);
        entry.clean = Some(CleanFile {
            key: preprocess.clean_key,
            sha256: preprocess.clean_sha256,
            rows: preprocess.rows.clean,
        });
        entry.recognised = preprocess.recognised;
        entry.columns_new = preprocess.columns_new;
        entry.columns_gone = preprocess.columns_gone;
        entry.period = preprocess.period;
        entry.rejected_for = preprocess.rejected_for;
    }
    if let Some(gate) = state.gate {
        entry.decision = Some(gate.decision);
        entry.reasons.extend(gate.reasons);
        entry.notices = gate.notices;
        entry.measurements = gate.measurements;
        entry.usable = gate.usable;
        entry.dataset = gate.training.map(|training| training.dataset);
    }
    entry.candidates = state.candidates.unwrap_or_default();
    for candidate in &mut entry.candidates {
        if let Some(caught) = candidate.error.take() {
            candidate.reason = Some(caught.reason());
        }
    }
    if let Some(verdict) = state.verdict {
        let side = |version, metrics: Option<Metrics>| {
            contender(version, metrics.unwrap_or_default(), &entry.candidates)
        };
        entry.challenger = side(verdict.challenger, verdict.challenger_metrics);
        entry.champion = side(
            verdict.stand_in.or(verdict.champion),
            verdict.champion_metrics,
        );
        entry.change_percent = change_percent(entry.challenger.as_ref(), entry.champion.as_ref());
        entry.reasons.extend(verdict.reasons);
        entry.verdict = Some(verdict.sentence);
        entry.verdict_key = Some(verdict.verdict_key);
    }
    entry.promotion = state.promotion.map(|promotion| promotion.promotion);
}

/// One side of the comparison.
fn contender(
    version: Option<ModelVersion>,
    metrics: Metrics,
    candidates: &[Candidate],
) -> Option<Contender> {
    let version = version?;
    let own = candidates
        .iter()
        .find(|candidate| candidate.version == Some(version));
    Some(Contender {
        version,
        algorithm: own.map(|candidate| candidate.algorithm.clone()),
        metrics,
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
    use serde_json::{Value, json};
    use tasador_flow::{Origin, Reason, Rows, Step};
    use tasador_ids::{BatchId, DatasetId};

    fn full() -> Value {
        let batch = BatchId::of(b"batch");
        json!({
            "fetch": {"status": "batch", "batch": batch, "key": "raw/1.json", "format": "api_json", "size_bytes": 9,
                "source": "http://source/data", "origin": "source", "repeat": false},
            "preprocess": {"clean_key": "clean/1.parquet", "clean_sha256": batch, "rejected_key": "r",
                "profile_key": "p", "rows": {"raw": 100, "clean": 90, "rejected": 7, "duplicates": 3},
                "recognised": ["Column `beds` is read as `bed`."], "columns_new": ["pool"], "columns_gone": []},
            "gate": {"decision": "train", "usable": true, "champion": 2, "dataset": DatasetId::of(b"d"),
                "dataset_key": "datasets/d.json", "candidates": ["linear"], "train_on": "function", "measurements": [],
                "reasons": [{"code": "drift", "sentence": "`bed` has moved", "measured": 0.3, "limit": 0.2, "column": "bed"}]},
            "candidates": [
                {"algorithm": "boosting", "version": 4, "mlflow_run_id": "0a", "artifact_key": "k", "sha256": batch,
                    "validation": {"mae": 69.0, "rmse": 98.0, "r2": 0.7, "rows": 9}},
                {"algorithm": "linear", "reason": "every price is equal"}],
            "verdict": {"decision": "promote", "challenger": 4, "champion": 2, "sentence": "MAE is down by 10.0 %.",
                "reasons": [{"code": "better", "sentence": "mae", "measured": -0.1, "limit": -0.03}],
                "verdict_key": "verdicts/run/1.json",
                "challenger_metrics": {"mae": 90.0, "rmse": 99.0, "r2": 0.9, "rows": 20},
                "champion_metrics": {"mae": 100.0, "rmse": 99.0, "r2": -0.5, "rows": 20, "zero": 0.0}},
            "promotion": {"version": 4, "previous": 2, "promotion": 3},
        })
    }

    fn built(outcome: OutcomeKind, state: Value) -> Outcome {
        let request = json!({
            "run_id": "run", "outcome": outcome, "started_at": "2026-01-01T00:00:00Z", "state": state,
        });
        entry(
            serde_json::from_value(request).unwrap(),
            "Model".parse().unwrap(),
            Some(ModelVersion(4)),
            "2026-01-01T00:00:12.5Z".parse().unwrap(),
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
        assert_eq!(entry.recognised, ["Column `beds` is read as `bed`."]);
        assert_eq!(
            entry.reasons.iter().map(Reason::code).collect::<Vec<_>>(),
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
            "Version 4 is now in production: average error $90, 10% lower than version 2."
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
    fn a_stand_in_is_the_other_side_of_the_comparison() {
        let mut state = full();
        state["verdict"]["stand_in"] = json!(1);
        let entry = built(OutcomeKind::Promoted, state);
        assert_eq!(entry.champion.unwrap().version, ModelVersion(1));
    }

    #[test]
    fn the_sentence_says_what_happened() {
        let part = |names: &[&str]| {
            let mut state = full();
            state
                .as_object_mut()
                .unwrap()
                .retain(|name, _| names.contains(&name.as_str()));
            state
        };
        let mut skip = part(&["fetch", "preprocess", "gate"]);
        skip["gate"]["decision"] = json!("skip");
        skip["gate"]["reasons"] =
            json!([{"code": "few_rows", "sentence": "49 rows are fewer than 50"}]);
        let mut rejected = full();
        rejected["verdict"]["reasons"] = json!([{"code": "mae_not_down_enough", "sentence": "x", "measured": -0.01, "limit": -0.03}]);
        let mut failed = part(&["fetch"]);
        failed["error"] = json!({"Error": "Bug", "Cause": "{\"errorType\":\"Bug\",\"errorMessage\":\"a column is odd\"}"});
        let table = [
            (
                OutcomeKind::Rejected,
                rejected,
                "Version 4 was trained but not promoted: the average error is only 1% lower; at least 3% required.",
            ),
            (
                OutcomeKind::Skipped,
                skip,
                "Nothing was trained: 49 rows are fewer than 50.",
            ),
            (
                OutcomeKind::NothingNew,
                json!({"fetch": {"status": "nothing_new", "source": "s", "reasons": [{"code": "exhausted", "sentence": "x"}]}}),
                "The source has no more data.",
            ),
            (
                OutcomeKind::NothingNew,
                json!({}),
                "The source has nothing new.",
            ),
            (
                OutcomeKind::Failed,
                failed,
                "The run failed in Preprocess: a column is odd.",
            ),
            (OutcomeKind::Failed, json!({}), "The run failed."),
            (
                OutcomeKind::Rejected,
                json!({}),
                "There is no usable new model.",
            ),
            (OutcomeKind::Skipped, json!({}), "Nothing was trained."),
            (
                OutcomeKind::Promoted,
                json!({}),
                "A new version is in production.",
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

    #[test]
    fn a_failed_run_failed_where_the_first_part_is_missing() {
        let parts = [
            "fetch",
            "preprocess",
            "gate",
            "candidates",
            "verdict",
            "promotion",
        ];
        let steps = [
            Step::Fetch,
            Step::Preprocess,
            Step::Gate,
            Step::Train,
            Step::Compare,
            Step::Promote,
            Step::Record,
        ];
        for (count, step) in steps.into_iter().enumerate() {
            let mut state = full();
            state
                .as_object_mut()
                .unwrap()
                .retain(|name, _| parts[..count].contains(&name.as_str()));
            state["error"] = json!({"Error": "Bug"});
            let error = built(OutcomeKind::Failed, state).error.unwrap();
            assert_eq!(error.step, Some(step), "{count} parts");
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
