//! Sales as they are reported: in JSON, in files of lines of JSON, in CSV.

use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tasador_listing::PropertyKey;
use tasador_listing::clean::{clean_date, clean_number};

use crate::served::property_of;

/// Names of the date of a sale, first one first.
const DATE_FIELDS: [&str; 5] = [
    "date",
    "sale_date",
    "sold_date",
    "sold_on",
    "prev_sold_date",
];
/// Names of the price of a sale.
const PRICE_FIELDS: [&str; 3] = ["price", "sale_price", "sold_price"];

/// What was sold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// The home of an answered request, by its place in the request.
    Request {
        request_id: String,
        instance: u32,
    },
    Property(PropertyKey),
}

/// A sale that somebody reported.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reported {
    pub subject: Subject,
    /// In US dollars.
    pub price: f64,
    pub date: Date,
}

/// Why an entry is not a sale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadSale {
    /// The field.
    pub field: &'static str,
    pub reason: String,
}

impl fmt::Display for BadSale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.reason)
    }
}

/// Reads one sale: `price`, `date`, and `request_id` (with `instance`, from 0) or the fields of an address.
///
/// # Errors
/// [`BadSale`] with the first field that is missing or wrong.
pub fn read_json(sale: &Map<String, Value>) -> Result<Reported, BadSale> {
    let text = |name: &str| match sale.get(name)? {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let first = |names: &[&str]| names.iter().find_map(|name| text(name));
    let bad = |field, reason: &str| BadSale {
        field,
        reason: reason.to_owned(),
    };
    let price = first(&PRICE_FIELDS)
        .and_then(|text| clean_number(&text))
        .filter(|price| *price > 0.0)
        .ok_or_else(|| bad("price", "an amount above 0 is required"))?;
    let date = first(&DATE_FIELDS)
        .and_then(|text| clean_date(&text))
        .ok_or_else(|| {
            bad(
                "date",
                "the day of the sale is required, such as 2026-11-25",
            )
        })?;
    let subject = match text("request_id") {
        Some(request_id) => Subject::Request {
            request_id,
            instance: match sale.get("instance") {
                None | Some(Value::Null) => 0,
                Some(_) => text("instance")
                    .and_then(|text| clean_number(&text))
.filter(|at| at.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(at))
.map(|at| at as u32)
                    .ok_or_else(|| bad("instance", "a whole number from 0 is expected"))?,
            },
        },
        None => Subject::Property(property_of(sale).ok_or_else(|| {
            bad(
                "request_id",
                "the id of the answered request is required, or the address: street and zip_code, or an id of the property",
            )
        })?),
    };
    Ok(Reported {
        subject,
        price,
        date,
    })
}

/// Reads a file: a JSON list, one JSON object, lines of JSON, or CSV with a header. Entries that are not sales
/// are counted and left out.
pub fn read_file(bytes: &[u8]) -> (Vec<Reported>, u64) {
    let entries = entries(bytes);
    let all = entries.len();
    let sales: Vec<Reported> = entries
        .into_iter()
        .filter_map(|entry| read_json(entry.as_object()?).ok())
        .collect();
    let bad = (all - sales.len()) as u64;
    (sales, bad)
}

fn entries(bytes: &[u8]) -> Vec<Value> {
    if let Ok(value) = serde_json::from_slice::<Value>(bytes) {
        return match value {
            Value::Array(list) => list,
            Value::Object(mut fields) => match fields.remove("sales") {
                Some(Value::Array(list)) => list,
                _ => vec![Value::Object(fields)],
            },
            _ => vec![value],
        };
    }
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_start_matches('\u{feff}');
    if text.trim_start().starts_with('{') {
        return text
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(|line| serde_json::from_str(line).unwrap_or(Value::Null))
            .collect();
    }
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    reader
        .deserialize::<std::collections::BTreeMap<String, String>>()
        .map(|row| {
            let fields = row.unwrap_or_default().into_iter();
            Value::Object(fields.map(|(name, value)| (name, value.into())).collect())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(sale: Value) -> Result<Reported, BadSale> {
        read_json(sale.as_object().unwrap())
    }

    #[test]
    fn the_same_property_in_every_spelling_and_format() {
        let by = |sale: Value| read(sale).unwrap().subject;
        let usual = by(
            json!({"street": "12 N Main St", "zip_code": "06016", "price": 1, "date": "2026-01-02"}),
        );
        for other in [
            json!({"street": "12 North Main Street", "zip_code": 6016, "price": "$1", "sale_date": "2026-01-02T00:00:00Z"}),
            json!({"Street": "12 n. main st.", "Zip Code": "06016-1234", "sold_price": 2.5, "date": "20260102"}),
        ] {
            assert_eq!(by(other.clone()), usual, "{other}");
        }
        let (csv, bad) = read_file(
            b"street,zip_code,price,date\n12 N Main St,06016,100,2026-01-02\n,,5,2026-01-02\n",
        );
        assert_eq!((csv.len(), bad), (1, 1));
        assert_eq!(csv[0].subject, usual);
        let (lines, bad) = read_file(
            b"{\"request_id\": \"a\", \"price\": 1, \"date\": \"2026-01-02\"}\nnot json\n",
        );
        assert_eq!((lines.len(), bad), (1, 1));
    }

    #[test]
    fn what_is_missing_is_named() {
        for (sale, field) in [
            (json!({"request_id": "a", "date": "2026-01-02"}), "price"),
            (
                json!({"request_id": "a", "price": -1, "date": "2026-01-02"}),
                "price",
            ),
            (
                json!({"request_id": "a", "price": 1, "date": "1/2/2026"}),
                "date",
            ),
            (
                json!({"price": 1, "date": "2026-01-02", "color": "red"}),
                "request_id",
            ),
            (
                json!({"request_id": "a", "instance": -1, "price": 1, "date": "2026-01-02"}),
                "instance",
            ),
        ] {
            assert_eq!(read(sale.clone()).unwrap_err().field, field, "{sale}");
        }
    }

    #[test]
    fn any_bytes_can_be_read() {
        for bytes in [
            &b""[..],
            b"\xff\xfe",
            b"[1, null]",
            b"{\"sales\": [{}]}",
            b"a,b\n\"",
            b"7",
        ] {
            assert!(read_file(bytes).0.is_empty());
        }
    }
}
