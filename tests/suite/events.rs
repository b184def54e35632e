//! The sample events are what the pipeline really passes: one run over `events/listings.csv` gives
//! them, and invoking the functions with them, in order, gives that run.
//!
//! `TASADOR_WRITE_EVENTS=1 cargo test -p tests --test suite events` writes them anew.

use std::path::PathBuf;

use local::functions::function_arn;
use serde_json::{Value, json};
use tasador_testing::listings::Batch;
use tests::world::World;

/// The steps of a promoted batch, in order.
const STEPS: [&str; 7] = [
    "fetch",
    "preprocess",
    "gate",
    "train",
    "compare",
    "promote",
    "record",
];
/// The run's name in the events.
const RUN: &str = "sample";

fn events() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../events")
}

fn read(function: &str) -> Value {
    let path = events().join(format!("{function}.json"));
    serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap()
}

/// A world whose source is the file of the samples.
async fn world() -> World {
    World::new(|config| {
        config.source = Some(
            events()
                .join("listings.csv")
                .canonicalize()
                .unwrap()
                .to_str()
                .unwrap()
                .into(),
        );
        config.fetch.files_allowed = true;
        // A sample is small.
        config.compare.min_rows = 10;
    })
    .await
}

/// The parts of an event that differ from run to run: times, and where the file lies.
fn steady(mut event: Value) -> Value {
    for pointer in [
        "/started_at",
        "/state/fetch/source",
        "/state/fetch/received_at",
    ] {
        if let Some(value) = event.pointer_mut(pointer) {
            *value = Value::Null;
        }
    }
    event
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_run_gives_the_events() {
    let write = std::env::var_os("TASADOR_WRITE_EVENTS").is_some();
    if write {
        std::fs::create_dir_all(events()).unwrap();
        std::fs::write(events().join("listings.csv"), Batch::new(1, 200).csv()).unwrap();
    }
    let world = world().await;
    let executions = world.cloud().executions();
    executions.start(Some(RUN), "{}").unwrap();
    executions.idle().await;
    let history = executions.history(RUN).unwrap();
    for function in STEPS {
        let arn = function_arn(function);
        let input = history.iter().find_map(|event| {
            let details = event.get("lambdaFunctionScheduledEventDetails")?;
            (details["resource"] == arn.as_str()).then(|| details["input"].as_str())?
        });
        let mut input: Value =
            serde_json::from_str(input.unwrap_or_else(|| panic!("{function} was not called")))
                .unwrap();
        if let Some(source) = input.pointer_mut("/state/fetch/source") {
            *source = json!("events/listings.csv");
        }
        if write {
            let text = serde_json::to_string_pretty(&input).unwrap() + "\n";
            std::fs::write(events().join(format!("{function}.json")), text).unwrap();
        }
        assert_eq!(
            steady(read(function)),
            steady(input),
            "{function}: see this test's module on how to write the events anew"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_events_in_order_give_a_run() {
    let world = world().await;
    let functions = world.cloud().functions();
    let mut last = Value::Null;
    for function in STEPS {
        // On the heap, for a test's stack is small.
        last = Box::pin(functions.invoke(function, read(function)))
            .await
            .unwrap_or_else(|failure| panic!("{function}: {}", failure.message));
    }
    assert_eq!(last["outcome"], "promoted");
    for (function, expected) in [
        ("mlflow", "experiments"),
        ("predict", "predicted_price"),
        ("tracking", "items"),
    ] {
        let answer = Box::pin(functions.invoke(function, read(function)));
        let answer = answer.await.unwrap();
        assert_eq!(answer["statusCode"], 200, "{function}: {answer:#}");
        let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
        assert!(body.get(expected).is_some(), "{function}: {body:#}");
    }
    // The id of a price that Lambda answered leads to the batches behind it.
    let priced = Box::pin(functions.invoke("predict", read("predict")));
    let priced = priced.await.unwrap();
    let priced: Value = serde_json::from_str(priced["body"].as_str().unwrap()).unwrap();
    let path = format!("/predictions/{}", priced["request_id"].as_str().unwrap());
    let mut trace = read("tracking");
    trace["rawPath"] = json!(path);
    trace["requestContext"]["http"]["path"] = json!(path);
    trace["rawQueryString"] = json!("");
    trace
        .as_object_mut()
        .unwrap()
        .remove("queryStringParameters");
    let traced = Box::pin(functions.invoke("tracking", trace)).await.unwrap();
    assert_eq!(traced["statusCode"], 200, "{traced:#}");
    let traced: Value = serde_json::from_str(traced["body"].as_str().unwrap()).unwrap();
    assert_eq!(traced["request_id"], priced["request_id"], "{traced:#}");
    let batches = traced["lineage"]["batches"].as_array();
    assert_eq!(batches.map(Vec::len), Some(1), "{traced:#}");
    let page = Box::pin(functions.invoke("web", read("web")));
    let page = page.await.unwrap();
    assert_eq!(page["statusCode"], 200, "{page:#}");
    let html = page["body"].as_str().unwrap();
    assert!(html.contains(r#"<html lang="es">"#), "{html}");
    let checked = Box::pin(functions.invoke("upload", read("upload")));
    let checked = checked.await.unwrap();
    assert_eq!(checked["statusCode"], 303, "{checked:#}");
    // The sample's token is in no table.
    let refused = Box::pin(functions.invoke("authorize", read("authorize")));
    let refused = refused.await.unwrap();
    assert_eq!(refused, json!({"isAuthorized": false, "context": {}}));
    let compacted = Box::pin(functions.invoke("compact", read("compact")));
    let compacted = compacted.await.unwrap();
    assert_eq!(compacted["rows"], 0, "the hour is not over: {compacted:#}");
}
