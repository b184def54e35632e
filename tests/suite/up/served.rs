//! `tasador up` on a separate folder and free ports.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tasador_testing::tools::repository;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

use crate::TASADOR;

/// How long anything may take that is waited for.
const TIMEOUT: Duration = Duration::from_secs(120);

/// A running `tasador up`; killed when it is dropped.
pub(super) struct Served {
    process: Child,
    http: String,
    /// The token of whoever may read its folder, where it requires tokens.
    pub(super) token: Option<String>,
    said: mpsc::UnboundedReceiver<String>,
}

impl Served {
    /// Starts it on free ports with the sample listings as source, and waits until it prices.
    pub(super) async fn start(folder: &Path) -> Self {
        Self::start_with(folder, &[]).await
    }

    /// The same with more options.
    pub(super) async fn start_with(folder: &Path, options: &[&str]) -> Self {
        Self::start_by(Command::new(TASADOR), folder, options).await
    }

    /// The same by a command that becomes `tasador`.
    pub(super) async fn start_by(command: Command, folder: &Path, options: &[&str]) -> Self {
        let source = repository().join("events/listings.csv");
        let source = ["--source", source.to_str().unwrap()];
        Self::serve(command, folder, &[&source, options].concat()).await
    }

    /// Serves a folder that has a model, without a source: nothing runs.
    pub(super) async fn start_on(folder: &Path) -> Self {
        Self::serve(Command::new(TASADOR), folder, &[]).await
    }

    async fn serve(mut command: Command, folder: &Path, options: &[&str]) -> Self {
        let mut process = command
            .args(["--port", "0", "--data-dir"])
            .arg(folder)
            .arg("up")
            .args(options)
            .env("TASADOR_CANDIDATES", "linear")
            .env("TASADOR_COMPARE_MIN_ROWS", "10")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut log = BufReader::new(process.stderr.take().unwrap()).lines();
        let (say, said) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok(Some(line)) = log.next_line().await {
                eprintln!("{line}");
                // Whoever started it may not listen any more.
                let _ = say.send(line);
            }
        });
        let first = tokio::time::timeout(TIMEOUT, lines.next_line()).await;
        assert!(first.unwrap().unwrap().unwrap().contains("Tasador is up"));
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let root = seen_by(&process, folder);
        let server = std::fs::read(root.join("server.json")).unwrap();
        let server: Value = serde_json::from_slice(&server).unwrap();
        let served = Self {
            process,
            http: server["http"].as_str().unwrap().to_owned(),
            token: server
                .get("token")
                .and_then(Value::as_str)
                .map(str::to_owned),
            said,
        };
        until("a model is in production", async || {
            let model = served.ask("GET", "/model", served.token.as_deref()).await;
            model.status().is_success().then_some(())
        })
        .await;
        served
    }

    /// Answers one request, with a token or without.
    pub(super) async fn ask(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
    ) -> reqwest::Response {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut request = client.request(method.parse().unwrap(), self.url(path));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        request.send().await.unwrap()
    }

    /// The next line of its log that has all of these words.
    pub(super) async fn said(&mut self, words: &[&str]) -> String {
        let found = async {
            while let Some(line) = self.said.recv().await {
                if words.iter().all(|word| line.contains(word)) {
                    return line;
                }
            }
            panic!("it has ended and did not say {words:?}")
        };
        let found = tokio::time::timeout(TIMEOUT, found).await;
        found.unwrap_or_else(|_| panic!("it does not say {words:?}"))
    }

    /// A path as this process reaches it, whatever is mounted there for the other.
    pub(super) fn path(&self, path: &Path) -> PathBuf {
        seen_by(&self.process, path)
    }

    /// Host and port.
    pub(super) fn address(&self) -> &str {
        self.http.strip_prefix("http://").unwrap()
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.http)
    }

    /// Sends this many requests for a price over a few connections; each third is wrong.
    pub(super) async fn load(&self, requests: u32) {
        let client = reqwest::Client::new();
        let url = self.url("/predict");
        let senders = (0..8).map(|sender| {
            let (client, url) = (client.clone(), url.clone());
            async move {
                for n in (sender..requests).step_by(8) {
                    let body = if n % 3 == 0 {
                        json!({"bed": "three"})
                    } else {
                        json!({"bed": 3})
                    };
                    let answer = client
                        .post(&url)
                        .body(body.to_string())
                        .header("content-type", "application/json")
                        .send()
                        .await
                        .unwrap();
                    assert_eq!(answer.status(), if n % 3 == 0 { 422 } else { 200 });
                }
            }
        });
        futures::future::join_all(senders).await;
    }

    /// Ends it as Ctrl-C or a service manager would.
    pub(super) async fn stop(mut self) {
        let pid = self.process.id().unwrap();
        let sent = Command::new("kill").arg(pid.to_string()).status().await;
        assert!(sent.unwrap().success());
        let ended = tokio::time::timeout(TIMEOUT, self.process.wait()).await;
        assert!(ended.unwrap().unwrap().success());
    }
}

/// A path of another process's file systems.
fn seen_by(process: &Child, path: &Path) -> PathBuf {
    let root = PathBuf::from(format!("/proc/{}/root", process.id().unwrap()));
    if !root.exists() {
        return path.to_owned();
    }
    root.join(path.strip_prefix("/").unwrap_or(path))
}

/// Asks until there is an answer.
pub(super) async fn until<T>(what: &str, ask: impl AsyncFn() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(
            begun.elapsed() < TIMEOUT,
            "it does not come about that {what}"
        );
        // Between two questions, so that the machine has time for the work that is awaited.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

pub(super) async fn json(url: &str) -> Option<Value> {
    let text = reqwest::get(url).await.ok()?.text().await.ok()?;
    serde_json::from_str(&text).ok()
}
