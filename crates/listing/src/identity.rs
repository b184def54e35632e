//! Which rows are one property: the rule that decides a row's fold, permanently.
//!
//! The rules, in this order:
//! 1. an id of the parcel or the listing, in one of the columns of [`ID_COLUMNS`];
//! 2. the address with its unit: street and zip code, or street with city and state where no zip code
//!    is known. Case, accents, punctuation and the common abbreviations do not matter;
//! 3. without a street: city, state and zip code together with lasting features of the home
//!    ([`FEATURE_COLUMNS`]);
//! 4. without any of these, each row is a separate property.
//!
//! A rule uses no other column, so a key does not change when a column joins or leaves the source. The
//! key is XXH3 (128 bits, seed 0) of a byte encoding that must never change: if it did, homes would
//! change folds, and fold models would be evaluated on homes that they learned from. Golden tests
//! hold it.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use crate::property::PropertyKey;

/// Columns that hold an id of the property, first one first.
pub const ID_COLUMNS: [&str; 6] = [
    "property_id",
    "parcel_id",
    "parcel_number",
    "apn",
    "pin",
    "listing_id",
];

/// Columns that hold a unit within a building, first one first.
pub const UNIT_COLUMNS: [&str; 3] = ["unit", "unit_number", "apartment"];

/// Lasting features of a home that tell it from others of its place.
pub const FEATURE_COLUMNS: [&str; 4] = ["bed", "bath", "acre_lot", "house_size"];

/// The rule that named a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentityRule {
    /// An id column.
    Id,
    /// The address with its unit.
    Address,
    /// The place together with lasting features.
    Features,
    /// Each row is a separate property.
    Row,
}

impl IdentityRule {
    /// As it is spelled in reports.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Address => "address",
            Self::Features => "features",
            Self::Row => "row",
        }
    }
}

/// What identifies the property of one row; clean values, `None` and NaN being missing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Identity<'a> {
    /// The first id that is known.
    pub id: Option<&'a str>,
    pub street: Option<&'a str>,
    pub unit: Option<&'a str>,
    pub city: Option<&'a str>,
    pub state: Option<&'a str>,
    pub zip_code: Option<&'a str>,
    /// In the order of [`FEATURE_COLUMNS`]; an empty slice where none is known.
    pub features: &'a [f64],
}

impl Identity<'_> {
    /// The key of the property, and the rule that made it. `row_hash` identifies the row itself, and is called
    /// only where nothing else does; `buffer` is reused from row to row.
    pub fn key(
        &self,
        row_hash: impl FnOnce() -> u128,
        buffer: &mut Vec<u8>,
    ) -> (PropertyKey, IdentityRule) {
        buffer.clear();
        let known = |text: Option<&str>| text.is_some_and(|text| !text.trim().is_empty());
        let rule = if let Some(id) = self.id.filter(|id| known(Some(id))) {
            part(buffer, b'i', Some(id));
            IdentityRule::Id
        } else if known(self.street) {
            part(buffer, b's', self.street);
            part(buffer, b'u', self.unit);
            if known(self.zip_code) {
                part(buffer, b'z', self.zip_code);
            } else {
                part(buffer, b'c', self.city);
                part(buffer, b't', self.state);
            }
            IdentityRule::Address
        } else if self.features.iter().any(|value| !value.is_nan()) {
            if known(self.zip_code) {
                part(buffer, b'z', self.zip_code);
            } else {
                part(buffer, b'c', self.city);
                part(buffer, b't', self.state);
            }
            for value in self.features {
                buffer.push(b'f');
                // One NaN, one zero.
                let value = if value.is_nan() {
                    f64::NAN
                } else {
                    value + 0.0
                };
                buffer.extend_from_slice(&value.to_bits().to_le_bytes());
            }
            IdentityRule::Features
        } else {
            return (PropertyKey(row_hash()), IdentityRule::Row);
        };
        (PropertyKey(xxh3_128(buffer)), rule)
    }
}

