//! Uploads in parts. Parts are not synced: completing an upload reads them all, and compares each with the
//! MD5 that it had when it was received.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use s3s::crypto::{Checksum as _, Md5};
use s3s::dto::{CompletedPart, ETag};
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::body::Received;
use crate::checksums::{Checksums, Wanted, checksums_of};
use crate::description::{Attributes, Description};
use crate::disk::{Conditions, Disk, read_existing, remove_tree};
use crate::fault;

/// Smallest part, the last one excepted.
const PART_MIN_BYTES: u64 = 5 << 20;

/// Parts of one upload.
pub(crate) const PARTS_MAX: i32 = 10_000;

const MANIFEST: &str = "upload.json";

/// What an upload is of.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Upload {
    pub(crate) bucket: String,
    pub(crate) key: String,
    /// Of each part, and of the whole.
    pub(crate) algorithm: Option<String>,
    pub(crate) is_composite: bool,
    pub(crate) attributes: Attributes,
}

/// A part that was received.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Part {
    pub(crate) number: i32,
    pub(crate) size_bytes: u64,
    pub(crate) md5: String,
    #[serde(flatten)]
    pub(crate) checksums: Checksums,
}

/// What a client says of the whole.
#[derive(Debug)]
pub(crate) struct Completion {
    pub(crate) parts: Vec<CompletedPart>,
    pub(crate) checksums: Checksums,
    pub(crate) size_bytes: Option<i64>,
    pub(crate) conditions: Conditions,
}

fn no_upload() -> S3Error {
    s3_error!(
        NoSuchUpload,
        "The specified upload does not exist. It may have been completed or aborted."
    )
}

pub(crate) fn create(disk: &Disk, upload: &Upload) -> S3Result<String> {
    disk.bucket(&upload.bucket)?;
    let id = Uuid::new_v4().to_string();
    let folder = disk.uploads().join(&id);
    fs::create_dir(&folder).map_err(fault::io)?;
    write_json(disk, &folder.join(MANIFEST), upload)?;
    Ok(id)
}

/// The folder of an upload of this key.
pub(crate) fn open(disk: &Disk, bucket: &str, key: &str, id: &str) -> S3Result<(PathBuf, Upload)> {
    let id = Uuid::parse_str(id).map_err(|_| no_upload())?;
    let folder = disk.uploads().join(id.to_string());
    let upload: Upload = read_json(&folder.join(MANIFEST))?.ok_or_else(no_upload)?;
    if upload.bucket != bucket || upload.key != key {
        return Err(no_upload());
    }
    Ok((folder, upload))
}

pub(crate) fn put_part(
    disk: &Disk,
    folder: &Path,
    number: i32,
    received: Received,
) -> S3Result<Part> {
    let part = Part {
        number,
        size_bytes: received.size_bytes,
        md5: hex::encode(received.md5),
        checksums: received.checksums,
    };
    let placed = received.bytes.rename(&part_path(folder, number));
    placed.map_err(|error| {
        // Aborted in between.
        fault::missing(S3ErrorCode::NoSuchUpload)(error)
    })?;
    write_json(disk, &description_path(folder, number), &part)?;
    Ok(part)
}

/// All parts, by number.
pub(crate) fn parts(folder: &Path) -> S3Result<Vec<(Part, SystemTime)>> {
    let mut parts = Vec::new();
    for entry in fs::read_dir(folder).map_err(fault::missing(S3ErrorCode::NoSuchUpload))? {
        let entry = entry.map_err(fault::io)?;
        let name = entry.file_name();
        let is_part = name.to_str().is_some_and(|name| {
            name.starts_with("part-") && Path::new(name).extension().is_some_and(|it| it == "json")
        });
        if is_part && let Some(part) = read_json::<Part>(&entry.path())? {
            let modified = entry.metadata().and_then(|it| it.modified());
            parts.push((part, modified.map_err(fault::io)?));
        }
    }
    parts.sort_by_key(|(part, _)| part.number);
    Ok(parts)
}

