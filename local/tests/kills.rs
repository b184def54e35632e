//! The process is killed (SIGKILL) at every place of the way, and started again: the batch gets its
//! outcome, and nothing is done twice.

// Clippy knows `#[test]` functions, but not what they share.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;
use std::process::Output;

use local::cloud::{Cloud, Options};
use local::folder::Folder;
use tasador_registry::PageRequest;
use tasador_runtime::Config;
use tests::invariants;
use tests::listings::Batch;
use tests::source::{Answer, BAD_GROUP, Source};
use tokio::process::Command;

/// What the source sends, and the places that a run gets to with it: states of the machine, and, in
/// the middle of `Fetch`, calls between the source's answer and the batch's entry in the registry.
enum Story {
    Promoted,
    Rejected,
    Skipped,
    Failed,
    NothingNew,
}

const PLACES: [(&str, Story); 17] = [
    ("Fetch", Story::Promoted),
    ("PutObject", Story::Promoted),
    ("PutObject:2", Story::Promoted),
    ("TransactWriteItems", Story::Promoted),
    ("Preprocess", Story::Promoted),
    ("Gate", Story::Promoted),
    ("Train", Story::Promoted),
    ("Compare", Story::Promoted),
    ("Promote", Story::Promoted),
    ("RecordPromotion", Story::Promoted),
    ("Notify", Story::Promoted),
    ("RecordRejection", Story::Rejected),
    ("RecordSkip", Story::Skipped),
    ("RecordFailure", Story::Failed),
    ("NotifyFailure", Story::Failed),
    ("Fetch", Story::NothingNew),
    ("RecordNothingNew", Story::NothingNew),
];

impl Story {
    fn answers(&self) -> Vec<Answer> {
        let batch = |seed, rows| Answer::Json(Batch::new(seed, rows).api_json());
        match self {
            Self::Promoted => vec![batch(1, 300)],
            // So few more of the same kind make no better model.
            Self::Rejected => vec![batch(1, 300), batch(2, 60)],
            Self::Skipped => vec![batch(1, 49)],
            Self::Failed => vec![BAD_GROUP],
            Self::NothingNew => Vec::new(),
        }
    }

    fn batches(&self) -> usize {
        self.answers()
            .iter()
            .filter(|answer| matches!(answer, Answer::Json(_)))
            .count()
    }

    fn promotions(&self) -> usize {
        usize::from(matches!(self, Self::Promoted | Self::Rejected))
    }
}

/// `tasador run` in a process of its own.
async fn run(folder: &Path, source: &Source, fault: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tasador"))
        .args(["run", "--source", source.url(), "--data-dir"])
        .arg(folder)
        .env("TASADOR_FAULT", fault)
        .env("TASADOR_CANDIDATES", "linear")
        .env("TASADOR_GATE_VOLUME_GROWTH_SHARE", "0")
        .kill_on_drop(true)
        .output()
        .await
        .unwrap()
}

#[cfg(unix)]
fn was_killed(output: &Output) -> bool {
    use std::os::unix::process::ExitStatusExt as _;
    output.status.signal() == Some(9)
}

/// Kills the process there, starts another on the same folder, and looks at what is left.
async fn killed(side: &str, place: &str, story: &Story) {
    let source = Source::start().await;
    for answer in story.answers() {
        source.then(answer);
    }
    let dir = tempfile::tempdir().unwrap();
    let first = run(dir.path(), &source, &format!("kill:{side}:{place}")).await;
    assert!(
        was_killed(&first),
        "{side} {place} was never reached: {first:?}"
    );
    let second = run(dir.path(), &source, "").await;
    assert!(second.status.success(), "{side} {place}: {second:?}");

    let folder = Folder::take(dir.path()).await.unwrap();
    let cloud = Cloud::start(Options::new(folder, Config::default()))
        .await
        .unwrap();
    let context = cloud.context();
    invariants::check_in(context).await;
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
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_before_the_effect() {
    for (place, story) in &PLACES {
        killed("before", place, story).await;
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_after_the_effect() {
    for (place, story) in &PLACES {
        killed("after", place, story).await;
    }
}
