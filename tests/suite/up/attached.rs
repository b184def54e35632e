//! Commands on a folder that `tasador up` serves already.

use std::path::Path;
use std::process::Output;

use tasador_testing::tools::repository;
use tokio::process::Command;

use super::served::Served;
use crate::TASADOR;

async fn tasador(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(TASADOR)
        .args(arguments)
        .arg("--data-dir")
        .arg(folder)
        .env_remove("TASADOR_BUCKET")
        .env_remove("TASADOR_SOURCE")
        .kill_on_drop(true)
        .output()
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_learned_from_while_the_folder_is_served_with_another_source() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start(folder.path()).await;
    let all = std::fs::read_to_string(repository().join("events/listings.csv")).unwrap();
    let part: Vec<&str> = all.lines().take(60).collect();
    let file = folder.path().join("other sales.csv");
    std::fs::write(&file, part.join("\n")).unwrap();

    let run = tasador(folder.path(), &["run", "--source", file.to_str().unwrap()]).await;
    assert!(run.status.success(), "{run:?}");
    let history = tasador(folder.path(), &["history", "--json"]).await;
    let history = String::from_utf8(history.stdout).unwrap();
    assert!(history.contains("drop/other_sales.csv"), "{history}");

    // A data API has a cursor, so only the process that serves the folder asks one.
    let refused = tasador(
        folder.path(),
        &["run", "--source", "http://127.0.0.1:9/data"],
    )
    .await;
    let error = String::from_utf8(refused.stderr).unwrap();
    assert!(
        !refused.status.success()
            && error.contains("start it with --source http://127.0.0.1:9/data"),
        "{error}"
    );
    drop(served);
}
