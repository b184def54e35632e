//! The process is killed (SIGKILL) at every place of the way, and started again: the batch gets its
//! outcome, and nothing is done twice. So it is where the power is cut at the same time.

#[cfg(target_os = "linux")]
mod disk;

use crate::TASADOR;
use std::path::Path;
use std::process::Output;
use std::time::Duration;

use local::cloud::{Cloud, Options};
use local::folder::Folder;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use tasador_ids::BatchId;
use tasador_registry::{Outcome, OutcomeKind, PageRequest};
use tasador_runtime::Config;
use tasador_testing::listings::Batch;
use tasador_testing::source::{Answer, Source};
use tests::invariants;
use tests::stories::{Story, task_states};
use tokio::process::Command;

/// The places that a run gets to: states of the machine, and, in the middle of `Fetch`, calls between
/// the source's answer and the batch's entry in the registry.
const PLACES: &[(&str, Story)] = &[
    ("Fetch", Story::Promoted),
    ("PutObject", Story::Promoted),
    ("PutObject:2", Story::Promoted),
    ("TransactWriteItems", Story::Promoted),
    ("Preprocess", Story::Promoted),
    ("Gate", Story::Promoted),
    ("Train", Story::Promoted),
    ("TrainJob", Story::PromotedByJob),
    ("Compare", Story::Promoted),
    ("Promote", Story::Promoted),
    ("RecordPromotion", Story::Promoted),
    ("Notify", Story::Promoted),
    ("RecordRejection", Story::Rejected),
    ("RecordSkip", Story::Skipped),
    ("RecordQuarantine", Story::Quarantined),
    ("RecordFailure", Story::Failed),
    ("NotifyFailure", Story::Failed),
    ("Fetch", Story::NothingNew),
    ("RecordNothingNew", Story::NothingNew),
];

/// `tasador run` in its own process.
fn tasador_run(folder: &Path, source: &Source, story: Story, fault: &str) -> Command {
    let mut command = Command::new(TASADOR);
    command
        .args(["run", "--source", source.url(), "--data-dir"])
        .arg(folder)
        .env("TASADOR_FAULT", fault)
        .env("TASADOR_CANDIDATES", "linear")
        .env("TASADOR_GATE_VOLUME_GROWTH_SHARE", "0")
        .kill_on_drop(true);
    if story == Story::PromotedByJob {
        command.env("TASADOR_TRAIN_JOB_FROM_ROWS", "1");
    }
    command
}

async fn run(folder: &Path, source: &Source, story: Story, fault: &str) -> Output {
    let mut command = tasador_run(folder, source, story, fault);
    command.output().await.unwrap()
}

#[cfg(unix)]
fn was_killed(output: &Output) -> bool {
    use std::os::unix::process::ExitStatusExt as _;
    output.status.signal() == Some(9)
}

/// The cloud on what the processes left, which is sound.
async fn left(folder: &Path) -> Cloud {
    let folder = Folder::take(folder).await.unwrap();
    let cloud = Cloud::start(Options::new(folder, Config::default()))
        .await
        .unwrap();
    invariants::check_in(cloud.context()).await;
    cloud
}

/// Kills the process there, starts another on the same folder, and looks at what is left. `false` if the
/// process never got there.
async fn killed(side: &str, place: &str, story: Story) -> bool {
    let dir = tempfile::tempdir().unwrap();
    killed_in(dir.path(), side, place, story, || ()).await
}

/// The same where the power is cut with the kill; `None` if this machine has no disk for that.
#[cfg(target_os = "linux")]
async fn power_cut(side: &str, place: &str, story: Story) -> Option<bool> {
    let mut disk = disk::Disk::new()?;
    // The folder itself has to be there after the cut too.
    let folder = disk.path().join("data");
    Some(killed_in(&folder, side, place, story, || disk.cut()).await)
}

