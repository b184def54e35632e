//! What is said of a finished model: figures, plots and the card.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod town;

use tasador_model::evidence::{files, report};
use tasador_model::train::{TrainConfig, fit};
use tasador_model::{Algorithm, Column, Frame, metrics};
use town::{homes, with};

#[test]
fn a_report_says_how_good_a_model_is_and_for_whom() {
    let (training, holdout) = (homes(1_500, 1), homes(600, 3));
    let config = TrainConfig::new(Algorithm::Blend, 42);
    let (model, evidence) = fit(&config, &training, &homes(300, 2)).unwrap();
    let found = report(&model, &training, &holdout, 42);
    assert_eq!(found, report(&model, &training, &holdout, 42));
    assert_eq!(found.holdout, metrics::score_model(&model, &holdout));
    let rows = |parts: &[tasador_model::evidence::Part]| -> u64 {
        parts.iter().map(|part| part.metrics.rows).sum()
    };
    assert_eq!((found.by_price.len(), rows(&found.by_price)), (4, 600));
    assert_eq!((found.by_state.len(), rows(&found.by_state)), (2, 600));
    let old = found.baseline.unwrap();
    assert!(old.mae > found.holdout.unwrap().mae);
    assert_eq!(found.importance.len(), model.inputs().len());
    assert_eq!(found.importance[0].name, "house_size");
    assert!(found.importance[0].mae_rise > 10_000.0);
    let status = found.importance.iter().find(|known| known.name == "status");
    assert!(status.unwrap().mae_rise.abs() < 2_000.0);

    let written = files("A model | 1", &model, &evidence, &found, &holdout);
    for part in [
        "# A model \\| 1",
        "Connecticut",
        "plain linear regression",
        "| house\\_size | number |",
    ] {
        assert!(written.card.contains(part), "{part} in {}", written.card);
    }
    assert!(written.residuals.contains("<circle") && written.calibration.contains("<circle"));
    // It is JSON, in and out.
    let json = serde_json::to_string(&found).unwrap();
    assert_eq!(
        serde_json::from_str::<tasador_model::evidence::Report>(&json).unwrap(),
        found
    );
}

#[test]
fn a_holdout_that_says_little_is_reported_as_such() {
    let training = homes(300, 1);
    let (model, evidence) = fit(
        &TrainConfig::new(Algorithm::Linear, 1),
        &training,
        &homes(60, 2),
    )
    .unwrap();
    let one = homes(1, 3);
    let odd = with(
        &homes(30, 3),
        "house_size",
        Some(Column::Number(vec![1e308; 30])),
    );
    for holdout in [
        Frame::new(0),
        Frame::new(5),
        with(&one, "price", None),
        one,
        odd,
    ] {
        let found = report(&model, &training, &holdout, 1);
        let card = files("m", &model, &evidence, &found, &holdout).card;
        assert_eq!(found.holdout.is_none(), card.contains("nobody knows"));
    }
}
