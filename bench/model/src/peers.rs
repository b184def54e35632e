//! The Python side.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::Options;
use crate::ours::Line;

/// The compared libraries, as named in `peers.py`.
pub(crate) const PEERS: [&str; 4] = [
    "sklearn-linear",
    "sklearn-hist",
    "lightgbm-500",
    "lightgbm-1200",
];

const SCRIPT: &str = include_str!("../peers.py");

/// Trains and scores one of [`PEERS`] on a prepared set.
pub(crate) fn measure(python: &Path, peer: &str, set: &str, options: &Options) -> Result<Line> {
    let script = options.folder.join("peers.py");
    std::fs::write(&script, SCRIPT)?;
    let threads = options.threads.to_string();
    let output = Command::new(python)
        .arg(&script)
        .arg(options.folder.join(set))
        .args([peer, &threads, &options.seed.to_string()])
        .env("OMP_NUM_THREADS", &threads)
        .env("OPENBLAS_NUM_THREADS", &threads)
        .output()?;
    ensure!(
        output.status.success(),
        "{peer} failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).with_context(|| format!("{peer} printed no results"))
}
