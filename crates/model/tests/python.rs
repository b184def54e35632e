//! The same models in Python: onnxruntime on the graph, and `shap` on the trees.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

mod town;

use std::process::Command;

use tasador_model::train::{TrainConfig, fit};
use tasador_model::{Algorithm, Column, Frame, InputKind, Model, Row, Value};
use tasador_testing::tools::installed;
use town::homes;

/// How many homes both sides price.
const HOMES: usize = 1_000;

#[test]
fn onnxruntime_prices_the_same_and_shap_explains_the_same() {
    let Some(python) = installed("bin/python", "onnxruntime and shap") else {
        return;
    };
    let unseen = strangers(homes(HOMES, 3));
    for algorithm in Algorithm::ALL {
        let config = TrainConfig::new(algorithm, 42);
        let model = fit(&config, &homes(1_800, 1)).unwrap().model;
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, numbers: &[f64]| {
            let bytes: Vec<u8> = numbers
                .iter()
                .flat_map(|number| number.to_le_bytes())
                .collect();
            std::fs::write(folder.path().join(name), bytes).unwrap();
        };
        std::fs::write(folder.path().join("model.onnx"), model.to_onnx()).unwrap();
        std::fs::write(
            folder.path().join("columns.json"),
            columns(&unseen).to_string(),
        )
        .unwrap();
        write("features", &model.encode(&unseen));
        write("prices", &model.predict(&unseen));
        let explained: Vec<f64> = (0..HOMES)
            .flat_map(|home| {
                let (base, parts) = model.explain_features(&row(&model, &unseen, home));
                std::iter::once(base).chain(parts)
            })
            .collect();
        write("explained", &explained);
        let output = Command::new(&python)
            .arg(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/tests/python/agree.py"
            ))
            .arg(folder.path())
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{algorithm}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        print!("{algorithm}: {}", String::from_utf8_lossy(&output.stdout));
    }
}

#[test]
fn the_ratio_study_of_a_model_equals_assesspys() {
    let Some(python) = tasador_testing::tools::python_with("assesspy") else {
        return;
    };
    let config = TrainConfig::new(Algorithm::Boosting, 42);
    let mut homes = homes(1_800, 1);
    let statuses = (0..homes.rows()).map(|row| Some(["sold", "for_sale", "Sold"][row % 3]));
    homes = town::with(&homes, "status", Some(Column::category(statuses)));
    let trained = fit(&config, &homes).unwrap();
    let study = tasador_model::evidence::ratio_study(&trained);
    let Some(Column::Category { codes, names }) = trained.homes.column("status") else {
        panic!("status is no category");
    };
    let sold = |row: &usize| names[codes[*row] as usize].eq_ignore_ascii_case("sold");
    let sales: Vec<usize> = (0..trained.homes.rows()).filter(sold).collect();
    assert_eq!(study.not_sold as usize, trained.homes.rows() - sales.len());
    let prices = trained.homes.prices().unwrap();
    let set = serde_json::to_value(study.all.unwrap()).unwrap();
    let sets = serde_json::json!({"out of fold": {
        "predicted": sales.iter().map(|&row| trained.out_of_fold[row].price).collect::<Vec<_>>(),
        "price": sales.iter().map(|&row| prices[row]).collect::<Vec<_>>(),
        "untrimmed": set["untrimmed"], "trimmed": set["trimmed"],
    }});
    let tenths: u64 = study
        .by_price
        .iter()
        .map(|part| part.study.untrimmed.sales)
        .sum();
    assert_eq!(tenths as usize, sales.len());
    assert!(!study.by_state.is_empty() && !study.by_zip_code.is_empty());
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), sets.to_string()).unwrap();
    let output = Command::new(python)
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../ratio/tests/agree.py"
        ))
        .arg(file.path())
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    print!("{}", String::from_utf8_lossy(&output.stdout));
}

/// The homes, some of which lie where no training home does: zip codes of known and of unknown
/// regions, cities of other states, numbers that are far out or none.
fn strangers(homes: Frame) -> Frame {
    let change = |homes: &Frame, name: &str, every: usize, to: &[&str]| {
        let Some(Column::Category { codes, names }) = homes.column(name) else {
            panic!("{name} is no category");
        };
        let changed = codes.iter().enumerate().map(|(row, &code)| {
            let own = names.get(code as usize).map(String::as_str);
            let other = (row % every == 0).then(|| to[row / every % to.len()]);
            other.or(own)
        });
        let changed = Column::category(changed);
        town::with(homes, name, Some(changed))
    };
    let homes = change(&homes, "zip_code", 7, &["06001", "99999", "06999", "00000"]);
    let homes = change(&homes, "city", 11, &["Nowhere", "Town 1"]);
    let homes = change(&homes, "state", 13, &["Ohio", "Vermont"]);
    let sizes = (0..homes.rows()).map(|row| match row % 9 {
        0 => f64::NAN,
        1 => 1e9,
        2 => 0.0,
        _ => 700.0 + row as f64,
    });
    let sizes = Column::Number(sizes.collect());
    town::with(&homes, "house_size", Some(sizes))
}

/// The homes as Python reads them: what is not known is null, or empty where texts are.
fn columns(homes: &Frame) -> serde_json::Value {
    let columns = homes.columns().iter().map(|(name, column)| {
        let values: serde_json::Value = match column {
            Column::Number(values) | Column::Date(values) => {
                // JSON has no NaN.
                values.iter().copied().collect()
            }
            Column::Category { codes, names } => codes
                .iter()
                .map(|&code| names.get(code as usize).map_or("", String::as_str))
                .collect(),
        };
        (name.clone(), values)
    });
    serde_json::Value::Object(columns.collect())
}

fn row<'m>(model: &'m Model, homes: &Frame, home: usize) -> Row<'m> {
    let mut row = model.row();
    for input in model.inputs() {
        match (homes.column(&input.name).unwrap(), input.kind) {
            (Column::Category { codes, names }, InputKind::Category) => {
                let name = names.get(codes[home] as usize);
                row.set(
                    &input.name,
                    name.map_or(Value::Missing, |name| Value::Text(name)),
                )
                .unwrap();
            }
            (Column::Number(values) | Column::Date(values), _) => {
                row.set(&input.name, Value::Number(values[home])).unwrap();
            }
            _ => unreachable!(),
        }
    }
    row
}