/// All uploads of a bucket, by key and time.
pub(crate) fn uploads(disk: &Disk, bucket: &str) -> S3Result<Vec<(String, Upload, SystemTime)>> {
    let mut uploads = Vec::new();
    for entry in fs::read_dir(disk.uploads()).map_err(fault::io)? {
        let entry = entry.map_err(fault::io)?;
        let path = entry.path().join(MANIFEST);
        if let Some(upload) = read_json::<Upload>(&path)?
            && upload.bucket == bucket
            && let Ok(begun) = fs::metadata(&path).and_then(|it| it.modified())
        {
            let id = entry.file_name().to_string_lossy().into_owned();
            uploads.push((id, upload, begun));
        }
    }
    uploads.sort_by(|a, b| (&a.1.key, a.2).cmp(&(&b.1.key, b.2)));
    Ok(uploads)
}

pub(crate) fn abort(folder: &Path) -> S3Result<()> {
    remove_tree(folder).map_err(fault::io)
}

/// Puts the parts together into the object.
pub(crate) fn complete(
    disk: &Disk,
    folder: &Path,
    upload: Upload,
    completion: &Completion,
) -> S3Result<Description> {
    let wanted = wanted_parts(folder, &completion.parts)?;
    let algorithm = upload.algorithm.as_deref();
    let is_whole = algorithm.is_some() && !upload.is_composite;
    let mut hasher = Wanted::default()
        .and(algorithm.filter(|_| is_whole))?
        .hasher();
    let mut md5s = Md5::new();
    let bytes = disk.temporary();
    let mut file = bytes.open().map_err(fault::io)?;
    let mut piece = vec![0; 1 << 20];
    let mut size_bytes = 0;
    for part in &wanted {
        let path = part_path(folder, part.number);
        let mut source = File::open(path).map_err(fault::missing(S3ErrorCode::InvalidPart))?;
        let mut md5 = Md5::new();
        loop {
            let length = source.read(&mut piece).map_err(fault::io)?;
            let read = piece.get(..length).unwrap_or_default();
            if read.is_empty() {
                break;
            }
            md5.update(read);
            hasher.update(read);
            file.write_all(read).map_err(fault::io)?;
            size_bytes += read.len() as u64;
        }
        let md5 = md5.finalize();
        if hex::encode(md5) != part.md5 {
            return Err(s3_error!(
                InvalidPart,
                "part {} is not what was uploaded; upload it again",
                part.number
            ));
        }
        md5s.update(&md5);
    }
    drop(file);
    let claimed = completion.size_bytes.map(u64::try_from);
    if claimed.is_some_and(|claimed| claimed != Ok(size_bytes)) {
        return Err(s3_error!(
            InvalidRequest,
            "the object has {size_bytes} bytes"
        ));
    }

    let checksums = if upload.is_composite {
        composite(algorithm, &wanted)?
    } else {
        hasher.finalize().into()
    };
    // Clients send a composite checksum with and without the number of parts.
    let sent = &completion.checksums;
    if *sent != composite_without_count(&checksums) {
        sent.check(&checksums)?;
    }
    let e_tag = format!("{}-{}", hex::encode(md5s.finalize()), wanted.len());
    let Upload {
        bucket,
        key,
        is_composite,
        attributes,
        ..
    } = upload;
    let description = Description {
        e_tag,
        checksums,
        is_composite,
        attributes,
        ..Description::default()
    };
    let (_, description) = disk.put(&bucket, &key, &bytes, description, &completion.conditions)?;
    if let Err(error) = remove_tree(folder) {
        tracing::warn!(folder = %folder.display(), %error, "the parts of an upload could not be removed");
    }
    Ok(description)
}

