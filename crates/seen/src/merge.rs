//! Joins small objects under `seen/` into larger ones.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};

use tasador_ids::{BatchId, Digest, Hasher, key};
use tasador_lake::{Lake, LakeError, ObjectInfo};
use tasador_runtime::{Classify, ErrorClass};

use crate::format::{self, FormatError, MAGIC, Part, Reader};

/// So many objects of a tier become one; a tier's objects are so many times as large as those of the
/// tier before.
const FAN: usize = 8;
/// Objects up to this size are the first tier.
const FIRST_TIER_BYTES: u64 = 256 << 10;
/// The largest merged object, 12 million rows. The temporary folder needs twice the space, and a
/// function's has 512 MB.
const LARGEST_BYTES: u64 = 192 << 20;
/// Bytes that are read from a file at once.
const PIECE_BYTES: usize = 1 << 20;

/// Why objects could not be merged. None is lost; the next call tries again.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    #[error("the bucket failed")]
    Lake(#[from] LakeError),
    #[error("a temporary file in {} could not be written or read", .folder.display())]
    File {
        folder: PathBuf,
        source: std::io::Error,
    },
    #[error("an object changed while it was merged")]
    Format(#[from] FormatError),
    #[error("the thread that merged objects stopped")]
    Thread(#[from] tokio::task::JoinError),
}

impl Classify for MergeError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Lake(error) => error.class(),
            Self::File { .. } => ErrorClass::Retryable,
            Self::Format(_) => ErrorClass::CorruptArtifact,
            Self::Thread(_) => ErrorClass::Bug,
        }
    }
}

/// What a call of [`merge`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Merged {
    /// Objects that were merged into others and deleted.
    pub objects: usize,
    /// Objects that were written.
    pub into: usize,
}

/// Merges objects until no tier has eight, with temporary files in `folder`. Repeated, concurrent and
/// interrupted calls lose nothing: an object is deleted after the merged one is stored.
///
/// # Errors
/// [`MergeError`].
pub async fn merge(lake: &Lake, folder: &Path) -> Result<Merged, MergeError> {
    let mut merged = Merged::default();
    let in_folder = |source| MergeError::File {
        folder: folder.to_owned(),
        source,
    };
    // An object that is damaged, or that another compaction merged meanwhile.
    let mut left = HashSet::new();
    loop {
        let mut objects = lake.list(key::SEEN).await?;
        objects.retain(|object| !left.contains(&object.key));
        let Some(group) = due(objects) else {
            return Ok(merged);
        };
        let parts = tempfile::tempdir_in(folder).map_err(in_folder)?;
        let (mut files, mut keys) = (Vec::new(), Vec::new());
        for (n, object) in group.into_iter().enumerate() {
            let file = parts.path().join(n.to_string());
            match lake.get_to_file(&object.key, &file, u64::MAX).await {
                Ok(_) => {
                    let path = file.clone();
                    let read =
                        tokio::task::spawn_blocking(move || read_file(&path, |_| Ok(()))).await?;
                    match read {
                        Ok(()) => {
                            files.push(file);
                            keys.push(object.key);
                        }
                        Err(JoinError::Format(error)) => {
                            tracing::error!(key = %object.key, "not merged, because it is damaged: {error}");
                            left.insert(object.key);
                        }
                        Err(JoinError::File(source)) => return Err(in_folder(source)),
                    }
                }
                Err(error @ (LakeError::NotFound { .. } | LakeError::Corrupt { .. })) => {
                    tracing::warn!("not merged: {error}");
                    left.insert(object.key);
                }
                Err(error) => return Err(error.into()),
            }
        }
        if files.len() < 2 {
            left.extend(keys);
            continue;
        }
        let joined = parts.path().join("joined");
        let target = joined.clone();
        let digest = tokio::task::spawn_blocking(move || join(&files, &target)).await?;
        let digest = digest.map_err(|error| match error {
            JoinError::File(source) => in_folder(source),
            JoinError::Format(error) => error.into(),
        })?;
        let into = key::seen_merged(&digest);
        lake.put_once_from_file(&into, &joined, digest).await?;
        merged.into += 1;
        // A merged object may have been merged before, together with the very same ones.
        for key in keys.iter().filter(|key| **key != into) {
            lake.delete(key).await?;
            merged.objects += 1;
        }
        left.insert(into);
    }
}

