//! What holds a batch, and what does not.

use tasador_flow::UnitFactor;
use tasador_listing::quality::RawColumn;

use super::*;

/// A batch of the champion's town with the numbers of these columns multiplied in the first so many of a
/// hundred rows.
fn multiplied(changes: &[(&str, f64, u64)], rows: usize) -> BatchReport {
    changed(rows, |column, values| {
        for (_, factor, share) in changes.iter().filter(|change| change.0 == column) {
            for (row, value) in values.iter_mut().enumerate() {
                if row as u64 % 100 < *share {
                    *value *= factor;
                }
            }
        }
    })
}

fn changed(rows: usize, change: impl Fn(&str, &mut Vec<f64>)) -> BatchReport {
    let town = Town { rows, ..TOWN };
    let mut report = town.report();
    let (mut price, mut size) = (Vec::new(), Vec::new());
    let mut draws = Draws(town.seed);
    for _ in 0..rows {
        let area = (7.6 + 0.45 * draws.normal()).exp();
        size.push(area.round());
        price.push((area * 210.0 * (0.4 * draws.normal()).exp()).round());
    }
    for (name, mut values) in [("price", price), ("house_size", size)] {
        change(name, &mut values);
        replace(&mut report, ColumnProfile::number(name, &values));
    }
    report
}

fn replace(report: &mut BatchReport, column: ColumnProfile) {
    let columns = &mut report.profile.columns;
    match columns.iter_mut().find(|other| other.name == column.name) {
        Some(known) => *known = column,
        None => columns.push(column),
    }
}

fn judged(report: &BatchReport) -> Judgement {
    against(report, champion(), &limits())
}

fn hold(decision: &Judgement) -> &Reason {
    assert_eq!(
        (decision.decision, decision.usable),
        (Decision::Hold, false),
        "{:#?}",
        decision.reasons
    );
    &decision.reasons[0]
}

#[test]
fn prices_in_another_unit_are_held_with_the_suspected_factor() {
    let table = [
        (1e-3, UnitFactor::Thousand),
        (1e3, UnitFactor::Thousand),
        (100.0, UnitFactor::Hundred),
        (1.0 / 12.0, UnitFactor::Twelve),
        (1e-6, UnitFactor::Million),
    ];
    for (factor, unit) in table {
        for rows in [2_000, 60, 8] {
            let decision = judged(&multiplied(&[("price", factor, 100)], rows));
            let Reason::ScaleOff {
                column,
                suspected,
                lower,
                ..
            } = hold(&decision)
            else {
                panic!("{:#?}", decision.reasons)
            };
            assert_eq!((column.as_str(), *lower), ("price", factor < 1.0));
            assert_eq!(*suspected, Some(unit), "{factor} on {rows} rows");
            assert!(measured(&decision, "price_level", Some("price")).fired);
        }
    }
    let decision = judged(&multiplied(&[("price", 1e-3, 100)], 2_000));
    let sentence = hold(&decision).sentence();
    assert!(
        sentence.contains("“price”") && sentence.ends_with("suspected factor: 1,000 (thousands)."),
        "{sentence}"
    );
}

#[test]
fn another_population_of_prices_is_held_without_a_factor() {
    // Rents.
    let decision = judged(&multiplied(&[("price", 1.0 / 250.0, 100)], 2_000));
    let Reason::ScaleOff { suspected, .. } = hold(&decision) else {
        panic!("{:#?}", decision.reasons)
    };
    assert_eq!(*suspected, None);
}

#[test]
fn sizes_in_another_unit_are_held() {
    let area = UnitFactor::SquareFeetInSquareMetre;
    for (factor, unit) in [(1.0 / area.value(), area), (area.value(), area)] {
        let decision = judged(&multiplied(&[("house_size", factor, 100)], 600));
        let Reason::ScaleOff {
            column, suspected, ..
        } = hold(&decision)
        else {
            panic!("{:#?}", decision.reasons)
        };
        assert_eq!((column.as_str(), *suspected), ("house_size", Some(unit)));
    }
}

/// The champion's town with lots, as most markets have them: from a twentieth of an acre to ten.
fn with_lots(champion: &mut Serving, report: &mut BatchReport, factor: f64) {
    let mut draws = Draws(9);
    let mut lots = |rows: u64, factor: f64| -> Vec<f64> {
        (0..rows)
            .map(|_| 0.3 * (1.2 * draws.normal()).exp() * factor)
            .collect()
    };
    let reference = champion.reference.as_mut().unwrap();
    let known = lots(reference.rows, 1.0);
    reference.columns.retain(|column| column.name != "acre_lot");
    reference
        .columns
        .push(ColumnProfile::number("acre_lot", &known));
    let found = lots(report.profile.rows, factor);
    replace(report, ColumnProfile::number("acre_lot", &found));
}

