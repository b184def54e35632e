mod guard;

use std::collections::BTreeMap;

use proptest::prelude::*;
use tasador_listing::quality::{Problem, ProblemKind};
use tasador_listing::reject::Reason as Reject;
use tasador_listing::{ColumnKind, QualityReport};
use tasador_runtime::Config;

use super::*;
use tasador_ids::Digest;

fn limits() -> Limits {
    Config::default().gate
}

/// Numbers that look random and are the same each time (splitmix64, Steele et al., OOPSLA 2014).
struct Draws(u64);

impl Draws {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// About normal: the sum of twelve draws.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }

    /// One of so many names, the first ones far more often than the last.
    fn name(&mut self, of: usize) -> usize {
        (of as f64).powf(self.uniform()) as usize - 1
    }
}

/// Homes of a made-up town.
struct Town {
    seed: u64,
    rows: usize,
    /// What every living area is multiplied by.
    size_factor: f64,
    /// The share of homes in cities that no other town has.
    new_city_share: f64,
    /// The share of homes with a value in the column `grade`; none has it at 0.
    grade_share: f64,
}

const TOWN: Town = Town {
    seed: 1,
    rows: 2_000,
    size_factor: 1.0,
    new_city_share: 0.0,
    grade_share: 0.0,
};

impl Town {
    fn profile(&self) -> Profile {
        let mut draws = Draws(self.seed);
        let (mut price, mut bed, mut size, mut sold) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (mut city, mut zip, mut grade, mut id) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for row in 0..self.rows {
            let area = (7.6 + 0.45 * draws.normal()).exp() * self.size_factor;
            size.push(if draws.uniform() < 0.25 {
                f64::NAN
            } else {
                area.round()
            });
            price.push((area * 210.0 * (0.4 * draws.normal()).exp()).round());
            bed.push((area / 600.0).round().clamp(1.0, 9.0));
            // Each batch has other dates, as time goes by.
            sold.push(self.seed as f64 * 31.0 + (draws.uniform() * 30.0).floor());
            let new = draws.uniform() < self.new_city_share;
            let name = draws.name(if new { 5 } else { 300 });
            city.push(format!("{}{name}", if new { "New Town " } else { "Town " }));
            zip.push(format!("{:05}", 6_000 + draws.name(800)));
            grade.push(if draws.uniform() < self.grade_share {
                (1.0 + draws.uniform() * 12.0).floor()
            } else {
                f64::NAN
            });
            id.push(format!("{}-{row}", self.seed));
        }
        let text = |name: &str, values: &[String], kind| ColumnProfile {
            kind,
            ..ColumnProfile::category(name, values.iter().map(|value| Some(value.as_str())))
        };
        let mut columns = vec![
            ColumnProfile::number("price", &price),
            ColumnProfile::number("bed", &bed),
            ColumnProfile::number("acre_lot", &vec![f64::NAN; self.rows]),
            ColumnProfile::number("house_size", &size),
            text("street", &id, ColumnKind::Code),
            text("city", &city, ColumnKind::Category),
            text("zip_code", &zip, ColumnKind::Zip),
            ColumnProfile::date("prev_sold_date", &sold),
            text("property_key", &id, ColumnKind::Category),
            text("row_hash", &id, ColumnKind::Category),
        ];
        if self.grade_share > 0.0 {
            columns.push(ColumnProfile::number("grade", &grade));
        }
        Profile {
            rows: self.rows as u64,
            columns,
        }
    }

    fn report(&self) -> BatchReport {
        let profile = self.profile();
        BatchReport {
            format: BatchReport::FORMAT,
            clean_sha256: Digest::of(b"clean"),
            rejected_sha256: Digest::of(b"rejected"),
            quality: QualityReport {
                raw: profile.rows,
                clean: profile.rows,
                ..QualityReport::default()
            },
            profile,
        }
    }
}

/// A champion that learnt from a town of 20,000 homes, and does as well on the batch as ever.
fn champion() -> Serving {
    let learnt = Town {
        seed: 77,
        rows: 20_000,
        ..TOWN
    };
    Serving {
        version: ModelVersion(3),
        inputs: vec!["bed".to_owned(), "house_size".to_owned(), "city".to_owned()],
        important: vec!["house_size".to_owned()],
        learnt_rows: Some(20_000),
        reference: Some(learnt.profile()),
        error: Some(ChampionError {
            rows: 2_000,
            on_batch: 0.201,
            on_batch_at_least: 0.19,
            validation: 0.2,
        }),
        served: None,
    }
}

