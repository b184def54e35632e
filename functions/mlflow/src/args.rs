//! The named values of a call, whether they come in the path, the body or the query.
//!
//! Clients write 64-bit numbers as numbers or as text, and a list of one as a single value; both are
//! accepted. A number in place of a text is refused, as by MLflow. Unknown names are ignored: newer clients
//! send more.

use std::collections::BTreeMap;

use axum::extract::{FromRequest, FromRequestParts as _, Query, RawPathParams, Request};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tasador_http::body;
use tasador_ids::Digest;
use tasador_runtime::Context;

use crate::error::ApiError;

/// The largest body, in bytes: Lambda accepts 6 MB with everything around it.
const BODY_MAX_BYTES: usize = 6 * 1024 * 1024;

/// As much of an invalid value is shown in the message.
const SHOWN_MAX_CHARS: usize = 500;

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Args(Map<String, Value>);

impl FromRequest<Context> for Args {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &Context) -> Result<Self, ApiError> {
        let (mut parts, body) = request.into_parts();
        let path = RawPathParams::from_request_parts(&mut parts, &())
            .await
            .ok();
        let bytes = body::read(&parts.headers, body, BODY_MAX_BYTES).await?;
        let query = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri);
        let query = query.map_err(|_| ApiError::bad_request("The query is malformed."))?;
        let mut args = Self::read(query.0, &bytes)?;
        for (name, value) in path.iter().flat_map(|path| path.iter()) {
            args.0.insert(name.to_owned(), value.into());
        }
        Ok(args)
    }
}

impl From<Map<String, Value>> for Args {
    fn from(mut values: Map<String, Value>) -> Self {
        values.retain(|_, value| !value.is_null());
        Self(values)
    }
}

impl Args {
    /// The same with another value.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// Stands for these values: it is equal only if they are.
    pub(crate) fn digest(&self, names: &[&str]) -> String {
        let values: Vec<_> = names.iter().map(|name| self.0.get(*name)).collect();
        Digest::of(format!("{values:?}").as_bytes()).to_string()
    }

    fn read(query: Vec<(String, String)>, bytes: &[u8]) -> Result<Self, ApiError> {
        let mut values = Map::new();
        for (name, value) in query {
            match values.get_mut(&name) {
                None => {
                    values.insert(name, value.into());
                }
                Some(Value::Array(list)) => list.push(value.into()),
                Some(first) => *first = Value::Array(vec![first.take(), value.into()]),
            }
        }
        if !bytes.is_empty() {
            match body::json(bytes)? {
                Value::Object(body) => values.extend(body),
                _ => return Err(ApiError::bad_request("The body is not a JSON object.")),
            }
        }
        Ok(values.into())
    }

    fn get<T>(
        &self,
        name: &str,
        expected: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<Option<T>, ApiError> {
        let value = self.0.get(name);
        value
            .map(|value| read(value).ok_or_else(|| invalid(name, value, expected)))
            .transpose()
    }

    pub(crate) fn text(&self, name: &str) -> Result<Option<String>, ApiError> {
        self.get(name, "a text", text)
    }

    /// A text; an empty one counts as absent.
    pub(crate) fn filled(&self, name: &str) -> Result<Option<String>, ApiError> {
        Ok(self.text(name)?.filter(|text| !text.is_empty()))
    }

    /// A text that the call requires, and that is not empty.
    pub(crate) fn required(&self, name: &str) -> Result<String, ApiError> {
        self.filled(name)?.ok_or_else(|| ApiError::missing(name))
    }

    /// The id of a run: older clients send `run_uuid`.
    pub(crate) fn run_id(&self) -> Result<String, ApiError> {
        match self.filled("run_id")? {
            Some(run_id) => Ok(run_id),
            None => self
                .filled("run_uuid")?
                .ok_or_else(|| ApiError::missing("run_id")),
        }
    }

    pub(crate) fn whole(&self, name: &str) -> Result<Option<i64>, ApiError> {
        self.get(name, "a whole number", |value| match value {
            Value::Number(number) => number.as_i64().or_else(|| {
                // 5.0 is 5.
                let float = number.as_f64().filter(|float| float.fract() == 0.0)?;
                (float.abs() < 9e15).then_some(float as i64)
            }),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        })
    }

    /// A number, or `NaN`, `Infinity` and `-Infinity` as text. Infinities become the largest numbers,
    /// as on MLflow's own server.
    pub(crate) fn number(&self, name: &str) -> Result<Option<f64>, ApiError> {
        self.get(name, "a number", |value| {
            let number: f64 = match value {
                Value::Number(number) => number.as_f64(),
                Value::String(text) => text.trim().parse().ok(),
                _ => None,
            }?;
            Some(match number.is_infinite() {
                true => f64::MAX.copysign(number),
                false => number,
            })
        })
    }

    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>, ApiError> {
        self.get(name, "true or false", |value| match value {
            Value::String(text) => text.to_ascii_lowercase().parse().ok(),
            value => value.as_bool(),
        })
    }

    /// A list of texts, or a single one.
    pub(crate) fn texts(&self, name: &str) -> Result<Vec<String>, ApiError> {
        let texts = self.get(name, "a list of texts", |value| match value {
            // Within a list MLflow takes numbers for texts.
            Value::Array(list) => list.iter().map(text_or_number).collect(),
            value => Some(vec![text(value)?]),
        })?;
        Ok(texts.unwrap_or_default())
    }

    /// A list of objects.
    pub(crate) fn list(&self, name: &str) -> Result<Vec<Self>, ApiError> {
        let list = self.get(name, "a list of objects", |value| {
            let list = value.as_array()?.iter();
            list.map(|one| Some(one.as_object()?.clone().into()))
                .collect()
        })?;
        Ok(list.unwrap_or_default())
    }

    /// An object.
    pub(crate) fn object(&self, name: &str) -> Result<Self, ApiError> {
        let object = self.get(name, "an object", |value| {
            Some(value.as_object()?.clone().into())
        })?;
        Ok(object.unwrap_or_default())
    }

    /// A value of any kind; null where it was not sent.
    pub(crate) fn value(&self, name: &str) -> Value {
        self.0.get(name).cloned().unwrap_or_default()
    }

    /// Tags or parameters, in the order in which they were sent.
    pub(crate) fn pairs(&self, name: &str) -> Result<Vec<(String, String)>, ApiError> {
        let pairs = self.list(name)?.into_iter().map(|pair| {
            let key = pair.text("key")?.ok_or_else(|| ApiError::missing("key"))?;
            Ok((key, pair.text("value")?.unwrap_or_default()))
        });
        pairs.collect()
    }

    /// Tags or parameters by name; the last value of a name counts.
    pub(crate) fn map(&self, name: &str) -> Result<BTreeMap<String, String>, ApiError> {
        Ok(self.pairs(name)?.into_iter().collect())
    }

    /// One of the names of an enum.
    pub(crate) fn one_of<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, ApiError> {
        self.get(name, "a known name", |value| {
            serde_json::from_value(value.clone()).ok()
        })
    }
}

/// Which of the records that can be deleted are shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum View {
    #[default]
    ActiveOnly,
    DeletedOnly,
    All,
}

