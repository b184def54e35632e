//! What operations have in common: conditions of reads, ranges, and the fields of answers.

use std::time::SystemTime;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto::*;
use s3s::{S3Result, s3_error};

use crate::description::Description;
use crate::listing::Listed;
use crate::uploads::PARTS_MAX;

/// Most entries of a page.
pub(crate) const PAGE_MAX: i32 = 1000;

/// What stays as it is where a client asks for `encoding-type=url`.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'/');

/// What an object must be for a read of it.
#[derive(Debug, Default)]
pub(crate) struct ReadConditions {
    pub(crate) if_match: Option<ETagCondition>,
    pub(crate) if_none_match: Option<ETagCondition>,
    pub(crate) if_modified_since: Option<Timestamp>,
    pub(crate) if_unmodified_since: Option<Timestamp>,
}

impl ReadConditions {
    /// Whether the object is other than what the client has. ETags take precedence over times.
    pub(crate) fn holds(&self, description: &Description, modified: SystemTime) -> S3Result<bool> {
        let is = |condition: &ETagCondition| match condition {
            ETagCondition::Any => true,
            ETagCondition::ETag(e_tag) => description.e_tag().weak_cmp(e_tag),
        };
        // Times in headers are whole seconds.
        let modified = seconds(modified);
        let as_expected = match (&self.if_match, &self.if_unmodified_since) {
            (Some(condition), _) => is(condition),
            (None, Some(time)) => modified <= *time,
            (None, None) => true,
        };
        if !as_expected {
            return Err(s3_error!(PreconditionFailed));
        }
        Ok(match (&self.if_none_match, &self.if_modified_since) {
            (Some(condition), _) => !is(condition),
            (None, Some(time)) => modified > *time,
            (None, None) => true,
        })
    }
}

fn seconds(time: SystemTime) -> Timestamp {
    let since = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    (SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(since.as_secs())).into()
}

pub(crate) fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(crate) fn checksum_type(description: &Description) -> Option<ChecksumType> {
    let name = if description.is_composite {
        ChecksumType::COMPOSITE
    } else {
        ChecksumType::FULL_OBJECT
    };
    (!description.checksums.is_empty()).then(|| ChecksumType::from_static(name))
}

/// The conditions in the headers of a read.
macro_rules! read_conditions {
    ($input:expr) => {
        $crate::answers::ReadConditions {
            if_match: $input.if_match.clone(),
            if_none_match: $input.if_none_match.clone(),
            if_modified_since: $input.if_modified_since.clone(),
            if_unmodified_since: $input.if_unmodified_since.clone(),
        }
    };
}
pub(crate) use read_conditions;

macro_rules! copy_conditions {
    ($input:expr) => {
        $crate::answers::ReadConditions {
            if_match: $input.copy_source_if_match.clone(),
            if_none_match: $input.copy_source_if_none_match.clone(),
            if_modified_since: $input.copy_source_if_modified_since.clone(),
            if_unmodified_since: $input.copy_source_if_unmodified_since.clone(),
        }
    };
}
pub(crate) use copy_conditions;

/// Sets what GET and HEAD say of an object.
macro_rules! describe {
    ($output:expr, $description:expr, $modified:expr) => {{
        let description = $description;
        $output.accept_ranges = Some("bytes".to_owned());
        $output.e_tag = Some(description.e_tag());
        $output.expires = description.expires();
        $output.last_modified = Some($modified.into());
        let attributes = description.attributes;
        $output.metadata = attributes.user_metadata;
        $output.cache_control = attributes.cache_control;
        $output.content_disposition = attributes.content_disposition;
        $output.content_encoding = attributes.content_encoding;
        $output.content_language = attributes.content_language;
        $output.content_type = Some(
            attributes
                .content_type
                .unwrap_or_else(|| "binary/octet-stream".to_owned()),
        );
        $output.website_redirect_location = attributes.website_redirect_location;
    }};
}
pub(crate) use describe;

/// The part of a body that is requested, and its `Content-Range`.
pub(crate) fn part_of(
    range: Option<Range>,
    part_number: Option<i32>,
    size: u64,
) -> S3Result<(std::ops::Range<u64>, Option<String>)> {
    if part_number.is_some_and(|number| number != 1) {
        return Err(s3_error!(InvalidPart, "objects are kept in one part"));
    }
    let Some(range) = range else {
        return Ok((0..size, None));
    };
    let range = range.check(size)?;
    let text = format!(
        "bytes {}-{}/{size}",
        range.start,
        range.end.saturating_sub(1)
    );
    Ok((range, Some(text)))
}

/// The names in a listing, encoded if the client asks for it: XML cannot hold all of them.
pub(crate) struct Names(pub(crate) Option<EncodingType>);

impl Names {
    pub(crate) fn new(encoding: Option<&EncodingType>) -> S3Result<Self> {
        match encoding.map(EncodingType::as_str) {
            None => Ok(Self(None)),
            Some(EncodingType::URL) => Ok(Self(encoding.cloned())),
            Some(_) => Err(s3_error!(InvalidArgument, "encoding-type must be url")),
        }
    }

    pub(crate) fn encode(&self, name: String) -> String {
        match self.0 {
            None => name,
            Some(_) => utf8_percent_encode(&name, PLAIN).to_string(),
        }
    }

    pub(crate) fn objects(&self, listed: Vec<Listed>) -> Option<ObjectList> {
        let object = |listed: Listed| Object {
            checksum_algorithm: None,
            e_tag: Some(listed.description.e_tag()),
            key: Some(self.encode(listed.key)),
            last_modified: Some(listed.modified.into()),
            size: Some(integer(listed.description.size_bytes)),
            storage_class: Some(ObjectStorageClass::from_static(
                ObjectStorageClass::STANDARD,
            )),
            ..Object::default()
        };
        let objects: ObjectList = listed.into_iter().map(object).collect();
        (!objects.is_empty()).then_some(objects)
    }

    pub(crate) fn prefixes(&self, prefixes: Vec<String>) -> Option<CommonPrefixList> {
        let prefixes: CommonPrefixList = prefixes
            .into_iter()
            .map(|prefix| CommonPrefix {
                prefix: Some(self.encode(prefix)),
            })
            .collect();
        (!prefixes.is_empty()).then_some(prefixes)
    }
}

pub(crate) fn page_size(wanted: Option<i32>) -> S3Result<i32> {
    match wanted {
        Some(wanted) if wanted < 0 => Err(s3_error!(InvalidArgument, "max-keys is negative")),
        wanted => Ok(wanted.unwrap_or(PAGE_MAX).min(PAGE_MAX)),
    }
}

pub(crate) fn limit(size: i32) -> usize {
    usize::try_from(size).unwrap_or_default()
}

pub(crate) fn part_number(number: i32) -> S3Result<i32> {
    if !(1..=PARTS_MAX).contains(&number) {
        return Err(s3_error!(
            InvalidArgument,
            "Part number must be an integer between 1 and 10000, inclusive"
        ));
    }
    Ok(number)
}
