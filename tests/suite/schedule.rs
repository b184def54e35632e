//! Executions that start by themselves.

use std::time::{Duration, Instant};

use local::cloud::{Cloud, Options};
use local::executions::Summary;
use local::folder::Folder;
use tasador_registry::OutcomeKind;
use tasador_runtime::Config;
use tasador_testing::listings::Batch;
use tasador_testing::source::{Answer, Source};
use tests::invariants;

/// Longer than any of this takes.
const TIMEOUT: Duration = Duration::from_secs(120);

async fn scheduled(every: Duration, folder: &std::path::Path, source: &Source) -> Cloud {
    let config = Config {
        source: Some(source.url().into()),
        candidates: vec![tasador_ids::Algorithm::Linear],
        ..Config::default()
    };
    let options = Options {
        every: Some(every),
        ..Options::new(Folder::take(folder).await.unwrap(), config)
    };
    Cloud::start(options).await.unwrap()
}

/// Waits until the executions, the first first, are as they should be.
async fn until(cloud: &Cloud, done: impl Fn(&[Summary]) -> bool) -> Vec<Summary> {
    let begun = Instant::now();
    loop {
        let mut executions = cloud.executions().list();
        executions.reverse();
        if done(&executions) {
            return executions;
        }
        assert!(begun.elapsed() < TIMEOUT, "{executions:#?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn have_ended(executions: &[Summary], count: usize) -> bool {
    let ended = |execution: &&Summary| execution.stopped_at.is_some();
    executions.iter().filter(ended).count() >= count
}

async fn kinds(cloud: &Cloud, executions: &[Summary]) -> Vec<OutcomeKind> {
    let mut kinds = Vec::new();
    for execution in executions {
        let run = execution.name.parse().unwrap();
        let outcome = cloud.context().registry.history_of(&run).await.unwrap();
        kinds.push(outcome.unwrap().kind);
    }
    kinds
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_execution_starts_at_once() {
    let source = Source::start().await;
    source.then(Answer::Json(Batch::new(1, 300).api_json()));
    let folder = tempfile::tempdir().unwrap();
    let cloud = scheduled(Duration::from_secs(24 * 3600), folder.path(), &source).await;
    let executions = until(&cloud, |executions| have_ended(executions, 1)).await;
    assert_eq!(kinds(&cloud, &executions).await, [OutcomeKind::Promoted]);
    assert_eq!(source.asked(), 1);
    invariants::check_in(cloud.context()).await;
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn executions_follow_one_another_and_never_overlap() {
    let source = Source::start().await;
    let batch = |seed| Batch::new(seed, 300).api_json();
    // Each takes many ticks.
    let slowly = |seed| Answer::Slow(Duration::from_millis(200), batch(seed));
    source.then(slowly(1)).then(slowly(2));
    let folder = tempfile::tempdir().unwrap();
    let cloud = scheduled(Duration::from_millis(5), folder.path(), &source).await;
    let executions = until(&cloud, |executions| have_ended(executions, 3)).await;
    for pair in executions.windows(2) {
        let ended = pair[0].stopped_at;
        assert!(
            ended.is_some_and(|ended| ended <= pair[1].started_at),
            "{executions:#?}"
        );
    }
    let kinds = kinds(&cloud, &executions[..3]).await;
    assert_eq!(kinds[0], OutcomeKind::Promoted);
    assert_eq!(kinds[2], OutcomeKind::NothingNew);
    let raw = cloud.context().lake.list("raw/").await.unwrap();
    assert_eq!(raw.len(), 2, "{kinds:?}");
    cloud.stop().await;
}
