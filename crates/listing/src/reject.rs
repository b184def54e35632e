//! Rows that are rejected because they cannot be read or cannot be listings, each with one reason.
//!
//! An unreadable value is not a reason (it becomes null and is counted), except for the price,
//! without which nothing can be learned from the row. Rejected values are impossible, not only
//! unusual: zero bedrooms, a lot that rounds to zero acres and a $445 home stay.

use std::fmt;

use serde::{Deserialize, Serialize};
use tasador_ids::AreaUnit;

use crate::clean::number_text;
use crate::schema;
use crate::unit::{Stored, Unit};

/// No home has a higher price in dollars, euros or pounds. The source has 2,147,483,600, an overflow of 2³¹.
pub const MAX_PRICE: f64 = 1e9;
/// No home has a higher price in a currency of small units, such as the Colombian peso.
pub const MAX_PRICE_IN_SMALL_UNITS: f64 = 1e13;
/// With a higher median, prices are in a currency of small units.
pub const SMALL_UNITS_FROM: f64 = 2e7;
/// No home has more bedrooms or bathrooms.
pub const MAX_ROOMS: f64 = 1_000.0;
/// No private lot in the United States is larger, in acres.
pub const MAX_ACRE_LOT: f64 = 3e6;
/// No building on earth is larger, in square feet.
pub const MAX_HOUSE_SIZE: f64 = 2e7;

/// Declares the reasons with their codes and sentences.
macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $column:expr, $sentence:literal;)*) => {
        /// Why a row is rejected.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Reason {
            $($(#[$doc])* $name,)*
        }

        impl Reason {
            /// Every reason, in the order of the checks.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The stable code used in files and reports.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// The column that caused it; `None` if it is any column, or the whole row.
            pub const fn column(self) -> Option<&'static str> {
                match self { $(Self::$name => $column,)* }
            }

            /// Whether the row could not be read at all.
            pub const fn is_of_the_text(self) -> bool {
                matches!(
                    self,
                    Self::SurplusFields
                        | Self::BadQuote
                        | Self::BadEncoding
                        | Self::BadJson
                        | Self::RowTooLong
                )
            }

            pub const fn sentence(self) -> &'static str {
                match self { $(Self::$name => $sentence,)* }
            }
        }
    };
}

reasons! {
    PriceMissing = "price_missing", Some(schema::PRICE), "The listing has no price.";
    PriceUnreadable = "price_unreadable", Some(schema::PRICE), "The price is not a number.";
    PriceNotPositive = "price_not_positive", Some(schema::PRICE), "The price is not above zero.";
    PriceTooLarge = "price_too_large", Some(schema::PRICE), "The price is too high to be one.";
    BedNegative = "bed_negative", Some(schema::BED), "The number of bedrooms is negative.";
    BedTooLarge = "bed_too_large", Some(schema::BED), "There are more than 1,000 bedrooms.";
    BathNegative = "bath_negative", Some(schema::BATH), "The number of bathrooms is negative.";
    BathTooLarge = "bath_too_large", Some(schema::BATH), "There are more than 1,000 bathrooms.";
    AcreLotNegative = "acre_lot_negative", Some(schema::ACRE_LOT), "The size of the lot is negative.";
    AcreLotTooLarge = "acre_lot_too_large", Some(schema::ACRE_LOT), "The lot is above 3,000,000 acres.";
    HouseSizeNegative = "house_size_negative", Some(schema::HOUSE_SIZE), "The living area is negative.";
    HouseSizeTooLarge = "house_size_too_large", Some(schema::HOUSE_SIZE),
        "The living area is above 20,000,000 square feet.";
    OutsideLimits = "outside_limits", None, "A value is outside of the declared limits.";
    SurplusFields = "surplus_fields", None, "The row has more fields than the header.";
    BadQuote = "bad_quote", None, "A quote is not closed, or is in the middle of a field.";
    BadEncoding = "bad_encoding", None, "The row has bytes that are not text in the file's encoding.";
    BadJson = "bad_json", None, "The row is not a JSON object.";
    RowTooLong = "row_too_long", None, "The row, or one of its values, is too long.";
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// The checked columns, in the order of [`Judged`].
pub const JUDGED: [&str; 5] = [
    schema::PRICE,
    schema::BED,
    schema::BATH,
    schema::ACRE_LOT,
    schema::HOUSE_SIZE,
];

/// The values of a row that are checked: clean numbers; NaN is missing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judged {
    pub price: f64,
    /// Whether the source sent a price that could not be read.
    pub price_is_bad: bool,
    pub bed: f64,
    pub bath: f64,
    /// Lot in acres, or in the unit of `area`.
    pub acre_lot: f64,
    /// Living area in square feet, or in the unit of `area`.
    pub house_size: f64,
    pub area: AreaUnit,
}

