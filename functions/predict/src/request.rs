//! What is read of a request before its homes: options, accepted answers, an unreadable body.

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use serde_json::Value;
use tasador_http::Problem;
use tasador_pricing::COMPARABLES_MAX;

/// The largest body: a thousand listings of 2 KB, four times what twenty columns take. Lambda would
/// allow 6 MB, but the log keeps each body for good.
pub(crate) const BODY_MAX_BYTES: usize = 2 << 20;
/// How much of a body that is not JSON is kept in the log.
const UNREADABLE_MAX_BYTES: usize = 4 << 10;

/// The options in the query.
#[derive(Debug, Deserialize)]
pub(crate) struct Options {
    explain: Option<String>,
    comparables: Option<String>,
}

/// Whether the request wants explanations, and how many comparable sales.
pub(crate) fn options(
    options: Result<Query<Options>, QueryRejection>,
) -> Result<(bool, usize), Problem> {
    let Query(options) = options.map_err(|rejection| Problem::unreadable_query(&rejection))?;
    let explain = match options.explain.as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(Problem::unprocessable("explain", "must be true or false")),
    };
    let comparables = match options.comparables.as_deref().map(str::parse) {
        None => 0,
        Some(Ok(count)) if count <= COMPARABLES_MAX => count,
        Some(_) => {
            let reason = format!("must be a number from 0 to {COMPARABLES_MAX}");
            return Err(Problem::unprocessable("comparables", reason));
        }
    };
    Ok((explain, comparables))
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
