//! How the bytes of a batch are written.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::InvalidId;

/// How rows are written, once unpacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// One JSON object whose `data` is a list of rows: the answer of the data API.
    ApiJson,
    /// One JSON list of rows.
    Json,
    /// One JSON object a line.
    Ndjson,
    /// Comma-separated values with a header.
    Csv,
    /// Apache Parquet.
    Parquet,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::ApiJson,
        Self::Json,
        Self::Ndjson,
        Self::Csv,
        Self::Parquet,
    ];

    /// The name in states and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ApiJson => "api_json",
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
            Self::Parquet => "parquet",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Format {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Self::ALL
            .into_iter()
            .find(|format| format.as_str() == text)
            .ok_or_else(|| {
                let known = "api_json, json, ndjson, csv or parquet is expected";
                InvalidId::new("format", text, known)
            })
    }
}

/// How a raw object is written: its format, and whether it is gzip'd.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RawForm {
    /// How the rows are written.
    pub format: Format,
    /// Whether the bytes are packed with gzip.
    pub gzip: bool,
}

impl RawForm {
    /// The extension of the raw object's key, such as `csv.gz`. Both kinds of JSON are `json`:
    /// a list and an object cannot be mistaken for one another.
    pub const fn extension(self) -> &'static str {
        match (self.format, self.gzip) {
            (Format::ApiJson | Format::Json, false) => "json",
            (Format::ApiJson | Format::Json, true) => "json.gz",
            (Format::Ndjson, false) => "ndjson",
            (Format::Ndjson, true) => "ndjson.gz",
            (Format::Csv, false) => "csv",
            (Format::Csv, true) => "csv.gz",
            (Format::Parquet, false) => "parquet",
            (Format::Parquet, true) => "parquet.gz",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for format in Format::ALL {
            assert_eq!(format.as_str().parse(), Ok(format));
            assert_eq!(serde_json::to_value(format).unwrap(), format.as_str());
        }
        assert!("xlsx".parse::<Format>().is_err());
    }
}
