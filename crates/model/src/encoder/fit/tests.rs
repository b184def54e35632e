use super::*;
use proptest::prelude::*;

fn frame(zips: &[u8], sizes: &[f64]) -> Frame {
    let names: Vec<String> = zips
        .iter()
        .map(|zip| format!("0{}{:03}", zip % 3, zip))
        .collect();
    let mut frame = Frame::new(zips.len());
    frame
        .push(
            "zip_code",
            Column::category(names.iter().map(|name| Some(name.as_str()))),
        )
        .unwrap();
    frame
        .push("house_size", Column::Number(sizes.to_vec()))
        .unwrap();
    frame
}

fn rows(matrix: &[f64], width: usize, row: usize) -> Vec<u64> {
    matrix[row * width..(row + 1) * width]
        .iter()
        .map(|value| value.to_bits())
        .collect()
}

proptest! {
    #[test]
    fn no_price_of_a_fold_reaches_the_features_of_its_homes(
        homes in prop::collection::vec((0_u8..12, 500.0_f64..4_000.0, 10.0_f64..15.0, 0_u8..FOLDS), 20..80),
        shift in -3.0_f64..3.0,
        fold in 0_u8..FOLDS,
    ) {
        let zips: Vec<u8> = homes.iter().map(|home| home.0).collect();
        let sizes: Vec<f64> = homes.iter().map(|home| home.1).collect();
        let target: Vec<f64> = homes.iter().map(|home| home.2).collect();
        let folds: Vec<u8> = homes.iter().map(|home| home.3).collect();
        let shifted: Vec<f64> = homes
            .iter()
            .map(|home| if home.3 == fold { home.2 + shift } else { home.2 })
            .collect();
        let frame = frame(&zips, &sizes);
        let (usual, other) = (
            fit(&frame, &target, &folds, Style::Trees),
            fit(&frame, &shifted, &folds, Style::Trees),
        );
        let width = usual.encoder.width();
        for row in (0..homes.len()).filter(|row| folds[*row] == fold) {
            prop_assert_eq!(rows(&usual.matrix, width, row), rows(&other.matrix, width, row));
        }
    }
}

#[test]
fn a_zip_code_is_priced_by_its_homes_and_a_new_one_by_its_region() {
    // Zip codes 0 and 3 share the region `000`, 1 lies in another.
    let zips: Vec<u8> = (0..300).map(|row| [0, 3, 1][row % 3]).collect();
    let target: Vec<f64> = zips
        .iter()
        .map(|zip| [11.0, 14.0, 12.0, 11.2][usize::from(*zip)])
        .collect();
    let sizes = vec![1_000.0; 300];
    let fitted = fit(&frame(&zips, &sizes), &target, &[0; 300], Style::Trees);
    let encoder = &fitted.encoder;
    let price = |name: &str| {
        let table = encoder
            .tables
            .iter()
            .rposition(|table| {
                table.slot == 0
                    && table
                        .values
                        .iter()
                        .all(|value| (10.0..15.0).contains(value))
            })
            .unwrap();
        let mut cells = vec![Cell::Missing; encoder.slots()];
        cells[0] = Cell::Code(encoder.code(0, name).unwrap_or(crate::encoder::UNSEEN));
        let slot = encoder.prefix_slot(0).unwrap();
        cells[slot] = Cell::Code(
            encoder
                .prefix_code(0, name)
                .unwrap_or(crate::encoder::UNSEEN),
        );
        crate::encoder::lookup(&encoder.tables, table as u32, &cells)
    };
    assert!((price("00000") - 11.0).abs() < 0.1, "{}", price("00000"));
    assert!((price("01001") - 14.0).abs() < 0.3, "{}", price("01001"));
    let region = price("00099");
    assert!((region - 11.1).abs() < 0.15, "{region}");
    // Where even the region is new, all homes together say most.
    let nowhere = price("99999");
    assert!((11.5..12.8).contains(&nowhere), "{nowhere}");
}

#[test]
fn skewed_amounts_become_logarithms_and_scales_are_equal_for_sums() {
    let mut homes = Frame::new(200);
    let lot: Vec<f64> = (0..200)
        .map(|row| (f64::from(row % 40) / 6.0).exp())
        .collect();
    let even: Vec<f64> = (0..200).map(|row| f64::from(row * 7 % 200)).collect();
    homes.push("acre_lot", Column::Number(lot)).unwrap();
    homes.push("even", Column::Number(even.clone())).unwrap();
    let fitted = fit(&homes, &even, &[0; 200], Style::Dense);
    assert_eq!(
        fitted.encoder.features,
        [
            Feature::Log { slot: 0, plus: 0.0 },
            Feature::Number { slot: 1 }
        ]
    );
    for column in 0..2 {
        let values: Vec<f64> = fitted.dense().into_iter().skip(column).step_by(2).collect();
        let mean = values.iter().sum::<f64>() / 200.0;
        let spread = (values
            .iter()
            .map(|value| (value - mean).powi(2))
            .sum::<f64>()
            / 200.0)
            .sqrt();
        assert!(mean.abs() < 1e-9 && (spread - 1.0).abs() < 1e-9);
    }
}

#[test]
fn a_number_that_means_unknown_is_no_size_to_extrapolate_to() {
    // 5,000 lots below an acre.
    let mut lots: Vec<f64> = (1..=5_000).map(|lot| f64::from(lot) / 5_000.0).collect();
    let limits = |lots: &[f64]| {
        let mut lots = lots.to_vec();
        lots.sort_unstable_by(f64::total_cmp);
        range(&lots).unwrap()
    };
    assert_eq!(limits(&lots), (1.0 / 5_000.0, 1.0));
    // A few times as large as usual is kept, a sentinel is not.
    lots.extend([1.4, 99_999.0, -99_999.0]);
    let (low, high) = limits(&lots);
    assert!(
        (1.4..1.6).contains(&high) && (-0.6..=0.0).contains(&low),
        "{low} {high}"
    );
    // With enough homes it is a size like others.
    lots.extend([99_999.0; 20]);
    assert_eq!(limits(&lots).1, 99_999.0);

    let flags: Vec<f64> = (0..5_000).map(|row| f64::from(u8::from(row < 3))).collect();
    assert_eq!(limits(&flags), (0.0, 1.0), "a rare flag stays one");
    assert_eq!(limits(&[3.0, 8.0]), (3.0, 8.0));
    assert_eq!(range(&[]), None);
}

#[test]
fn rare_names_of_a_long_list_are_one_kind() {
    let names: Vec<String> = (0..9_000_u32)
        .map(|row| format!("b{}", if row < 6_000 { row % 1_500 } else { row }))
        .collect();
    let (input, slot) = describe(
        "brokered_by",
        &Column::category(names.iter().map(|name| Some(name.as_str()))),
    )
    .unwrap();
    assert_eq!(input.distinct, 4_500);
    let Slot::Names { names } = slot else {
        panic!("{slot:?}")
    };
    assert_eq!(names.len(), 1_500);
    assert_eq!(input.most_frequent.len(), Input::MOST_FREQUENT);
}