/// `meanwhile` happens between the kill and the next start.
async fn killed_in(
    dir: &Path,
    side: &str,
    place: &str,
    story: Story,
    meanwhile: impl FnOnce(),
) -> bool {
    let source = Source::start().await;
    for answer in story.answers() {
        source.then(answer);
    }
    let first = run(dir, &source, story, &format!("kill:{side}:{place}")).await;
    if !was_killed(&first) {
        assert!(first.status.success(), "{side} {place}: {first:?}");
        return false;
    }
    meanwhile();
    let second = run(dir, &source, story, "").await;
    assert!(second.status.success(), "{side} {place}: {second:?}");

    let cloud = left(dir).await;
    let context = cloud.context();
    let raw = context.lake.list("raw/").await.unwrap();
    assert_eq!(
        raw.len(),
        story.batches(),
        "{side} {place}: a batch was lost, or stored twice"
    );
    let promotions = context
        .registry
        .promotions(&context.config.model, &PageRequest::first(10))
        .await
        .unwrap();
    assert_eq!(
        promotions.items.len(),
        story.promotions(),
        "{side} {place}: {promotions:#?}"
    );
    cloud.stop().await;
    true
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_before_the_effect() {
    for (place, story) in PLACES {
        let is_reached = killed("before", place, *story).await;
        assert!(is_reached, "before {place} was never reached");
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_after_the_effect() {
    for (place, story) in PLACES {
        let is_reached = killed("after", place, *story).await;
        assert!(is_reached, "after {place} was never reached");
    }
}

/// Behind each write that later steps rely on.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn power_cut_after_what_counts() {
    for place in [
        "PutObject",
        "TransactWriteItems",
        "Fetch",
        "Preprocess",
        "Train",
        "Promote",
    ] {
        let Some(is_reached) = power_cut("after", place, Story::Promoted).await else {
            return;
        };
        assert!(is_reached, "after {place} was never reached");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes; .ci/full runs it"]
async fn power_cut_at_every_place() {
    for side in ["before", "after"] {
        for (place, story) in PLACES {
            let Some(is_reached) = power_cut(side, place, *story).await else {
                return;
            };
            assert!(is_reached, "{side} {place} was never reached");
        }
    }
}

/// A place of this seed: one of the first requests of an operation.
fn place_of(seed: u64) -> (&'static str, String) {
    const REQUESTS: [(&str, u32); 6] = [
        ("GetObject", 8),
        ("PutObject", 16),
        ("ListObjectsV2", 4),
        ("GetItem", 8),
        ("Query", 8),
        ("TransactWriteItems", 4),
    ];
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let side = ["before", "after"][rng.random_range(0..2)];
    let (operation, count) = REQUESTS[rng.random_range(0..REQUESTS.len())];
    let nth = rng.random_range(1..=count);
    (side, format!("{operation}:{nth}"))
}

/// How many places a test looks at.
fn wanted(variable: &str, few: u64) -> u64 {
    let wanted = std::env::var(variable).ok();
    wanted.and_then(|wanted| wanted.parse().ok()).unwrap_or(few)
}

/// `TASADOR_TEST_KILLS=200` kills so many times.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_requests_by_seed() {
    let (mut seed, mut kills) = (0, 0);
    while kills < wanted("TASADOR_TEST_KILLS", 5) {
        let (side, place) = place_of(seed);
        let is_reached = killed(side, &place, Story::Promoted).await;
        println!("seed {seed}: {side} {place}, reached: {is_reached}");
        kills += u64::from(is_reached);
        seed += 1;
    }
}

/// `TASADOR_TEST_POWER_CUTS=50` cuts so many times.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes; .ci/full runs it"]
async fn power_cut_at_requests_by_seed() {
    let (mut seed, mut cuts) = (0, 0);
    while cuts < wanted("TASADOR_TEST_POWER_CUTS", 12) {
        let (side, place) = place_of(seed);
        let Some(is_reached) = power_cut(side, &place, Story::Promoted).await else {
            return;
        };
        println!("seed {seed}: {side} {place}, reached: {is_reached}");
        cuts += u64::from(is_reached);
        seed += 1;
    }
}

#[test]
fn every_state_is_a_place() {
    let missing: Vec<_> = task_states()
        .into_iter()
        .filter(|state| PLACES.iter().all(|(place, _)| place != state))
        .collect();
    assert!(missing.is_empty(), "no process is killed at {missing:?}");
}

/// The source's cursor has moved past a batch that nobody has: the run says so and ends, and does not
/// take the following batch in its place.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_the_source_answers() {
    let answer = Batch::new(1, 300).api_json();
    for answer in [
        Answer::Slow(Duration::from_secs(600), answer.clone()),
        Answer::Silent(answer),
    ] {
        let source = Source::start().await;
        let following = Batch::new(2, 300).api_json();
        source.then(answer).then(Answer::Json(following.clone()));
        let dir = tempfile::tempdir().unwrap();
        let mut first = tasador_run(dir.path(), &source, Story::Promoted, "")
            .spawn()
            .unwrap();
        while source.asked() == 0 {
            let ended = first.try_wait().unwrap();
            assert_eq!(ended, None, "it ended before it asked");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        first.kill().await.unwrap();
        let second = run(dir.path(), &source, Story::Promoted, "").await;

        let cloud = left(dir.path()).await;
        let context = cloud.context();
        let history = context.registry.history(&PageRequest::first(10)).await;
        let mut runs: Vec<Outcome> = history.unwrap().items;
        runs.sort_by_key(|run| run.started_at);
        let kinds: Vec<_> = runs.iter().map(|run| run.kind).collect();
        assert_eq!(
            kinds,
            [
                OutcomeKind::Failed,
                OutcomeKind::Promoted,
                OutcomeKind::NothingNew
            ],
            "{second:?}"
        );
        let error = runs[0].error.as_ref().unwrap();
        assert_eq!(error.class, "AnswerLost", "{error:?}");
        assert_eq!(runs[1].batch, Some(BatchId::of(&following)));
        // The lost answer, the batch, and that there are no more.
        assert_eq!(source.asked(), 3);
        cloud.stop().await;
    }
}
