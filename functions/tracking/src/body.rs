//! Bodies of requests that change something: JSON, small, and every wrong field told.

use axum::body::to_bytes;
use axum::extract::Request;
use http::{StatusCode, header};
use serde_json::{Map, Value};
use tasador_runtime::Problem;

use crate::problem::unprocessable;

/// The largest body, in bytes: a few names and a sentence.
const MAX_BYTES: usize = 16 << 10;
/// The longest reason, in characters.
const REASON_MAX_CHARS: usize = 500;

/// The fields of a body; none of an empty one and of `null`. Only JSON is read, which no form of a foreign page
/// can send.
pub(crate) async fn fields(request: Request) -> Result<Fields, Box<Problem>> {
    let (parts, body) = request.into_parts();
    let bytes = to_bytes(body, MAX_BYTES).await.map_err(|_| {
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE)
            .detail(format!("The body has more than {MAX_BYTES} bytes."))
    })?;
    let kind = parts.headers.get(header::CONTENT_TYPE);
    let is_json = kind.is_some_and(|kind| kind.to_str().is_ok_and(is_json));
    let is_nothing = kind.is_none() && bytes.is_empty();
    if !is_json && !is_nothing {
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE)
            .detail("The body must be JSON: send Content-Type: application/json.")
            .into());
    }
    if bytes.is_empty() {
        return Ok(Fields(Map::new()));
    }
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(fields)) => Ok(Fields(fields)),
        Ok(Value::Null) => Ok(Fields(Map::new())),
        Ok(_) => Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY)
            .detail("The body is not an object.")
            .into()),
        Err(error) => Err(Problem::new(StatusCode::BAD_REQUEST)
            .detail(format!("The body is not JSON that can be read: {error}."))
            .into()),
    }
}

fn is_json(kind: &str) -> bool {
    let essence = kind.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

/// What is left to be read of a body.
pub(crate) struct Fields(Map<String, Value>);

impl Fields {
    /// Whether a field is there, be it `null`.
    pub(crate) fn has(&self, field: &str) -> bool {
        self.0.contains_key(field)
    }

    /// Takes a field; `null` counts as absent.
    pub(crate) fn take(&mut self, field: &str) -> Option<Value> {
        self.0.shift_remove(field).filter(|value| !value.is_null())
    }

    /// Takes a field that is a text, read by `read`.
    pub(crate) fn text<T>(
        &mut self,
        field: &str,
        expected: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Box<Problem>> {
        let Some(value) = self.take(field) else {
            return Ok(None);
        };
        match value.as_str().and_then(read) {
            Some(value) => Ok(Some(value)),
            None => Err(unprocessable(field, format!("{expected} is expected")).into()),
        }
    }

    /// Takes the sentence that says why somebody moves the champion.
    pub(crate) fn reason(&mut self) -> Result<Option<String>, Box<Problem>> {
        let expected = format!("a text of at most {REASON_MAX_CHARS} characters");
        let reason = self.text("reason", &expected, |text| {
            (text.chars().count() <= REASON_MAX_CHARS).then(|| text.trim().to_owned())
        })?;
        Ok(reason.filter(|reason| !reason.is_empty()))
    }

    /// That nothing is left: a misspelt field must not count as absent where something changes.
    pub(crate) fn end(self) -> Result<(), Box<Problem>> {
        match self.0.keys().next() {
            None => Ok(()),
            Some(field) => Err(unprocessable(field, "there is no such field").into()),
        }
    }
}