impl View {
    pub(crate) fn shows(self, deleted_ms: Option<i64>) -> bool {
        match self {
            Self::ActiveOnly => deleted_ms.is_none(),
            Self::DeletedOnly => deleted_ms.is_some(),
            Self::All => true,
        }
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn text_or_number(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => Some(number.to_string()),
        value => text(value),
    }
}

fn invalid(name: &str, value: &Value, expected: &str) -> ApiError {
    let shown: String = value.to_string().chars().take(SHOWN_MAX_CHARS).collect();
    ApiError::invalid(format!(
        "Invalid value {shown} for parameter '{name}' supplied: {expected} expected."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(body: &str) -> Result<Args, ApiError> {
        Args::read(Vec::new(), body.as_bytes())
    }

    #[test]
    fn query_and_body_are_read_alike() {
        let query = [
            ("run_uuid", "a b"),
            ("max_results", "5"),
            ("ids", "1"),
            ("ids", "2"),
            ("archive", "True"),
        ];
        let query = query.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let query = Args::read(query.into(), b"").unwrap();
        let body = args(
            r#"{"run_id": "a b", "max_results": 5.0, "ids": ["1", "2"], "archive": true, "version": 3, "none": null}"#,
        );
        for args in [query, body.unwrap()] {
            assert_eq!(args.run_id().unwrap(), "a b");
            assert_eq!(args.whole("max_results").unwrap(), Some(5));
            assert_eq!(args.texts("ids").unwrap(), ["1", "2"]);
            assert_eq!(args.flag("archive").unwrap(), Some(true));
            assert_eq!(args.text("none").unwrap(), None);
        }
        let one = args(r#"{"ids": "1", "tags": [{"key": "k"}]}"#).unwrap();
        assert_eq!(one.texts("ids").unwrap(), ["1"]);
        assert_eq!(one.map("tags").unwrap()["k"], "");
        let number = |text: &str| {
            args(&format!("{{\"value\": {text}}}"))
                .unwrap()
                .number("value")
        };
        assert!(number("\"NaN\"").unwrap().unwrap().is_nan());
        assert_eq!(number("\"-Infinity\"").unwrap(), Some(f64::MIN));
        assert_eq!(number("1e3").unwrap(), Some(1_000.0));
    }

    #[test]
    fn an_invalid_value_is_named() {
        assert!(args("[]").unwrap_err().message.contains("object"));
        assert!(args("{").unwrap_err().message.contains("JSON"));
        let args =
            args(r#"{"a": "many", "b": {}, "c": "", "name": 123, "tags": "5", "ids": [1, true]}"#)
                .unwrap();
        for (error, message) in [
            (
                args.text("name").unwrap_err(),
                "Invalid value 123 for parameter 'name'",
            ),
            (
                args.pairs("tags").unwrap_err(),
                "Invalid value \"5\" for parameter 'tags'",
            ),
            (
                args.texts("ids").unwrap_err(),
                "Invalid value [1,true] for parameter 'ids'",
            ),
        ] {
            assert!(error.message.starts_with(message), "{}", error.message);
        }
        for error in [
            args.whole("a").unwrap_err(),
            args.number("a").unwrap_err(),
            args.list("a").unwrap_err(),
            args.flag("a").unwrap_err(),
        ] {
            assert!(error.message.contains("'a'"), "{}", error.message);
        }
        assert!(args.texts("b").unwrap_err().message.contains("'b'"));
        assert!(args.required("c").unwrap_err().message.contains("'c'"));
    }
}
