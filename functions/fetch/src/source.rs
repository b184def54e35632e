//! The configured source: what kind of place it is, and how it is shown.

use std::path::PathBuf;

use reqwest::Url;
use tasador_lake::Key;

use crate::error::{Error, NamedIn};

/// Names of query parameters, or parts of names, whose values are not shown.
const SECRET: [&str; 6] = ["token", "key", "secret", "password", "auth", "sig"];

/// Where batches come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) place: Place,
    /// The address without credentials: for people, the registry and the log.
    pub(crate) shown: String,
    /// Where it is configured.
    named_in: NamedIn,
}

/// The kinds of places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// A data API: each answer is another batch.
    Api(Url),
    /// An object in S3, of any bucket.
    Object { bucket: String, key: Key },
    /// A file of this machine.
    File(PathBuf),
}

impl Source {
    /// The source with the configured address.
    pub(crate) fn configured(address: Option<&str>, files_allowed: bool) -> Result<Self, Error> {
        let source = Self::parse(address.ok_or(Error::NoSource)?)?;
        match source.place {
            Place::File(path) if !files_allowed => Err(Error::FilesForbidden { path }),
            _ => Ok(source),
        }
    }

    /// The object that an execution's input names.
    pub(crate) fn named(bucket: &str, key: &str) -> Result<Self, Error> {
        let shown = format!("s3://{bucket}/{key}");
        let refused = |what| {
            Err(Error::Source {
                what,
                named_in: NamedIn::Input,
                source_shown: shown.clone(),
            })
        };
        if bucket.is_empty() {
            return refused("the source names no bucket".to_owned());
        }
        match key.parse() {
            Ok(key) => Ok(Self {
                place: Place::Object {
                    bucket: bucket.to_owned(),
                    key,
                },
                shown,
                named_in: NamedIn::Input,
            }),
            Err(error) => refused(format!("the source names no object: {error}")),
        }
    }

    fn parse(text: &str) -> Result<Self, Error> {
        let refused = |what: String, shown: &str| {
            Err(Error::Source {
                what,
                named_in: NamedIn::Settings,
                source_shown: shown.to_owned(),
            })
        };
        match text.split_once("://") {
            Some((scheme, _))
                if matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https") =>
            {
                match Url::parse(text) {
                    Ok(url) => Ok(Self {
                        shown: without_secrets(&url),
                        place: Place::Api(url),
                        named_in: NamedIn::Settings,
                    }),
                    // What can't be read can't be freed of credentials either.
                    Err(error) => refused(
                        format!("the source is no address ({error})"),
                        &format!("{scheme}://…"),
                    ),
                }
            }
            Some(("s3", rest)) => {
                let Some((bucket, key)) = rest
                    .split_once('/')
                    .filter(|(bucket, _)| !bucket.is_empty())
                else {
                    return refused(
                        "the source names no object: write s3://bucket/key".to_owned(),
                        text,
                    );
                };
                match key.parse() {
                    Ok(key) => Ok(Self {
                        place: Place::Object {
                            bucket: bucket.to_owned(),
                            key,
                        },
                        shown: text.to_owned(),
                        named_in: NamedIn::Settings,
                    }),
                    Err(error) => refused(format!("the source names no object: {error}"), text),
                }
            }
            Some(("file", path)) => Ok(Self::file(path)),
            Some((scheme, _)) => refused(
                format!(
                    "`{scheme}://` is no kind of source: http://, https://, s3:// and files are"
                ),
                &format!("{scheme}://…"),
            ),
            None => Ok(Self::file(text)),
        }
    }

    fn file(path: &str) -> Self {
        Self {
            place: Place::File(PathBuf::from(path)),
            shown: path.to_owned(),
            named_in: NamedIn::Settings,
        }
    }

    /// Whether each answer is another batch. Where it is not, the same bytes again are no news.
    pub(crate) fn moves_on(&self) -> bool {
        matches!(self.place, Place::Api(_))
    }

