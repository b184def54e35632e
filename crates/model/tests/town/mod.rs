//! A made-up town: homes whose price follows from what is known of them, with noise and gaps.

#![allow(dead_code, missing_docs)]

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tasador_model::{Column, Frame};

/// So many homes. Prices rise with size and baths, and differ by zip code; a tenth of the baths,
/// lots and zip codes are missing; one in five homes was sold twice.
pub(crate) fn homes(count: usize, seed: u64) -> Frame {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut frame = Frame::new(count);
    let size: Vec<f64> = (0..count)
        .map(|_| random.random_range(600.0_f64..4_500.0).round())
        .collect();
    let bath: Vec<f64> = size
        .iter()
        .map(|size| (size / 900.0).round().max(1.0))
        .collect();
    let lot: Vec<f64> = (0..count)
        .map(|_| random.random_range(-3.0_f64..2.0).exp())
        .collect();
    let zip: Vec<usize> = (0..count).map(|_| random.random_range(0..30)).collect();
    let price: Vec<f64> = (0..count)
        .map(|row| {
            let place = ((zip[row] * 7_919) % 30) as f64 / 30.0;
            let noise: f64 = (0..4).map(|_| random.random_range(-0.12..0.12)).sum();
            (11.0
                + 0.55 * (size[row] / 1_000.0).ln()
                + 0.1 * bath[row]
                + 0.05 * lot[row].ln()
                + place
                + noise)
                .exp()
                .round()
        })
        .collect();
    let mut gaps = |values: Vec<f64>| -> Column {
        Column::Number(
            values
                .into_iter()
                .map(|value| {
                    if random.random_bool(0.1) {
                        f64::NAN
                    } else {
                        value
                    }
                })
                .collect(),
        )
    };
    let bath = gaps(bath);
    let lot = gaps(lot);
    let zips: Vec<Option<String>> = zip
        .iter()
        .map(|zip| (zip % 10 != 9).then(|| format!("{:05}", 6_000 + 37 * zip)))
        .collect();
    let state: Vec<&str> = zip
        .iter()
        .map(|zip| {
            if zip % 2 == 0 {
                "Connecticut"
            } else {
                "Vermont"
            }
        })
        .collect();
    let city: Vec<String> = zip.iter().map(|zip| format!("Town {}", zip / 4)).collect();
    frame.push("price", Column::Number(price)).unwrap();
    frame.push("house_size", Column::Number(size)).unwrap();
    frame.push("bath", bath).unwrap();
    frame.push("acre_lot", lot).unwrap();
    frame
        .push(
            "zip_code",
            Column::category(zips.iter().map(Option::as_deref)),
        )
        .unwrap();
    frame
        .push(
            "city",
            Column::category(city.iter().map(|name| Some(name.as_str()))),
        )
        .unwrap();
    frame
        .push(
            "state",
            Column::category(state.iter().map(|name| Some(*name))),
        )
        .unwrap();
    let sold: Vec<f64> = (0..count)
        .map(|row| 16_000.0 + (row % 365) as f64)
        .collect();
    frame.push("prev_sold_date", Column::Date(sold)).unwrap();
    frame
        .push(
            "status",
            Column::category(
                (0..count).map(|row| Some(if row % 3 == 0 { "sold" } else { "for_sale" })),
            ),
        )
        .unwrap();
    frame
        .push(
            "street",
            Column::category((0..count).map(|_| Some("1758218"))),
        )
        .unwrap();
    frame
        .set_properties((0..count as u128).map(|row| row * 5 / 6).collect())
        .unwrap();
    frame
}

/// The frame without a column, or with another in its place.
pub(crate) fn with(frame: &Frame, name: &str, column: Option<Column>) -> Frame {
    let mut other = Frame::new(frame.rows());
    for (known, values) in frame.columns() {
        if known != name {
            other.push(known, values.clone()).unwrap();
        }
    }
    if let Some(column) = column {
        other.push(name, column).unwrap();
    }
    other
}