/// Why a row was rejected, with the value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Refusal {
    pub reason: Reason,
    /// The number that caused it, if any.
    pub value: Option<f64>,
}

impl Refusal {
    /// The sentence for people, with the value.
    pub fn detail(&self) -> String {
        match self.value {
            Some(value) => format!(
                "{} `{}` is {}.",
                self.reason.sentence(),
                self.reason.column().unwrap_or_default(),
                number_text(value)
            ),
            None => self.reason.sentence().to_owned(),
        }
    }
}

/// The largest value of a column, in the unit that clean areas have.
pub fn most(column: &str, area: AreaUnit) -> Option<f64> {
    let (most, unit) = match column {
        schema::BED | schema::BATH => return Some(MAX_ROOMS),
        schema::ACRE_LOT => (MAX_ACRE_LOT, Unit::Acres),
        schema::HOUSE_SIZE => (MAX_HOUSE_SIZE, Unit::Ft2),
        _ => return None,
    };
    unit.factor(Stored::of(column, area))
        .map(|factor| most * factor)
}

/// Checks one row and returns the first reason that applies, in the order of [`Reason::ALL`].
pub fn judge(row: &Judged, max_price: f64) -> Option<Refusal> {
    let refused = |reason, value| {
        Some(Refusal {
            reason,
            value: Some(value),
        })
    };
    let bare = |reason| {
        Some(Refusal {
            reason,
            value: None,
        })
    };
    if row.price.is_nan() {
        return bare(if row.price_is_bad {
            Reason::PriceUnreadable
        } else {
            Reason::PriceMissing
        });
    }
    if row.price <= 0.0 {
        return refused(Reason::PriceNotPositive, row.price);
    }
    if row.price > max_price {
        return refused(Reason::PriceTooLarge, row.price);
    }
    for (value, most, negative, too_large) in [
        (row.bed, MAX_ROOMS, Reason::BedNegative, Reason::BedTooLarge),
        (
            row.bath,
            MAX_ROOMS,
            Reason::BathNegative,
            Reason::BathTooLarge,
        ),
        (
            row.acre_lot,
            most(schema::ACRE_LOT, row.area).unwrap_or(MAX_ACRE_LOT),
            Reason::AcreLotNegative,
            Reason::AcreLotTooLarge,
        ),
        (
            row.house_size,
            most(schema::HOUSE_SIZE, row.area).unwrap_or(MAX_HOUSE_SIZE),
            Reason::HouseSizeNegative,
            Reason::HouseSizeTooLarge,
        ),
    ] {
        // NaN is missing and compares false with both limits.
        if value < 0.0 {
            return refused(negative, value);
        }
        if value > most {
            return refused(too_large, value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GOOD: Judged = Judged {
        price: 289_900.0,
        price_is_bad: false,
        bed: 4.0,
        bath: 2.0,
        acre_lot: 0.38,
        house_size: 1_617.0,
        area: AreaUnit::Ft2,
    };

    #[test]
    fn each_reason_rejects_its_row() {
        let nan = f64::NAN;
        let table = [
            (Judged { price: nan, ..GOOD }, Reason::PriceMissing),
            (
                Judged {
                    price: nan,
                    price_is_bad: true,
                    ..GOOD
                },
                Reason::PriceUnreadable,
            ),
            (Judged { price: 0.0, ..GOOD }, Reason::PriceNotPositive),
            (
                Judged {
                    price: 1e308,
                    ..GOOD
                },
                Reason::PriceTooLarge,
            ),
            (Judged { bed: -1.0, ..GOOD }, Reason::BedNegative),
            (
                Judged {
                    bed: 1_001.0,
                    ..GOOD
                },
                Reason::BedTooLarge,
            ),
            (Judged { bath: -0.5, ..GOOD }, Reason::BathNegative),
            (Judged { bath: 1e9, ..GOOD }, Reason::BathTooLarge),
            (
                Judged {
                    acre_lot: -0.1,
                    ..GOOD
                },
                Reason::AcreLotNegative,
            ),
            (
                Judged {
                    acre_lot: 4e6,
                    ..GOOD
                },
                Reason::AcreLotTooLarge,
            ),
            (
                Judged {
                    house_size: -1_617.0,
                    ..GOOD
                },
                Reason::HouseSizeNegative,
            ),
            (
                Judged {
                    house_size: 1_040_400_400.0,
                    ..GOOD
                },
                Reason::HouseSizeTooLarge,
            ),
        ];
        let judged = Reason::ALL
            .iter()
            .filter(|reason| reason.column().is_some());
        assert_eq!(table.len(), judged.clone().count());
        for ((row, expected), reason) in table.iter().zip(judged) {
            assert_eq!(expected, reason);
            assert_eq!(
                judge(row, MAX_PRICE).map(|refusal| refusal.reason),
                Some(*expected),
                "{row:?}"
            );
        }
    }

    #[test]
    fn unusual_rows_are_kept() {
        let nan = f64::NAN;
        for row in [
            GOOD,
            Judged { price: 1.0, ..GOOD },
            Judged {
                bed: 0.0,
                bath: 0.0,
                acre_lot: 0.0,
                house_size: 0.0,
                ..GOOD
            },
            Judged {
                bed: nan,
                bath: nan,
                acre_lot: nan,
                house_size: nan,
                ..GOOD
            },
            Judged {
                acre_lot: 100_000.0,
                bed: 473.0,
                bath: 830.0,
                ..GOOD
            },
        ] {
            assert_eq!(judge(&row, MAX_PRICE), None, "{row:?}");
        }
    }

    #[test]
    fn the_detail_contains_the_value() {
        let refusal = judge(
            &Judged {
                price: -5.0,
                ..GOOD
            },
            MAX_PRICE,
        )
        .unwrap();
        assert_eq!(
            refusal.detail(),
            "The price is not above zero. `price` is -5."
        );
        let refusal = judge(
            &Judged {
                price: f64::NAN,
                ..GOOD
            },
            MAX_PRICE,
        )
        .unwrap();
        assert_eq!(refusal.detail(), "The listing has no price.");
    }

    #[test]
    fn codes_are_the_same_in_text_and_in_json() {
        for reason in Reason::ALL {
            assert_eq!(
                serde_json::to_string(reason).unwrap(),
                format!("\"{reason}\"")
            );
        }
    }

    proptest! {
        #[test]
        fn what_is_kept_is_possible(
            price in prop::num::f64::ANY, bed in prop::num::f64::ANY, bath in prop::num::f64::ANY,
            acre_lot in prop::num::f64::ANY, house_size in prop::num::f64::ANY,
        ) {
            let row = Judged { price, price_is_bad: false, bed, bath, acre_lot, house_size, area: AreaUnit::Ft2 };
            if judge(&row, MAX_PRICE).is_none() {
                prop_assert!(price > 0.0 && price <= MAX_PRICE);
                for value in [bed, bath, acre_lot, house_size] {
                    prop_assert!(value.is_nan() || (value >= 0.0 && value.is_finite()));
                }
            }
        }
    }
}
