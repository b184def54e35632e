//! Bodies of requests: JSON, uncompressed, of limited size.
//!
//! The content type must say JSON. No form of a foreign page can send that type, so a route that changes
//! something needs no other protection against such forms. Only an empty body may have no type.

use axum::body::{Body, HttpBody as _, to_bytes};
use axum::extract::Request;
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use serde_json::{Map, Value};

use crate::problem::Problem;

/// The longest reason that a person can give, in characters.
const REASON_MAX_CHARS: usize = 500;

/// Reads a body of at most `max_bytes`.
///
/// # Errors
/// 415 for another content type or a compressed body, 413 for a larger one, 400 for one that was cut off.
pub async fn read(headers: &HeaderMap, body: Body, max_bytes: usize) -> Result<Bytes, Problem> {
    let kind = headers.get(header::CONTENT_TYPE);
    if kind.is_some_and(|kind| !kind.to_str().is_ok_and(is_json)) {
        return Err(not_json());
    }
    if headers
        .get(header::CONTENT_ENCODING)
        .is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
    {
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE)
            .detail("The body must not be compressed: leave out Content-Encoding."));
    }
    let too_large = || {
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE)
            .detail(format!("The body is larger than {max_bytes} bytes."))
    };
    // Before the first byte is read: a client that sent `Expect: 100-continue` then does not send it.
    if body.size_hint().lower() > max_bytes as u64 {
        return Err(too_large());
    }
    let bytes = to_bytes(body, max_bytes).await.map_err(|error| {
        if error.into_inner().is::<http_body_util::LengthLimitError>() {
            too_large()
        } else {
            Problem::new(StatusCode::BAD_REQUEST).detail("The body was cut off.")
        }
    })?;
    if kind.is_none() && !bytes.is_empty() {
        return Err(not_json());
    }
    Ok(bytes)
}

fn not_json() -> Problem {
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE)
        .detail("The body must be JSON: send Content-Type: application/json.")
}

/// Whether a content type is JSON: `application/json` or a type that ends with `+json`, in UTF-8, the only
/// encoding JSON has (RFC 8259).
fn is_json(content_type: &str) -> bool {
    let content_type = content_type.to_ascii_lowercase();
    let mut parts = content_type.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    let is_utf8 = parts
        .filter_map(|part| part.strip_prefix("charset="))
        .all(|charset| matches!(charset.trim_matches('"'), "utf-8" | "utf8"));
    is_utf8
        && (essence == "application/json"
            || (essence.starts_with("application/") && essence.ends_with("+json")))
}

/// The JSON in a body.
///
/// # Errors
/// 400 with the line and column of the error.
pub fn json(bytes: &[u8]) -> Result<Value, Problem> {
    serde_json::from_slice(bytes).map_err(|error| {
        Problem::new(StatusCode::BAD_REQUEST)
            .detail(format!("The body is not valid JSON: {error}."))
    })
}

/// The fields of a JSON object that were not read yet.
pub struct Fields(Map<String, Value>);

