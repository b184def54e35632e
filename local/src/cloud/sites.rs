//! Keeps web pages of other sites away from the local cloud.
//!
//! A browser reaches it for any page it shows. A request that a foreign page sends names that page in
//! `Origin`; one that comes through a name rebound to 127.0.0.1 names it in `Host`. Where tokens are
//! wanted, the latter has none, and any name may be this one's: a proxy stands in front.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// By which names the cloud is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    /// Those of loopback only: it asks nobody for a token.
    Loopback,
    /// Whatever resolves here.
    Any,
}

pub(super) async fn refuse_others(
    State(names): State<Names>,
    request: Request,
    next: Next,
) -> Response {
    if is_own(request.headers(), names) {
        next.run(request).await
    } else {
        (
            StatusCode::FORBIDDEN,
            match names {
                Names::Loopback => {
                    "The local cloud answers requests to 127.0.0.1 or localhost, and pages of its own, only.\n"
                }
                Names::Any => "Tasador answers no requests that pages of other sites send.\n",
            },
        )
            .into_response()
    }
}

fn is_own(headers: &HeaderMap, names: Names) -> bool {
    let host = match headers.get(header::HOST).map(|host| host.to_str()) {
        // HTTP/1.0 and events from Lambda have none; no browser leaves it out.
        None => return true,
        Some(Ok(host)) => host,
        Some(Err(_)) => return false,
    };
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    if names == Names::Loopback && !matches!(name, "127.0.0.1" | "localhost" | "[::1]") {
        return false;
    }
    match headers.get(header::ORIGIN).map(|origin| origin.to_str()) {
        None => true,
        Some(Ok(origin)) => origin.split_once("://").is_some_and(|(scheme, origin)| {
            let is_ours = scheme == "http" || (scheme == "https" && names == Names::Any);
            is_ours && origin == host
        }),
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
            let own = is_own(&headers, Names::Loopback);
            assert_eq!(own, expected, "{host:?} {origin:?}");
        }
    }

    #[test]
    fn where_tokens_are_wanted_any_name_passes_and_other_pages_do_not() {
        let cases = [
            ("homes.example.com", None, true),
            ("homes.example.com", Some("https://homes.example.com"), true),
            ("10.0.0.7:3000", Some("http://10.0.0.7:3000"), true),
            ("homes.example.com", Some("https://example.com"), false),
            ("homes.example.com", Some("ftp://homes.example.com"), false),
            ("homes.example.com", Some("null"), false),
        ];
        for (host, origin, expected) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static(host));
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
            }
            let own = is_own(&headers, Names::Any);
            assert_eq!(own, expected, "{host} {origin:?}");
        }
    }
}
