//! The readers beside Python's csv and pandas, on generated files.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

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
    /// `None` of a damaged file of which no row is sure.
    names: Option<Vec<String>>,
    #[serde(default)]
    rows: Vec<Vec<Option<String>>>,
    /// So many more rows are damaged: they are read as something else, or rejected.
    #[serde(default)]
    damaged_rows: usize,
}

/// Where code of this workspace panicked. `read` catches panics of libraries, and with them ours.
static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn record_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map(ToString::to_string);
        if let Some(place) = place.filter(|place| place.starts_with("crates/"))
            && let Ok(mut panics) = PANICS.lock()
        {
            panics.push(place);
        }
        usual(panic);
    }));
    // A panic that is caught is seen.
    assert!(std::panic::catch_unwind(|| panic!("on purpose")).is_err());
    let seen = panics();
    assert!(seen.iter().any(|place| place.contains("readers.rs")));
}

/// The places of the panics since the last call.
fn panics() -> Vec<String> {
    std::mem::take(&mut *PANICS.lock().unwrap_or_else(PoisonError::into_inner))
}

fn assert_no_panic(seed: u64) {
    let mut panics = panics();
    // The other test may fail meanwhile.
    panics.retain(|place| place.contains("/src/"));
    assert!(panics.is_empty(), "file {seed} panicked at {panics:?}");
}

#[test]
fn files_are_read_as_python_and_pandas_read_them() {
    let Some(python) = python_with("pyarrow") else {
        return;
    };
    record_panics();
    let files = std::env::var("TASADOR_TEST_FILES").unwrap_or_else(|_| FILES.to_owned());
    let mut generator = Command::new(python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/readers.py"))
        .arg(&files)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(generator.stdout.take().unwrap()).lines();
    let (mut compared, mut compared_damaged, mut damaged) = (0_u32, 0_u32, 0_u32);
    for line in lines {
        let case: Case = serde_json::from_str(&line.unwrap()).unwrap();
        let bytes = STANDARD.decode(&case.data).unwrap();
        let read = read(bytes.into(), case.format, &Default::default());
        assert_no_panic(case.seed);
        let Some(names) = &case.names else {
            damaged += 1;
            continue;
        };
        let raw = read.unwrap_or_else(|error| panic!("file {}: {error:?}", case.seed));
        if case.damaged_rows > 0 {
            // A damaged name in a line of JSON is another column.
            let found = cells(&raw, names);
            let extra = found.len() + raw.broken.len();
            assert!(
                extra <= case.rows.len() + case.damaged_rows,
                "rows of damaged file {}",
                case.seed
            );
            let mut found = found.into_iter();
            for row in filled(case.rows) {
                assert!(
                    found.any(|read| read == row),
                    "damaged file {} lacks {row:?}",
                    case.seed
                );
            }
            compared_damaged += 1;
            continue;
        }
        let found: Vec<&str> = raw.columns.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(found, *names, "names of file {}", case.seed);
        assert_eq!(raw.broken, [], "broken rows of file {}", case.seed);
        assert_eq!(
            cells(&raw, names),
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
    println!(
        "{compared} files and the whole rows of {compared_damaged} damaged ones are read as Python reads them; {damaged} other damaged ones were answered"
    );
    assert_eq!(
        compared + compared_damaged + damaged,
        files.parse::<u32>().unwrap()
    );
}

/// The cells of these columns by row; one that is empty or white space is missing.
fn cells(raw: &Raw, names: &[String]) -> Vec<Vec<Option<String>>> {
    let column = |name| raw.columns.iter().find(|(known, _)| known == name);
    let columns: Vec<_> = names.iter().map(column).collect();
    let row = |row| {
        let cells = columns
            .iter()
            .map(|column| column.and_then(|(_, cells)| cells.get(row)));
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

/// A file of Parquet with a column of one type.
#[derive(Deserialize)]
struct TypeCase {
    name: String,
    data: String,
    /// `None` of a column that is left out with a notice.
    cells: Option<Vec<Option<String>>>,
}

#[test]
fn each_type_of_parquet_is_read_or_left_out_with_a_notice() {
    let Some(python) = python_with("pyarrow") else {
        return;
    };
    let made = Command::new(python)
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/parquet_types.py"
        ))
        .output()
        .unwrap();
    let problems = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "{problems}");
    let mut wrong = Vec::new();
    for line in made.stdout.lines() {
        let case: TypeCase = serde_json::from_str(&line.unwrap()).unwrap();
        let bytes = STANDARD.decode(&case.data).unwrap();
        let raw = match read(bytes.into(), Format::Parquet, &Default::default()) {
            Ok(raw) => raw,
            Err(error) => {
                wrong.push(format!("{}: {error:?}", case.name));
                continue;
            }
        };
        let column = raw.columns.iter().find(|(name, _)| *name == case.name);
        let found: Option<Vec<Option<String>>> =
            column.map(|(_, cells)| cells.iter().map(|cell| cell.map(str::to_owned)).collect());
        let notice = raw
            .problems
            .iter()
            .any(|problem| problem.sentence.contains(&format!("`{}` has", case.name)));
        if found != case.cells || notice != case.cells.is_none() {
            let sentences: Vec<&String> = raw.problems.iter().map(|p| &p.sentence).collect();
            wrong.push(format!("{}: {found:?} {sentences:?}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
