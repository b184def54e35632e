//! Which requests a port answers: those that a browser sends only for pages of the port itself.
//!
//! A browser reaches loopback for any page that it shows. A request of a foreign page names that page
//! in `Origin` or is marked in `Sec-Fetch-Site`; one that arrives through a name rebound to 127.0.0.1
//! has that name in `Host`. The check is made before anything of the request is used, for every method.

use axum::http::header::{self, HeaderMap, HeaderName};
use axum::http::uri::Authority;
use axum::http::{Method, StatusCode, Version, request};

/// The host names under which a port is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    /// `localhost` and addresses of loopback, for what is served without a token.
    Loopback,
    /// Any, for what requires a token: a proxy with another name may stand in front.
    Any,
}

/// Why a request is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) reason: &'static str,
}

const BAD_HOST: Refusal = Refusal {
    status: StatusCode::BAD_REQUEST,
    reason: "A request must have exactly one valid Host header.",
};
const ABSOLUTE_URI: Refusal = Refusal {
    status: StatusCode::BAD_REQUEST,
    reason: "The request target must be a path; this is not a proxy.",
};
const FOREIGN_HOST: Refusal = Refusal {
    status: StatusCode::FORBIDDEN,
    reason: "This port answers requests to localhost and loopback addresses only.",
};
const FOREIGN_PAGE: Refusal = Refusal {
    status: StatusCode::FORBIDDEN,
    reason: "Requests from pages of other sites are refused.",
};

/// Whether a port that is called by `names` answers this request.
pub(super) fn check(request: &request::Parts, names: Names) -> Result<(), Refusal> {
    if request.uri.authority().is_some() {
        return Err(ABSOLUTE_URI);
    }
    let host = match only(&request.headers, header::HOST).map_err(|_| BAD_HOST)? {
        None if request.version < Version::HTTP_11 => None,
        None => return Err(BAD_HOST),
        Some(host) => Some(host),
    };
    if let Some(host) = host {
        let authority: Authority = host.parse().map_err(|_| BAD_HOST)?;
        if host.contains('@') {
            return Err(BAD_HOST);
        }
        if names == Names::Loopback && !is_loopback(authority.host()) {
            return Err(FOREIGN_HOST);
        }
    }
    let origin = only(&request.headers, header::ORIGIN).map_err(|_| FOREIGN_PAGE)?;
    if origin.is_some_and(|origin| !is_own(origin, host, names)) || is_cross_site(request) {
        return Err(FOREIGN_PAGE);
    }
    Ok(())
}

struct NotOne;

/// The value of a header that may occur once.
fn only(headers: &HeaderMap, name: HeaderName) -> Result<Option<&str>, NotOne> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| NotOne),
        (Some(_), Some(_)) => Err(NotOne),
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    host.eq_ignore_ascii_case("localhost")
        || address
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn is_own(origin: &str, host: Option<&str>, names: Names) -> bool {
    let Some((scheme, name)) = origin.split_once("://") else {
        return false;
    };
    // A proxy in front may speak TLS.
    let is_scheme = scheme == "http" || (scheme == "https" && names == Names::Any);
    is_scheme && host.is_some_and(|host| host.eq_ignore_ascii_case(name))
}

