//! What a client sends: one set of named values, whether it came in the query or in the body.
//!
//! Clients write 64-bit numbers as numbers or as text, and a list of one as a single value; both are
//! read. Names that are not known are ignored, as newer clients send more.

use std::collections::BTreeMap;

use axum::body::to_bytes;
use axum::extract::{FromRequest, Request};
use serde::de::{DeserializeOwned, Deserializer, Error as _};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::refusal::Refusal;

/// The largest body that is read, in bytes: Lambda takes 6 MB with all that is around it.
const BODY_MAX_BYTES: usize = 6 * 1024 * 1024;

/// The values of a call.
pub(super) struct Call<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Call<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        let (parts, body) = request.into_parts();
        let mut values = Map::new();
        for (name, value) in pairs(parts.uri.query().unwrap_or_default())? {
            match values.get_mut(&name) {
                None => {
                    values.insert(name, value.into());
                }
                Some(Value::Array(list)) => list.push(value.into()),
                Some(one) => *one = Value::Array(vec![one.take(), value.into()]),
            }
        }
        let bytes = to_bytes(body, BODY_MAX_BYTES).await.map_err(|_| {
            Refusal::invalid(format!("The body has more than {BODY_MAX_BYTES} bytes."))
        })?;
        if !bytes.is_empty() {
            match serde_json::from_slice(&bytes) {
                Ok(Value::Object(body)) => values.extend(body),
                Ok(_) => return Err(Refusal::bad_request("The body is not a JSON object.")),
                Err(error) => {
                    return Err(Refusal::bad_request(format!(
                        "The body is not JSON that can be read: {error}."
                    )));
                }
            }
        }
        // What is null is absent.
        values.retain(|_, value| !value.is_null());
        serde_path_to_error::deserialize(Value::Object(values))
            .map(Self)
            .map_err(|error| {
                let path = error.path().to_string();
                Refusal::invalid(match path.as_str() {
                    "." => format!("{}.", error.inner()),
                    path => format!(
                        "Invalid value for parameter '{path}' supplied: {}.",
                        error.inner()
                    ),
                })
            })
    }
}

/// The names and values of a query, decoded.
pub(super) fn pairs(query: &str) -> Result<Vec<(String, String)>, Refusal> {
    let uri = format!("/?{query}")
        .parse()
        .map_err(|_| Refusal::bad_request("The query can't be read."))?;
    axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&uri)
        .map(|query| query.0)
        .map_err(|_| Refusal::bad_request("The query can't be read."))
}

/// That a value which the call needs was sent, and is not empty.
pub(super) fn required(name: &str, value: Option<String>) -> Result<String, Refusal> {
    value
        .filter(|value| !value.is_empty())
        .ok_or_else(|| Refusal::invalid(format!("Missing value for required parameter '{name}'.")))
}