#[test]
fn lots_in_square_feet_are_held_and_larger_lots_are_not() {
    let table = [
        (43_560.0, Some(UnitFactor::SquareFeetInAcre)),
        (4_046.9, Some(UnitFactor::SquareMetresInAcre)),
        // The country begins here.
        (8.0, None),
        (0.2, None),
        // A city.
        (0.05, None),
        (1.0 / 60.0, None),
    ];
    for (factor, unit) in table {
        let (mut champion, mut report) = (champion(), Town { rows: 400, ..TOWN }.report());
        with_lots(&mut champion, &mut report, factor);
        let decision = against(&report, champion, &limits());
        match unit {
            None => assert_ne!(decision.decision, Decision::Hold, "{factor}"),
            Some(unit) => {
                let Reason::ScaleOff {
                    column, suspected, ..
                } = hold(&decision)
                else {
                    panic!("{:#?}", decision.reasons)
                };
                assert_eq!((column.as_str(), *suspected), ("acre_lot", Some(unit)));
            }
        }
    }
}

#[test]
fn rents_among_prices_are_held_from_the_limit_on() {
    for (share, held) in [(2, false), (10, true), (40, true)] {
        for rows in [200, 2_000] {
            let decision = judged(&multiplied(&[("price", 1.0 / 250.0, share)], rows));
            assert_eq!(
                decision.decision == Decision::Hold,
                held,
                "{share} % of {rows}"
            );
            if held {
                let Reason::OtherPopulation { column, lower, .. } = hold(&decision) else {
                    panic!("{:#?}", decision.reasons)
                };
                assert_eq!((column.as_str(), *lower), ("price", true));
                assert!(hold(&decision).sentence().contains("rents"));
            }
        }
    }
    // Square metres among square feet, and prices in pesos among dollars.
    for (column, factor) in [("house_size", 1.0 / 10.764), ("price", 4_000.0)] {
        let decision = judged(&multiplied(&[(column, factor, 15)], 2_000));
        assert!(
            matches!(hold(&decision), Reason::OtherPopulation { column: held, .. } if held == column)
        );
    }
}

#[test]
fn a_lost_main_column_is_named() {
    for name in ["house_size", "bed", "city", "zip_code"] {
        let mut report = TOWN.report();
        report.profile.columns.retain(|column| column.name != name);
        let decision = judged(&report);
        let Reason::ColumnLost {
            column, compared, ..
        } = hold(&decision)
        else {
            panic!("{:#?}", decision.reasons)
        };
        assert_eq!((column.as_str(), compared.measured), (name, 1.0));
        assert!(hold(&decision).sentence().contains(name));
        // What other values a batch has does not matter where it lost less than the limit.
        let mut some = TOWN.report();
        if let Some(column) = some.profile.columns.iter_mut().find(|it| it.name == name) {
            column.nulls += column.values * 3 / 10;
            column.values -= column.values * 3 / 10;
        }
        assert_ne!(judged(&some).decision, Decision::Hold, "{name}");
    }
    // The champion never had lots.
    let mut report = TOWN.report();
    report
        .profile
        .columns
        .retain(|column| column.name != "acre_lot");
    assert_ne!(judged(&report).decision, Decision::Hold);
}

#[test]
fn an_unreadable_main_column_is_held_even_before_there_is_a_champion() {
    let with_bad = |name: &str, bad: u64| {
        let mut report = TOWN.report();
        report.quality.columns.push(RawColumn {
            name: name.to_owned(),
            kind: ColumnKind::Number,
            nulls: 0,
            bad,
        });
        report
    };
    let decision = first(&with_bad("house_size", 1_900));
    assert!(
        matches!(hold(&decision), Reason::ColumnUnreadable { column, compared } if column == "house_size" && compared.measured == 0.95)
    );
    assert_eq!(
        first(&with_bad("house_size", 200)).decision,
        Decision::Train
    );
    assert_eq!(
        first(&with_bad("fireplaces", 1_900)).decision,
        Decision::Train
    );
}

#[test]
fn a_changed_kind_of_an_input_is_held() {
    let mut champion = champion();
    champion.inputs.push("grade".to_owned());
    let reference = champion.reference.as_mut().unwrap();
    let grades: Vec<f64> = (0..reference.rows).map(|row| (row % 12) as f64).collect();
    reference
        .columns
        .push(ColumnProfile::number("grade", &grades));
    let text = |filled: usize| {
        let mut report = TOWN.report();
        let values = (0..TOWN.rows).map(|row| (row % 100 < filled).then_some("good"));
        replace(&mut report, ColumnProfile::category("grade", values));
        report
    };
    let decision = against(&text(100), champion.clone(), &limits());
    assert!(matches!(hold(&decision), Reason::KindChanged { column, .. } if column == "grade"));
    assert_eq!(
        hold(&decision).sentence(),
        "“grade” contains text in 100% of the rows; version 3 learned from numbers."
    );
    // A few odd cells make no other kind of a column.
    let few = against(&text(3), champion.clone(), &limits());
    assert_ne!(few.decision, Decision::Hold);
    assert!(!measured(&few, "kind_changed", Some("grade")).fired);
    // What the champion does not use may be anything.
    champion.inputs.pop();
    let unused = against(&text(100), champion, &limits());
    assert_ne!(unused.decision, Decision::Hold);
}

