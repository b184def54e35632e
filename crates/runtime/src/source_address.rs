//! The address of the source of batches. It may contain credentials, and this is the one place that hides
//! them: a configured address is shown through [`SourceAddress`] everywhere.

use std::fmt;

use percent_encoding::percent_decode_str;
use url::Url;
use url::form_urlencoded;

/// Parts of names of query parameters whose values are secret.
const SECRET_PARTS: [&str; 12] = [
    "token", "key", "secret", "pass", "pwd", "auth", "sig", "cred", "session", "jwt", "bearer",
    "cookie",
];
/// Names of query parameters whose values are secret. As parts of names they would be too common.
const SECRET_NAMES: [&str; 6] = ["pw", "pin", "sas", "sid", "otp", "code"];
/// Letters and digits in a row, both of them present, from which a text counts as a secret whatever its name.
const SECRET_RUN: usize = 24;
/// A shorter secret is not searched for in texts of others: it would be found in ordinary words.
const SEARCHED_MIN: usize = 4;
/// What stands where a secret was.
const HIDDEN: &str = "...";

/// An address as it was configured. `Display` and `Debug` show it without credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct SourceAddress {
    text: String,
    shown: String,
    secrets: Vec<String>,
}

impl SourceAddress {
    /// The address as configured, with credentials: for the client that connects, never for people.
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// A text that may repeat credentials of this address, such as a source's error, without them.
    pub fn hide(&self, text: &str) -> String {
        let secrets = self.secrets.iter();
        secrets.fold(text.to_owned(), |text, secret| text.replace(secret, HIDDEN))
    }

    fn with(text: String, shown: String, mut secrets: Vec<String>) -> Self {
        secrets.retain(|secret| secret.chars().count() >= SEARCHED_MIN);
        // A secret may be a part of another.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets.dedup();
        Self {
            text,
            shown,
            secrets,
        }
    }
}

impl From<String> for SourceAddress {
    fn from(text: String) -> Self {
        let (shown, secrets) = match text.split_once("://") {
            Some((scheme, rest)) => match scheme.to_ascii_lowercase().as_str() {
                "http" | "https" => match Url::parse(&text) {
                    Ok(url) => url_without_secrets(url),
                    // Where the credentials are is unknown.
                    Err(_) => (format!("{scheme}://{HIDDEN}"), Vec::new()),
                },
                "file" => (rest.to_owned(), Vec::new()),
                "s3" if !rest
                    .split('/')
                    .next()
                    .is_some_and(|bucket| bucket.contains('@')) =>
                {
                    (text.clone(), Vec::new())
                }
                _ => (format!("{scheme}://{HIDDEN}"), Vec::new()),
            },
            // Perhaps an address without its scheme.
            None if !text.starts_with(['/', '.']) && text.contains(['@', '?']) => {
                (HIDDEN.to_owned(), Vec::new())
            }
            None => (text.clone(), Vec::new()),
        };
        Self::with(text, shown, secrets)
    }
}

impl From<&str> for SourceAddress {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl fmt::Display for SourceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for SourceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.shown, f)
    }
}

/// An address without user, password, fragment, and values and parts of the path that look secret; and these.
fn url_without_secrets(mut url: Url) -> (String, Vec<String>) {
    let mut secrets = Vec::new();
    let mut keep = |secret: &str| {
        let decoded = percent_decode_str(secret).decode_utf8_lossy().into_owned();
        secrets.extend([secret.to_owned(), decoded]);
    };
    for secret in [Some(url.username()), url.password(), url.fragment()] {
        keep(secret.unwrap_or_default());
    }
    let query = url.query().map(|query| {
        let parts = query.split('&').map(|part| {
            let (name, value) = part.split_once('=').unwrap_or(("", part));
            if is_secret(part) {
                keep(value);
                let equals = if name.is_empty() { "" } else { "=" };
                format!("{name}{equals}{HIDDEN}")
            } else {
                part.to_owned()
            }
        });
        parts.collect::<Vec<_>>().join("&")
    });
    let segments = url.path().split('/').map(|segment| {
        if looks_secret(segment) {
            keep(segment);
            HIDDEN
        } else {
            segment
        }
    });
    let path = segments.collect::<Vec<_>>().join("/");
    url.set_path(&path);
    url.set_query(query.as_deref());
    url.set_fragment(None);
    // Both fail only for addresses without a host, which http(s) addresses are not.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    (url.into(), secrets)
}

