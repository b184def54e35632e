//! The Python side, in a separate virtual environment.

use std::path::{Path, PathBuf};
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

const REQUIREMENTS: &str = include_str!("../requirements.txt");
const SCRIPT: &str = include_str!("../peers.py");

/// Creates the environment if it is missing or has other versions, and returns its Python.
pub(crate) fn environment(folder: &Path) -> Result<PathBuf> {
    let venv = folder.join("venv");
    let python = venv.join("bin/python");
    let marker = venv.join("requirements.txt");
    if std::fs::read_to_string(&marker).ok().as_deref() == Some(REQUIREMENTS) {
        return Ok(python);
    }
    std::fs::create_dir_all(folder)?;
    run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    let wanted = folder.join("requirements.txt");
    std::fs::write(&wanted, REQUIREMENTS)?;
    run(Command::new(&python)
        .args(["-m", "pip", "install", "--quiet", "-r"])
        .arg(&wanted))?;
    std::fs::write(marker, REQUIREMENTS)?;
    Ok(python)
}

fn run(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("{command:?} cannot be started"))?;
    ensure!(status.success(), "{command:?} failed");
    Ok(())
}

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
