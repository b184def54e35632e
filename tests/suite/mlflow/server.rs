//! MLflow's own server on SQLite and a free loopback port, ended by its id.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::process::{Child, Command};

/// How long it may take to start: it makes its tables first.
const TIMEOUT: Duration = Duration::from_secs(180);

/// A running server; it and what it started end when this is dropped.
pub(super) struct MlflowServer {
    process: Child,
    url: String,
    _folder: TempDir,
}

impl MlflowServer {
    pub(super) async fn start(venv: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = tasador_testing::ports::free();
        let process = Command::new(venv.join("bin/mlflow"))
            .args(["server", "--host", "127.0.0.1", "--workers", "1", "--port"])
            .arg(port.to_string())
            .args(["--backend-store-uri", "sqlite:///mlflow.db"])
            .args(["--artifacts-destination", "./artifacts"])
            .current_dir(folder.path())
            .env(
                "PATH",
                format!("{}:/usr/bin:/bin", venv.join("bin").display()),
            )
            .env("MLFLOW_DISABLE_TELEMETRY", "true")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // A separate group, so that its workers end with it.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let url = format!("http://127.0.0.1:{port}");
        let server = Self {
            process,
            url,
            _folder: folder,
        };
        let begun = Instant::now();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        loop {
            let answer = client.get(format!("{}/health", server.url)).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return server;
            }
            assert!(begun.elapsed() < TIMEOUT, "mlflow server does not start");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for MlflowServer {
    fn drop(&mut self) {
        if let Some(pid) = self.process.id() {
            // The group that was made above, and nothing else.
            let group = format!("-{pid}");
            let _ = std::process::Command::new("kill")
                .args(["--", &group])
                .status();
        }
    }
}
