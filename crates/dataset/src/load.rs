//! Loads a dataset from the bucket and splits it by property.

use std::collections::HashSet;

use tasador_ids::{BatchId, DatasetId};
use tasador_lake::{Key, Lake, LakeError};
use tasador_listing::Part;
use tasador_model::Frame;
use tasador_model::frame::FrameError;

use crate::batch::{CleanBatch, ReadError, read_batch};
use crate::manifest::{Manifest, ManifestEntry};
use crate::union::unite;

/// A dataset's rows by part of the split.
///
/// All three frames have the same columns in the same order, with the same list of names for each
/// category. Each frame has the property of its rows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parts {
    /// About 70 % of the properties: models learn from them.
    pub training: Frame,
    /// About 10 %: determine the width of intervals.
    pub calibration: Frame,
    /// About 20 %: models are compared on them, and none learns from them.
    pub holdout: Frame,
}

/// Why a dataset could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("the manifest at {key} could not be fetched")]
    Manifest { key: Key, source: LakeError },
    #[error(
        "the object at {key} is not the manifest of this dataset: its hash differs from the dataset's id"
    )]
    NotTheManifest { key: Key },
    #[error("the clean rows of batch {batch} could not be fetched")]
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

/// Loads the clean rows of all batches of a dataset, whose manifest is at `key`, and splits them by
/// property.
///
/// The objects are verified with the manifest's hashes, and the manifest with the dataset's id. Of
/// rows that occur in several batches (concurrent runs may both have kept one) the first in the
/// manifest's order is kept. Rows are in the order of the manifest and of the files; columns are
/// combined by the rules of [`unite`].
///
/// # Errors
/// [`LoadError`].
pub async fn load(lake: &Lake, dataset: DatasetId, key: &Key) -> Result<Parts, LoadError> {
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
    let mut batches = Vec::with_capacity(manifest.batches.len());
    for entry in &manifest.batches {
        batches.push(fetch(lake, entry).await?);
    }
    tokio::task::spawn_blocking(move || split(batches))
        .await
        .map_err(LoadError::Stopped)?
}

async fn fetch(lake: &Lake, entry: &ManifestEntry) -> Result<CleanBatch, LoadError> {
    let batch = entry.batch;
    let bytes = lake
        .get_verified(&entry.clean_key, entry.clean_sha256)
        .await
        .map_err(|source| LoadError::Lake { batch, source })?;
    let read = tokio::task::spawn_blocking(move || read_batch(bytes))
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

/// Combines batches and splits their rows.
fn split(batches: Vec<CleanBatch>) -> Result<Parts, LoadError> {
    let mut seen = HashSet::new();
    let mut properties = Vec::new();
    let (mut training, mut calibration, mut holdout) = (Vec::new(), Vec::new(), Vec::new());
    let mut frames = Vec::with_capacity(batches.len());
    let mut repeated = 0_u64;
    for batch in batches {
        for (hash, property) in batch.row_hashes.iter().zip(&batch.properties) {
            let row = properties.len();
            properties.push(property.0);
            if !seen.insert(*hash) {
                repeated += 1;
                continue;
            }
            match property.part() {
                Part::Training => training.push(row),
                Part::Calibration => calibration.push(row),
                Part::Holdout => holdout.push(row),
            }
        }
        frames.push(batch.frame);
    }
    drop(seen);
    if repeated > 0 {
        tracing::warn!(
            repeated,
            "{repeated} rows are in more than one batch of the dataset"
        );
    }
    let mut united = unite(&frames)?;
    drop(frames);
    united.set_properties(properties)?;
    Ok(Parts {
        training: united.select(&training),
        calibration: united.select(&calibration),
        holdout: united.select(&holdout),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tasador_listing::PropertyKey;
    use tasador_model::Column;

    /// A key in this hundredth of the split.
    fn key(hundredth: u128, salt: u128) -> PropertyKey {
        PropertyKey((((hundredth << 64) / 100 + 1) << 64) + salt)
    }

    fn batch(rows: &[(f64, PropertyKey, u128)]) -> CleanBatch {
        let mut frame = Frame::new(rows.len());
        frame
            .push(
                "price",
                Column::Number(rows.iter().map(|row| row.0).collect()),
            )
            .unwrap();
        CleanBatch {
            frame,
            properties: rows.iter().map(|row| row.1).collect(),
            row_hashes: rows.iter().map(|row| row.2).collect(),
        }
    }

    #[test]
    fn properties_are_in_one_part_and_rows_occur_once() {
        let (held, calibrates, learns) = (key(5, 0), key(25, 0), key(80, 0));
        let parts = split(vec![
            batch(&[(1.0, learns, 1), (2.0, held, 2), (3.0, learns, 3)]),
            batch(&[(1.0, learns, 1), (4.0, calibrates, 4), (5.0, held, 5)]),
        ])
        .unwrap();
        assert_eq!(parts.training.prices().unwrap(), [1.0, 3.0]);
        assert_eq!(parts.calibration.prices().unwrap(), [4.0]);
        assert_eq!(parts.holdout.prices().unwrap(), [2.0, 5.0]);
        let ids = parts.training.property_ids();
        assert_eq!(ids[0], ids[1]);
    }

    #[test]
    fn no_batches_give_no_rows() {
        let parts = split(vec![]).unwrap();
        assert_eq!(
            parts.training.rows() + parts.calibration.rows() + parts.holdout.rows(),
            0
        );
    }
}