/// Both parts of the rule.
fn decide(processed: bool, facts: &Facts<'_>, limits: &Limits) -> Judgement {
    match examine(facts.report, processed, limits) {
        Ok(examined) => judge(examined, facts, limits),
        Err(refusal) => refusal,
    }
}

fn against(report: &BatchReport, champion: Serving, limits: &Limits) -> Judgement {
    let champion = Champion::Serving(Box::new(champion));
    decide(
        false,
        &Facts {
            report,
            dataset_rows: 20_000 + report.profile.rows,
            champion: &champion,
            released: false,
            stale: Stale::default(),
            units: Units::default(),
        },
        limits,
    )
}

fn first(report: &BatchReport) -> Judgement {
    decide(
        false,
        &Facts {
            report,
            dataset_rows: report.profile.rows,
            champion: &Champion::Absent,
            released: false,
            stale: Stale::default(),
            units: Units::default(),
        },
        &limits(),
    )
}

fn codes(decision: &Judgement) -> Vec<&str> {
    decision.reasons.iter().map(Reason::code).collect()
}

fn measured<'a>(decision: &'a Judgement, code: &str, column: Option<&str>) -> &'a Measurement {
    let found = decision.measurements.iter().find(|measurement| {
        measurement.code == code && (column.is_none() || measurement.column.as_deref() == column)
    });
    found.unwrap_or_else(|| {
        panic!(
            "{code} of {column:?} is not recorded: {:#?}",
            decision.measurements
        )
    })
}

#[test]
fn the_first_sound_batch_trains() {
    let decision = first(&TOWN.report());
    assert_eq!(
        (decision.decision, decision.usable),
        (Decision::Train, true)
    );
    assert_eq!(codes(&decision), ["no_champion"]);
    assert_eq!(
        decision.reasons[0].sentence(),
        "There is no model in production yet."
    );
    for code in ["rows", "distinct_prices", "null_share", "reject_share"] {
        assert!(!measured(&decision, code, None).fired);
    }
}

#[test]
fn a_small_batch_skips_and_stays_usable() {
    let mut report = Town { rows: 49, ..TOWN }.report();
    report.quality.raw = 70;
    report.quality.duplicates_across = 20;
    report.quality.rejected = BTreeMap::from([(Reject::PriceMissing, 1)]);
    let decision = first(&report);
    assert_eq!((decision.decision, decision.usable), (Decision::Skip, true));
    assert_eq!(codes(&decision), ["too_few_rows"]);
    assert_eq!(
        decision.reasons[0].sentence(),
        "The batch has only 49 usable rows; at least 50 required (70 received, 1 rejected, 20 duplicates)."
    );
    assert_eq!(
        first(&Town { rows: 50, ..TOWN }.report()).decision,
        Decision::Train
    );
}

#[test]
fn an_empty_batch_skips_for_its_rows_alone() {
    let decision = first(&Town { rows: 0, ..TOWN }.report());
    assert_eq!(
        (decision.decision, decision.usable),
        (Decision::Skip, false)
    );
    assert_eq!(codes(&decision), ["too_few_rows"]);
}

#[test]
fn prices_that_are_all_equal_skip() {
    let prices = |prices: Vec<f64>| {
        let mut report = Town {
            rows: prices.len(),
            ..TOWN
        }
        .report();
        report.profile.columns[0] = ColumnProfile::number("price", &prices);
        first(&report)
    };
    let decision = prices(vec![250_000.0; 500]);
    assert_eq!(
        (decision.decision, decision.usable),
        (Decision::Skip, false)
    );
    assert_eq!(codes(&decision), ["too_few_prices"]);
    assert!(
        decision.reasons[0]
            .sentence()
            .starts_with("Every price is the same;"),
        "{decision:?}"
    );

    let decision = prices((0..500).map(|row| f64::from(row % 4) + 1e5).collect());
    assert_eq!(
        decision.reasons[0].sentence(),
        "The batch has only 4 different prices; at least 5 required."
    );
    assert_eq!(
        prices((0..500).map(|row| f64::from(row % 5) + 1e5).collect()).decision,
        Decision::Train
    );
    // Three homes have three prices: that is no sign of a broken column.
    assert!(prices(vec![1e5, 2e5, 3e5]).usable);
    assert!(!prices(vec![1e5, 1e5, 1e5]).usable);
}