/// The parts that the client names, if each is there and as it says.
fn wanted_parts(folder: &Path, named: &[CompletedPart]) -> S3Result<Vec<Part>> {
    if named.is_empty() {
        return Err(s3_error!(
            MalformedXML,
            "You must specify at least one part"
        ));
    }
    let mut wanted: Vec<Part> = Vec::new();
    for named in named {
        let number = named
            .part_number
            .filter(|number| (1..=PARTS_MAX).contains(number))
            .ok_or_else(|| s3_error!(InvalidArgument, "a part has no number from 1 to 10,000"))?;
        if wanted.last().is_some_and(|last| last.number >= number) {
            return Err(s3_error!(InvalidPartOrder));
        }
        let part: Option<Part> = read_json(&description_path(folder, number))?;
        let part = part.filter(|part| {
            let e_tag = ETag::Strong(part.md5.clone());
            let sent = checksums_of!(named);
            named
                .e_tag
                .as_ref()
                .is_none_or(|named| named.weak_cmp(&e_tag))
                && (part.checksums.is_empty() || sent.check(&part.checksums).is_ok())
        });
        wanted.push(part.ok_or_else(|| {
            s3_error!(
                InvalidPart,
                "part {number} was not uploaded, or has another ETag or checksum"
            )
        })?);
    }
    let but_last = wanted.split_last().map_or(&[][..], |(_, rest)| rest);
    if but_last.iter().any(|part| part.size_bytes < PART_MIN_BYTES) {
        return Err(s3_error!(EntityTooSmall));
    }
    Ok(wanted)
}

/// The checksum of the parts' checksums.
fn composite(algorithm: Option<&str>, parts: &[Part]) -> S3Result<Checksums> {
    let Some(algorithm) = algorithm else {
        return Ok(Checksums::default());
    };
    let mut hasher = Wanted::default().and(Some(algorithm))?.hasher();
    for part in parts {
        let checksum = part.checksums.get(algorithm);
        let bytes = checksum.and_then(|text| STANDARD.decode(text).ok());
        let bytes = bytes.ok_or_else(|| {
            s3_error!(
                InvalidRequest,
                "part {} was uploaded without a {algorithm}",
                part.number
            )
        })?;
        hasher.update(&bytes);
    }
    let whole = Checksums::from(hasher.finalize());
    let value = whole.get(algorithm).unwrap_or_default();
    Ok(Checksums::only(
        algorithm,
        format!("{value}-{}", parts.len()),
    ))
}

fn composite_without_count(checksums: &Checksums) -> Checksums {
    let bare = |value: &Option<String>| {
        let value = value.as_deref();
        value.map(|value| {
            value
                .rsplit_once('-')
                .map_or(value, |(bare, _)| bare)
                .to_owned()
        })
    };
    Checksums {
        crc32: bare(&checksums.crc32),
        crc32c: bare(&checksums.crc32c),
        crc64nvme: bare(&checksums.crc64nvme),
        sha1: bare(&checksums.sha1),
        sha256: bare(&checksums.sha256),
    }
}

fn part_path(folder: &Path, number: i32) -> PathBuf {
    folder.join(format!("part-{number:05}"))
}

fn description_path(folder: &Path, number: i32) -> PathBuf {
    folder.join(format!("part-{number:05}.json"))
}

fn write_json(disk: &Disk, path: &Path, value: &impl Serialize) -> S3Result<()> {
    let text = serde_json::to_vec(value).map_err(|error| fault::io(error.into()))?;
    let temporary = disk.temporary();
    let written = temporary.open().and_then(|mut file| file.write_all(&text));
    written.map_err(fault::io)?;
    temporary
        .rename(path)
        .map_err(fault::missing(S3ErrorCode::NoSuchUpload))
}

fn read_json<T: for<'de> Deserialize<'de>>(path: &Path) -> S3Result<Option<T>> {
    let text = read_existing(path).map_err(fault::io)?;
    Ok(text.and_then(|text| serde_json::from_slice(&text).ok()))
}
