//! Loading a dataset from the bucket.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use tasador_flow::Stale;
use tasador_ids::{BatchId, DatasetId};
use tasador_lake::{Key, Lake, LakeError};
use tasador_listing::{PropertyKey, schema};
use tasador_model::Frame;
use tasador_model::frame::FrameError;

use crate::batch::{CleanBatch, ReadError, read_columns};
use crate::manifest::{Manifest, ManifestEntry};
use crate::union::{Vote, unite_as, votes};

/// Why a dataset could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("the manifest at {key} could not be fetched")]
    Manifest { key: Key, source: LakeError },
    #[error(
        "the object at {key} is not the manifest of this dataset: its hash differs from the dataset's id"
    )]
    NotTheManifest { key: Key },
    #[error(
        "the clean rows of batch {batch} could not be fetched; if they are damaged, `tasador repair` makes them again"
    )]
    Lake { batch: BatchId, source: LakeError },
    #[error("the clean rows of batch {batch} could not be read")]
    Read { batch: BatchId, source: ReadError },
    #[error("batch {batch} has {found} clean rows, the manifest says {expected}")]
    Rows {
        batch: BatchId,
        expected: u64,
        found: u64,
    },
    #[error("the columns of the dataset have different lengths")]
    Frame(#[from] FrameError),
    #[error("the thread that read the dataset stopped")]
    Stopped(#[source] tokio::task::JoinError),
}

impl LoadError {
    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Manifest { source, .. } | Self::Lake { source, .. } => source.is_retryable(),
            _ => false,
        }
    }

    /// Whether a stored object is damaged or missing.
    pub fn is_corrupt(&self) -> bool {
        match self {
            Self::Manifest { source, .. } | Self::Lake { source, .. } => {
                matches!(
                    source,
                    LakeError::Corrupt { .. } | LakeError::NotFound { .. }
                )
            }
            Self::NotTheManifest { .. } | Self::Read { .. } | Self::Rows { .. } => true,
            Self::Frame(_) | Self::Stopped(_) => false,
        }
    }
}

/// Loads the clean rows of all batches of a dataset, whose manifest is at `key`: all columns, or these
/// and the price.
///
/// Objects are verified against the manifest's hashes, and the manifest against the dataset's id. Of
/// rows that occur in several batches (two runs at once may both have kept one) the first in the
/// manifest's order stays; rows of withdrawn properties are left out. Rows stand in the order of the manifest and of the files, each with its
/// property; columns are united by `unite`'s rules.
///
/// # Errors
/// [`LoadError`].
pub async fn load(
    lake: &Lake,
    dataset: DatasetId,
    key: &Key,
    columns: Option<BTreeSet<String>>,
) -> Result<Frame, LoadError> {
    let columns = columns.map(|mut columns| {
        columns.insert(schema::PRICE.to_owned());
        Arc::new(columns)
    });
    let manifest = manifest(lake, dataset, key).await?;
    let mut rows = Rows {
        without: manifest.without.iter().map(|property| property.0).collect(),
        ..Rows::default()
    };
    for entry in &manifest.batches {
        rows.add(fetch(lake, entry, columns.as_ref()).await?);
    }
    tokio::task::spawn_blocking(move || rows.unite())
        .await
        .map_err(LoadError::Stopped)?
}

/// The row hashes and properties of one batch, without its values: [`CleanBatch::frame`] has no columns.
///
/// # Errors
/// [`LoadError`].
pub async fn load_keys(lake: &Lake, entry: &ManifestEntry) -> Result<CleanBatch, LoadError> {
    fetch(lake, entry, Some(&Arc::default())).await
}

/// How much of a dataset is among these withdrawn batches and properties. The rows of its batches are
/// only read if there are withdrawn properties that it contains as far as its manifest tells.
///
/// # Errors
/// [`LoadError`].
pub async fn stale(
    lake: &Lake,
    learned: &Manifest,
    batches: &HashSet<BatchId>,
    properties: impl IntoIterator<Item = PropertyKey>,
) -> Result<Stale, LoadError> {
    let is_stale = |entry: &&ManifestEntry| batches.contains(&entry.batch);
    let mut unseen: HashSet<PropertyKey> = properties
        .into_iter()
        .filter(|property| !learned.without.contains(property))
        .collect();
    let wanted = unseen.len();
    for entry in &learned.batches {
        if unseen.is_empty() {
            break;
        }
        for property in load_keys(lake, entry).await?.properties {
            unseen.remove(&property);
        }
    }
    Ok(Stale {
        batches: learned.batches.iter().filter(is_stale).count() as u64,
        properties: (wanted - unseen.len()) as u64,
    })
}

/// The rows of the batches read so far.
#[derive(Default)]
struct Rows {
    frames: Vec<Frame>,
    /// The kinds of the columns of whole batches, which rows left out are counted for as well.
    votes: Vec<Vec<Vote>>,
    properties: Vec<u128>,
    /// Properties that were withdrawn.
    without: HashSet<u128>,
    seen: HashSet<u128>,
    repeated: u64,
}

