//! The id under which a request is found in its answer, in the logs and in the audit.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, Request};
use axum::middleware::Next;
use axum::response::Response;
use http::request::Parts;
use http::{Extensions, HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use tracing::Instrument as _;

/// The header with a request's id, in requests and in answers.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest id that is taken over from a caller: the length of two UUIDs.
const MAX_CHARS: usize = 72;

/// The caller's `x-request-id` (1 to 72 letters, digits and `-_.:`), so that a request can be followed
/// through all logs; else a new one that sorts by time. Not Lambda's own: it does not tell its time, by
/// which `GET /predictions/{request_id}` finds the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(pub String);

impl RequestId {
    /// The id of a request with these parts: the one given to it by [`trace`], or else chosen now.
    pub fn of(headers: &HeaderMap, extensions: &Extensions) -> Self {
        if let Some(known) = extensions.get::<Self>() {
            return known.clone();
        }
        let offered = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok());
        let id = offered.filter(|id| is_valid(id));
        Self(id.map_or_else(|| uuid::Uuid::now_v7().to_string(), str::to_owned))
    }
}

fn is_valid(id: &str) -> bool {
    (1..=MAX_CHARS).contains(&id.len())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':'))
}

/// The time that an id of the product's own making (a UUID of version 7) carries.
pub fn request_time(request_id: &str) -> Option<Timestamp> {
    let id = uuid::Uuid::parse_str(request_id).ok()?;
    let (seconds, nanoseconds) = id.get_timestamp()?.to_unix();
    (id.get_version_num() == 7)
        .then(|| {
            Timestamp::new(
                i64::try_from(seconds).ok()?,
                i32::try_from(nanoseconds).ok()?,
            )
            .ok()
        })
        .flatten()
}

impl<S: Sync> FromRequestParts<S> for RequestId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.headers, &parts.extensions))
    }
}

/// Gives a request its id and a span with it, and the answer the header. The outermost layer.
pub async fn trace(mut request: Request, next: Next) -> Response {
    let id = RequestId::of(request.headers(), request.extensions());
    let span = tracing::info_span!(
        "request",
        request_id = id.0,
        method = %request.method(),
        path = request.uri().path()
    );
    let header = HeaderValue::try_from(id.0.as_str());
    request.extensions_mut().insert(id);
    let mut response = next.run(request).instrument(span).await;
    if let Ok(header) = header {
        response.headers_mut().entry(REQUEST_ID).or_insert(header);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_id_contains_its_time() {
        let id = uuid::Uuid::now_v7().to_string();
        assert!(request_time(&id).is_some());
        for other in ["", "my-request", "2b1b2d0c-5f0e-4a3e-9f7e-1c2d3e4f5a6b"] {
            assert_eq!(request_time(other), None, "{other}");
        }
    }

    #[test]
    fn an_id_that_could_forge_a_log_line_is_replaced() {
        let of = |offered: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_str(offered).unwrap());
            RequestId::of(&headers, &Extensions::new()).0
        };
        for taken in ["r-1", "a.b:c_d", &"x".repeat(MAX_CHARS)] {
            assert_eq!(of(taken), taken);
        }
        for replaced in ["", "a b", "a\tb", "a=b", &"x".repeat(MAX_CHARS + 1)] {
            let id = of(replaced);
            assert!(is_valid(&id) && id != replaced, "{replaced}");
        }
    }
}