/// Whether a page of another site sends this, other than by a link that opens a page.
fn is_cross_site(request: &request::Parts) -> bool {
    let value = |name| request.headers.get(name).map(|value| value.as_bytes());
    match value("sec-fetch-site") {
        None | Some(b"same-origin" | b"none") => false,
        Some(_) => {
            request.method != Method::GET
                || value("sec-fetch-mode") != Some(b"navigate")
                || value("sec-fetch-dest") != Some(b"document")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    fn status(names: Names, request: request::Builder) -> u16 {
        let (parts, ()) = request.body(()).unwrap().into_parts();
        check(&parts, names).map_or_else(|refusal| refusal.status.as_u16(), |()| 200)
    }

    #[test]
    fn only_loopback_names_and_own_pages_pass() {
        let own = "127.0.0.1:3000";
        let cases: [(&[(&str, &str)], u16); 24] = [
            (&[("host", own)], 200),
            (&[("host", "localhost:3000")], 200),
            (&[("host", "LocalHost")], 200),
            (&[("host", "127.0.0.2:3000")], 200),
            (&[("host", "[::1]:3000")], 200),
            (&[("host", "[::1]")], 200),
            (&[("host", own), ("origin", "http://127.0.0.1:3000")], 200),
            (&[], 400),
            (&[("host", own), ("host", own)], 400),
            (&[("host", "")], 400),
            (&[("host", "127.0.0.1 evil.example")], 400),
            (&[("host", "evil.example@127.0.0.1")], 400),
            (&[("host", "rebound.example.com:3000")], 403),
            (&[("host", "127.0.0.1.example.com")], 403),
            (&[("host", "10.0.0.7")], 403),
            (&[("host", "localhost.")], 403),
            (&[("host", own), ("origin", "http://127.0.0.1:4000")], 403),
            (&[("host", own), ("origin", "https://127.0.0.1:3000")], 403),
            (&[("host", own), ("origin", "https://example.com")], 403),
            (&[("host", own), ("origin", "null")], 403),
            (&[("host", own), ("origin", "")], 403),
            (
                &[
                    ("host", own),
                    ("origin", "http://127.0.0.1:3000"),
                    ("origin", "http://evil.example"),
                ],
                403,
            ),
            (&[("host", own), ("sec-fetch-site", "cross-site")], 403),
            (&[("host", own), ("sec-fetch-site", "same-site")], 403),
        ];
        for method in ["GET", "POST", "OPTIONS", "PUT"] {
            for (headers, expected) in cases {
                let request = Request::builder().method(method).uri("/");
                let request = headers.iter().fold(request, |request, (name, value)| {
                    request.header(*name, *value)
                });
                let status = status(Names::Loopback, request);
                assert_eq!(status, expected, "{method} {headers:?}");
            }
        }
    }

    #[test]
    fn a_link_of_another_site_opens_a_page_and_does_nothing_else() {
        for (method, mode, dest, expected) in [
            ("GET", "navigate", "document", 200),
            ("GET", "navigate", "iframe", 403),
            ("POST", "navigate", "document", 403),
            ("GET", "no-cors", "image", 403),
        ] {
            let request = Request::builder()
                .method(method)
                .uri("/")
                .header("host", "127.0.0.1:3000")
                .header("sec-fetch-site", "cross-site")
                .header("sec-fetch-mode", mode)
                .header("sec-fetch-dest", dest);
            assert_eq!(
                status(Names::Loopback, request),
                expected,
                "{method} {dest}"
            );
        }
    }

    #[test]
    fn a_request_target_is_a_path() {
        let request = || Request::builder().header("host", "127.0.0.1:3000");
        let absolute = request().uri("http://127.0.0.1:3000/health");
        assert_eq!(status(Names::Loopback, absolute), 400);
        let connect = request().method("CONNECT").uri("127.0.0.1:3000");
        assert_eq!(status(Names::Loopback, connect), 400);
        let old = Request::builder().uri("/").version(Version::HTTP_10);
        assert_eq!(status(Names::Loopback, old), 200);
    }

    #[test]
    fn where_tokens_are_required_any_name_passes_and_other_pages_do_not() {
        let cases = [
            ("homes.example.com", None, 200),
            ("homes.example.com", Some("https://homes.example.com"), 200),
            ("10.0.0.7:3000", Some("http://10.0.0.7:3000"), 200),
            ("homes.example.com", Some("https://example.com"), 403),
            ("homes.example.com", Some("ftp://homes.example.com"), 403),
            ("homes.example.com", Some("null"), 403),
        ];
        for (host, origin, expected) in cases {
            let mut request = Request::builder().uri("/").header("host", host);
            if let Some(origin) = origin {
                request = request.header("origin", origin);
            }
            assert_eq!(status(Names::Any, request), expected, "{host} {origin:?}");
        }
    }
}
