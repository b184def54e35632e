//! Outside tools that tests drive. Where one is missing, the test is skipped and says so where it is
//! seen, with how to get the tool; where `TASADOR_REQUIRE_TOOLS` is set, it fails.

use std::io::Write as _;
use std::path::{Path, PathBuf};

/// How to get the tools of `tests/tools`.
pub const INSTALL: &str = "run tests/tools/install (Python 3, Node and their registries)";

/// Says that this test is skipped, and why. libtest hides what a passing test prints, so this
/// writes past it.
pub fn skipped(why: &str) {
    // A closed error stream has no reader.
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}

/// Skips for want of a tool.
///
/// # Panics
/// Where tools are required.
pub fn missing(tool: &str, how: &str) {
    let required = std::env::var_os("TASADOR_REQUIRE_TOOLS").is_some_and(|value| !value.is_empty());
    assert!(!required, "{tool} is required and not installed; {how}");
    skipped(&format!("{tool} is not installed; {how}"));
}

/// A file of the folder that `tests/tools/install` fills, `TASADOR_TOOLS` or `target/tools`.
pub fn installed(file: &str, tool: &str) -> Option<PathBuf> {
    or_missing(folder("TASADOR_TOOLS", "target/tools").join(file), tool)
}

/// The Python of the tools, if this package is installed in it.
pub fn python_with(package: &str) -> Option<PathBuf> {
    let python = installed("bin/python", package)?;
    let has_package = std::process::Command::new(&python)
        .args(["-c", &format!("import {package}")])
        .output()
        .is_ok_and(|output| output.status.success());
    if !has_package {
        missing(package, INSTALL);
        return None;
    }
    Some(python)
}

/// The virtual environment of MLflow 2 or 3, in `TASADOR_MLFLOW` or `target`.
pub fn mlflow(major: u32) -> Option<PathBuf> {
    let venv = folder("TASADOR_MLFLOW", "target").join(format!("mlflow{major}"));
    let found = or_missing(venv.join("bin/mlflow"), &format!("mlflow {major}"));
    found.map(|_| venv)
}

/// The first of these programs on the path.
pub fn on_path(programs: &[&str], how: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let found = programs
        .iter()
        .flat_map(|program| folders.iter().map(move |folder| folder.join(program)))
        .find(|file| file.is_file());
    if found.is_none() {
        missing(programs[0], how);
    }
    found
}

/// The root of the repository.
pub fn repository() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().unwrap()
}

fn folder(variable: &str, default: &str) -> PathBuf {
    let named = std::env::var_os(variable).map(PathBuf::from);
    named.unwrap_or_else(|| repository().join(default))
}

fn or_missing(file: PathBuf, tool: &str) -> Option<PathBuf> {
    if !file.is_file() {
        missing(tool, INSTALL);
        return None;
    }
    Some(file)
}
