//! What is read of a request before its homes: options, accepted answers, an unreadable body.

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use serde_json::Value;
use tasador_http::Problem;

/// The largest body: a thousand listings of 2 KB, four times what twenty columns take. Lambda would
/// allow 6 MB, but the log keeps each body for good.
pub(crate) const BODY_MAX_BYTES: usize = 2 << 20;
/// How much of a body that is not JSON is kept in the log.
const UNREADABLE_MAX_BYTES: usize = 4 << 10;

/// The options in the query.
#[derive(Debug, Deserialize)]
pub(crate) struct Options {
    explain: Option<String>,
}

/// Whether the request wants explanations.
pub(crate) fn explain(options: Result<Query<Options>, QueryRejection>) -> Result<bool, Problem> {
    let Query(options) = options.map_err(|rejection| Problem::unreadable_query(&rejection))?;
    match options.explain.as_deref() {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(Problem::unprocessable("explain", "must be true or false")),
    }
}

/// Checks that the caller accepts an answer of this type.
///
/// # Errors
/// 406 where `Accept` excludes it.
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
                // Errors are answered as problems.
                || (name == "application/problem+json" && kind == "application/json"))
    };
    if ranges.peek().is_none() || ranges.any(is_taken) {
        return Ok(());
    }
    Err(Problem::new(StatusCode::NOT_ACCEPTABLE)
        .detail(format!("The answer is {kind}: send Accept: {kind} or */*.")))
}

/// The start of a body that is not JSON, as it is kept in the log.
pub(crate) fn unreadable(bytes: &[u8]) -> Value {
    let start = bytes.get(..UNREADABLE_MAX_BYTES).unwrap_or(bytes);
    String::from_utf8_lossy(start).into_owned().into()
}
