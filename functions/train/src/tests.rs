use super::*;
use serde_json::json;
use tasador_listing::Body;
use tasador_model::{Column, Frame};

#[test]
fn names_depend_only_on_run_and_algorithm() {
    let run: RunId = "run-1".parse().unwrap();
    let (one, again) = (
        Names::of(&run, Algorithm::Linear),
        Names::of(&run, Algorithm::Linear),
    );
    assert_eq!(one.source_key, "run-1/linear");
    assert_eq!(one.mlflow_run_id, again.mlflow_run_id);
    assert_eq!(one.mlflow_run_id.len(), 32);
    assert!(
        Digest::of(b"run-1/linear")
            .to_string()
            .starts_with(&one.mlflow_run_id)
    );
    assert_ne!(
        one.mlflow_run_id,
        Names::of(&run, Algorithm::Boosting).mlflow_run_id
    );
}

#[test]
fn the_profile_describes_the_training_data_without_row_identifiers() {
    let mut frame = Frame::new(4);
    frame
        .push("price", Column::Number(vec![1.0, 2.0, 3.0, f64::NAN]))
        .unwrap();
    frame
        .push(
            "zip_code",
            Column::category([Some("06016"), None, Some("06016"), Some("98101")]),
        )
        .unwrap();
    frame
        .push(
            "prev_sold_date",
            Column::Date(vec![0.0, 1.0, f64::NAN, 2.0]),
        )
        .unwrap();
    frame
        .push(
            "row_hash",
            Column::category([Some("a"), Some("b"), Some("c"), Some("d")]),
        )
        .unwrap();
    let profile = profile::of(&frame);
    assert_eq!(profile.rows, 4);
    let names: Vec<&str> = profile
        .columns
        .iter()
        .map(|column| column.name.as_str())
        .collect();
    assert_eq!(names, ["price", "zip_code", "prev_sold_date"]);
    let zip = profile.column("zip_code").unwrap();
    assert_eq!(
        (zip.kind, zip.values, zip.nulls),
        (tasador_listing::ColumnKind::Zip, 3, 1)
    );
    let Body::Category { top, .. } = &zip.body else {
        panic!("{zip:?}")
    };
    assert_eq!(top[0], ("06016".to_owned(), 2));
    assert_eq!(profile.column("price").unwrap().nulls, 1);
}

#[test]
fn every_version_has_what_mlflow_reads() {
    let sizes: Vec<f64> = (0..60).map(|row| 500.0 + 37.0 * f64::from(row)).collect();
    let mut frame = Frame::new(60);
    let prices = sizes.iter().map(|size| size * 210.0).collect();
    frame.push("price", Column::Number(prices)).unwrap();
    frame.push("house_size", Column::Number(sizes)).unwrap();
    frame
        .push(
            "o'clock",
            Column::category((0..60).map(|row| Some(if row % 2 == 0 { "a" } else { "b" }))),
        )
        .unwrap();
    let config = TrainConfig::new(Algorithm::Linear, 1);
    let names = Names::of(&"run-1".parse().unwrap(), Algorithm::Linear);
    let trained = train(&config, &names, &frame).unwrap().unwrap();
    assert_eq!(trained.folds.len(), 5);
    assert!(trained.mlmodel.contains("loader_module: tasador_model\n"));
    let column = r#"{"type":"any","name":"house_size","required":false}"#;
    assert!(trained.mlmodel.contains(column), "{}", trained.mlmodel);
    assert!(trained.mlmodel.contains("\"name\":\"o''clock\""));
    assert!(trained.mlmodel.contains("\"name\":\"predicted_price\""));
    assert!(!trained.onnx.is_empty());
    let serving = &trained.signature["serving"]["inputs"];
    assert_eq!(serving[0]["name"], "house_size");
    let columns = json!([
        {"type": "double", "name": "house_size", "required": true},
        {"type": "string", "name": "o'clock", "required": true},
    ]);
    assert_eq!(trained.signature["onnx"]["inputs"], columns);
    // `finished` reads part of what is written.
    let json = serde_json::to_value(&trained.measured).unwrap();
    assert_eq!(
        serde_json::from_value::<Evidence>(json.clone()).unwrap(),
        trained.measured.evidence
    );
    assert!(json["report"]["out_of_fold"]["mae"].is_number());
    let listed = measured(&trained.measured, &trained.ratios, 10);
    for name in ["validation_mae", "baseline_mae", "size_bytes"] {
        assert!(listed.get(name).is_some(), "{name}");
    }
}
