//! Many files at once: one run works at a time, and the others wait where everybody sees it.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use local::executions::Status;
use reqwest::Method;
use serde_json::{Value, json};
use tasador_registry::{OutcomeKind, PageRequest};
use tasador_testing::listings::Batch;
use tasador_testing::source::Answer;
use tests::invariants;
use tests::stories::train_on_anything;
use tests::world::World;

const FILES: u64 = 20;
/// Runs that are started at once unless `TASADOR_TEST_RUNS` says otherwise; a third of them gets a batch from the source.
const RUNS: usize = 12;

fn name(event: &Value) -> Option<&str> {
    event["stateEnteredEventDetails"]["name"].as_str()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_dropped_files_are_all_finished_while_lambda_throttles() {
    let world = World::new(train_on_anything).await;
    crate::throttle(&world, 60);
    let lake = &world.context().lake;
    let executions = world.cloud().executions();
    let mut started = Vec::new();
    for number in 0..FILES {
        let key = format!("drop/{number}.csv").parse().unwrap();
        lake.put(&key, Batch::new(number + 1, 60).csv())
            .await
            .unwrap();
        let input = json!({"object": {"bucket": lake.bucket(), "key": key.to_string()}});
        started.push(executions.start(None, &input.to_string()).unwrap().name);
    }
    executions.idle().await;

    let (mut waited, mut at_work) = (0, Vec::new());
    for run in started {
        let execution = executions.describe(&run).unwrap();
        assert_eq!(
            execution.summary.status,
            Status::Succeeded,
            "{run}: {execution:?}"
        );
        let events = executions.history(&run).unwrap();
        let outcome = world
            .context()
            .registry
            .history_of(&run.parse().unwrap())
            .await;
        let outcome = outcome.unwrap().unwrap();
        assert_ne!(outcome.kind, OutcomeKind::Failed, "{outcome:?}");
        // The wait is in the history of the execution and in the product's own.
        let waits = events
            .iter()
            .any(|event| name(event) == Some("WaitForTurn"));
        assert_eq!(outcome.waited_ms.is_some(), waits, "{outcome:?}");
        waited += usize::from(waits);
        let time = |event: &Value| event["timestamp"].as_f64().unwrap();
        let begun = events
            .iter()
            .find(|event| name(event) == Some("Preprocess"));
        at_work.push((time(begun.unwrap()), time(events.last().unwrap())));
    }
    assert!(waited > 10, "{waited}");
    at_work.sort_by(|one, other| one.0.total_cmp(&other.0));
    for pair in at_work.windows(2) {
        assert!(pair[0].1 <= pair[1].0, "two runs work at once: {pair:?}");
    }
    invariants::check_in(world.context()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_started_at_once_share_the_batches_and_none_fails_and_prices_are_served_meanwhile() {
    let world = World::new(train_on_anything).await;
    let runs = std::env::var("TASADOR_TEST_RUNS").map_or(RUNS, |text| text.parse().unwrap());
    let batches = runs as u64 / 3;
    world.deliver(&Batch::new(batches + 1, 60)).await;
    for number in 0..batches {
        let batch = Batch::new(number + 1, 60);
        world.source.then(Answer::Json(batch.api_json()));
    }
    let starts = (0..runs).map(|_| world.http(Method::POST, "/runs", None));
    for (status, answer) in futures::future::join_all(starts).await {
        assert_eq!(status, 202, "{answer}");
    }
    let (mut prices, mut longest) = (0, Duration::ZERO);
    let priced = async {
        loop {
            let begun = Instant::now();
            let (status, answer) = world.price(&json!({"bed": 3})).await;
            assert_eq!(status, 200, "{answer}");
            longest = longest.max(begun.elapsed());
            prices += 1;
        }
    };
    tokio::select! {
        () = world.cloud().executions().idle() => {}
        () = priced => {}
    }
    println!("{prices} prices during {runs} runs, the slowest after {longest:?}");
    let page = PageRequest::first(100);
    let history = world.context().registry.history(&page).await;
    let mut outcomes = history.unwrap().items;
    outcomes.truncate(runs);
    let failed = outcomes
        .iter()
        .find(|outcome| outcome.kind == OutcomeKind::Failed);
    assert!(failed.is_none(), "{failed:#?}");
    let worked_on: BTreeSet<_> = outcomes
        .iter()
        .filter_map(|outcome| outcome.batch)
        .collect();
    assert_eq!(worked_on.len() as u64, batches);
    invariants::check(&world).await;
}
