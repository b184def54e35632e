//! Training beyond a function: the job trains, and the function tells of it.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tasador_ids::Digest;
use tasador_registry::{OutcomeKind, RunRecord, RunStatus};
use tasador_testing::listings::Batch;
use tests::stories::Story;
use tests::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_trains_and_the_function_finds_it_done() {
    let world = World::new(|config| Story::PromotedByJob.configure(config)).await;
    let run = world.deliver(&Batch::new(1, 300)).await;
    assert_eq!(run.kind(), OutcomeKind::Promoted, "{}", run.reasons());
    let path = run.path();
    let at = path.iter().position(|state| *state == "TrainJob").unwrap();
    assert_eq!(path[at - 1..=at + 1], ["TrainOn", "TrainJob", "Train"]);

    // The version was there when the job had ended: the function made none.
    let context = world.context();
    let versions = context.registry.champion(&context.config.model).await;
    let champion = versions.unwrap().unwrap().version;
    let version = context
        .registry
        .version(&context.config.model, champion)
        .await;
    let made_ms = version.unwrap().unwrap().updated_at.as_millisecond();
    let ended = run
        .events
        .iter()
        .find(|event| event["type"] == "TaskSucceeded")
        .unwrap();
    assert_eq!(
        ended["taskSucceededEventDetails"]["resource"],
        "submitJob.sync"
    );
    assert!(made_ms <= when_ms(ended), "{made_ms}, {ended}");
}

/// When an event happened, in milliseconds since 1970; AWS's protocol has seconds.
fn when_ms(event: &Value) -> i64 {
    (event["timestamp"].as_f64().unwrap() * 1_000.0).round() as i64
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_job_could_not_fit_is_told_and_not_tried_in_a_function() {
    let world = World::new(|_| ()).await;
    let registry = &world.context().registry;
    let run_id: String = Digest::of(b"large/linear")
        .to_string()
        .chars()
        .take(32)
        .collect();
    // What a job leaves behind, where the data does not allow a fit.
    let failed = RunRecord {
        run_id,
        experiment_id: "7".to_owned(),
        name: "large/linear".to_owned(),
        user: "tasador".to_owned(),
        status: RunStatus::Failed,
        start_ms: 1,
        end_ms: Some(2),
        deleted_ms: None,
        artifact_uri: None,
        params: BTreeMap::new(),
        metrics: Default::default(),
        moments: BTreeMap::new(),
        tags: [("tasador.reason".to_owned(), "too few prices".to_owned())].into(),
        datasets: BTreeMap::new(),
        has_links: false,
    };
    registry.put_run(&failed, &[], &[]).await.unwrap();
    // There is no such dataset: nothing is read of it.
    let request = json!({
        "run_id": "large", "algorithm": "linear",
        "dataset": "a".repeat(64), "dataset_key": "datasets/none.json",
    });
    let told = world.cloud().functions().invoke("train", request).await;
    assert_eq!(
        told.unwrap(),
        json!({"algorithm": "linear", "reason": "too few prices"})
    );
}