#[test]
fn a_schema_that_cannot_be_learnt_from_skips() {
    let mut report = TOWN.report();
    report.quality.problems = vec![
        Problem {
            kind: ProblemKind::Renamed,
            column: Some("reason".to_owned()),
            sentence: "not fatal".to_owned(),
        },
        Problem {
            kind: ProblemKind::RequiredColumnGone,
            column: Some("price".to_owned()),
            sentence: "The batch has no column `price`.".to_owned(),
        },
    ];
    report.profile.columns.remove(0);
    let decision = first(&report);
    assert_eq!(
        (decision.decision, decision.usable),
        (Decision::Skip, false)
    );
    assert_eq!(codes(&decision), ["schema_unusable"]);
    assert_eq!(
        decision.reasons[0].sentence(),
        "The batch has no column `price`."
    );
    assert!(matches!(
        &decision.reasons[0],
        Reason::SchemaUnusable { column: Some(column), .. } if column == "price"
    ));

    // All that can be learnt from is gone, which only the clean rows tell.
    let mut report = TOWN.report();
    let price = report.profile.columns.remove(0);
    report.profile.columns.retain(|column| !is_feature(column));
    report.profile.columns.push(price);
    assert_eq!(codes(&first(&report)), ["schema_unusable"]);

    // No price could be read.
    let mut report = TOWN.report();
    report.profile.columns[0] = ColumnProfile::number("price", &[f64::NAN; 2_000]);
    let decision = first(&report);
    assert_eq!(codes(&decision), ["schema_unusable"]);
    assert!(measured(&decision, "distinct_prices", None).fired);
}

#[test]
fn missing_values_and_rejects_have_limits() {
    let mut report = TOWN.report();
    let mut sparse = vec![f64::NAN; 2_000];
    sparse[0] = 1.0;
    for index in 0..20 {
        report
            .profile
            .columns
            .push(ColumnProfile::number(&format!("sparse_{index}"), &sparse));
    }
    let decision = first(&report);
    assert_eq!(
        (decision.decision, decision.usable),
        (Decision::Skip, false)
    );
    assert_eq!(codes(&decision), ["too_many_nulls"]);

    let mut report = TOWN.report();
    report.quality.raw = 5_000;
    report.quality.rejected =
        BTreeMap::from([(Reject::PriceMissing, 2_900), (Reject::BedNegative, 100)]);
    let decision = first(&report);
    assert_eq!(
        (decision.decision, decision.usable),
        (Decision::Skip, false)
    );
    assert_eq!(
        decision.reasons[0].sentence(),
        "60% of the rows were rejected; at most 50% allowed (most frequent reason: The listing has no price)."
    );
}

#[test]
fn columns_that_the_source_never_sends_are_not_missing_values() {
    // `acre_lot` is empty throughout the town.
    let decision = first(&TOWN.report());
    assert!(measured(&decision, "null_share", None).measured.unwrap() < 0.1);
}

#[test]
fn the_same_bytes_again_skip_whatever_they_hold() {
    let report = Town { rows: 10, ..TOWN }.report();
    let decision = decide(
        true,
        &Facts {
            report: &report,
            dataset_rows: 10,
            champion: &Champion::Absent,
            released: false,
            stale: Stale::default(),
            units: Units::default(),
        },
        &limits(),
    );
    assert_eq!(
        (decision.decision, decision.usable),
        (Decision::Skip, false)
    );
    assert_eq!(codes(&decision), ["already_processed"]);
    assert_eq!(measured(&decision, "rows", None).measured, Some(10.0));
    assert!(
        decision
            .measurements
            .iter()
            .all(|measurement| !measurement.fired)
    );
}

