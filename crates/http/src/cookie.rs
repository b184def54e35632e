//! Cookies: the visitor's language, and the token they signed in with.

use http::{HeaderMap, HeaderValue, header};

/// Name of the cookie that keeps a visitor's choice of language.
pub const LANGUAGE: &str = "lang";
/// Name of the cookie that keeps the token.
pub const TOKEN: &str = "token";
/// How long a sign-in lasts, in seconds: a working day.
const SIGNED_IN_S: u32 = 12 * 60 * 60;

/// The value of a cookie that was sent.
pub fn value<'h>(headers: &'h HeaderMap, wanted: &str) -> Option<&'h str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|cookies| cookies.to_str().ok())
        .flat_map(|cookies| cookies.split(';'))
        .find_map(|cookie| {
            let (name, value) = cookie.trim().split_once('=')?;
            (name == wanted).then_some(value)
        })
}

/// The cookie of a sign-in; with no token, one that ends it. It goes over TLS only, but for loopback,
/// where there is none.
pub fn signed_in(headers: &HeaderMap, token: Option<&str>) -> Option<HeaderValue> {
    let secure = if is_loopback(headers) { "" } else { "; Secure" };
    let lasts = if token.is_some() { SIGNED_IN_S } else { 0 };
    let cookie = format!(
        "{TOKEN}={}; Path=/; Max-Age={lasts}; SameSite=Strict; HttpOnly{secure}",
        token.unwrap_or_default()
    );
    HeaderValue::try_from(cookie).ok()
}

/// Whether the page is looked at from the machine that serves it.
fn is_loopback(headers: &HeaderMap) -> bool {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let name = host.map(|host| host.rsplit_once(':').map_or(host, |(name, _)| name));
    matches!(name, Some("127.0.0.1" | "localhost" | "[::1]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn the_cookie_goes_over_tls_but_on_loopback() {
        for (host, is_secure) in [
            ("127.0.0.1:3000", false),
            ("localhost", false),
            ("[::1]:3000", false),
            ("homes.example", true),
            ("10.0.0.7:3000", true),
            ("127.0.0.1.example", true),
        ] {
            let cookie = signed_in(&headers(header::HOST, host), Some("t")).unwrap();
            let cookie = cookie.to_str().unwrap();
            assert_eq!(cookie.contains("; Secure"), is_secure, "{host}: {cookie}");
            for part in ["token=t;", "SameSite=Strict", "HttpOnly", "Path=/;"] {
                assert!(cookie.contains(part), "{cookie}");
            }
        }
        let none = HeaderMap::new();
        let ended = signed_in(&none, None).unwrap();
        assert!(
            ended
                .to_str()
                .unwrap()
                .starts_with("token=; Path=/; Max-Age=0;")
        );
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let sent = headers(header::COOKIE, "lang=es; mytoken=a; token=b=c;x");
        assert_eq!(value(&sent, TOKEN), Some("b=c"));
        assert_eq!(value(&sent, LANGUAGE), Some("es"));
        assert_eq!(value(&sent, "x"), None);
    }
}
