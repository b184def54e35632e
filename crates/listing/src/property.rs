//! The key of a property and the hash of a row's content.
//!
//! Both are XXH3 (128 bits, seed 0). The encoding of a row is fixed here and must never change: rows
//! that were stored would no longer be recognised as duplicates. Golden tests hold it. Which values
//! make the key of a property is in [`crate::identity`].

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use tasador_ids::hex::Digits;
use xxhash_rust::xxh3::xxh3_128;

/// The name of a property: equal for all rows of one property, in all batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PropertyKey(pub u128);

fn push_length(buffer: &mut Vec<u8>, length: usize) {
    // Texts of a batch are far below 4 GiB; beyond that, only the encoded length would be wrong.
    buffer.extend_from_slice(&(length as u32).to_le_bytes());
}

/// Reads 32 lower-case hexadecimal digits; `None` for any other text.
pub fn from_hex(text: &str) -> Option<u128> {
    tasador_ids::hex::decode(text).map(u128::from_be_bytes)
}

/// The cell of a column of hashes is missing or not 32 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("row {row} is not a hash")]
pub struct NotAHash {
    /// The row, from 0.
    pub row: usize,
}

/// The hashes of a column of the clean file.
///
/// # Errors
/// [`NotAHash`]: a row that is left out would be counted as new when its file is written again.
pub fn hashes<'a>(cells: impl Iterator<Item = Option<&'a str>>) -> Result<Vec<u128>, NotAHash> {
    cells
        .enumerate()
        .map(|(row, cell)| cell.and_then(from_hex).ok_or(NotAHash { row }))
        .collect()
}

impl fmt::Display for PropertyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Digits::of(self.0).as_str())
    }
}

/// The text is not 32 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a property key is 32 lower-case hexadecimal digits")]
pub struct InvalidPropertyKey;

impl FromStr for PropertyKey {
    type Err = InvalidPropertyKey;
    fn from_str(text: &str) -> Result<Self, InvalidPropertyKey> {
        from_hex(text).map(Self).ok_or(InvalidPropertyKey)
    }
}

impl TryFrom<String> for PropertyKey {
    type Error = InvalidPropertyKey;
    fn try_from(text: String) -> Result<Self, InvalidPropertyKey> {
        text.parse()
    }
}

impl From<PropertyKey> for String {
    fn from(key: PropertyKey) -> Self {
        key.to_string()
    }
}

/// The shortest decimal text that parses to this number, without an exponent: `7` for 7.0, `0.38`
/// for 0.38. Used where a number serves as a name, and in hashes.
pub fn number_text(number: f64) -> String {
    // `-0` and `0` are one number.
    (number + 0.0).to_string()
}

/// Makes the hash of a row from its clean values, for any number of rows one after the other.
///
/// Two rows are identical if all their clean values are equal. Missing values are left out, so a new
/// and empty column changes nothing. Encoding: the pairs in ascending byte order of their names, each as the name's length (32 bits, little-endian), the name in UTF-8, the value's
/// length and the value's text in UTF-8: numbers as [`number_text`] (so `7.0` read as
/// a number and `7` read as a category are the same value), dates as `YYYY-MM-DD`.
#[derive(Debug, Default)]
pub struct RowHasher {
    buffer: Vec<u8>,
}

impl RowHasher {
    pub fn start(&mut self) {
        self.buffer.clear();
    }

    /// Adds a text value. Names must be added in ascending byte order.
    pub fn text(&mut self, name: &str, value: &str) {
        self.value(name, value.as_bytes());
    }

    /// Adds a number; NaN is missing and adds nothing.
    pub fn number(&mut self, name: &str, value: f64) {
        if value.is_nan() {
            return;
        }
        // The text is that of `number_text`, made faster.
        if value.fract() == 0.0 && value.abs() < 1e15 {
            self.text(name, itoa::Buffer::new().format(value as i64));
        } else if (1e-4..1e15).contains(&value.abs()) {
            self.text(name, zmij::Buffer::new().format_finite(value));
        } else {
            self.text(name, &number_text(value));
        }
    }

    pub fn date(&mut self, name: &str, value: jiff::civil::Date) {
        let year = value.year();
        if !(0..=9_999).contains(&year) {
            return self.text(name, &value.to_string());
        }
        let two = |number: i16| [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8];
        let ([a, b], [c, d]) = (two(year / 100), two(year % 100));
        let ([e, f], [g, h]) = (two(value.month().into()), two(value.day().into()));
        self.value(name, &[a, b, c, d, b'-', e, f, b'-', g, h]);
    }