impl Rows {
    fn add(&mut self, batch: CleanBatch) {
        let mut rows = Vec::with_capacity(batch.row_hashes.len());
        for (row, (hash, property)) in batch.row_hashes.iter().zip(&batch.properties).enumerate() {
            if self.without.contains(&property.0) {
                continue;
            }
            if self.seen.insert(*hash) {
                rows.push(row);
                self.properties.push(property.0);
            } else {
                self.repeated += 1;
            }
        }
        self.votes.push(votes(&batch.frame));
        self.frames.push(if rows.len() == batch.frame.rows() {
            batch.frame
        } else {
            batch.frame.select(&rows)
        });
    }

    fn unite(self) -> Result<Frame, LoadError> {
        if self.repeated > 0 {
            tracing::warn!(
                rows = self.repeated,
                "rows that are in more than one batch of the dataset were used once"
            );
        }
        let mut united = unite_as(&self.frames, &self.votes)?;
        united.set_properties(self.properties)?;
        Ok(united)
    }
}

/// The manifest at `key`, which must be that of the dataset.
/// The manifest of a dataset, verified against its id.
///
/// # Errors
/// [`LoadError`].
pub async fn manifest(lake: &Lake, dataset: DatasetId, key: &Key) -> Result<Manifest, LoadError> {
    let manifest: Manifest = lake
        .get_json(key)
        .await
        .map_err(|source| LoadError::Manifest {
            key: key.clone(),
            source,
        })?;
    if manifest.id().ok() != Some(dataset) {
        return Err(LoadError::NotTheManifest { key: key.clone() });
    }
    Ok(manifest)
}

async fn fetch(
    lake: &Lake,
    entry: &ManifestEntry,
    columns: Option<&Arc<BTreeSet<String>>>,
) -> Result<CleanBatch, LoadError> {
    let batch = entry.batch;
    let bytes = lake
        .get_verified(&entry.clean_key, entry.clean_sha256)
        .await
        .map_err(|source| LoadError::Lake { batch, source })?;
    let columns = columns.cloned();
    let read = tokio::task::spawn_blocking(move || read_columns(bytes, columns.as_deref()))
        .await
        .map_err(LoadError::Stopped)?
        .map_err(|source| LoadError::Read { batch, source })?;
    let found = read.frame.rows() as u64;
    if found != entry.rows {
        return Err(LoadError::Rows {
            batch,
            expected: entry.rows,
            found,
        });
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tasador_model::Column;

    fn batch(rows: &[(f64, u128, u128)]) -> CleanBatch {
        let mut frame = Frame::new(rows.len());
        frame
            .push(
                "price",
                Column::Number(rows.iter().map(|row| row.0).collect()),
            )
            .unwrap();
        CleanBatch {
            frame,
            properties: rows.iter().map(|row| PropertyKey(row.1)).collect(),
            row_hashes: rows.iter().map(|row| row.2).collect(),
        }
    }

    fn united(batches: &[CleanBatch]) -> Frame {
        let mut rows = Rows::default();
        for batch in batches {
            rows.add(batch.clone());
        }
        rows.unite().unwrap()
    }

    #[test]
    fn rows_occur_once_and_keep_their_property() {
        let frame = united(&[
            batch(&[(1.0, 7, 1), (2.0, 8, 2), (3.0, 7, 3)]),
            batch(&[(1.0, 7, 1), (4.0, 9, 4), (5.0, 8, 5)]),
        ]);
        assert_eq!(frame.prices().unwrap(), [1.0, 2.0, 3.0, 4.0, 5.0]);
        let ids = frame.property_ids();
        assert_eq!((ids[0], ids[1]), (ids[2], ids[4]));
        assert_ne!(ids[0], ids[3]);
    }

    /// A column's kind is decided by all rows, those included that another batch has already.
    #[test]
    fn kinds_are_those_of_whole_batches() {
        let with = |grade: Column, hashes: [u128; 2]| {
            let mut batch = batch(&[(1.0, 1, hashes[0]), (2.0, 2, hashes[1])]);
            batch.frame.push("grade", grade).unwrap();
            batch
        };
        let frame = united(&[
            with(Column::Number(vec![7.0, 8.0]), [1, 2]),
            with(Column::category([Some("luxury"), None]), [1, 3]),
        ]);
        assert_eq!(
            frame.column("grade").unwrap(),
            &Column::category([Some("7"), Some("8"), None])
        );
    }

    #[test]
    fn withdrawn_properties_are_left_out_of_every_batch() {
        let mut rows = Rows {
            without: HashSet::from([8]),
            ..Rows::default()
        };
        rows.add(batch(&[(1.0, 7, 1), (2.0, 8, 2)]));
        rows.add(batch(&[(3.0, 8, 3), (4.0, 9, 4)]));
        let frame = rows.unite().unwrap();
        assert_eq!(frame.prices().unwrap(), [1.0, 4.0]);
        assert_eq!(frame.property_ids().len(), 2);
    }

    #[test]
    fn no_batch_gives_no_row() {
        assert_eq!(united(&[]).rows(), 0);
    }
}
