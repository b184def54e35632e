//! Recording against a table on this machine.

// Clippy knows `#[test]` functions, but not what they share.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use record::{Request, Response, handle};
use serde_json::{Value, json};
use tasador_ids::{BatchId, Digest, ModelVersion, RunId};
use tasador_registry::{
    Artifact, BatchRecord, FinishedVersion, Metrics, NewVersion, Origin, OutcomeKind, PageRequest,
    Promotion, PromotionKind,
};
use tasador_runtime::{Config, Context, ErrorClass, Failure};
use tasador_testing::Stores;

async fn context() -> (Context, Stores) {
    let stores = Stores::start().await;
    let ctx = Context::new(Config::default(), &stores.sdk_config());
    ctx.lake.create_bucket().await.unwrap();
    ctx.registry.create_tables().await.unwrap();
    (ctx, stores)
}

fn run(name: &str) -> RunId {
    name.parse().unwrap()
}

async fn opened(ctx: &Context, bytes: &str, by: &str) -> BatchId {
    let record = BatchRecord {
        batch: BatchId::of(bytes.as_bytes()),
        run: run(by),
        execution_arn: format!("arn:{by}"),
        source: "http://source/data".to_owned(),
        format: tasador_ids::Format::Csv,
        size_bytes: bytes.len() as u64,
        received_at: ctx.now(),
    };
    ctx.registry
        .open_batch(&record, Origin::Source)
        .await
        .unwrap();
    record.batch
}

/// A document as far as the gate.
fn state(batch: BatchId, decision: &str) -> Value {
    json!({
        "fetch": {"status": "batch", "batch": batch, "key": format!("raw/{batch}.csv"), "format": "csv",
            "source": "http://source/data", "origin": "source", "repeat": false, "size_bytes": 1},
        "preprocess": {"clean_key": format!("clean/{batch}.parquet"), "clean_sha256": batch,
            "rejected_key": format!("rejected/{batch}.parquet"), "profile_key": format!("profiles/{batch}.json"),
            "rows": {"raw": 60, "clean": 60, "rejected": 0, "duplicates": 0}, "columns_new": [], "columns_gone": []},
        "gate": {"decision": decision, "usable": true, "champion": null, "measurements": [],
            "reasons": [{"code": "no_drift", "sentence": "nothing has moved"}]},
    })
}

async fn record(
    ctx: &Context,
    by: &str,
    outcome: &str,
    state: Value,
) -> Result<Response, ErrorClass> {
    let request: Request = serde_json::from_value(json!({
        "run_id": by, "outcome": outcome, "started_at": "2026-01-01T00:00:00.123Z", "state": state,
    }))
    .unwrap();
    handle(request, ctx)
        .await
        .map_err(|error| Failure::from(error).error_type)
}

fn with_error(mut state: Value, message: &str) -> Value {
    let cause = json!({"errorType": "Retryable", "errorMessage": message}).to_string();
    state["error"] = json!({"Error": "Retryable", "Cause": cause});
    state
}

#[tokio::test]
async fn a_skip_is_recorded_once_and_its_batch_is_done() {
    let (ctx, _stores) = context().await;
    let batch = opened(&ctx, "a", "run").await;
    let want = Response {
        outcome: OutcomeKind::Skipped,
        sentence: "Nothing was trained: nothing has moved.".to_owned(),
    };
    for _ in 0..3 {
        assert_eq!(
            record(&ctx, "run", "skipped", state(batch, "skip"))
                .await
                .unwrap(),
            want
        );
    }
    let history = ctx
        .registry
        .history(&PageRequest::first(10))
        .await
        .unwrap()
        .items;
    assert_eq!(history.len(), 1);
    assert!(history[0].settled);
    assert_eq!(ctx.registry.open_batches().await.unwrap(), []);
    let usable = ctx.registry.usable_batches().await.unwrap();
    assert_eq!(
        usable
            .iter()
            .map(|batch| (batch.batch, batch.clean.rows))
            .collect::<Vec<_>>(),
        [(batch, 60)]
    );

    // The answer was lost for good, and the machine goes on to record a failure.
    let told = record(
        &ctx,
        "run",
        "failed",
        with_error(state(batch, "skip"), "no answer came"),
    )
    .await
    .unwrap();
    assert_eq!(told.outcome, OutcomeKind::Skipped);
    assert_eq!(
        told.sentence,
        "Nothing was trained: nothing has moved. After that, an error occurred: no answer came."
    );
    let entry = ctx.registry.history_of(&run("run")).await.unwrap().unwrap();
    assert_eq!(
        (entry.kind, entry.error.unwrap().message.as_str()),
        (OutcomeKind::Skipped, "no answer came")
    );
}

