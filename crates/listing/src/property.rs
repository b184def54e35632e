//! Which property a row belongs to, in which part of the split that property is, and when two rows
//! are identical.
//!
//! All three use XXH3 (128 bits, seed 0) over a byte encoding that must never change: otherwise new
//! models would learn from homes that were held out from old ones, and comparisons between them
//! would be invalid. Golden tests check the hashes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

/// The address of a property as clean values; `None` is missing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Address<'a> {
    pub street: Option<&'a str>,
    pub city: Option<&'a str>,
    pub state: Option<&'a str>,
    /// The zip code, five digits.
    pub zip_code: Option<&'a str>,
}

/// Identifies a property: equal for all rows of one property, in all batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PropertyKey(pub u128);

impl PropertyKey {
    /// The key of this address. If the whole address is missing, the row is a separate property,
    /// identified by `row_hash`.
    ///
    /// Encoding, in the order street, city, state, zip code: a missing part is the byte 0; any
    /// other part is the byte 1, its length in bytes (32 bits, little-endian) and its UTF-8 bytes
    /// with ASCII letters in lower case, so that `EAST WINDSOR` equals `East Windsor`.
    pub fn of(address: &Address<'_>, row_hash: u128) -> Self {
        Self::of_parts(address, row_hash, &mut Vec::new())
    }

    /// As [`PropertyKey::of`], with a buffer that is reused for each row.
    pub fn of_parts(address: &Address<'_>, row_hash: u128, buffer: &mut Vec<u8>) -> Self {
        let parts = [
            address.street,
            address.city,
            address.state,
            address.zip_code,
        ];
        if parts.iter().all(Option::is_none) {
            return Self(row_hash);
        }
        buffer.clear();
        for part in parts {
            match part {
                None => buffer.push(0),
                Some(text) => {
                    buffer.push(1);
                    push_length(buffer, text.len());
                    buffer.extend(text.bytes().map(|byte| byte.to_ascii_lowercase()));
                }
            }
        }
        Self(xxh3_128(buffer))
    }

    /// The part of the split that this property belongs to.
    pub fn part(self) -> Part {
        // The upper 64 bits, scaled to hundredths: exact, and without the bias of a remainder.
        let hundredth = ((self.0 >> 64) * 100) >> 64;
        match hundredth {
            0..20 => Part::Holdout,
            20..30 => Part::Calibration,
            _ => Part::Training,
        }
    }
}

fn push_length(buffer: &mut Vec<u8>, length: usize) {
    // Texts of a batch are far below 4 GiB; beyond that, only the encoded length would be wrong.
    buffer.extend_from_slice(&(length as u32).to_le_bytes());
}

/// A hash as 32 lower-case hexadecimal digits.
pub fn hex(hash: u128) -> String {
    format!("{hash:032x}")
}

/// Reads what [`hex`] writes; `None` for any other text.
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
        write!(f, "{:032x}", self.0)
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

/// The part of the split that a property permanently belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// 20 %: all models are compared on these homes, and none learns from them.
    Holdout,
    /// 10 %: determine the width of intervals.
    Calibration,
    /// 70 %: models learn from them.
    Training,
}

