//! The names things go by: batches, runs, datasets, registered models and their versions.
//!
//! Every id is its own type and is checked where it enters, so that a key in the bucket or a
//! row in a table is never built from unchecked text. Content ids are SHA-256 digests: the same
//! bytes have the same name everywhere and permanently.

mod algorithm;
mod digest;
mod format;
pub mod hex;
pub mod key;
mod units;

pub use algorithm::{Algorithm, UnknownAlgorithm};
pub use digest::{Digest, Hasher};
pub use format::{Format, RawForm};
pub use key::Key;
pub use units::{AreaUnit, Currency, Units};

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a {kind}: {reason}")]
pub struct InvalidId {
    /// Which id was expected, in words.
    pub kind: &'static str,
    /// What was found, shortened to 64 characters.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl InvalidId {
    fn new(kind: &'static str, text: &str, reason: &'static str) -> Self {
        Self {
            kind,
            text: text.chars().take(64).collect(),
            reason,
        }
    }
}

/// Declares an id around a [`Digest`] of content.
macro_rules! content_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String, pattern = "^[0-9a-f]{64}$"))]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Digest);

        impl $name {
            /// The id of these bytes.
            pub fn of(bytes: &[u8]) -> Self {
                Self(Digest::of(bytes))
            }

            /// The digest this id is made of.
            pub const fn digest(&self) -> Digest {
                self.0
            }

            /// The first twelve characters: enough for people, never used as a key.
            pub fn short(&self) -> String {
                self.0.short()
            }
        }

        impl From<Digest> for $name {
            fn from(digest: Digest) -> Self {
                Self(digest)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                text.parse()
                    .map(Self)
                    .map_err(|_| InvalidId::new($kind, text, digest::DIGITS_EXPECTED))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.to_string()
            }
        }
    };
}

content_id!(
    /// One batch of listings: the SHA-256 of its bytes as the source sent them.
    BatchId,
    "batch id"
);
content_id!(
    /// One dataset: the SHA-256 of its manifest, which names its batches in order.
    DatasetId,
    "dataset id"
);

/// Declares an id around checked text.
macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $check:path) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String))]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                match $check(text) {
                    Ok(()) => Ok(Self(text.to_owned())),
                    Err(reason) => Err(InvalidId::new($kind, text, reason)),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }
    };
}

text_id!(
    /// One run of the pipeline: the name of its execution in Step Functions, which is unique.
    RunId,
    "run id",
    check_execution_name
);
text_id!(
    /// A registered model, such as `BestHousePriceModel`.
    ModelName,
    "model name",
    check_model_name
);

impl RunId {
    /// The id of a change that a person makes: no execution has such a name.
    pub fn by_hand(unique: u128) -> Self {
        Self(format!("by-hand-{unique:032x}"))
    }
}

/// Step Functions allows 1 to 80 characters; the set is narrowed to what is safe in keys and URLs.
fn check_execution_name(text: &str) -> Result<(), &'static str> {
    if text.is_empty() || text.len() > 80 {
        return Err("1 to 80 characters are allowed");
    }
    if !text
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    {
        return Err("only letters, digits, `-` and `_` are allowed");
    }
    Ok(())
}

fn check_model_name(text: &str) -> Result<(), &'static str> {
    if text.is_empty() || text.len() > 120 {
        return Err("1 to 120 characters are allowed");
    }
    if !text
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b' '))
    {
        return Err("only letters, digits, `-`, `_`, `.` and spaces are allowed");
    }
    Ok(())
}

/// The number of a model version: 1, 2, 3 … in the order of registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct ModelVersion(pub u32);

impl fmt::Display for ModelVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for ModelVersion {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        match text.parse() {
            Ok(number) if number > 0 => Ok(Self(number)),
            _ => Err(InvalidId::new(
                "model version",
                text,
                "a whole number from 1 on is expected",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_content_id_is_the_sha256_of_the_bytes() {
        // FIPS 180-2, appendix B.1.
        assert_eq!(
            BatchId::of(b"abc").to_string(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn ids_that_could_leave_their_place_are_refused() {
        for text in ["", "../up", "a/b", "a b", "ünïcode", &"x".repeat(81)] {
            assert!(text.parse::<RunId>().is_err(), "{text:?}");
        }
        for text in ["", "0", "-1", "1.0", "one"] {
            assert!(text.parse::<ModelVersion>().is_err(), "{text:?}");
        }
        let id = BatchId::of(b"abc").to_string();
        assert!(id.to_uppercase().parse::<BatchId>().is_err());
        assert!(serde_json::from_str::<BatchId>("\"ba78\"").is_err());
    }

    proptest! {
        #[test]
        fn ids_survive_text_and_json(bytes: Vec<u8>, run in "[A-Za-z0-9_-]{1,80}") {
            let id = BatchId::of(&bytes);
            prop_assert_eq!(id, id.to_string().parse().unwrap());
            let run: RunId = run.parse().unwrap();
            let json = serde_json::to_string(&run).unwrap();
            prop_assert_eq!(run, serde_json::from_str::<RunId>(&json).unwrap());
        }
    }
}
