//! The languages the page speaks, and which one a visitor wants.

use http::{HeaderMap, header};

use crate::cookie;

/// A language of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    English,
    Spanish,
}

impl Language {
    /// The code in `lang` attributes and in the address.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Spanish => "es",
        }
    }

    /// The name as its speakers write it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::Spanish => "Español",
        }
    }

    pub(crate) const ALL: [Self; 2] = [Self::English, Self::Spanish];

    fn of_code(code: &str) -> Option<Self> {
        let main = code.split('-').next().unwrap_or_default().trim();
        Self::ALL
            .into_iter()
            .find(|language| language.code().eq_ignore_ascii_case(main))
    }

    /// What the visitor asks for in the address; else what they chose before; else the first
    /// language of theirs that the page speaks; else English.
    pub(crate) fn wanted(asked: Option<&str>, headers: &HeaderMap) -> Self {
        asked
            .and_then(Self::of_code)
            .or_else(|| Self::of_cookie(headers))
            .or_else(|| Self::accepted(headers))
            .unwrap_or(Self::English)
    }

    fn of_cookie(headers: &HeaderMap) -> Option<Self> {
        cookie::value(headers, cookie::LANGUAGE).and_then(Self::of_code)
    }

    /// By quality, and of equal ones the first named (RFC 9110, 12.5.4).
    fn accepted(headers: &HeaderMap) -> Option<Self> {
        let accepted = headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?;
        let mut best: Option<(f32, Self)> = None;
        for part in accepted.split(',') {
            let (code, parameters) = part.split_once(';').unwrap_or((part, ""));
            let quality = match parameters.trim().strip_prefix("q=") {
                Some(quality) => quality.parse().unwrap_or(0.0),
                None => 1.0,
            };
            let Some(language) = Self::of_code(code) else {
                continue;
            };
            if quality > 0.0 && best.is_none_or(|(before, _)| quality > before) {
                best = Some((quality, language));
            }
        }
        best.map(|(_, language)| language)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn headers(accept: &'static str, cookie: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static(accept));
        headers.insert(header::COOKIE, HeaderValue::from_static(cookie));
        headers
    }

    #[test]
    fn the_address_wins_then_the_cookie_then_the_browser() {
        use Language::{English, Spanish};
        let table = [
            (Some("es"), "en", "lang=en", Spanish),
            (Some("xx"), "en", "lang=es", Spanish),
            (None, "es-CO,es;q=0.9,en;q=0.8", "", Spanish),
            (None, "fr, en;q=0.4, es;q=0.7", "", Spanish),
            (None, "es;q=0, en;q=0.1", "", English),
            (None, "de", "theme=dark; lang=es", Spanish),
            (None, "de", "lang=", English),
            (None, "q=;;,,", "", English),
        ];
        for (asked, accept, cookie, wanted) in table {
            let found = Language::wanted(asked, &headers(accept, cookie));
            assert_eq!(found, wanted, "{asked:?} {accept} {cookie}");
        }
    }
}
