//! What holds a batch, and what does not.

use tasador_flow::UnitFactor;
use tasador_ids::{AreaUnit, Currency};
use tasador_listing::pinned::Replaced;
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
fn another_source_of_the_price_is_held_and_that_of_another_column_is_told() {
    let from = |column: &str, was: &str, is: &str| {
        let mut report = TOWN.report();
        report.quality.replaced.push(Replaced {
            column: column.to_owned(),
            was: was.to_owned(),
            is: is.to_owned(),
        });
        report
    };
    let price = from("price", "list_price", "sold_price");
    // A small batch, too, and whether or not there is a champion.
    for decision in [judged(&price), first(&price)] {
        let sentence = hold(&decision).sentence();
        for part in ["“price”", "“list_price”", "“sold_price”"] {
            assert!(sentence.contains(part), "{sentence}");
        }
        assert!(measured(&decision, "source_column_changed", Some("price")).fired);
    }
    let beds = judged(&from("bed", "rooms", "beds"));
    assert_ne!(beds.decision, Decision::Hold);
    let told: Vec<&str> = beds.notices.iter().map(Reason::code).collect();
    assert_eq!(told, ["source_column_changed"]);
    assert!(!measured(&beds, "source_column_changed", Some("bed")).fired);
    // What a person let in is told.
    let champion = Champion::Serving(Box::new(champion()));
    let facts = Facts {
        report: &price,
        dataset_rows: 22_000,
        champion: &champion,
        released: true,
        stale: Stale::default(),
        units: Units::default(),
    };
    let released = decide(false, &facts, &limits());
    assert_ne!(released.decision, Decision::Hold);
    assert_eq!(released.notices[0].code(), "source_column_changed");
}

#[test]
fn every_lost_input_is_measured_and_an_important_one_is_held() {
    let mut champion = champion();
    for name in ["garden", "view", "floor"] {
        champion.inputs.push(name.to_owned());
        let reference = champion.reference.as_mut().unwrap();
        let values: Vec<f64> = (0..reference.rows).map(|row| (row % 40) as f64).collect();
        reference.columns.push(ColumnProfile::number(name, &values));
    }
    champion.important.push("garden".to_owned());
    let with = |names: &[&str]| {
        let mut report = TOWN.report();
        for name in names {
            let values: Vec<f64> = (0..TOWN.rows).map(|row| (row % 40) as f64).collect();
            replace(&mut report, ColumnProfile::number(name, &values));
        }
        report
    };
    let all = against(
        &with(&["garden", "view", "floor"]),
        champion.clone(),
        &limits(),
    );
    for name in ["garden", "view", "floor"] {
        let found = measured(&all, "column_lost", Some(name));
        assert_eq!((found.measured, found.fired), (Some(0.0), false), "{name}");
    }
    let unimportant = against(&with(&["garden", "floor"]), champion.clone(), &limits());
    assert_ne!(unimportant.decision, Decision::Hold);
    let [Reason::ColumnLost { column, .. }] = &unimportant.notices[..] else {
        panic!("{:#?}", unimportant.notices)
    };
    assert_eq!(column, "view");
    let found = measured(&unimportant, "column_lost", Some("view"));
    assert!(!found.fired && found.measured == Some(1.0) && found.note.is_some());
    let important = against(&with(&["view", "floor"]), champion, &limits());
    assert!(matches!(hold(&important), Reason::ColumnLost { column, .. } if column == "garden"));
    assert!(measured(&important, "column_lost", Some("garden")).fired);
}

/// A first batch whose prices and areas are these times those of the town, some 210 dollars a square foot.
fn first_level(price: f64, area: Option<f64>, currency: &str, unit: AreaUnit) -> Judgement {
    let mut report = multiplied(&[("price", price, 100)], 400);
    match area {
        Some(area) => {
            let size: Vec<f64> = (0..400).map(|row| area * (1_200 + row) as f64).collect();
            replace(&mut report, ColumnProfile::number("house_size", &size));
        }
        None => report
            .profile
            .columns
            .retain(|column| column.name != "house_size"),
    }
    let facts = Facts {
        report: &report,
        dataset_rows: 400,
        champion: &Champion::Absent,
        released: false,
        stale: Stale::default(),
        units: Units {
            currency: currency.parse().unwrap(),
            area: unit,
        },
    };
    decide(false, &facts, &limits())
}

