//! What is read of a request before anybody looks at homes: its id, its options, its body.

use axum::body::{Body, to_bytes};
use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use serde_json::Value;
use tasador_runtime::Problem;

/// The largest body: a thousand listings of 2 KB, four times what twenty columns take. Lambda would
/// allow 6 MB, but the log keeps each body for good.
pub(crate) const BODY_MAX_BYTES: usize = 2 << 20;
/// How much of a body that is not JSON is kept in the log.
const UNREADABLE_MAX_BYTES: usize = 4 << 10;
/// Header with the request's id, in requests and answers.
pub(crate) const REQUEST_ID: &str = "x-request-id";

/// The options in the query.
#[derive(Debug, Deserialize)]
pub(crate) struct Options {
    explain: Option<String>,
}

/// Whether explanations are asked for.
pub(crate) fn explain(options: Result<Query<Options>, QueryRejection>) -> Result<bool, Problem> {
    let Query(options) = options.map_err(|rejection| {
        Problem::new(StatusCode::BAD_REQUEST).detail(format!(
            "The query can't be read: {}.",
            rejection.body_text()
        ))
    })?;
    match options.explain.as_deref() {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY)
            .detail("`explain` can't be used.")
            .field("explain", "true or false is expected")),
    }
}

/// The caller's id for the request, else a new one. Not Lambda's own: it does not tell its time, by which
/// `GET /predictions/{request_id}` finds the record.
pub(crate) fn id(headers: &HeaderMap) -> String {
    let given = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok());
    tasador_runtime::request_id(given)
}

/// That the caller takes an answer of this type.
///
/// # Errors
/// 406 where an `Accept` is sent that leaves it out.
pub(crate) fn accepts(headers: &HeaderMap, kind: &str) -> Result<(), Problem> {
    let mut ranges = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|range| range.trim().to_ascii_lowercase())
        .filter(|range| !range.is_empty())
        .peekable();
    let family = kind.split('/').next().unwrap_or_default();
    let is_taken = |range: String| {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let is_refused = parts.any(|part| {
            part.strip_prefix("q=")
                .is_some_and(|q| q.parse() == Ok(0.0_f32))
        });
        !is_refused
            && (name == kind
                || name == "*/*"
                || name.strip_suffix("/*") == Some(family)
                // What is wrong with a request is told as a problem.
                || (name == "application/problem+json" && kind == "application/json"))
    };
    if ranges.peek().is_none() || ranges.any(is_taken) {
        return Ok(());
    }
    Err(Problem::new(StatusCode::NOT_ACCEPTABLE)
        .detail(format!("The answer is {kind}: send it, or */*, as Accept.")))
}

/// The bytes of a body that can be JSON. Where nothing is said of its type, it is taken for JSON.
pub(crate) async fn body(headers: &HeaderMap, body: Body) -> Result<Bytes, Problem> {
    if headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| !kind.to_str().is_ok_and(is_json))
    {
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE)
            .detail("The body must be JSON: send Content-Type: application/json."));
    }
    if headers
        .get(header::CONTENT_ENCODING)
        .is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
    {
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE)
            .detail("The body must not be compressed: leave out Content-Encoding."));
    }
    to_bytes(body, BODY_MAX_BYTES).await.map_err(|error| {
        if error.into_inner().is::<http_body_util::LengthLimitError>() {
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE).detail(format!(
                "The body has more than {BODY_MAX_BYTES} bytes; send fewer instances at once."
            ))
        } else {
            Problem::new(StatusCode::BAD_REQUEST).detail("The body broke off.")
        }
    })
}

fn is_json(kind: &str) -> bool {
    let kind = kind.to_ascii_lowercase();
    let mut parts = kind.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    // JSON is UTF-8 and nothing else (RFC 8259).
    let is_utf8 = parts
        .filter_map(|part| part.strip_prefix("charset="))
        .all(|charset| matches!(charset.trim_matches('"'), "utf-8" | "utf8"));
    is_utf8
        && (essence == "application/json"
            || (essence.starts_with("application/") && essence.ends_with("+json")))
}

/// The body's JSON, or the start of the text that is none with its problem.
pub(crate) fn json(bytes: &[u8]) -> Result<Value, Box<(Value, Problem)>> {
    serde_json::from_slice(bytes).map_err(|error| {
        let start = bytes.get(..UNREADABLE_MAX_BYTES).unwrap_or(bytes);
        let problem = Problem::new(StatusCode::BAD_REQUEST)
            .detail(format!("The body is not JSON that can be read: {error}."));
        Box::new((String::from_utf8_lossy(start).into_owned().into(), problem))
    })
}
