//! Made-up listings with a known price formula, as the data API would send them.
//!
//! A batch is made from a seed and is always the same. Each method changes one thing, so that a
//! test says what it is about: `Batch::new(7, 400).scale("house_size", 1.8)`.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Map, Value, json};

/// (city, state, first zip code, price level)
const PLACES: &[(&str, &str, u32, f64)] = &[
    ("East Windsor", "Connecticut", 6088, 1.0),
    ("Hartford", "Connecticut", 6103, 0.8),
    ("Adjuntas", "Puerto Rico", 601, 0.4),
    ("Worcester", "Massachusetts", 1602, 1.2),
    ("Boston", "Massachusetts", 2108, 2.4),
    ("Providence", "Rhode Island", 2903, 1.3),
    ("Burlington", "Vermont", 5401, 1.1),
    ("Portland", "Maine", 4101, 1.4),
];

/// A batch of listings, each a JSON object with the twelve columns of the source.
#[derive(Debug, Clone)]
pub struct Batch {
    rows: Vec<Map<String, Value>>,
}

impl Batch {
    /// `rows` listings of distinct properties; some 10 % of the amounts are missing.
    pub fn new(seed: u64, rows: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        Self {
            rows: (0..rows).map(|_| listing(&mut rng)).collect(),
        }
    }

    /// How many listings there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The listings.
    pub fn rows(&self) -> &[Map<String, Value>] {
        &self.rows
    }

    /// Multiplies the numbers of a column, the price left as it is.
    pub fn scale(mut self, column: &str, factor: f64) -> Self {
        for row in &mut self.rows {
            if let Some(number) = row.get(column).and_then(Value::as_f64) {
                row.insert(column.to_owned(), json!((number * factor).round()));
            }
        }
        self
    }

    /// Puts this value into a column of every listing.
    pub fn set(mut self, column: &str, value: Value) -> Self {
        for row in &mut self.rows {
            row.insert(column.to_owned(), value.clone());
        }
        self
    }

    /// Adds or replaces a column, computed from the listing and its place in the batch.
    pub fn with(
        mut self,
        column: &str,
        value: impl Fn(usize, &Map<String, Value>) -> Value,
    ) -> Self {
        for (place, row) in self.rows.iter_mut().enumerate() {
            let value = value(place, row);
            row.insert(column.to_owned(), value);
        }
        self
    }

    /// Takes a column away.
    pub fn without(mut self, column: &str) -> Self {
        for row in &mut self.rows {
            row.remove(column);
        }
        self
    }

    /// Only these listings, by their places.
    pub fn only(mut self, places: std::ops::Range<usize>) -> Self {
        self.rows = self.rows.drain(places).collect();
        self
    }

    /// This batch followed by the listings of another.
    pub fn and(mut self, other: Self) -> Self {
        self.rows.extend(other.rows);
        self
    }

    /// As the data API answers.
    pub fn api_json(&self) -> Vec<u8> {
        let answer =
            json!({"group_number": 2, "day": "Tuesday", "batch_number": 0, "data": self.rows});
        answer.to_string().into_bytes()
    }

    /// As CSV with the columns of the first listing; nulls are empty.
    pub fn csv(&self) -> Vec<u8> {
        let Some(first) = self.rows.first() else {
            return Vec::new();
        };
        let columns: Vec<&String> = first.keys().collect();
        let mut lines = vec![
            columns
                .iter()
                .map(|name| name.as_str())
                .collect::<Vec<_>>()
                .join(","),
        ];
        for row in &self.rows {
            let cells = columns.iter().map(|name| match row.get(*name) {
                None | Some(Value::Null) => String::new(),
                Some(Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
            });
            lines.push(cells.collect::<Vec<_>>().join(","));
        }
        (lines.join("\n") + "\n").into_bytes()
    }
}

/// One listing whose price follows from size, rooms, land and place, with 15 % noise.
fn listing(rng: &mut ChaCha8Rng) -> Map<String, Value> {
    let (city, state, zip, level) = PLACES[rng.random_range(0..PLACES.len())];
    let zip = zip + rng.random_range(0..4);
    let house_size = (rng.random_range(6.5_f64..8.3)).exp().round();
    let bed = (house_size / 600.0 + rng.random_range(0.0..2.0))
        .floor()
        .clamp(1.0, 9.0);
    let bath = (bed / 2.0 + rng.random_range(0.0..1.5))
        .floor()
        .clamp(1.0, 7.0);
    let acre_lot = (rng.random_range(-3.0_f64..1.0).exp() * 100.0).round() / 100.0;
    let noise = 1.0 + 0.15 * rng.random_range(-1.0..1.0);
    let price =
        (level * noise * (60_000.0 + 150.0 * house_size + 25_000.0 * bath + 40_000.0 * acre_lot))
            .round();
    let mut maybe = |value: f64| {
        if rng.random_bool(0.1) {
            Value::Null
        } else {
            json!(value)
        }
    };
    let (bed, bath, acre_lot, size) = (maybe(bed), maybe(bath), maybe(acre_lot), maybe(house_size));
    let sold = rng.random_bool(0.4).then(|| {
        let (year, month, day) = (
            rng.random_range(1990..2024),
            rng.random_range(1..13),
            rng.random_range(1..29),
        );
        format!("{year}-{month:02}-{day:02}")
    });
    let listing = json!({
        "brokered_by": f64::from(rng.random_range(1_000_u32..110_000)),
        "status": if sold.is_some() { "sold" } else { "for_sale" },
        "price": price,
        "bed": bed,
        "bath": bath,
        "acre_lot": acre_lot,
        "street": f64::from(rng.random_range(1_u32..2_000_000_000)),
        "city": city,
        "state": state,
        "zip_code": f64::from(zip),
        "house_size": size,
        "prev_sold_date": sold,
    });
    match listing {
        Value::Object(row) => row,
        _ => Map::new(),
    }
}