#[test]
fn a_price_level_that_homes_have_nowhere_is_held_in_a_first_batch() {
    use AreaUnit::{Ft2, M2};
    let m2 = Some(0.0929);
    let table = [
        // Thousands, millions, cents, rents.
        (
            1e-3,
            Some(1.0),
            "USD",
            Ft2,
            Some(UnitFactor::Thousand),
            true,
        ),
        (1e-3, None, "USD", Ft2, Some(UnitFactor::Thousand), true),
        (1e-3, m2, "EUR", M2, Some(UnitFactor::Thousand), true),
        (1e-6, Some(1.0), "USD", Ft2, Some(UnitFactor::Million), true),
        (
            100.0,
            Some(1.0),
            "EUR",
            Ft2,
            Some(UnitFactor::Hundred),
            true,
        ),
        (100.0, None, "GBP", Ft2, Some(UnitFactor::Hundred), true),
        (1.0 / 200.0, Some(1.0), "USD", Ft2, None, true),
        (1.0 / 200.0, None, "USD", Ft2, None, true),
        // Pesos in thousands and in millions.
        (4.2, m2, "COP", M2, Some(UnitFactor::Thousand), true),
        (4.2e-3, m2, "COP", M2, Some(UnitFactor::Million), true),
        // Sound ones: cheap and dear places, currencies with many units.
        (1.0, Some(1.0), "USD", Ft2, None, false),
        (1.0, None, "USD", Ft2, None, false),
        (0.08, Some(1.0), "USD", Ft2, None, false),
        (12.0, Some(1.0), "USD", Ft2, None, false),
        (12.0, None, "USD", Ft2, None, false),
        (4_200.0, m2, "COP", M2, None, false),
        (150.0, m2, "JPY", M2, None, false),
        (85.0, Some(1.0), "INR", Ft2, None, false),
        (4_200.0, None, "COP", M2, None, false),
        (150.0, None, "JPY", M2, None, false),
        // Nothing is said of a currency that loses its value.
        (1e-3, Some(1.0), "ARS", Ft2, None, false),
        // What may be yen in an installation where nobody set the currency is told.
        (150.0, None, "USD", Ft2, None, false),
        (4_200.0, Some(1.0), "USD", Ft2, None, false),
    ];
    for (price, area, currency, unit, factor, is_held) in table {
        let case = format!("{price} {area:?} {currency}");
        let decision = first_level(price, area, currency, unit);
        if !is_held {
            assert_eq!(decision.decision, Decision::Train, "{case}");
            let is_told = currency == "USD" && price >= 100.0;
            assert_eq!(!decision.notices.is_empty(), is_told, "{case}");
            continue;
        }
        let Reason::PriceImplausible {
            suspected, lower, ..
        } = hold(&decision)
        else {
            panic!("{case} {:#?}", decision.reasons)
        };
        assert_eq!((*suspected, *lower), (factor, price < 50.0), "{case}");
        assert!(measured(&decision, "price_level", Some("price")).fired);
        let sentence = hold(&decision).sentence();
        assert!(sentence.contains("release the batch"), "{sentence}");
    }
    let thousands = first_level(1e-3, None, "USD", Ft2);
    let sentence = hold(&thousands).sentence();
    assert!(
        sentence.contains("suspected factor: 1,000 (thousands)"),
        "{sentence}"
    );
    let rents = first_level(1.0 / 200.0, Some(1.0), "USD", Ft2);
    assert!(hold(&rents).sentence().contains("monthly rents"));
}