    /// The part of the address whose extension may tell a format.
    pub(crate) fn file_name(&self) -> &str {
        match &self.place {
            Place::Api(url) => url.path(),
            Place::Object { key, .. } => key.as_str(),
            Place::File(_) => &self.shown,
        }
    }

    pub(crate) fn unavailable(&self, what: impl Into<String>) -> Error {
        Error::Unavailable {
            source_shown: self.shown.clone(),
            what: what.into(),
            cause: None,
        }
    }

    pub(crate) fn broke(
        &self,
        what: impl Into<String>,
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Error {
        Error::Unavailable {
            source_shown: self.shown.clone(),
            what: what.into(),
            cause: Some(cause.into()),
        }
    }

    pub(crate) fn wrong(&self, what: impl Into<String>) -> Error {
        Error::Source {
            named_in: self.named_in,
            source_shown: self.shown.clone(),
            what: what.into(),
        }
    }

    pub(crate) fn too_large(&self, size: impl Into<String>, limit_bytes: u64) -> Error {
        Error::TooLarge {
            source_shown: self.shown.clone(),
            size: size.into(),
            limit_bytes,
        }
    }
}

/// The address without user, password and the values of parameters that are named like secrets.
fn without_secrets(url: &Url) -> String {
    let mut shown = url.clone();
    shown.set_fragment(None);
    // Both fail only for addresses without a host, which http(s) addresses are not.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    if let Some(query) = url.query() {
        let parts: Vec<String> = query
            .split('&')
            .map(|part| match part.split_once('=') {
                Some((name, _)) if is_secret(name) => format!("{name}=..."),
                _ => part.to_owned(),
            })
            .collect();
        shown.set_query(Some(&parts.join("&")));
    }
    shown.into()
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET.iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_apart() {
        let api = Source::parse("http://127.0.0.1:8080/data?group_number=2&day=Tuesday").unwrap();
        assert_eq!(
            api.shown,
            "http://127.0.0.1:8080/data?group_number=2&day=Tuesday"
        );
        assert!(api.moves_on());
        let object = Source::parse("s3://listings/2026/may.csv.gz").unwrap();
        let place = Place::Object {
            bucket: "listings".to_owned(),
            key: "2026/may.csv.gz".parse().unwrap(),
        };
        assert_eq!(
            (object.place, object.shown.as_str()),
            (place, "s3://listings/2026/may.csv.gz")
        );
        for text in ["file:///data/may.csv", "/data/may.csv"] {
            let file = Source::parse(text).unwrap();
            assert_eq!(file.place, Place::File("/data/may.csv".into()));
            assert!(!file.moves_on());
        }
    }

    #[test]
    fn credentials_are_not_shown_but_used() {
        let source =
            Source::parse("https://me:secret@host/data?group_number=2&api_key=hidden&day=Monday#x")
                .unwrap();
        assert_eq!(
            source.shown,
            "https://host/data?group_number=2&api_key=...&day=Monday"
        );
        let Place::Api(url) = source.place else {
            panic!("not an API");
        };
        assert_eq!(url.password(), Some("secret"));
        assert!(url.query().unwrap().contains("api_key=hidden"));
    }

    #[test]
    fn what_is_no_source_is_refused_with_the_variable() {
        for text in [
            "ftp://host/x",
            "http://",
            "s3://bucket",
            "s3:///key",
            "s3://bucket/a//b",
            "s3://bucket/",
        ] {
            let error = Source::parse(text).unwrap_err().to_string();
            assert!(error.contains("TASADOR_SOURCE"), "{error}");
        }
        let error = Source::parse("https://me:hidden@[oops/")
            .unwrap_err()
            .to_string();
        assert!(!error.contains("hidden"), "{error}");
    }

    #[test]
    fn a_file_needs_leave() {
        let file = Some("/data/may.csv");
        assert!(matches!(
            Source::configured(file, false),
            Err(Error::FilesForbidden { .. })
        ));
        assert!(Source::configured(file, true).is_ok());
        assert!(matches!(
            Source::configured(None, true),
            Err(Error::NoSource)
        ));
    }
}
