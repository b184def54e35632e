//! The currency of prices and the unit of areas, of an installation.
//!
//! As a process has one locale, it has one of each: the first [`Units::apply`] decides, which whoever
//! reads the configuration calls. Clean rows, models, answers and texts have these units; nothing is
//! converted between them.

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use crate::InvalidId;

/// A currency by its ISO 4217 code, such as `USD`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

impl Currency {
    pub const USD: Self = Self(*b"USD");
    pub const EUR: Self = Self(*b"EUR");
    pub const GBP: Self = Self(*b"GBP");
    pub const AUD: Self = Self(*b"AUD");
    pub const COP: Self = Self(*b"COP");

    pub fn code(&self) -> &str {
        // Only capital letters come in.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl FromStr for Currency {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        match text.as_bytes() {
            &[a, b, c] if [a, b, c].iter().all(u8::is_ascii_alphabetic) => {
                Ok(Self([a, b, c].map(|letter| letter.to_ascii_uppercase())))
            }
            _ => Err(InvalidId::new(
                "currency",
                text,
                "write its code of three letters, such as USD",
            )),
        }
    }
}

impl TryFrom<String> for Currency {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.code().to_owned()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// The unit of areas.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AreaUnit {
    /// Living areas in square feet, lots in acres.
    #[default]
    Ft2,
    /// Both in square metres.
    M2,
}

impl AreaUnit {
    pub const fn code(self) -> &'static str {
        match self {
            Self::Ft2 => "ft2",
            Self::M2 => "m2",
        }
    }
}

impl FromStr for AreaUnit {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        [Self::Ft2, Self::M2]
            .into_iter()
            .find(|unit| unit.code() == text)
            .ok_or_else(|| InvalidId::new("unit of areas", text, "write ft2 or m2"))
    }
}

impl fmt::Display for AreaUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// The units of an installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Units {
    pub currency: Currency,
    pub area: AreaUnit,
}

static APPLIED: OnceLock<Units> = OnceLock::new();

impl Default for Units {
    fn default() -> Self {
        Self {
            currency: Currency::USD,
            area: AreaUnit::default(),
        }
    }
}

impl Units {
    /// Makes these the units of the process, if none are yet.
    pub fn apply(self) {
        // A process that starts several clouds, as tests do, keeps the units of the first.
        let _ = APPLIED.set(self);
    }

    /// The units of the process.
    pub fn current() -> Self {
        APPLIED.get().copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_and_written() {
        for (text, code) in [
            ("USD", Some("USD")),
            ("cop", Some("COP")),
            ("€", None),
            ("dollars", None),
            ("", None),
        ] {
            let read = text.parse::<Currency>().ok();
            assert_eq!(
                read.map(|currency| currency.to_string()).as_deref(),
                code,
                "{text}"
            );
        }
        assert_eq!("m2".parse(), Ok(AreaUnit::M2));
        assert!("m²".parse::<AreaUnit>().is_err());
        assert_eq!(serde_json::to_string(&Currency::COP).unwrap(), "\"COP\"");
        assert!(serde_json::from_str::<Currency>("\"pesos\"").is_err());
    }
}
