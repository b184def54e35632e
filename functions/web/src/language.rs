//! Which language a visitor wants.

use http::{HeaderMap, header};
pub(crate) use tasador_flow::Language;

use crate::cookie;
use crate::words::{self, Words};

/// What the page adds to a language.
pub(crate) trait PageLanguage {
    /// What the visitor asks for in the address; else what they chose before; else the first
    /// language of theirs that the page speaks; else English.
    fn wanted(asked: Option<&str>, headers: &HeaderMap) -> Self;

    /// The fixed texts.
    fn words(self) -> &'static Words;

    /// Which of two texts is in this language.
    fn of<'t>(self, english: &'t str, spanish: &'t str) -> &'t str;
}

impl PageLanguage for Language {
    fn wanted(asked: Option<&str>, headers: &HeaderMap) -> Self {
        let chosen = || cookie::value(headers, cookie::LANGUAGE).and_then(Self::of_code);
        asked
            .and_then(Self::of_code)
            .or_else(chosen)
            .or_else(|| accepted(headers))
            .unwrap_or(Self::English)
    }

    fn words(self) -> &'static Words {
        match self {
            Self::English => &words::ENGLISH,
            Self::Spanish => &words::SPANISH,
        }
    }

    fn of<'t>(self, english: &'t str, spanish: &'t str) -> &'t str {
        match self {
            Self::English => english,
            Self::Spanish => spanish,
        }
    }
}

/// By quality, and of equal ones the first named (RFC 9110, 12.5.4).
fn accepted(headers: &HeaderMap) -> Option<Language> {
    let accepted = headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?;
    let mut best: Option<(f32, Language)> = None;
    for part in accepted.split(',') {
        let (code, parameters) = part.split_once(';').unwrap_or((part, ""));
        let quality = match parameters.trim().strip_prefix("q=") {
            Some(quality) => quality.parse().unwrap_or(0.0),
            None => 1.0,
        };
        let Some(language) = Language::of_code(code) else {
            continue;
        };
        if quality > 0.0 && best.is_none_or(|(before, _)| quality > before) {
            best = Some((quality, language));
        }
    }
    best.map(|(_, language)| language)
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
