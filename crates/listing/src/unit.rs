//! Units of areas and prices: what their names are, and how much of the stored unit they are.

use serde::{Deserialize, Serialize};
use tasador_ids::AreaUnit;

/// Square feet in an acre.
const FT2_PER_ACRE: f64 = 43_560.0;
/// Square feet in a square metre: (1 / 0.3048)².
const FT2_PER_M2: f64 = 10.763_910_416_709_722;

/// A unit that a column may be written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    Acres,
    Ft2,
    M2,
    Hectares,
    Thousands,
    Millions,
}

impl Unit {
    pub const ALL: [Self; 6] = [
        Self::Acres,
        Self::Ft2,
        Self::M2,
        Self::Hectares,
        Self::Thousands,
        Self::Millions,
    ];

    /// As it is spelled in `tasador.toml`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Acres => "acres",
            Self::Ft2 => "ft2",
            Self::M2 => "m2",
            Self::Hectares => "hectares",
            Self::Thousands => "thousands",
            Self::Millions => "millions",
        }
    }

    /// The unit that a word names, in a header or after a number.
    pub fn of_word(word: &str) -> Option<Self> {
        Some(match word {
            "acre" | "acres" | "ac" => Self::Acres,
            "sqft" | "ft2" | "sf" | "sqfeet" | "squarefeet" | "squarefoot" | "sqfoot" | "sq.ft" => {
                Self::Ft2
            }
            "m2" | "sqm" | "mq" | "qm" | "mts2" | "mt2" | "metros" | "metros2"
            | "metroscuadrados" | "squaremeters" | "squaremetres" | "sqmeters" | "sqmetres"
            | "superficie" => Self::M2,
            "ha" | "hectare" | "hectares" | "hectareas" => Self::Hectares,
            "k" | "thousand" | "thousands" | "miles" => Self::Thousands,
            "million" | "millions" | "mm" | "mio" | "millones" => Self::Millions,
            _ => return None,
        })
    }

    /// The unit that the words of a header name, if any: also of two words, such as `square feet`.
    pub fn of_words(words: &[String]) -> Option<Self> {
        let pairs = words.windows(2).map(|pair| pair.concat());
        pairs
            .chain(words.iter().filter(|word| word.len() > 1).cloned())
            .find_map(|word| Self::of_word(&word))
            .or_else(|| {
                // `sqft_lot15`, `lot_m2_total`: a unit with digits behind it.
                let bare = |word: &String| {
                    Self::of_word(word.trim_end_matches(|c: char| c.is_ascii_digit()))
                };
                words.iter().filter(|word| word.len() > 3).find_map(bare)
            })
    }

    /// Square feet in one of this area unit.
    const fn ft2(self) -> Option<f64> {
        match self {
            Self::Acres => Some(FT2_PER_ACRE),
            Self::Ft2 => Some(1.0),
            Self::M2 => Some(FT2_PER_M2),
            Self::Hectares => Some(10_000.0 * FT2_PER_M2),
            Self::Thousands | Self::Millions => None,
        }
    }

    pub const fn is_area(self) -> bool {
        self.ft2().is_some()
    }

    /// How many `stored` one of this unit is; `None` between an area and an amount.
    pub fn factor(self, stored: Stored) -> Option<f64> {
        match (stored, self) {
            (Stored::Acres, Self::Acres) | (Stored::Ft2, Self::Ft2) => Some(1.0),
            (Stored::Acres, unit) => unit.ft2().map(|ft2| ft2 / FT2_PER_ACRE),
            (Stored::Ft2, unit) => unit.ft2(),
            (Stored::M2, Self::M2) => Some(1.0),
            (Stored::M2, unit) => unit.ft2().map(|ft2| ft2 / FT2_PER_M2),
            (Stored::Amount, Self::Thousands) => Some(1e3),
            (Stored::Amount, Self::Millions) => Some(1e6),
            (Stored::Amount, _) => None,
        }
    }
}

/// The unit that clean values of a column have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    Acres,
    Ft2,
    M2,
    /// Money, a count, or a number whose unit is not known.
    Amount,
}

impl Stored {
    /// The unit of the clean column of this name.
    pub fn of(column: &str, area: AreaUnit) -> Self {
        match (column, area) {
            (crate::columns::ACRE_LOT | crate::columns::HOUSE_SIZE, AreaUnit::M2) => Self::M2,
            (crate::columns::ACRE_LOT, AreaUnit::Ft2) => Self::Acres,
            (crate::columns::HOUSE_SIZE, AreaUnit::Ft2) => Self::Ft2,
            _ => Self::Amount,
        }
    }

    pub const fn unit(self) -> Option<Unit> {
        match self {
            Self::Acres => Some(Unit::Acres),
            Self::Ft2 => Some(Unit::Ft2),
            Self::M2 => Some(Unit::M2),
            Self::Amount => None,
        }
    }

    pub fn code(self) -> Option<&'static str> {
        self.unit().map(Unit::code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::words;

    #[test]
    fn units_are_found_in_headers() {
        for (header, unit) in [
            ("lot_sqft", Some(Unit::Ft2)),
            ("LotSizeSquareFeet", Some(Unit::Ft2)),
            ("Superficie (m²)", Some(Unit::M2)),
            ("superficie", Some(Unit::M2)),
            ("metros", Some(Unit::M2)),
            ("sqft_living15", Some(Unit::Ft2)),
            ("lot acres", Some(Unit::Acres)),
            ("price (thousands)", Some(Unit::Thousands)),
            ("precio_miles", Some(Unit::Thousands)),
            ("lot size", None),
            ("k", None),
            ("acme", None),
        ] {
            assert_eq!(Unit::of_words(&words(header)), unit, "{header}");
        }
    }

    #[test]
    fn areas_are_converted() {
        let close = |left: f64, right: f64| assert!((left / right - 1.0).abs() < 1e-9, "{left}");
        close(Unit::Ft2.factor(Stored::Acres).unwrap() * 43_560.0, 1.0);
        close(Unit::M2.factor(Stored::Ft2).unwrap(), 10.763_910_416_7);
        close(
            Unit::Hectares.factor(Stored::Acres).unwrap(),
            2.471_053_814_67,
        );
        close(Unit::Acres.factor(Stored::Ft2).unwrap(), 43_560.0);
        close(Unit::Acres.factor(Stored::M2).unwrap(), 4_046.856_422_4);
        assert_eq!(Unit::M2.factor(Stored::M2), Some(1.0));
        assert_eq!(Unit::Thousands.factor(Stored::Ft2), None);
        assert_eq!(Unit::Acres.factor(Stored::Amount), None);
    }

    #[test]
    fn codes_are_the_same_in_text_and_in_json() {
        for unit in Unit::ALL {
            let json = serde_json::to_string(&unit).unwrap();
            assert_eq!(json, format!("\"{}\"", unit.code()));
        }
    }
}