#[tokio::test]
async fn a_run_that_broke_while_fetching_leaves_its_batch_for_the_next() {
    let (ctx, _stores) = context().await;
    let batch = opened(&ctx, "a", "run").await;
    let told = record(
        &ctx,
        "run",
        "failed",
        with_error(json!({}), "the answer was lost"),
    )
    .await
    .unwrap();
    assert_eq!(
        told.sentence,
        "The run failed in Fetch: the answer was lost."
    );
    let open = ctx.registry.open_batches().await.unwrap();
    assert_eq!(
        open.iter()
            .map(|open| open.record.batch)
            .collect::<Vec<_>>(),
        [batch]
    );
}

#[tokio::test]
async fn a_run_that_broke_later_is_its_batchs_outcome_and_its_rows_are_left_out() {
    let (ctx, _stores) = context().await;
    let batch = opened(&ctx, "a", "run").await;
    record(
        &ctx,
        "run",
        "failed",
        with_error(state(batch, "train"), "no memory"),
    )
    .await
    .unwrap();
    let outcome = ctx.registry.outcome_of(&batch).await.unwrap().unwrap();
    assert_eq!((outcome.kind, outcome.usable), (OutcomeKind::Failed, false));
    assert_eq!(ctx.registry.usable_batches().await.unwrap(), []);
}

#[tokio::test]
async fn the_history_says_promoted_where_the_alias_moved_and_only_there() {
    let (ctx, _stores) = context().await;
    let batch = opened(&ctx, "a", "run").await;
    let lie = record(&ctx, "run", "promoted", state(batch, "train")).await;
    assert_eq!(lie, Err(ErrorClass::Bug));

    let model = ctx.config.model.clone();
    let new = NewVersion {
        model: model.clone(),
        source_key: "run/linear".to_owned(),
        run: Some(run("run")),
        mlflow_run_id: None,
        algorithm: None,
        dataset: None,
        schema: None,
        tags: Default::default(),
        description: None,
        logged: None,
        at: ctx.now(),
    };
    let version = ctx.registry.register_version(&new).await.unwrap();
    let finished = FinishedVersion {
        artifact: Artifact {
            key: "models/1".parse().unwrap(),
            sha256: Digest::of(b"1"),
            size_bytes: 1,
            folds: Vec::new(),
        },
        metrics: Metrics::default(),
        at: ctx.now(),
    };
    ctx.registry
        .finish_version(&model, version, &finished)
        .await
        .unwrap();
    let promotion = Promotion {
        model,
        version,
        expected: None,
        kind: PromotionKind::Promotion,
        run: run("run"),
        reason: "Better.".to_owned(),
        verdict_key: None,
        at: ctx.now(),
    };
    ctx.registry.promote(&promotion).await.unwrap();

    // Promote's answer was lost each time: the machine knows of a failure only.
    let told = record(
        &ctx,
        "run",
        "failed",
        with_error(state(batch, "train"), "no answer came"),
    )
    .await
    .unwrap();
    assert_eq!(told.outcome, OutcomeKind::Promoted);
    assert_eq!(
        told.sentence,
        "Version 1 is now in production. After that, an error occurred: no answer came."
    );
    let entry = ctx.registry.history_of(&run("run")).await.unwrap().unwrap();
    assert_eq!(entry.production, Some(ModelVersion(1)));
    assert!(entry.promoted && entry.settled && entry.usable && entry.error.is_some());
}
