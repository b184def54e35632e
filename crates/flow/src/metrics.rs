//! Measured values by name, kept exactly.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, Deserializer, Visitor};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};

/// Measured values by name.
///
/// JSON and DynamoDB know no NaN and no infinities, and DynamoDB no very large or small numbers:
/// such a value is written as text (`"NaN"`, `"Infinity"`, `"-Infinity"`, `"1e300"`), and both
/// spellings are read.
#[derive(Debug, Clone, Default, PartialEq)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = BTreeMap<String, Written>))]
pub struct Metrics(pub BTreeMap<String, f64>);

/// How one value is written: a number, or one that JSON has no word for, as text.
#[cfg(feature = "openapi")]
#[derive(Serialize, utoipa::ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "read by the macros that write schemas")]
pub(crate) enum Written {
    /// A number.
    Number(f64),
    /// `NaN`, `Infinity`, or a very large or small number.
    Text(String),
}

impl Metrics {
    /// The value of that name.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.0.get(name).copied()
    }

    /// Whether nothing was measured.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<K: Into<String>> FromIterator<(K, f64)> for Metrics {
    fn from_iter<I: IntoIterator<Item = (K, f64)>>(values: I) -> Self {
        Self(
            values
                .into_iter()
                .map(|(name, value)| (name.into(), value))
                .collect(),
        )
    }
}

/// One value as the table and JSON can hold it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Number(pub f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let value = self.0;
        // DynamoDB holds 38 digits within 1e-130 and 1e126; Rust prints a float without an
        // exponent, so the bounds are drawn where the text stays short.
        if value == 0.0 {
            // DynamoDB has no negative zero, and an entry has the same bytes wherever it is written.
            serializer.serialize_f64(0.0)
        } else if (1e-18..1e18).contains(&value.abs()) {
            serializer.serialize_f64(value)
        } else if value.is_nan() {
            serializer.serialize_str("NaN")
        } else if value.is_infinite() {
            serializer.serialize_str(if value > 0.0 { "Infinity" } else { "-Infinity" })
        } else {
            serializer.serialize_str(&format!("{value:e}"))
        }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyNumber;
        impl Visitor<'_> for AnyNumber {
            type Value = Number;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, or a number as text")
            }
            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Number, E> {
                Ok(Number(value))
            }
            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Number, E> {
                Ok(Number(value as f64))
            }
            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Number, E> {
                Ok(Number(value as f64))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Number, E> {
                // Rust reads "NaN", "Infinity" and "-Infinity" as they are.
                text.parse()
                    .map(Number)
                    .map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(AnyNumber)
    }
}

impl Serialize for Metrics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, &Number(*value))?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Metrics {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let values = BTreeMap::<String, Number>::deserialize(deserializer)?;
        Ok(Self(
            values
                .into_iter()
                .map(|(name, value)| (name, value.0))
                .collect(),
        ))
    }
}

/// One value, in the same spelling.
pub(crate) mod number {
    use super::{Deserialize, Deserializer, Number, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        Number(*value).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
        Ok(Number::deserialize(from)?.0)
    }
}

/// One value that may be absent, in the same spelling.
pub(crate) mod optional_number {
    use super::{Deserialize, Deserializer, Number, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(
        value: &Option<f64>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        value.map(Number).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<f64>, D::Error> {
        Ok(Option::<Number>::deserialize(deserializer)?.map(|number| number.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_value_survives_items_and_json(bits: u64) {
            let value = f64::from_bits(bits);
            let metrics: Metrics = [("m", value)].into_iter().collect();
            let read = |read: Metrics| read.get("m").unwrap();
            let item: serde_dynamo::Item = serde_dynamo::to_item(&metrics).unwrap();
            let kept = read(serde_dynamo::from_item(item).unwrap());
            prop_assert!(kept == value || (kept.is_nan() && value.is_nan()), "{kept} for {value}");
            // The JSON reader is allowed the last bit.
            let json = serde_json::to_string(&metrics).unwrap();
            let sent = read(serde_json::from_str(&json).unwrap());
            let near = (sent - value).abs() <= value.abs() * f64::EPSILON;
            prop_assert!(near || sent == value || (sent.is_nan() && value.is_nan()), "{json}");
        }
    }

    #[test]
    fn ordinary_values_stay_numbers_for_json_readers() {
        let metrics: Metrics = [
            ("mae", 70_123.25),
            ("r2", -0.5),
            ("zero", -0.0),
            ("bad", f64::NAN),
        ]
        .into_iter()
        .collect();
        let json = serde_json::to_string(&metrics).unwrap();
        assert_eq!(json, r#"{"bad":"NaN","mae":70123.25,"r2":-0.5,"zero":0.0}"#);
    }
}