/// Hashes rows from their clean values, one after the other.
///
/// Two rows are identical if all their clean values are equal. Missing values are left out, so a new
/// and empty column changes nothing. Encoding: the pairs in ascending byte order of their names, each as the name's length (32 bits, little-endian), the name in UTF-8, the value's
/// length and the value's text in UTF-8: numbers as [`crate::clean::number_text`] (so `7.0` read as
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
        self.name(name);
        push_length(&mut self.buffer, value.len());
        self.buffer.extend_from_slice(value.as_bytes());
    }

    /// Adds a number; NaN is missing and adds nothing.
    pub fn number(&mut self, name: &str, value: f64) {
        if value.is_nan() {
            return;
        }
        self.name(name);
        self.display(value + 0.0);
    }

    pub fn date(&mut self, name: &str, value: jiff::civil::Date) {
        self.name(name);
        self.display(value);
    }

    pub fn finish(&self) -> u128 {
        xxh3_128(&self.buffer)
    }

    fn name(&mut self, name: &str) {
        push_length(&mut self.buffer, name.len());
        self.buffer.extend_from_slice(name.as_bytes());
    }

    fn display(&mut self, value: impl fmt::Display) {
        use std::io::Write as _;
        let start = self.buffer.len();
        push_length(&mut self.buffer, 0);
        // Writing to memory does not fail.
        let _ = write!(self.buffer, "{value}");
        let length = (self.buffer.len() - start - 4) as u32;
        if let Some(place) = self.buffer.get_mut(start..start + 4) {
            place.copy_from_slice(&length.to_le_bytes());
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

    fn windsor() -> Address<'static> {
        Address {
            street: Some("1758218"),
            city: Some("East Windsor"),
            state: Some("Connecticut"),
            zip_code: Some("06016"),
        }
    }

    /// These hashes must never change; see the module's documentation.
    #[test]
    fn golden_property_keys() {
        let cases = [
            (
                windsor(),
                "a31447fee4a9fb8af8f7b07595676c4d",
                Part::Training,
            ),
            (
                Address {
                    street: None,
                    ..windsor()
                },
                "b8e40423e6f4deec0e7b925370d16a68",
                Part::Training,
            ),
            (
                Address {
                    zip_code: Some("98178"),
                    ..Address::default()
                },
                "5ba7d2e5d858b2d5dc87f959f8f16cdd",
                Part::Training,
            ),
            (
                Address {
                    street: Some("2"),
                    ..windsor()
                },
                "2003f1c50382a36e5346a4659b12298a",
                Part::Holdout,
            ),
            (
                Address {
                    street: Some("15"),
                    ..windsor()
                },
                "46e55419b58b715ebeb5e9a9c34db551",
                Part::Calibration,
            ),
        ];
        for (address, hash, part) in cases {
            let key = PropertyKey::of(&address, 0);
            assert_eq!(
                (key.to_string().as_str(), key.part()),
                (hash, part),
                "{address:?}"
            );
        }
    }

    #[test]
    fn golden_row_hashes() {
        let date = jiff::civil::date(1999, 9, 30);
        let row = [
            ("price", Value::Number(289_900.0)),
            ("acre_lot", Value::Number(0.38)),
            ("city", Value::Text("East Windsor")),
            ("prev_sold_date", Value::Date(date)),
        ];
        assert_eq!(hex(row_hash(&row)), "cba4612813e6554cb27286e1ae003c22");
        assert_eq!(hex(row_hash(&[])), "99aa06d3014798d86001c324468d497f");
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
        let address = Address {
            city: Some("LEE"),
            ..Address::default()
        };
        assert_eq!(
            PropertyKey::of(&address, 0).0,
            xxh3_128(b"\0\x01\x03\0\0\0lee\0\0")
        );
    }

    #[test]
    fn the_split_is_at_20_and_30_percent() {
        let at = |hundredth: u128| PropertyKey(((hundredth << 64) / 100 + 1) << 64);
        for (hundredth, part) in [
            (0, Part::Holdout),
            (19, Part::Holdout),
            (20, Part::Calibration),
            (29, Part::Calibration),
            (30, Part::Training),
            (99, Part::Training),
        ] {
            assert_eq!(at(hundredth).part(), part, "{hundredth}");
        }
        assert_eq!(PropertyKey(u128::MAX).part(), Part::Training);
    }

    #[test]
    fn shares_of_the_split_are_as_documented() {
        let mut counts = [0_u32; 3];
        for street in 0..20_000 {
            let street = street.to_string();
            let key = PropertyKey::of(
                &Address {
                    street: Some(&street),
                    ..windsor()
                },
                0,
            );
            counts[key.part() as usize] += 1;
        }
        let [holdout, calibration, training] = counts.map(|count| f64::from(count) / 20_000.0);
        assert!((holdout - 0.2).abs() < 0.015, "{holdout}");
        assert!((calibration - 0.1).abs() < 0.015, "{calibration}");
        assert!((training - 0.7).abs() < 0.015, "{training}");
    }

    #[test]
    fn rows_without_an_address_are_separate_properties() {
        assert_eq!(PropertyKey::of(&Address::default(), 7), PropertyKey(7));
    }

    #[test]
    fn case_does_not_change_the_key() {
        let loud = Address {
            city: Some("EAST WINDSOR"),
            ..windsor()
        };
        assert_eq!(PropertyKey::of(&loud, 1), PropertyKey::of(&windsor(), 2));
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
        fn the_split_depends_on_nothing_but_the_address(
            street in "[0-9]{1,7}", city in ".{0,12}", rows in any::<(u128, u128)>(),
        ) {
            let address = Address { street: Some(&street), city: Some(&city), ..windsor() };
            let (one, other) = (PropertyKey::of(&address, rows.0), PropertyKey::of(&address, rows.1));
            prop_assert_eq!(one, other);
            prop_assert_eq!(one.part(), other.part());
            let again: PropertyKey = one.to_string().parse().unwrap();
            prop_assert_eq!(again, one);
        }

        #[test]
        fn parts_of_an_address_are_encoded_separately(left in "[a-z]{0,6}", right in "[a-z]{0,6}") {
            let joined = format!("{left}{right}");
            let apart = Address { street: Some(&left), city: Some(&right), ..Address::default() };
            let together = Address { street: Some(&joined), city: Some(""), ..Address::default() };
            prop_assume!(!right.is_empty());
            prop_assert_ne!(PropertyKey::of(&apart, 0), PropertyKey::of(&together, 0));
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