    pub fn finish(&self) -> u128 {
        xxh3_128(&self.buffer)
    }

    fn value(&mut self, name: &str, value: &[u8]) {
        for part in [name.as_bytes(), value] {
            push_length(&mut self.buffer, part.len());
            self.buffer.extend_from_slice(part);
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// A number; NaN is missing.
    Number(f64),
    Date(jiff::civil::Date),
    /// A code, category or zip code.
    Text(&'a str),
}

/// The hash of one row from its clean values in any order; missing values are left out.
pub fn row_hash(values: &[(&str, Value<'_>)]) -> u128 {
    let mut sorted: Vec<_> = values.iter().collect();
    sorted.sort_by_key(|(name, _)| *name);
    let mut hasher = RowHasher::default();
    for (name, value) in sorted {
        match value {
            Value::Number(number) => hasher.number(name, *number),
            Value::Date(date) => hasher.date(name, *date),
            Value::Text(text) => hasher.text(name, text),
        }
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn golden_row_hashes() {
        let date = jiff::civil::date(1999, 9, 30);
        let row = [
            ("price", Value::Number(289_900.0)),
            ("acre_lot", Value::Number(0.38)),
            ("city", Value::Text("East Windsor")),
            ("prev_sold_date", Value::Date(date)),
        ];
        assert_eq!(
            Digits::of(row_hash(&row)).as_str(),
            "cba4612813e6554cb27286e1ae003c22"
        );
        assert_eq!(
            Digits::of(row_hash(&[])).as_str(),
            "99aa06d3014798d86001c324468d497f"
        );
    }

    #[test]
    fn the_encoding_is_as_documented() {
        let mut bytes = Vec::new();
        bytes.extend(4_u32.to_le_bytes());
        bytes.extend(b"city");
        bytes.extend(3_u32.to_le_bytes());
        bytes.extend(b"Lee");
        bytes.extend(5_u32.to_le_bytes());
        bytes.extend(b"price");
        bytes.extend(6_u32.to_le_bytes());
        bytes.extend(b"289900");
        assert_eq!(
            row_hash(&[
                ("price", Value::Number(289_900.0)),
                ("city", Value::Text("Lee"))
            ]),
            xxh3_128(&bytes)
        );
    }

    #[test]
    fn only_complete_hashes_are_parsed() {
        for text in [
            "",
            "0",
            &"g".repeat(32),
            &"A".repeat(32),
            &"0".repeat(33),
            "+0000000000000000000000000000000",
        ] {
            assert!(text.parse::<PropertyKey>().is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn keys_survive_text(key: u128) {
            let again: PropertyKey = PropertyKey(key).to_string().parse().unwrap();
            prop_assert_eq!(again, PropertyKey(key));
        }

        #[test]
        fn a_number_has_the_hash_of_its_text(number in prop_oneof![
            prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO,
            (-2_000_000_000_000_000_i64..2_000_000_000_000_000).prop_map(|whole| whole as f64),
            (-1_000_000_i32..1_000_000).prop_map(|cents| f64::from(cents) / 100.0),
        ]) {
            let text = (number + 0.0).to_string();
            prop_assert_eq!(row_hash(&[("a", Value::Number(number))]), row_hash(&[("a", Value::Text(&text))]));
        }

        #[test]
        fn a_date_has_the_hash_of_its_text(year in -20_i16..=9_999, month in 1_i8..=12, day in 1_i8..=28) {
            let date = jiff::civil::date(year, month, day);
            let text = date.to_string();
            prop_assert_eq!(row_hash(&[("a", Value::Date(date))]), row_hash(&[("a", Value::Text(&text))]));
        }

        #[test]
        fn the_order_of_values_does_not_change_the_hash(number in prop::num::f64::ANY, text in ".{0,8}") {
            let row = [("b", Value::Number(number)), ("a", Value::Text(&text)), ("c", Value::Number(f64::NAN))];
            let mut turned = row;
            turned.reverse();
            prop_assert_eq!(row_hash(&row), row_hash(&turned));
            prop_assert_eq!(row_hash(&row), row_hash(&row[..2]));
        }
    }
}