/// Adds a text in its normal form: a mark, then words each followed by a line feed.
fn part(buffer: &mut Vec<u8>, mark: u8, text: Option<&str>) {
    buffer.push(mark);
    let mut word = buffer.len();
    for letter in text.unwrap_or_default().chars() {
        if letter.is_ascii_alphanumeric() {
            buffer.push(letter.to_ascii_lowercase() as u8);
        } else if letter.is_alphanumeric() {
            for lower in letter.to_lowercase().map(without_accent) {
                buffer.extend_from_slice(lower.encode_utf8(&mut [0; 4]).as_bytes());
            }
        } else if letter != '.' && letter != '\'' {
            word = end_word(buffer, word);
        }
    }
    end_word(buffer, word);
}

/// Ends the word that begins at `start`, if there is one, and returns where the next one begins.
fn end_word(buffer: &mut Vec<u8>, start: usize) -> usize {
    let word = buffer.get(start..).unwrap_or_default();
    if word.is_empty() {
        return start;
    }
    // No number is abbreviated, and most addresses have one.
    if word.first().is_some_and(u8::is_ascii_lowercase)
        && let Ok(at) = ABBREVIATIONS.binary_search_by_key(&word, |(long, _)| long.as_bytes())
        && let Some((_, short)) = ABBREVIATIONS.get(at)
    {
        buffer.truncate(start);
        buffer.extend_from_slice(short.as_bytes());
    }
    buffer.push(b'\n');
    buffer.len()
}

/// The letter without its accent, for the letters of Latin-1 that addresses use.
pub(crate) const fn without_accent(letter: char) -> char {
    match letter {
        'à'..='å' => 'a',
        'ç' => 'c',
        'è'..='ë' => 'e',
        'ì'..='ï' => 'i',
        'ñ' => 'n',
        'ò'..='ö' | 'ø' => 'o',
        'ù'..='ü' => 'u',
        'ý' | 'ÿ' => 'y',
        other => other,
    }
}