/// Reads a whole number that is written as a number or as text.
pub(super) fn whole<'de, D: Deserializer<'de>>(value: D) -> Result<Option<i64>, D::Error> {
    let read = match Value::deserialize(value)? {
        Value::Null => return Ok(None),
        Value::Number(number) => number.as_i64().or_else(|| {
            // 5.0 is 5.
            let float = number.as_f64().filter(|float| float.fract() == 0.0)?;
            (float.abs() < 9e15).then_some(float as i64)
        }),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    read.map(Some)
        .ok_or_else(|| D::Error::custom("a whole number is expected"))
}

/// Reads a number, or one that JSON has no word for as text.
pub(super) fn number<'de, D: Deserializer<'de>>(value: D) -> Result<Option<f64>, D::Error> {
    let read = match Value::deserialize(value)? {
        Value::Null => return Ok(None),
        Value::Number(number) => number.as_f64(),
        // Rust reads "NaN", "Infinity" and "-Infinity" as they are.
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    // Infinities are kept as the largest numbers there are, as MLflow's own server does.
    read.map(|number: f64| {
        Some(if number.is_infinite() {
            f64::MAX.copysign(number)
        } else {
            number
        })
    })
    .ok_or_else(|| D::Error::custom("a number is expected"))
}

/// Reads a list, or one value that is a list of one.
pub(super) fn many<'de, D: Deserializer<'de>>(value: D) -> Result<Vec<String>, D::Error> {
    match Value::deserialize(value)? {
        Value::Null => Ok(Vec::new()),
        Value::Array(list) => list.into_iter().map(text_of::<D>).collect(),
        one => Ok(vec![text_of::<D>(one)?]),
    }
}

/// Reads a text that some clients send as a number, such as a version.
pub(super) fn text<'de, D: Deserializer<'de>>(value: D) -> Result<Option<String>, D::Error> {
    match Value::deserialize(value)? {
        Value::Null => Ok(None),
        value => text_of::<D>(value).map(Some),
    }
}

fn text_of<'de, D: Deserializer<'de>>(value: Value) -> Result<String, D::Error> {
    match value {
        Value::String(text) => Ok(text),
        Value::Number(number) => Ok(number.to_string()),
        _ => Err(D::Error::custom("a text is expected")),
    }
}

/// A name with its value: a tag or a parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Pair {
    pub(super) key: String,
    #[serde(default)]
    pub(super) value: String,
}

impl Pair {
    /// Pairs by name; of two with one name the later counts.
    pub(super) fn map(pairs: Vec<Self>) -> BTreeMap<String, String> {
        pairs
            .into_iter()
            .map(|pair| (pair.key, pair.value))
            .collect()
    }

    /// The pairs of a map.
    pub(super) fn list(map: &BTreeMap<String, String>) -> Vec<Self> {
        map.iter()
            .map(|(key, value)| Self {
                key: key.clone(),
                value: value.clone(),
            })
            .collect()
    }
}

/// Which of things that can be deleted are asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub(super) enum View {
    /// Those that are not.
    #[default]
    #[serde(rename = "ACTIVE_ONLY")]
    Active,
    /// Those that are.
    #[serde(rename = "DELETED_ONLY")]
    Deleted,
    /// All.
    #[serde(rename = "ALL")]
    All,
}

impl View {
    /// Whether a thing that is deleted or not is among them.
    pub(super) fn shows(self, is_deleted: bool) -> bool {
        match self {
            Self::Active => !is_deleted,
            Self::Deleted => is_deleted,
            Self::All => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct Sent {
        run_id: Option<String>,
        #[serde(deserialize_with = "whole")]
        max_results: Option<i64>,
        #[serde(deserialize_with = "number")]
        value: Option<f64>,
        #[serde(deserialize_with = "many")]
        ids: Vec<String>,
        #[serde(deserialize_with = "text")]
        version: Option<String>,
    }

    async fn read(query: &str, body: &str) -> Result<Sent, Refusal> {
        let request = Request::builder().uri(format!("/x?{query}"));
        let request = request.body(Body::from(body.to_owned())).unwrap();
        Call::<Sent>::from_request(request, &())
            .await
            .map(|call| call.0)
    }

    #[tokio::test]
    async fn every_way_of_writing_a_value_is_read() {
        let query = read("run_id=a%20b&max_results=5&ids=1&ids=2&version=3", "")
            .await
            .unwrap();
        let body = read(
            "",
            r#"{"run_id": "a b", "max_results": "5", "ids": ["1", 2], "version": 3, "more": {}}"#,
        );
        assert_eq!(query, body.await.unwrap());
        assert_eq!((query.max_results, query.ids.len()), (Some(5), 2));
        assert_eq!(read("ids=1", "").await.unwrap().ids, ["1"]);
        assert_eq!(
            read("", r#"{"max_results": 5.0}"#)
                .await
                .unwrap()
                .max_results,
            Some(5)
        );
        assert_eq!(
            read("", r#"{"run_id": null}"#).await.unwrap(),
            Sent::default()
        );
        let value = async |text: &str| read("", &format!("{{\"value\": {text}}}")).await;
        assert!(value("\"NaN\"").await.unwrap().value.unwrap().is_nan());
        assert_eq!(value("\"-Infinity\"").await.unwrap().value, Some(f64::MIN));
        assert_eq!(value("1e3").await.unwrap().value, Some(1_000.0));
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_told() {
        for (body, part) in [
            ("[]", "object"),
            ("{", "JSON"),
            (r#"{"max_results": "many"}"#, "max_results"),
            (r#"{"ids": [{}]}"#, "ids"),
            (r#"{"value": "x"}"#, "value"),
        ] {
            let refusal = read("", body).await.unwrap_err();
            assert!(
                refusal.message().contains(part),
                "{body}: {}",
                refusal.message()
            );
        }
    }
}