/// The objects that are to become one: those of the lowest full tier, as many as one object may hold.
fn due(objects: Vec<ObjectInfo>) -> Option<Vec<ObjectInfo>> {
    let mut tiers: BTreeMap<u32, Vec<ObjectInfo>> = BTreeMap::new();
    for object in objects {
        tiers
            .entry(tier(object.size_bytes))
            .or_default()
            .push(object);
    }
    tiers.into_values().find_map(|objects| {
        let mut size_bytes = 0;
        let group: Vec<ObjectInfo> = objects
            .into_iter()
            .take_while(|object| {
                size_bytes += object.size_bytes;
                size_bytes <= LARGEST_BYTES
            })
            .collect();
        (group.len() >= FAN).then_some(group)
    })
}

fn tier(size_bytes: u64) -> u32 {
    let mut tier = 0;
    let mut most = FIRST_TIER_BYTES;
    while size_bytes > most {
        tier += 1;
        most = most.saturating_mul(FAN as u64);
    }
    tier
}

#[derive(Debug)]
enum JoinError {
    File(std::io::Error),
    Format(FormatError),
}

impl From<std::io::Error> for JoinError {
    fn from(error: std::io::Error) -> Self {
        Self::File(error)
    }
}

/// Writes the sections of all files into one, each batch once, and returns its SHA-256.
fn join(files: &[PathBuf], target: &Path) -> Result<Digest, JoinError> {
    let mut out = Out {
        file: BufWriter::new(File::create(target)?),
        hasher: Hasher::default(),
        batches: HashSet::new(),
        is_new: false,
    };
    out.write(&MAGIC)?;
    for path in files {
        read_file(path, |part| out.take(part))?;
    }
    out.file.flush()?;
    Ok(out.hasher.finish())
}

/// Passes the parts of a file to `each`, until one fails.
fn read_file(
    path: &Path,
    mut each: impl FnMut(Part) -> std::io::Result<()>,
) -> Result<(), JoinError> {
    let mut file = File::open(path)?;
    let mut piece = vec![0; PIECE_BYTES];
    let mut reader = Reader::default();
    loop {
        let length = file.read(&mut piece)?;
        if length == 0 {
            return reader.finish().map_err(JoinError::Format);
        }
        let mut done = Ok(());
        let bytes = piece.get(..length).unwrap_or_default();
        let read = reader.read(bytes, |part| {
            if done.is_ok() {
                done = each(part);
            }
        });
        read.map_err(JoinError::Format)?;
        done?;
    }
}

struct Out {
    file: BufWriter<File>,
    hasher: Hasher,
    batches: HashSet<BatchId>,
    is_new: bool,
}

impl Out {
    fn take(&mut self, part: Part) -> std::io::Result<()> {
        match part {
            Part::Batch(batch, hashes) => {
                self.is_new = self.batches.insert(batch);
                if self.is_new {
                    self.write(&format::head(&batch, hashes))?;
                }
                Ok(())
            }
            Part::Hash(hash) if self.is_new => self.write(&hash.to_le_bytes()),
            Part::Hash(_) => Ok(()),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.hasher.update(bytes);
        self.file.write_all(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(name: &str, size_bytes: u64) -> ObjectInfo {
        ObjectInfo {
            key: format!("seen/{name}").parse().unwrap(),
            size_bytes,
            sha256: None,
            modified_at: None,
        }
    }

    #[test]
    fn the_lowest_full_tier_is_merged() {
        let small = |n: usize| object(&format!("small-{n}"), 1_000);
        let large = |n: usize| object(&format!("large-{n}"), FIRST_TIER_BYTES * 2);
        let huge = |n: usize| object(&format!("huge-{n}"), LARGEST_BYTES / 4);
        assert_eq!(due((0..FAN - 1).map(small).collect()), None);
        let all = (0..FAN).map(small).chain((0..FAN).map(large)).collect();
        assert_eq!(due(all), Some((0..FAN).map(small).collect()));
        let all = (1..FAN).map(small).chain((0..FAN).map(large)).collect();
        assert_eq!(due(all), Some((0..FAN).map(large).collect()));
        // Too large to become one.
        assert_eq!(due((0..FAN).map(huge).collect()), None);
    }

    #[test]
    fn the_number_of_objects_grows_with_the_logarithm_of_the_history() {
        let mut objects: Vec<ObjectInfo> = Vec::new();
        let mut most = 0;
        for n in 0..4_000 {
            objects.push(object(&n.to_string(), 160_000));
            while let Some(group) = due(objects.clone()) {
                objects.retain(|object| !group.contains(object));
                let size_bytes = group.iter().map(|object| object.size_bytes).sum();
                objects.push(object(&format!("{n}-{size_bytes}"), size_bytes));
            }
            most = most.max(objects.len());
        }
        // 640 MB of hashes of 40 million rows.
        assert!(most <= 35, "{most}");
    }
}