#[test]
fn a_champion_that_cannot_be_used_is_a_reason() {
    let report = TOWN.report();
    let champion = Champion::Unloadable {
        version: ModelVersion(4),
        why: "its artefact is gone".to_owned(),
        reference: None,
    };
    let facts = Facts {
        report: &report,
        dataset_rows: 9_000,
        champion: &champion,
        released: false,
        stale: Stale::default(),
        units: Units::default(),
    };
    let decision = decide(false, &facts, &limits());
    assert_eq!(decision.decision, Decision::Train);
    assert_eq!(codes(&decision), ["champion_unloadable"]);
    assert_eq!(
        decision.reasons[0].sentence(),
        "Version 4, the model in production, cannot be loaded: its artefact is gone."
    );
}

#[test]
fn a_batch_like_the_others_teaches_nothing() {
    let decision = against(&TOWN.report(), champion(), &limits());
    assert_eq!((decision.decision, decision.usable), (Decision::Skip, true));
    let sentences: Vec<String> = decision.reasons.iter().map(Reason::sentence).collect();
    for (sentence, start) in sentences.iter().zip([
        "The batch has nothing new for version 3.",
        "The data has grown by 10%; at least 20% required.",
        "The median error of version 3 on this batch has changed by +0.5%; more than ",
        "The PSI of “",
    ]) {
        assert!(sentence.starts_with(start), "{sentence}");
    }
    for (code, column) in [
        ("volume_growth", None),
        ("error_growth", None),
        ("psi", Some("house_size")),
        ("psi", Some("price")),
        ("psi", Some("zip_code")),
        ("new_category_share", Some("city")),
    ] {
        let measurement = measured(&decision, code, column);
        assert!(
            measurement.measured.is_some() && !measurement.fired,
            "{measurement:?}"
        );
    }
    // Dates move on, and streets and hashes are always new.
    for column in ["prev_sold_date", "street", "row_hash", "property_key"] {
        assert!(
            decision
                .measurements
                .iter()
                .all(|m| m.column.as_deref() != Some(column)),
            "{column}"
        );
    }
}

#[test]
fn a_shifted_column_trains_and_is_named_with_its_psi() {
    let decision = against(
        &Town {
            size_factor: 1.6,
            ..TOWN
        }
        .report(),
        champion(),
        &limits(),
    );
    assert_eq!(decision.decision, Decision::Train);
    let psi = decision.reasons.iter().find_map(|reason| match reason {
        Reason::Drift { column, compared } if column == "house_size" => Some(compared.measured),
        _ => None,
    });
    assert!(psi.unwrap() > 0.5, "{decision:?}");
    assert!(measured(&decision, "psi", Some("house_size")).fired);
    assert!(!measured(&decision, "psi", Some("zip_code")).fired);
    let values = measured(&decision, "value_psi", Some("house_size"));
    assert!(
        !values.fired && values.measured > values.limit,
        "{values:?}"
    );
}

#[test]
fn small_batches_do_not_cry_wolf() {
    let shifted = Town {
        rows: 120,
        size_factor: 1.6,
        new_city_share: 0.5,
        grade_share: 1.0,
        ..TOWN
    };
    let bad = ChampionError {
        rows: 120,
        on_batch: 0.9,
        on_batch_at_least: 0.8,
        validation: 0.2,
    };
    let decision = against(
        &shifted.report(),
        Serving {
            error: Some(bad),
            ..champion()
        },
        &limits(),
    );
    assert_eq!(
        (decision.decision, decision.usable),
        (Decision::Skip, true),
        "{decision:#?}"
    );
    for (code, column) in [
        ("psi", "house_size"),
        ("new_category_share", "city"),
        ("new_column_values", "grade"),
    ] {
        let measurement = measured(&decision, code, Some(column));
        assert!(
            !measurement.fired && measurement.measured.is_some(),
            "{measurement:?}"
        );
        assert_eq!(
            measurement.note.as_deref(),
            Some("from only 120 rows, at least 500 required")
        );
    }
    assert!(measured(&decision, "error_growth", None).note.is_some());
}

#[test]
fn more_data_trains() {
    let report = Town {
        rows: 4_000,
        ..TOWN
    }
    .report();
    let decision = against(&report, champion(), &limits());
    assert_eq!(codes(&decision), ["volume_grown"]);
    assert_eq!(
        decision.reasons[0].sentence(),
        "There is 20% more data than version 3 learned from (24,000 instead of 20,000 rows)."
    );
    let one_less = Town {
        rows: 3_999,
        ..TOWN
    }
    .report();
    assert_eq!(
        against(&one_less, champion(), &limits()).decision,
        Decision::Skip
    );
}