#[test]
fn other_inputs_are_held_for_a_unit_and_for_nothing_else() {
    let lots = |factor: f64, rows: u64| -> Vec<f64> {
        let mut draws = Draws(5);
        (0..rows)
            .map(|_| (factor * 900.0 * (0.5 * draws.normal()).exp()).round())
            .collect()
    };
    let months = |first: u64, rows: u64| -> Vec<f64> {
        (0..rows).map(|row| (first + row % 2) as f64).collect()
    };
    let table = [
        ("garden", lots(1.0, 4_000), lots(10.764, 900), true),
        ("garden", lots(1.0, 4_000), lots(7.0, 900), false),
        ("month", months(11, 4_000), months(1, 900), false),
    ];
    for (name, known, found, held) in table {
        let mut champion = champion();
        champion.inputs.push(name.to_owned());
        let reference = champion.reference.as_mut().unwrap();
        reference.columns.push(ColumnProfile::number(name, &known));
        let mut report = Town { rows: 900, ..TOWN }.report();
        replace(&mut report, ColumnProfile::number(name, &found));
        let decision = against(&report, champion, &limits());
        assert_eq!(decision.decision == Decision::Hold, held, "{name}");
    }
}

#[test]
fn a_shape_that_no_market_has_is_held() {
    // Every home has nine rooms or more: no factor of three, and nothing in common.
    let mut report = TOWN.report();
    let beds: Vec<f64> = (0..TOWN.rows).map(|row| 8.0 + (row % 3) as f64).collect();
    replace(&mut report, ColumnProfile::number("bed", &beds));
    let decision = judged(&report);
    assert!(matches!(hold(&decision), Reason::ExtremeDrift { column, .. } if column == "bed"));
}

#[test]
fn a_small_batch_is_held_rather_than_kept_for_later() {
    let held = judged(&multiplied(&[("price", 1e-3, 100)], 30));
    assert!(matches!(hold(&held), Reason::ScaleOff { .. }));
    assert!(!measured(&held, "rows", None).fired);
    let sound = judged(&multiplied(&[], 30));
    assert_eq!(codes(&sound), ["too_few_rows"]);
    assert!(sound.usable);
}

#[test]
fn a_champion_that_cannot_be_loaded_still_tells_what_is_usual() {
    let report = multiplied(&[("price", 1e-3, 100)], 600);
    let champion = Champion::Unloadable {
        version: ModelVersion(3),
        why: "gone".to_owned(),
        reference: champion().reference.map(Box::new),
    };
    let facts = Facts {
        report: &report,
        dataset_rows: 20_600,
        champion: &champion,
        released: false,
        stale: Stale::default(),
    };
    hold(&decide(false, &facts, &limits()));
}

#[test]
fn a_released_batch_is_judged_as_if_it_were_sound() {
    let report = multiplied(&[("price", 1e-3, 100)], 600);
    let champion = Champion::Serving(Box::new(champion()));
    let facts = Facts {
        report: &report,
        dataset_rows: 20_600,
        champion: &champion,
        released: true,
        stale: Stale::default(),
    };
    let decision = decide(false, &facts, &limits());
    assert_eq!(
        (decision.decision, decision.usable),
        (Decision::Train, true)
    );
    let level = measured(&decision, "price_level", None);
    assert!(!level.fired && level.note.is_some(), "{level:?}");
}

#[test]
fn limits_can_be_changed() {
    let wide = Limits {
        scale_factor: 1e7,
        max_other_population_share: 1.0,
        psi_hold_limit: 1e3,
        ..limits()
    };
    let report = multiplied(&[("price", 1e-3, 100)], 600);
    assert_eq!(
        against(&report, champion(), &wide).decision,
        Decision::Train
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Markets that differ as markets do: by half the price, by size, by place.
    #[test]
    fn other_markets_are_not_held(seed in 0_u64..10_000, rows in 5_usize..1_500, level in 0.4_f64..2.4, size in 0.6_f64..1.7, new in 0.0_f64..1.0) {
        let town = Town { seed: seed + 100, rows, size_factor: size, new_city_share: new, ..TOWN };
        let mut report = town.report();
        let price = report.profile.columns.iter_mut().find(|column| column.name == "price").unwrap();
        if let tasador_listing::profile::Body::Number { quantiles, counts, .. } = &mut price.body {
            quantiles.iter_mut().for_each(|value| *value *= level / size);
            *counts = counts.take().map(|counts| counts.into_iter().map(|(value, rows)| (value * level / size, rows)).collect());
        }
        let decision = judged(&report);
        prop_assert_ne!(decision.decision, Decision::Hold, "{:#?}", decision.reasons);
    }
}