impl Fields {
    /// Reads a body of at most `max_bytes`. An empty body and `null` have no fields.
    ///
    /// # Errors
    /// Those of [`read`] and [`json`]; 422 where the body is no object.
    pub async fn read(request: Request, max_bytes: usize) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let bytes = read(&parts.headers, body, max_bytes).await?;
        let value = match bytes.is_empty() {
            true => Value::Null,
            false => json(&bytes)?,
        };
        match value {
            Value::Object(fields) => Ok(Self(fields)),
            Value::Null => Ok(Self(Map::new())),
            _ => Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY)
                .detail("The body is not a JSON object.")),
        }
    }

    /// Whether a field was sent, even as `null`.
    pub fn has(&self, field: &str) -> bool {
        self.0.contains_key(field)
    }

    /// Takes a field; `null` counts as absent.
    pub fn take(&mut self, field: &str) -> Option<Value> {
        self.0.shift_remove(field).filter(|value| !value.is_null())
    }

    /// Takes a text field and parses it.
    ///
    /// # Errors
    /// 422 with `expected`, which follows "must be".
    pub fn text<T>(
        &mut self,
        field: &str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        let Some(value) = self.take(field) else {
            return Ok(None);
        };
        match value.as_str().and_then(parse) {
            Some(value) => Ok(Some(value)),
            None => Err(Problem::unprocessable(field, format!("must be {expected}"))),
        }
    }

    /// Takes the sentence that says why a person changes something.
    ///
    /// # Errors
    /// 422 for a longer one than 500 characters.
    pub fn reason(&mut self) -> Result<Option<String>, Problem> {
        let expected = format!("a text of at most {REASON_MAX_CHARS} characters");
        let reason = self.text("reason", &expected, |text| {
            (text.chars().count() <= REASON_MAX_CHARS).then(|| text.trim().to_owned())
        })?;
        Ok(reason.filter(|reason| !reason.is_empty()))
    }

    /// Checks that no field is left: a misspelt field must not count as absent.
    ///
    /// # Errors
    /// 422 with the unknown field.
    pub fn end(self) -> Result<(), Problem> {
        match self.0.keys().next() {
            None => Ok(()),
            Some(field) => Err(Problem::unprocessable(field, "is not a known field")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[tokio::test(flavor = "current_thread")]
    async fn bodies_that_are_not_json_are_refused() {
        let (kind, coding) = (header::CONTENT_TYPE, header::CONTENT_ENCODING);
        let table = [
            (vec![(&kind, "application/json")], "{}", 200),
            (vec![(&kind, "Application/JSON; charset=UTF-8")], "{}", 200),
            (
                vec![(&kind, "application/json; charset=\"utf-8\"")],
                "{}",
                200,
            ),
            (vec![(&kind, "application/merge-patch+json")], "{}", 200),
            (
                vec![(&kind, "application/json"), (&coding, "identity")],
                "{}",
                200,
            ),
            // Nothing was sent, so nothing has a type.
            (vec![], "", 200),
            // A page of another site can send these three without asking first.
            (vec![], "{}", 415),
            (vec![(&kind, "text/plain")], "{}", 415),
            (vec![(&kind, "application/x-www-form-urlencoded")], "", 415),
            (vec![(&kind, "application/json; charset=latin1")], "{}", 415),
            (vec![(&kind, "application/jsonp")], "{}", 415),
            (vec![(&kind, "text/x+json")], "{}", 415),
            (
                vec![(&kind, "application/json"), (&coding, "gzip")],
                "{}",
                415,
            ),
            (vec![(&kind, "application/json")], "[1, 2, 3, 4]", 413),
            (vec![(&kind, "application/json")], "[1]", 422),
            (vec![(&kind, "application/json")], "{", 400),
        ];
        for (sent, body, status) in table {
            let mut request = Request::new(Body::from(body));
            for (name, value) in &sent {
                let value = HeaderValue::from_static(value);
                request.headers_mut().insert(*name, value);
            }
            let read = Fields::read(request, 8).await;
            let found = read.map_or_else(|problem| problem.status.as_u16(), |_| 200);
            assert_eq!(found, status, "{sent:?} {body}");
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn every_field_is_read_or_refused() {
        let read = async |body: &'static str| {
            let json = HeaderValue::from_static("application/json");
            let mut request = Request::new(Body::from(body));
            request.headers_mut().insert(header::CONTENT_TYPE, json);
            Fields::read(request, 100).await.unwrap()
        };
        let mut fields = read(r#"{"a": "x", "b": null}"#).await;
        assert!(fields.has("b") && fields.take("b").is_none());
        let refused = fields.text("a", "a number", |text| text.parse::<u8>().ok());
        assert_eq!(refused.unwrap_err().errors[0].reason, "must be a number");
        assert!(fields.end().is_ok());
        let unknown = read(r#"{"reasn": "x"}"#).await.end().unwrap_err();
        assert_eq!(unknown.errors[0].field, "reasn");
    }
}
