//! A data folder on a full disk: a small separate file system, made without the rights of root.

use std::process::Output;
use std::time::Duration;

use tasador_testing::tools::{repository, skipped};
use tokio::process::Command;

/// How long a run may take until it gives up.
const TIMEOUT: Duration = Duration::from_secs(240);

/// Runs the sample listings on a file system of this many MiB.
async fn run_within(mib: u32) -> Option<Output> {
    let folder = tempfile::tempdir().unwrap();
    let unshare = ["--user", "--map-root-user", "--mount", "sh", "-c"];
    let possible = Command::new("unshare")
        .args(unshare)
        .args(["mount -t tmpfs none \"$0\""])
        .arg(folder.path())
        .output()
        .await;
    if !possible.is_ok_and(|output| output.status.success()) {
        skipped("unshare of util-linux may not mount a file system here");
        return None;
    }
    let script = format!(
        "mount -t tmpfs -o size={mib}m none \"$0\" && exec \"$1\" run --data-dir \"$0\" --source \"$2\""
    );
    let run = Command::new("unshare")
        .args(unshare)
        .arg(script)
        .arg(folder.path())
        .arg(crate::TASADOR)
        .arg(repository().join("events/listings.csv"))
        .env("TASADOR_CANDIDATES", "linear")
        .env("TASADOR_COMPARE_MIN_ROWS", "10")
        .kill_on_drop(true)
        .output();
    Some(tokio::time::timeout(TIMEOUT, run).await.unwrap().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_on_a_full_disk_ends_with_an_error() {
    let Some(output) = run_within(1).await else {
        return;
    };
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("tasador: ") && said.contains("journal"),
        "{said}"
    );
}
