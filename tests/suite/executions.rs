//! Every execution ends, whatever its input and whatever its journal holds.

use std::fs;

use jiff::Timestamp;
use local::executions::{ExecutionError, Status};
use reqwest::Method;
use serde_json::json;
use tasador_states::HistoryEvent;
use tasador_testing::listings::Batch;
use tests::stories::train_on_anything;
use tests::world::World;

/// Arrays in each other, so many.
fn nested(depth: usize) -> String {
    format!("{}{}", "[".repeat(depth), "]".repeat(depth))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_input_that_is_accepted_ends() {
    let world = World::new(|_| ()).await;
    let executions = world.cloud().executions();
    for input in ["1e999", r#"{"batch": "\ud800"}"#, &nested(130), "{"] {
        let refused = executions.start(None, input);
        assert!(
            matches!(refused, Err(ExecutionError::Input { .. })),
            "{input}"
        );
    }
    assert!(executions.list().is_empty());
    let deep = [nested(127), json!({"batch": 1}).to_string()];
    let inside = format!(r#"{{"batch": {}}}"#, nested(126));
    for input in deep.iter().chain([&inside]) {
        executions.start(None, input).unwrap();
    }
    executions.idle().await;
    for summary in executions.list() {
        let execution = executions.describe(&summary.name).unwrap();
        assert_eq!(execution.summary.status, Status::Failed, "{execution:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn executions_that_are_found_at_a_start_end_and_damaged_ones_are_put_aside() {
    let mut world = World::new(|_| ()).await;
    world.pause().await;
    let folder = world.folder().join("executions");
    let started = |input: &str| {
        let event = HistoryEvent::started(input, Timestamp::now());
        format!("{}\n", serde_json::to_string(&event).unwrap())
    };
    let inputs = ["1e999", r#""\ud800""#, &nested(130)];
    for (number, input) in inputs.into_iter().enumerate() {
        fs::write(folder.join(format!("found-{number}.jsonl")), started(input)).unwrap();
    }
    let damaged = format!("{0}{{\n{0}", started("{}"));
    fs::write(folder.join("damaged.jsonl"), damaged).unwrap();

    world.restart(|_| ()).await;
    let executions = world.cloud().executions();
    executions.idle().await;
    for number in 0..inputs.len() {
        let execution = executions.describe(&format!("found-{number}")).unwrap();
        assert_eq!(execution.summary.status, Status::Failed, "{execution:?}");
        assert_eq!(execution.error.as_deref(), Some("States.Runtime"));
    }
    assert_eq!(executions.list().len(), inputs.len());
    assert!(folder.join("damaged.damaged").is_file());
}

/// Step Functions gives at most 1,000 events at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_with_more_events_than_a_page_is_followed_to_its_end() {
    let world = World::new(train_on_anything).await;
    crate::throttle(&world, 90);
    let run = world.deliver(&Batch::new(1, 60)).await;
    assert!(run.events.len() > 1_000, "{}", run.events.len());
    let (status, answer) = world
        .http(Method::GET, &format!("/runs/{}", run.id), None)
        .await;
    assert_eq!(status, 200, "{answer}");
    let steps = answer["steps"].as_array().unwrap();
    let names: Vec<&str> = steps
        .iter()
        .filter_map(|step| step["name"].as_str())
        .collect();
    assert_eq!(names, run.path());
}