#[test]
fn new_categories_train() {
    let decision = against(
        &Town {
            new_city_share: 0.3,
            ..TOWN
        }
        .report(),
        champion(),
        &limits(),
    );
    let share = decision.reasons.iter().find_map(|reason| match reason {
        Reason::NewCategories { column, compared } if column == "city" => Some(compared.measured),
        _ => None,
    });
    assert!((0.25..0.35).contains(&share.unwrap()), "{decision:?}");
}

#[test]
fn an_error_that_grew_for_certain_trains() {
    let table = [
        // Rows, on the batch, at least, expected.
        (2_000, 0.26, 0.24, true),
        (2_000, 0.26, 0.22, false),
        (2_000, 0.20, 0.19, false),
        (2_000, 0.10, 0.09, false),
        (400, 0.26, 0.24, false),
    ];
    for (rows, on_batch, on_batch_at_least, fires) in table {
        let error = ChampionError {
            rows,
            on_batch,
            on_batch_at_least,
            validation: 0.2,
        };
        let decision = against(
            &TOWN.report(),
            Serving {
                error: Some(error),
                ..champion()
            },
            &limits(),
        );
        assert_eq!(
            codes(&decision)[0] == "error_grown",
            fires,
            "{error:?}: {decision:#?}"
        );
        if fires {
            assert_eq!(
                decision.reasons[0].sentence(),
                "The median error of version 3 is 30% higher on this batch (26%; 20% in validation)."
            );
        }
    }
}

#[test]
fn a_new_column_worth_learning_trains() {
    let judged = |grade_share, limits: &Limits| {
        against(
            &Town {
                grade_share,
                ..TOWN
            }
            .report(),
            champion(),
            limits,
        )
    };
    let decision = judged(0.9, &limits());
    assert_eq!(codes(&decision), ["column_new"]);
    assert!(
        decision.reasons[0]
            .sentence()
            .starts_with("“grade” is a column that version 3 does not know; 89.8% of the rows"),
        "{decision:?}"
    );
    // Mostly empty: recorded all the same.
    let decision = judged(0.3, &limits());
    assert_eq!(decision.decision, Decision::Skip);
    assert!(
        measured(&decision, "new_column_values", Some("grade"))
            .measured
            .is_some()
    );
    // A column that names rows, and one with a single value, are not learnt from.
    let mut report = TOWN.report();
    let ids: Vec<String> = (0..2_000).map(|row| format!("id {row}")).collect();
    report.profile.columns.push(ColumnProfile::category(
        "id",
        ids.iter().map(|id| Some(id.as_str())),
    ));
    report
        .profile
        .columns
        .push(ColumnProfile::number("one", &[1.0; 2_000]));
    assert_eq!(
        against(&report, champion(), &limits()).decision,
        Decision::Skip
    );
    // One that the champion's rows had, though empty, is new when it fills.
    report.profile.columns[2] =
        ColumnProfile::number("acre_lot", &Vec::from_iter((0..2_000).map(f64::from)));
    assert_eq!(
        codes(&against(&report, champion(), &limits())),
        ["column_new"]
    );
}

#[test]
fn what_is_not_known_of_a_champion_is_no_reason() {
    let unknown = Serving {
        served: None,
        version: ModelVersion(1),
        inputs: Vec::new(),
        important: Vec::new(),
        learnt_rows: None,
        reference: None,
        error: None,
    };
    let decision = against(
        &Town {
            size_factor: 3.0,
            ..TOWN
        }
        .report(),
        unknown,
        &limits(),
    );
    assert_eq!(decision.decision, Decision::Skip);
    assert_eq!(
        decision.reasons[0].sentence(),
        "The batch has nothing new for version 1."
    );
    for code in ["volume_growth", "error_growth", "psi", "new_category_share"] {
        let measurement = measured(&decision, code, None);
        assert!(measurement.measured.is_none() && measurement.note.is_some());
    }
}

