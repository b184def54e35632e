//! What is said of a finished model: figures, plots and the card.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod town;

use tasador_model::evidence::{files, ratio_study, report};
use tasador_model::train::{TrainConfig, fit};
use tasador_model::{Algorithm, Column};
use town::{homes, with};

#[test]
fn a_report_says_how_good_a_model_is_and_for_whom() {
    let config = TrainConfig::new(Algorithm::Blend, 42);
    let trained = fit(&config, &homes(1_500, 1)).unwrap();
    let found = report(&trained);
    assert_eq!(found, report(&trained));
    assert_eq!(found.out_of_fold, Some(trained.evidence.validation));
    let later = trained.evidence.out_of_time.as_ref().unwrap();
    assert_eq!(later.column, "prev_sold_date");
    assert!((140..=220).contains(&later.metrics.rows), "{later:?}");
    let rows = |parts: &[tasador_model::evidence::Part]| -> u64 {
        parts.iter().map(|part| part.metrics.rows).sum()
    };
    assert_eq!((found.by_price.len(), rows(&found.by_price)), (4, 1_500));
    assert_eq!((found.by_state.len(), rows(&found.by_state)), (2, 1_500));
    let old = found.baseline.unwrap();
    assert!(old.mae > found.out_of_fold.unwrap().mae);
    assert_eq!(found.importance.len(), trained.model.inputs().len());
    assert_eq!(found.importance[0].name, "house_size");
    assert!(found.importance[0].mae_rise > 10_000.0);
    let status = found.importance.iter().find(|known| known.name == "status");
    assert!(status.unwrap().mae_rise.abs() < 2_000.0);

    let written = files("A model | 1", &trained, &found, &ratio_study(&trained));
    for part in [
        "# A model \\| 1",
        "Connecticut",
        "linear regression on the numeric columns",
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
fn reports_of_the_first_edition_are_read() {
    let old =
        r#"{"holdout": null, "by_price": [], "by_state": [], "baseline": null, "importance": []}"#;
    let report: tasador_model::evidence::Report = serde_json::from_str(old).unwrap();
    assert_eq!(report.out_of_fold, None);
}

#[test]
fn odd_homes_are_reported_too() {
    let odd = with(
        &homes(60, 3),
        "house_size",
        Some(Column::Number(vec![1e308; 60])),
    );
    for frame in [homes(31, 3), odd] {
        let trained = fit(&TrainConfig::new(Algorithm::Linear, 1), &frame).unwrap();
        let found = report(&trained);
        let card = files("m", &trained, &found, &ratio_study(&trained)).card;
        assert!(
            card.contains("## Accuracy") && !card.contains("NaN"),
            "{card}"
        );
    }
}
