//! Keeps web pages of other sites away from the local cloud.
//!
//! It asks nobody for a password, and a browser on this machine reaches loopback for any page it
//! shows. A request that a foreign page sends names that page in `Origin`; one that comes through a
//! name rebound to 127.0.0.1 names it in `Host`.

use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

pub(super) async fn refuse_other_sites(request: Request, next: Next) -> Response {
    if is_local(request.headers()) {
        next.run(request).await
    } else {
        (StatusCode::FORBIDDEN, "The local cloud answers requests to 127.0.0.1 or localhost, and pages of its own, only.\n")
            .into_response()
    }
}

fn is_local(headers: &HeaderMap) -> bool {
    let host = match headers.get(header::HOST).map(|host| host.to_str()) {
        // HTTP/1.0 and events from Lambda have none; no browser leaves it out.
        None => return true,
        Some(Ok(host)) => host,
        Some(Err(_)) => return false,
    };
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    if !matches!(name, "127.0.0.1" | "localhost" | "[::1]") {
        return false;
    }
    match headers.get(header::ORIGIN).map(|origin| origin.to_str()) {
        None => true,
        Some(Ok(origin)) => origin.strip_prefix("http://") == Some(host),
        Some(Err(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn only_local_names_and_own_pages_pass() {
        let cases = [
            (Some("127.0.0.1:3000"), None, true),
            (Some("localhost:3000"), None, true),
            (Some("localhost"), None, true),
            (None, None, true),
            (Some("127.0.0.1:3000"), Some("http://127.0.0.1:3000"), true),
            (Some("127.0.0.1:3000"), Some("http://127.0.0.1:4000"), false),
            (Some("127.0.0.1:3000"), Some("https://example.com"), false),
            (Some("127.0.0.1:3000"), Some("null"), false),
            (Some("rebound.example.com:3000"), None, false),
            (Some("127.0.0.1.example.com"), None, false),
        ];
        for (host, origin, expected) in cases {
            let mut headers = HeaderMap::new();
            for (name, value) in [(header::HOST, host), (header::ORIGIN, origin)] {
                if let Some(value) = value {
                    headers.insert(name, HeaderValue::from_static(value));
                }
            }
            assert_eq!(is_local(&headers), expected, "{host:?} {origin:?}");
        }
    }
}
