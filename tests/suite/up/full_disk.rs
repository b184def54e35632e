//! A data folder on a full disk: a small separate file system, made without the rights of root.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::Output;
use std::time::Duration;

use serde_json::Value;
use tasador_testing::tools::{repository, skipped};
use tokio::process::Command;

use super::served::{Served, json, until};

/// How long two runs may take, of which the first gives up.
const TIMEOUT: Duration = Duration::from_secs(400);

/// A command that runs this script, with the right to mount; `$0` is a folder for it. `None` if this machine
/// does not allow that.
async fn with_mounts(folder: &Path, script: &str) -> Option<Command> {
    let shell = |script: &str| {
        let mut command = Command::new("unshare");
        command
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", script])
            .arg(folder)
            .env("TASADOR_CANDIDATES", "linear")
            .env("TASADOR_COMPARE_MIN_ROWS", "10")
            .kill_on_drop(true);
        command
    };
    let possible = shell("mount -t tmpfs none \"$0\"").output().await;
    if !possible.is_ok_and(|output| output.status.success()) {
        skipped("unshare of util-linux may not mount a file system here");
        return None;
    }
    Some(shell(script))
}

/// Runs the sample listings on a file system of this many KiB, then gives it more space and runs again.
async fn run_within(kib: u32) -> Option<Output> {
    let folder = tempfile::tempdir().unwrap();
    let script = format!(
        "mount -t tmpfs -o size={kib}k none \"$0\"
        run() {{ \"$1\" run --data-dir \"$0\" --source \"$2\"; echo \"exit code $?\"; }}
        run \"$@\" && mount -o remount,size=256m \"$0\" && run \"$@\"
        \"$1\" history --data-dir \"$0\" --json"
    );
    let mut command = with_mounts(folder.path(), &script).await?;
    let run = command
        .arg(crate::TASADOR)
        .arg(repository().join("events/listings.csv"))
        .output();
    Some(tokio::time::timeout(TIMEOUT, run).await.unwrap().unwrap())
}

/// A run that finds no space on so small a disk ends with an error, and the batch is promoted once there is.
/// `false` if this machine cannot mount.
async fn ends_and_resumes(kib: u32) -> bool {
    let Some(output) = run_within(kib).await else {
        return false;
    };
    let said = String::from_utf8_lossy(&output.stderr);
    let out = String::from_utf8_lossy(&output.stdout);
    let all = format!("{kib} KiB: {out}{said}");
    let (_, enough) = out.split_once("exit code 1\n").expect(&all);
    assert!(
        said.contains("tasador: ") && said.contains("No space left on device"),
        "{all}"
    );
    assert!(!said.contains("InsufficientStorage"), "{all}");
    assert!(
        enough.contains("exit code 0") && enough.contains("\"kind\": \"promoted\""),
        "{all}"
    );
    true
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_on_a_full_disk_ends_with_an_error_and_resumes() {
    // Without space for the start, for the files of a step, for the journal.
    for kib in [200, 500, 800] {
        if !ends_and_resumes(kib).await {
            return;
        }
    }
}

/// Leaves no space on the disk.
fn fill(file: &Path) {
    let mut file = File::create(file).unwrap();
    for size in [1 << 20, 1 << 12, 1] {
        while file.write_all(&vec![0; size]).is_ok() {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_said_by_health_and_by_runs() {
    let folder = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=64m none \"$0\" && exec \"$@\"";
    let Some(mut command) = with_mounts(folder.path(), script).await else {
        return;
    };
    command.arg(crate::TASADOR);
    let served = Served::start_by(command, folder.path(), &[]).await;
    let health = async || json(&served.url("/health")).await.unwrap();
    let becomes = async |status: &str| {
        until(status, async || {
            let health = health().await;
            (health["status"] == status).then_some(health)
        })
        .await
    };
    becomes("ok").await;
    let filler = served.path(folder.path()).join("filler");
    fill(&filler);
    let degraded = becomes("degraded").await;
    let reason = degraded["reason"].as_str().unwrap();
    assert!(reason.contains("free some space"), "{degraded}");
    assert_eq!(degraded["model"]["version"], 1);

    let refused = served.ask("POST", "/runs", None).await;
    assert_eq!(refused.status(), 503);
    assert_eq!(
        refused.headers()["content-type"],
        "application/problem+json"
    );
    let problem: Value = serde_json::from_str(&refused.text().await.unwrap()).unwrap();
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("free some space"), "{problem}");

    std::fs::remove_file(filler).unwrap();
    becomes("ok").await;
    assert_eq!(served.ask("POST", "/runs", None).await.status(), 202);
    served.stop().await;
}