#[test]
fn a_decision_stays_small_however_many_columns_there_are() {
    let mut report = Town {
        grade_share: 1.0,
        ..TOWN
    }
    .report();
    let mut champion = champion();
    for index in 0..2_000 {
        let name = format!("column_{index}_{}", "x".repeat(100));
        let values: Vec<f64> = (0..2_000).map(f64::from).collect();
        report
            .profile
            .columns
            .push(ColumnProfile::number(&name, &values));
        if index % 2 == 0 {
            let reference = champion.reference.as_mut().unwrap();
            reference
                .columns
                .push(ColumnProfile::number(&name, &[-1.0; 2_000]));
        }
    }
    let decision = against(&report, champion, &limits());
    assert_eq!(decision.decision, Decision::Train);
    let bytes = serde_json::to_vec(&(&decision.reasons, &decision.measurements))
        .unwrap()
        .len();
    assert!(bytes < 12_000, "{bytes}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn two_samples_of_one_town_never_alarm(seed in 100_u64.., rows in 500_usize..3_000, learnt in 500_usize..6_000) {
        let report = Town { seed, rows, ..TOWN }.report();
        let reference = Town { seed: seed ^ 0xabcd, rows: learnt, ..TOWN }.profile();
        let champion = Serving { reference: Some(reference), ..champion() };
        let decision = against(&report, champion, &limits());
        prop_assert_eq!(decision.decision, Decision::Skip, "{:#?}", decision.reasons);
    }

    #[test]
    fn nothing_under_fifty_rows_is_ever_trained_on(
        rows in 0_usize..50, seed: u64, size_factor in 0.1..5.0, new_city_share in 0.0..1.0, grade_share in 0.0..1.0,
        vacant: bool, processed: bool,
    ) {
        let report = Town { seed: seed >> 8, rows, size_factor, new_city_share, grade_share }.report();
        let champion = if vacant { Champion::Absent } else {
            Champion::Unloadable { version: ModelVersion(1), why: "gone".to_owned(), reference: None }
        };
        let facts = Facts { report: &report, dataset_rows: 1_000_000, champion: &champion, released: false, stale: Stale::default(), units: Units::default() };
        let decision = decide(processed, &facts, &limits());
        prop_assert_eq!(decision.decision, Decision::Skip);
        prop_assert!(!decision.reasons.is_empty());
    }

    #[test]
    fn every_decision_has_reasons_sentences_and_its_measurements(
        rows in 0_usize..1_500, seed: u64, size_factor in 0.2..3.0, new_city_share in 0.0..1.0, grade_share in 0.0..1.0,
        dataset_rows in 0_u64..60_000,
    ) {
        let report = Town { seed: seed >> 8, rows, size_factor, new_city_share, grade_share }.report();
        let champion = Champion::Serving(Box::new(champion()));
        let facts = Facts { report: &report, dataset_rows, champion: &champion, released: false, stale: Stale::default(), units: Units::default() };
        let decision = decide(false, &facts, &limits());
        prop_assert!(!decision.reasons.is_empty());
        for reason in &decision.reasons {
            let sentence = reason.sentence();
            prop_assert!(sentence.ends_with('.') && !sentence.contains(['–', '∞']), "{sentence}");
        }
        for code in ["rows", "distinct_prices", "null_share", "reject_share"] {
            prop_assert!(measured(&decision, code, None).measured.is_some());
        }
        if rows >= 50 && decision.decision != Decision::Hold {
            for code in ["volume_growth", "error_growth", "psi", "new_category_share"] {
                measured(&decision, code, None);
            }
        }
        // It trains or is held exactly where a measurement beyond those of soundness fired.
        let novel = decision.measurements.iter().skip(4).any(|measurement| measurement.fired);
        prop_assert_eq!(decision.decision != Decision::Skip, novel);
        // The same facts, the same decision.
        prop_assert_eq!(decide(false, &facts, &limits()), decision);
    }
}

#[test]
fn served_prices_that_later_sales_prove_wrong_justify_training_given_enough_of_them() {
    for (sales, served, trains) in [(99, 0.5, false), (100, 0.5, true), (100, 0.22, false)] {
        let champion = Serving {
            served: Some(ServedError {
                sales,
                served,
                validation: 0.2,
            }),
            ..champion()
        };
        let decision = against(&TOWN.report(), champion, &limits());
        assert_eq!(
            codes(&decision).contains(&"served_error_grown"),
            trains,
            "{sales} {served}"
        );
        let measured = decision
            .measurements
            .iter()
            .find(|it| it.code == "served_error_growth");
        assert_eq!(measured.unwrap().fired, trains);
    }
}