/// Whether a parameter, `name=value` as in the address, has a secret value.
fn is_secret(part: &str) -> bool {
    form_urlencoded::parse(part.as_bytes()).any(|(name, value)| {
        if !part.contains('=') {
            return looks_secret(&name);
        }
        let name = name.to_lowercase();
        SECRET_NAMES.contains(&name.as_str())
            || SECRET_PARTS.iter().any(|part| name.contains(part))
            || looks_secret(&value)
            // Another address or further parameters.
            || value.contains('=')
    })
}

fn looks_secret(text: &str) -> bool {
    let mut runs = text.split(|character: char| !character.is_ascii_alphanumeric());
    text.contains('@')
        || runs.any(|run| {
            run.len() >= SECRET_RUN
                && run.contains(|character: char| character.is_ascii_digit())
                && run.contains(|character: char| character.is_ascii_alphabetic())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_hidden_and_the_rest_is_shown() {
        for (address, shown) in [
            (
                "http://127.0.0.1:8080/data?group_number=2&day=Tuesday&zip_code=98103",
                "http://127.0.0.1:8080/data?group_number=2&day=Tuesday&zip_code=98103",
            ),
            ("https://me:hidden@host/data#hidden", "https://host/data"),
            ("HTTPS://hidden@host/data", "https://host/data"),
            (
                "https://host/?pwd=hidden&a=1&API_Key=hidden&passwd=hidden&pw=hidden&code=hidden",
                "https://host/?pwd=...&a=1&API_Key=...&passwd=...&pw=...&code=...",
            ),
            ("https://host/?p%77d=hidden", "https://host/?p%77d=..."),
            ("https://host/?a=1;token=hidden", "https://host/?a=..."),
            (
                "https://host/?next=https%3A%2F%2Fh%3Ftoken%3Dhidden",
                "https://host/?next=...",
            ),
            ("https://host/?to=me%40hidden", "https://host/?to=..."),
            (
                "https://host/hidden1hidden2hidden3hidden4/d",
                "https://host/.../d",
            ),
            (
                "https://host/?hidden1hidden2hidden3hidden4",
                "https://host/?...",
            ),
            // The slash belongs to the password: without `%2F` the address means something else.
            ("https://me:12/hidden@host/data", "https://me:12/.../data"),
            ("https://me:hidden@[oops/", "https://..."),
            ("https://me:hid/den@host/", "https://..."),
            ("ftp://me:hidden@host/x", "ftp://..."),
            (
                "s3://listings/2026/may@home.csv",
                "s3://listings/2026/may@home.csv",
            ),
            ("s3://me:hidden@listings/may.csv", "s3://..."),
            ("me:hidden@host/data", "..."),
            ("host/data?token=hidden", "..."),
            ("/data/me@home/may?.csv", "/data/me@home/may?.csv"),
            ("file:///data/may.csv", "/data/may.csv"),
            ("may.csv", "may.csv"),
        ] {
            let source = SourceAddress::from(address);
            assert_eq!(source.to_string(), shown);
            assert_eq!(format!("{source:?}"), format!("{shown:?}"));
            assert_eq!(source.reveal(), address);
        }
    }

    #[test]
    fn credentials_that_others_repeat_are_hidden() {
        let source = SourceAddress::from("https://someone:pa%24%24word@host/d?api_key=abcd&pin=12");
        assert_eq!(
            source.hide("someone:pa$$word (pa%24%24word) and abcd are wrong; 12 of them"),
            "...:... (...) and ... are wrong; 12 of them"
        );
    }
}