#[test]
fn cents_of_american_homes_are_held_and_prices_in_another_currency_by_the_file_are_not() {
    let mut report = multiplied(&[("price", 100.0, 100)], 400);
    let states = (0..400).map(|row| Some(if row % 2 == 0 { "Texas" } else { "VT" }));
    replace(&mut report, ColumnProfile::category("state", states));
    assert!(matches!(
        hold(&first(&report)),
        Reason::PriceImplausible {
            suspected: Some(UnitFactor::Hundred),
            lower: false,
            ..
        }
    ));
    let mut yen = multiplied(&[("price", 150.0, 100)], 400);
    yen.quality.currency = Some("JPY".parse::<Currency>().unwrap());
    let decision = first(&yen);
    assert_eq!(
        (decision.decision, decision.notices.len()),
        (Decision::Train, 0)
    );
}

#[test]
fn another_population_of_a_category_is_held_and_its_values_are_named() {
    let mut champion = champion();
    let reference = champion.reference.as_mut().unwrap();
    for (name, usual) in [
        ("state", ["Maine", "Vermont"]),
        ("type", ["house", "condo"]),
    ] {
        champion.inputs.push(name.to_owned());
        let values = (0..reference.rows as usize).map(|row| Some(usual[row % 2]));
        reference
            .columns
            .push(ColumnProfile::category(name, values));
    }
    // Of a hundred rows, so many have another value.
    let with = |name: &str, share: usize, rows: usize| {
        let mut report = Town { rows, ..TOWN }.report();
        for (column, usual) in [("state", "Maine"), ("type", "house")] {
            let values = (0..rows).map(|row| {
                let is_new = column == name && row * 37 % 100 < share;
                Some(if is_new { "Texas" } else { usual })
            });
            replace(&mut report, ColumnProfile::category(column, values));
        }
        report
    };
    for name in ["state", "type"] {
        for (share, rows, held) in [
            (100, 2_000, true),
            (100, 60, true),
            (62, 1_000, true),
            (45, 2_000, false),
            (60, 60, false),
            (0, 2_000, false),
        ] {
            let decision = against(&with(name, share, rows), champion.clone(), &limits());
            assert_eq!(
                decision.decision == Decision::Hold,
                held && name == "type",
                "{name} {share} {rows}"
            );
            if held && name == "state" {
                let is_told = |told: &Reason| told.sentence().contains("Texas");
                assert!(decision.notices.iter().any(is_told), "{share} {rows}");
            } else if held {
                let Reason::NewPopulation { column, values, .. } = hold(&decision) else {
                    panic!("{:#?}", decision.reasons)
                };
                assert_eq!((column.as_str(), values), (name, &vec!["Texas".to_owned()]));
                assert!(hold(&decision).sentence().contains("Texas"));
            }
        }
    }
    // The limit is a setting, and what the champion does not use may be anything.
    let wide = Limits {
        max_new_population_share: 1.0,
        ..limits()
    };
    let all = with("type", 100, 2_000);
    assert_ne!(
        against(&all, champion.clone(), &wide).decision,
        Decision::Hold
    );
    champion.inputs.retain(|input| input != "type");
    assert_ne!(against(&all, champion, &limits()).decision, Decision::Hold);
}

#[test]
fn absent_and_unreadable_columns_are_told_of_every_batch() {
    let mut report = TOWN.report();
    report.quality.columns_gone = ["bath", "street", "acre_lot"].map(str::to_owned).to_vec();
    let column = |name: &str, bad: u64| RawColumn {
        name: name.to_owned(),
        kind: ColumnKind::Date,
        nulls: 100,
        bad,
    };
    report.quality.columns = vec![
        column("prev_sold_date", 1_900),
        column("house_size", 200),
        column("year", 0),
    ];
    for decision in [first(&report), judged(&report)] {
        let sentences: Vec<String> = decision.notices.iter().map(Reason::sentence).collect();
        assert_eq!(
            sentences,
            [
                "The batch has no columns “bath”, “acre_lot”.",
                "None of the 1,900 values of “prev_sold_date” could be read.",
            ]
        );
    }
    // A batch that is refused has them, too; what a reason names is not told again.
    report.quality.columns.push(column("bed", 1_900));
    report.quality.clean = 10;
    report.profile.rows = 10;
    let refused = first(&report);
    assert_eq!(refused.notices.len(), 2, "{:#?}", refused.notices);
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
        units: Units::default(),
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
        units: Units::default(),
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

    /// Markets that differ as markets do: by half the price, by size, by less than half of the places.
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