/// Words of addresses and their abbreviations, sorted: suffixes of streets and units by the US Postal
/// Service's Publication 28, directions, and the commonest Spanish words.
const ABBREVIATIONS: [(&str, &str); 40] = [
    ("alley", "aly"),
    ("apartment", "apt"),
    ("av", "ave"),
    ("avenida", "avda"),
    ("avenue", "ave"),
    ("boulevard", "blvd"),
    ("building", "bldg"),
    ("calle", "cl"),
    ("carrera", "cra"),
    ("circle", "cir"),
    ("court", "ct"),
    ("cove", "cv"),
    ("crescent", "cres"),
    ("drive", "dr"),
    ("east", "e"),
    ("expressway", "expy"),
    ("floor", "fl"),
    ("fort", "ft"),
    ("heights", "hts"),
    ("highway", "hwy"),
    ("lane", "ln"),
    ("mount", "mt"),
    ("north", "n"),
    ("northeast", "ne"),
    ("northwest", "nw"),
    ("number", "no"),
    ("parkway", "pkwy"),
    ("place", "pl"),
    ("plaza", "plz"),
    ("point", "pt"),
    ("road", "rd"),
    ("saint", "st"),
    ("south", "s"),
    ("southeast", "se"),
    ("southwest", "sw"),
    ("square", "sq"),
    ("street", "st"),
    ("suite", "ste"),
    ("terrace", "ter"),
    ("west", "w"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(identity: Identity<'_>) -> (String, IdentityRule) {
        let (key, rule) = identity.key(|| 7, &mut Vec::new());
        (key.to_string(), rule)
    }

    fn windsor<'a>() -> Identity<'a> {
        Identity {
            street: Some("12 North Main Street"),
            city: Some("East Windsor"),
            state: Some("Connecticut"),
            zip_code: Some("06016"),
            features: &[3.0, 2.0, 0.38, 1617.0],
            ..Identity::default()
        }
    }

    /// These keys must never change; see the module.
    #[test]
    fn golden_keys() {
        let without_street = Identity {
            street: None,
            ..windsor()
        };
        for (identity, expected, rule) in [
            (windsor(), GOLDEN[0], IdentityRule::Address),
            (
                Identity {
                    zip_code: None,
                    ..windsor()
                },
                GOLDEN[1],
                IdentityRule::Address,
            ),
            (without_street, GOLDEN[2], IdentityRule::Features),
            (
                Identity {
                    id: Some("7129300520"),
                    ..windsor()
                },
                GOLDEN[3],
                IdentityRule::Id,
            ),
        ] {
            assert_eq!(key(identity), (expected.to_owned(), rule));
        }
        let nothing = Identity::default().key(|| 7, &mut Vec::new());
        assert_eq!(nothing, (PropertyKey(7), IdentityRule::Row));
    }

    const GOLDEN: [&str; 4] = [
        "70043df220dc56db6a66c357bfdd56f0",
        "1b433968c72c96806a2cab690551880a",
        "a62d110c708549f849a9b584679bebef",
        "af64af0340ea8fcfd1753116e39894e7",
    ];

    #[test]
    fn spelling_does_not_make_another_property() {
        let spelled = |street| {
            key(Identity {
                street: Some(street),
                ..windsor()
            })
        };
        let usual = spelled("12 North Main Street");
        for street in [
            "12 N Main St",
            "12 N. MAIN ST.",
            " 12  north main  street",
            "12, North-Main Street",
            "12 Nórth Main Street",
        ] {
            assert_eq!(spelled(street), usual, "{street}");
        }
        for street in [
            "12 N Main Ave",
            "13 N Main St",
            "12 Main St",
            "1 2 N Main St",
        ] {
            assert_ne!(spelled(street), usual, "{street}");
        }
        let unit = |unit| {
            key(Identity {
                unit: Some(unit),
                ..windsor()
            })
        };
        assert_eq!(unit("Apartment 5"), unit("apt 5"));
        assert_ne!(unit("apt 5"), unit("apt 6"));
        assert_ne!(unit("apt 5"), usual);
    }

    #[test]
    fn homes_of_one_place_without_a_street_are_told_apart_by_lasting_features() {
        let with = |features| {
            key(Identity {
                street: None,
                features,
                ..windsor()
            })
        };
        let usual = with(&[3.0, 2.0, 0.38, 1617.0]);
        assert_ne!(usual, with(&[3.0, 2.0, 0.38, 1618.0]));
        assert_eq!(usual, with(&[3.0, 2.0, 0.38, 1617.0]));
    }

    #[test]
    fn abbreviations_are_sorted_and_final() {
        assert!(ABBREVIATIONS.is_sorted_by(|a, b| a.0 < b.0));
        for (_, short) in ABBREVIATIONS {
            let again = ABBREVIATIONS.iter().find(|(long, _)| *long == short);
            assert!(again.is_none(), "{short}");
        }
    }

    proptest! {
        #[test]
        fn columns_that_a_rule_does_not_use_change_nothing(
            city in prop::option::of(".{0,12}"), state in prop::option::of(".{0,12}"),
            sizes in prop::array::uniform4(prop::num::f64::ANY), row: u128,
        ) {
            let more = Identity {
                city: city.as_deref(), state: state.as_deref(), features: &sizes, ..windsor()
            };
            prop_assert_eq!(more.key(|| row, &mut Vec::new()).0, windsor().key(|| 0, &mut Vec::new()).0);
            let with_id = Identity { id: Some("a-1"), ..more };
            let id = Identity { id: Some("A 1"), ..Identity::default() };
            prop_assert_eq!(with_id.key(|| row, &mut Vec::new()), id.key(|| 0, &mut Vec::new()));
        }

        #[test]
        fn any_text_has_a_key(street in ".{0,40}", unit in ".{0,10}", zip in ".{0,8}") {
            let identity = Identity {
                street: Some(&street), unit: Some(&unit), zip_code: Some(&zip), ..Identity::default()
            };
            let upper = street.to_uppercase();
            let (key, _) = identity.key(|| 1, &mut Vec::new());
            if street.is_ascii() {
                let shouted = Identity { street: Some(&upper), ..identity };
                prop_assert_eq!(shouted.key(|| 1, &mut Vec::new()).0, key);
            }
        }
    }
}
