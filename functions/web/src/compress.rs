//! Texts sent compressed (gzip) to whoever takes that: a page is some five times smaller so.
//!
//! API Gateway compresses nothing for HTTP APIs, and the local cloud has nothing in front of it.

use std::io::Write as _;

use axum::body::{Body, HttpBody as _, to_bytes};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderMap, HeaderValue, header};

/// Shorter texts fit into one packet anyway.
const MIN_BYTES: u64 = 1_024;
/// Longer ones are not pages; they would be held twice.
const MAX_BYTES: u64 = 8 << 20;

/// A layer of routes.
pub(crate) async fn gzip(request: Request, next: Next) -> Response {
    let is_wanted = accepts_gzip(request.headers());
    let response = next.run(request).await;
    let size_bytes = response.body().size_hint().exact().unwrap_or(0);
    if !is_wanted || !is_text(response.headers()) || !(MIN_BYTES..=MAX_BYTES).contains(&size_bytes)
    {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(plain) = to_bytes(body, MAX_BYTES as usize).await else {
        // A body of known length is in memory already.
        return Response::from_parts(parts, Body::empty());
    };
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let compressed = encoder.write_all(&plain).and_then(|()| encoder.finish());
    let Ok(compressed) = compressed else {
        return Response::from_parts(parts, plain.into());
    };
    parts
        .headers
        .insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    parts
        .headers
        .append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, compressed.into())
}

/// RFC 9110, 12.5.3: `gzip` or `*`, unless its quality is 0.
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let quality = |wanted: &str| {
        headers
            .get_all(header::ACCEPT_ENCODING)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .find_map(|part| {
                let (name, parameters) = part.split_once(';').unwrap_or((part, "q=1"));
                let quality = parameters.trim().strip_prefix("q=").unwrap_or("1");
                name.trim()
                    .eq_ignore_ascii_case(wanted)
                    .then(|| quality.parse::<f32>().unwrap_or(0.0))
            })
    };
    quality("gzip").or_else(|| quality("*")).unwrap_or(0.0) > 0.0
}

fn is_text(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    !headers.contains_key(header::CONTENT_ENCODING)
        && (kind.starts_with("text/") || kind.starts_with("image/svg"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_takes_gzip_gets_it() {
        for (sent, expected) in [
            ("gzip, deflate, br", true),
            ("br;q=1.0, GZIP;q=0.5", true),
            ("*", true),
            ("*;q=0.1, gzip;q=0", false),
            ("gzip;q=0", false),
            ("br, deflate", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(sent));
            assert_eq!(accepts_gzip(&headers), expected, "{sent}");
        }
        assert!(!accepts_gzip(&HeaderMap::new()));
    }

    #[test]
    fn only_plain_texts_are_compressed() {
        for (kind, expected) in [
            ("text/html; charset=utf-8", true),
            ("image/svg+xml", true),
            ("application/octet-stream", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
            assert_eq!(is_text(&headers), expected, "{kind}");
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("br"));
            assert!(!is_text(&headers), "{kind}");
        }
    }
}
