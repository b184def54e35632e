//! The readers beside Python's csv and pandas, on generated files.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use tasador_lake::Format;
use tasador_reader::{Raw, read};
use tasador_testing::tools::python_with;

/// Files, if `TASADOR_TEST_FILES` does not say otherwise.
const FILES: &str = "1000";

#[derive(Deserialize)]
struct Case {
    seed: u64,
    format: Format,
    data: String,
    /// `None` of a damaged file.
    names: Option<Vec<String>>,
    #[serde(default)]
    rows: Vec<Vec<Option<String>>>,
}

#[test]
fn files_are_read_as_python_and_pandas_read_them() {
    let Some(python) = python_with("pyarrow") else {
        return;
    };
    let files = std::env::var("TASADOR_TEST_FILES").unwrap_or_else(|_| FILES.to_owned());
    let mut generator = Command::new(python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/readers.py"))
        .arg(&files)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(generator.stdout.take().unwrap()).lines();
    let (mut compared, mut damaged) = (0_u32, 0_u32);
    for line in lines {
        let case: Case = serde_json::from_str(&line.unwrap()).unwrap();
        let bytes = STANDARD.decode(&case.data).unwrap();
        let read = read(bytes.into(), case.format, &Default::default());
        let Some(names) = &case.names else {
            damaged += 1;
            continue;
        };
        let raw = read.unwrap_or_else(|error| panic!("file {}: {error:?}", case.seed));
        let found: Vec<&str> = raw.columns.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(found, *names, "names of file {}", case.seed);
        assert_eq!(raw.broken, [], "broken rows of file {}", case.seed);
        assert_eq!(
            cells(&raw),
            filled(case.rows),
            "cells of file {}",
            case.seed
        );
        compared += 1;
    }
    assert!(
        generator.wait().unwrap().success(),
        "the files could not be made"
    );
    assert_eq!(compared + damaged, files.parse::<u32>().unwrap());
}

/// The cells by row; one that is empty or white space is missing.
fn cells(raw: &Raw) -> Vec<Vec<Option<String>>> {
    let row = |row| {
        let cells = raw.columns.iter().map(|(_, cells)| cells.get(row));
        cells.map(|cell| cell.map(str::to_owned)).collect()
    };
    filled((0..raw.rows).map(row).collect())
}

fn filled(rows: Vec<Vec<Option<String>>>) -> Vec<Vec<Option<String>>> {
    let row = |row: Vec<Option<String>>| {
        let cells = row.into_iter();
        cells
            .map(|cell| cell.filter(|text| !text.trim().is_empty()))
            .collect()
    };
    rows.into_iter().map(row).collect()
}
