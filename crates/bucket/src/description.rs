//! What is known of an object beside its bytes, in a separate file. It is in place before the bytes are,
//! and holds the description of those that it replaces too, so that a crash in between leaves an object
//! with its own description, old or new.

use std::fs::Metadata;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use s3s::dto::{self, ETag, Timestamp, TimestampFormat};
use serde::{Deserialize, Serialize};

use crate::checksums::Checksums;

/// What a client said of its object.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Attributes {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) user_metadata: Option<dto::Metadata>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) content_encoding: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) content_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) content_disposition: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) content_language: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cache_control: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expires: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) website_redirect_location: Option<String>,
}

/// The attributes in a request of S3.
macro_rules! attributes_of {
    ($input:expr) => {
        $crate::description::Attributes {
            user_metadata: $input.metadata.clone(),
            content_encoding: $crate::description::stored_encoding(
                $input.content_encoding.as_deref(),
            ),
            content_type: $input.content_type.clone(),
            content_disposition: $input.content_disposition.clone(),
            content_language: $input.content_language.clone(),
            cache_control: $input.cache_control.clone(),
            expires: $input
                .expires
                .as_ref()
                .and_then($crate::description::expires_text),
            website_redirect_location: $input.website_redirect_location.clone(),
        }
    };
}
pub(crate) use attributes_of;

/// One object's description.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Description {
    /// The bytes that it is of, by their length and time of change.
    pub(crate) size_bytes: u64,
    pub(crate) modified_ns: u64,
    pub(crate) e_tag: String,
    #[serde(flatten)]
    pub(crate) checksums: Checksums,
    /// Whether the checksums are of the parts' checksums.
    #[serde(default)]
    pub(crate) is_composite: bool,
    #[serde(flatten)]
    pub(crate) attributes: Attributes,
}

/// The file: the newest first.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Descriptions {
    /// For people: the file is named by the key's hash.
    pub(crate) key: String,
    pub(crate) of: Vec<Description>,
}

impl Descriptions {
    /// The one of the bytes whose file's metadata are given.
    pub(crate) fn of_file(&self, file: &Metadata) -> Option<&Description> {
        let is_of =
            |it: &&Description| it.size_bytes == file.len() && it.modified_ns == modified_ns(file);
        self.of.iter().find(is_of)
    }

    /// The newest, if the length fits: the times of a copied data folder are those of the copy.
    pub(crate) fn of_copy(&self, file: &Metadata) -> Option<&Description> {
        let newest = self.of.first();
        newest.filter(|it| it.size_bytes == file.len())
    }
}

impl Description {
    /// Of a file that somebody else put into the folder.
    pub(crate) fn of_foreign(file: &Metadata) -> Self {
        let (size_bytes, modified_ns) = (file.len(), modified_ns(file));
        Self {
            size_bytes,
            modified_ns,
            e_tag: format!("{size_bytes:x}-{modified_ns:x}"),
            ..Self::default()
        }
    }

    pub(crate) fn e_tag(&self) -> ETag {
        ETag::Strong(self.e_tag.clone())
    }

    pub(crate) fn expires(&self) -> Option<Timestamp> {
        let text = self.attributes.expires.as_deref()?;
        Timestamp::parse(TimestampFormat::DateTime, text).ok()
    }

    /// What s3s-fs kept of an object in two files.
    pub(crate) fn of_s3s_fs(
        file: &Metadata,
        attributes: Option<&[u8]>,
        info: Option<&[u8]>,
    ) -> Self {
        #[derive(Default, Deserialize)]
        struct Info {
            e_tag: Option<String>,
            #[serde(flatten)]
            checksums: Checksums,
        }
        let mut description = Self::of_foreign(file);
        if let Some(attributes) = attributes.and_then(|text| serde_json::from_slice(text).ok()) {
            description.attributes = attributes;
        }
        let info = info.and_then(|text| serde_json::from_slice::<Info>(text).ok());
        if let Some(Info { e_tag, checksums }) = info {
            description.checksums = checksums;
            if let Some(e_tag) = e_tag {
                description.e_tag = e_tag;
            }
        }
        description
    }
}

/// When a file was changed, in nanoseconds since 1970.
pub(crate) fn modified_ns(file: &Metadata) -> u64 {
    file.modified().map_or(0, nanoseconds)
}

pub(crate) fn nanoseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

pub(crate) fn expires_text(expires: &Timestamp) -> Option<String> {
    let mut text = Vec::new();
    expires.format(TimestampFormat::DateTime, &mut text).ok()?;
    String::from_utf8(text).ok()
}

/// `Content-Encoding` without the encoding of the upload itself, as S3 keeps it.
pub(crate) fn stored_encoding(sent: Option<&str>) -> Option<String> {
    let encodings = sent?.split(',').map(str::trim);
    let stored: Vec<_> = encodings.filter(|it| *it != "aws-chunked").collect();
    (!stored.is_empty()).then(|| stored.join(","))
}

/// The names of the two files of s3s-fs.
pub(crate) fn names_of_s3s_fs(bucket: &str, key: &str) -> [String; 2] {
    let bucket = URL_SAFE_NO_PAD.encode(bucket);
    let key = URL_SAFE_NO_PAD.encode(key);
    ["metadata", "internal"].map(|kind| format!(".bucket-{bucket}.object-{key}.{kind}.json"))
}
