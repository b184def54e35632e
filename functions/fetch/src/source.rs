//! The configured source: what kind of place it is, and how it is shown.

use std::path::PathBuf;

use reqwest::Url;
use tasador_lake::Key;
use tasador_runtime::SourceAddress;

use crate::error::{Error, NamedIn};

/// Where batches come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) place: Place,
    /// The address without credentials: for people, the registry and the log.
    pub(crate) shown: String,
    address: SourceAddress,
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
    pub(crate) fn configured(
        address: Option<SourceAddress>,
        files_allowed: bool,
    ) -> Result<Self, Error> {
        let source = Self::parse(address.ok_or(Error::NoSource)?)?;
        match source.place {
            Place::File(path) if !files_allowed => Err(Error::FilesForbidden { path }),
            _ => Ok(source),
        }
    }

    /// The object that an execution's input names.
    pub(crate) fn named(bucket: &str, key: &str) -> Result<Self, Error> {
        let address = format!("s3://{bucket}/{key}").into();
        Self::at(address, object_at(bucket, key), NamedIn::Input)
    }

    fn parse(address: SourceAddress) -> Result<Self, Error> {
        let place = place_at(address.reveal());
        Self::at(address, place, NamedIn::Settings)
    }

    fn at(
        address: SourceAddress,
        place: Result<Place, String>,
        named_in: NamedIn,
    ) -> Result<Self, Error> {
        let shown = address.to_string();
        let place = place.map_err(|what| Error::Source {
            what,
            named_in,
            source_shown: shown.clone(),
        })?;
        Ok(Self {
            place,
            shown,
            address,
            named_in,
        })
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
            what: self.address.hide(&what.into()),
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
            what: self.address.hide(&what.into()),
            cause: Some(cause.into()),
        }
    }

    pub(crate) fn wrong(&self, what: impl Into<String>) -> Error {
        Error::Source {
            named_in: self.named_in,
            source_shown: self.shown.clone(),
            what: self.address.hide(&what.into()),
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

/// The place at an address, or what is wrong with it.
fn place_at(address: &str) -> Result<Place, String> {
    let Some((scheme, rest)) = address.split_once("://") else {
        return Ok(Place::File(PathBuf::from(address)));
    };
    match scheme.to_ascii_lowercase().as_str() {
        "http" | "https" => match Url::parse(address) {
            Ok(url) => Ok(Place::Api(url)),
            Err(error) => Err(format!("the source is not an address ({error})")),
        },
        "s3" => match rest.split_once('/') {
            Some((bucket, key)) => object_at(bucket, key),
            None => Err("the source names no object: write s3://bucket/key".to_owned()),
        },
        "file" => Ok(Place::File(PathBuf::from(rest))),
        _ => Err(format!(
            "`{scheme}://` is not a kind of source: use http://, https://, s3:// or a file"
        )),
    }
}

fn object_at(bucket: &str, key: &str) -> Result<Place, String> {
    if bucket.is_empty() {
        return Err("the source names no bucket: write s3://bucket/key".to_owned());
    }
    match key.parse() {
        Ok(key) => Ok(Place::Object {
            bucket: bucket.to_owned(),
            key,
        }),
        Err(error) => Err(format!("the source names no object: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Source, Error> {
        Source::parse(text.into())
    }

    #[test]
    fn addresses_are_told_apart() {
        let api = parse("http://127.0.0.1:8080/data?group_number=2&day=Tuesday").unwrap();
        assert_eq!(
            api.shown,
            "http://127.0.0.1:8080/data?group_number=2&day=Tuesday"
        );
        assert!(api.moves_on());
        let object = parse("s3://listings/2026/may.csv.gz").unwrap();
        let place = Place::Object {
            bucket: "listings".to_owned(),
            key: "2026/may.csv.gz".parse().unwrap(),
        };
        assert_eq!(
            (object.place, object.shown.as_str()),
            (place, "s3://listings/2026/may.csv.gz")
        );
        for text in ["file:///data/may.csv", "/data/may.csv"] {
            let file = parse(text).unwrap();
            assert_eq!(file.place, Place::File("/data/may.csv".into()));
            assert!(!file.moves_on());
        }
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
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains("TASADOR_SOURCE"), "{error}");
        }
    }

    #[test]
    fn a_file_needs_leave() {
        let file = || Some("/data/may.csv".into());
        assert!(matches!(
            Source::configured(file(), false),
            Err(Error::FilesForbidden { .. })
        ));
        assert!(Source::configured(file(), true).is_ok());
        assert!(matches!(
            Source::configured(None, true),
            Err(Error::NoSource)
        ));
    }
}
