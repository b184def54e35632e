//! The same statistics by `assesspy`, the assessors' own package, on its samples.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tasador_ratio::{Sale, Study};
use tasador_testing::tools::python_with;

#[test]
fn statistics_equal_those_of_assesspy() {
    let Some(python) = python_with("assesspy") else {
        return;
    };
    let output = run(&python, None);
    let samples: BTreeMap<String, BTreeMap<String, Vec<f64>>> =
        serde_json::from_slice(&output).unwrap();
    assert!(samples.contains_key("ccao"));
    let compared: Value = samples
        .into_iter()
        .map(|(name, columns)| {
            let sales: Vec<Sale> = std::iter::zip(&columns["predicted"], &columns["price"])
                .map(|(&predicted, &price)| Sale { predicted, price })
                .collect();
            let study = serde_json::to_value(Study::of(&sales, 42).unwrap()).unwrap();
            let set = json!({
                "predicted": columns["predicted"], "price": columns["price"],
                "untrimmed": study["untrimmed"], "trimmed": study["trimmed"],
            });
            (name, set)
        })
        .collect::<serde_json::Map<_, _>>()
        .into();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sets.json");
    std::fs::write(&file, compared.to_string()).unwrap();
    print!("{}", String::from_utf8_lossy(&run(&python, Some(&file))));
}

fn run(python: &Path, file: Option<&Path>) -> Vec<u8> {
    let output = Command::new(python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/agree.py"))
        .args(file)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    output.stdout
}
