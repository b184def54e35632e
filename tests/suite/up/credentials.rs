//! Credentials in the source's address appear nowhere: not on the terminal, in the log, in answers or pages,
//! in MLflow, or in any file of the data folder except `server.json`, which only its owner can read.

use std::ffi::OsStr;
use std::fs::File;
use std::path::Path;
use std::process::Stdio;

use tasador_access::{Need, ROUTES};
use tasador_testing::listings::Batch;
use tasador_testing::source::{Answer, Source, http};
use tokio::process::Command;

use super::served::until;
use crate::TASADOR;

/// In every credential of the test, and nowhere else.
const CANARY: &str = "canary";

fn tasador(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(TASADOR);
    command
        .args([OsStr::new("--data-dir"), folder.as_os_str()])
        .args(arguments)
        .env("TASADOR_CANDIDATES", "linear")
        .env("TASADOR_LOG", "debug")
        .kill_on_drop(true);
    command
}

/// What a command that ends says.
async fn said(folder: &Path, arguments: &[&str]) -> String {
    let output = tasador(folder, arguments).output().await.unwrap();
    let text = [output.stdout, output.stderr].concat();
    format!(
        "tasador {}\n{}",
        arguments[0],
        String::from_utf8_lossy(&text)
    )
}

/// All places under a folder that have the canary.
fn found_in(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found_in(&path, found);
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        let name = path.display().to_string();
        let mut windows = bytes.windows(CANARY.len());
        if name.contains(CANARY) || windows.any(|part| part == CANARY.as_bytes()) {
            found.push(name);
        }
    }
}

fn assert_hidden(text: &str) {
    let line = text.lines().find(|line| line.contains(CANARY));
    assert_eq!(line, None, "in {}", text.lines().next().unwrap_or_default());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_of_the_source_are_nowhere_to_be_seen() {
    let source = Source::start().await;
    let plain = source.url();
    let address = plain.replace("http://", "http://canary-user:canary-password@")
        + "&pwd=canary-pwd&api_key=canary%2Dkey&x=canary0canary1canary2canary3";
    let redirect = format!("location: {address}");
    let refusal = r#"{"detail": "canary-password and canary-key are wrong"}"#;
    source
        .then(http(302, &[&redirect], ""))
        .then(http(401, &["content-type: application/json"], refusal))
        .then(Answer::Json(Batch::new(1, 300).api_json()));
    let (data, log) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (folder, log) = (data.path(), log.path());
    let (out, err) = (log.join("out"), log.join("err"));

    let mut up = tasador(folder, &["--port", "0", "up", "--source", &address]);
    let mut up = up
        .stdout(Stdio::from(File::create(&out).unwrap()))
        .stderr(Stdio::from(File::create(&err).unwrap()))
        .spawn()
        .unwrap();
    until("it is served", async || {
        std::fs::read_to_string(&out)
            .unwrap()
            .contains("Ctrl-C")
            .then_some(())
    })
    .await;
    let server = std::fs::read(folder.join("server.json")).unwrap();
    let server: serde_json::Value = serde_json::from_slice(&server).unwrap();
    let http = server["http"].as_str().unwrap();

    // One of these may be the scheduled run's.
    let mut last = String::new();
    for _ in 0..3 {
        last = said(folder, &["run", "--batches", "1"]).await;
        assert_hidden(&last);
    }
    assert!(
        last.contains("promoted") || last.contains("nothing_new"),
        "{last}"
    );
    assert!(source.requests()[0].contains("canary-pwd"));
    for arguments in [
        &["history"][..],
        &["verify"],
        // Served with another source.
        &["run", "--source", "http://127.0.0.1:9/?pwd=canary"],
        &["run", "--source", "ftp://me:canary@127.0.0.1/"],
        &["run", "--source", "HTTP://me:canary@127.0.0.1/"],
        &["run", "--source", "me:canary@127.0.0.1/listings.csv"],
    ] {
        assert_hidden(&said(folder, arguments).await);
    }

    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let ask = async |path: &str| {
        let answer = client.get(format!("{http}{path}")).send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    };
    let (_, history) = ask("/history").await;
    let history: serde_json::Value = serde_json::from_str(&history).unwrap();
    let entries = history["items"].as_array().expect("a history");
    let text = |value: &serde_json::Value| value.as_str().unwrap_or("-").to_owned();
    let mut runs: Vec<_> = entries.iter().map(|entry| text(&entry["run"])).collect();
    let mut batches: Vec<_> = entries.iter().map(|entry| text(&entry["batch"])).collect();
    runs.dedup();
    batches.dedup();
    assert_eq!(runs.len(), entries.len());
    let values = [
        ("{run}", runs),
        ("{batch}", batches),
        ("{name}", vec!["BestHousePriceModel".to_owned()]),
        ("{version}", vec!["1".to_owned()]),
        ("{file}", vec!["card.md".to_owned()]),
    ];
    let mut paths: Vec<String> = ROUTES
        .iter()
        .filter(|route| route.method == "GET" && route.need != Need::Open)
        .map(|route| route.path.to_owned())
        .chain(["/".to_owned(), "/health".to_owned()])
        .collect();
    for (parameter, values) in &values {
        let filled = |path: String| -> Vec<String> {
            let filled = values.iter().map(|value| path.replace(parameter, value));
            let mut filled: Vec<String> = filled.collect();
            filled.dedup();
            filled
        };
        paths = paths.into_iter().flat_map(filled).collect();
    }
    let mut answered = 0;
    for path in &paths {
        let (status, text) = ask(path).await;
        answered += usize::from(status.is_success());
        assert_hidden(&format!("{path}\n{text}"));
    }
    assert!(answered > 15, "{answered} of {paths:?}");

    let pid = up.id().unwrap().to_string();
    assert!(
        Command::new("kill")
            .arg(pid)
            .status()
            .await
            .unwrap()
            .success()
    );
    assert!(up.wait().await.unwrap().success());
    for file in [out, err] {
        let text = std::fs::read_to_string(file).unwrap();
        assert!(text.contains("127.0.0.1"), "{text}");
        assert_hidden(&text);
    }
    let mut found = Vec::new();
    found_in(folder, &mut found);
    assert!(found.is_empty(), "{found:?}");
}
