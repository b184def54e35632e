//! Loads a dataset from the bucket and splits it by property.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use tasador_ids::{BatchId, DatasetId};
use tasador_lake::{Key, Lake, LakeError};
use tasador_listing::{Part, schema};
use tasador_model::Frame;
use tasador_model::frame::FrameError;

use crate::batch::{CleanBatch, ReadError, read_columns};
use crate::manifest::{Manifest, ManifestEntry};
use crate::union::{Vote, unite, unite_as, votes};

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
    let manifest = manifest(lake, dataset, key).await?;
    let mut batches = Vec::with_capacity(manifest.batches.len());
    for entry in &manifest.batches {
        batches.push(fetch(lake, entry, None).await?);
    }
    tokio::task::spawn_blocking(move || split(batches))
        .await
        .map_err(LoadError::Stopped)?
}

/// Loads the held-out rows of a dataset, as [`load`] does, with these columns and the price. No more than
/// one batch is in memory besides them.
///
/// # Errors
/// [`LoadError`].
pub async fn load_holdout(
    lake: &Lake,
    dataset: DatasetId,
    key: &Key,
    columns: impl IntoIterator<Item = &str>,
) -> Result<Frame, LoadError> {
    let columns = columns.into_iter().chain([schema::PRICE]);
    let columns: Arc<BTreeSet<String>> = Arc::new(columns.map(str::to_owned).collect());
    let manifest = manifest(lake, dataset, key).await?;
    let mut held_out = HeldOut::default();
    for entry in &manifest.batches {
        held_out.add(fetch(lake, entry, Some(&columns)).await?);
    }
    held_out.unite()
}

/// The held-out rows of the batches read so far.
#[derive(Default)]
struct HeldOut {
    frames: Vec<Frame>,
    /// The kinds of the columns of whole batches, which rows left out have a say in.
    votes: Vec<Vec<Vote>>,
    properties: Vec<u128>,
    seen: HashSet<u128>,
}

impl HeldOut {
    fn add(&mut self, batch: CleanBatch) {
        let mut rows = Vec::new();
        for (row, (hash, property)) in batch.row_hashes.iter().zip(&batch.properties).enumerate() {
            // The same row is of the same property, and so on the same side.
            if property.part() == Part::Holdout && self.seen.insert(*hash) {
                rows.push(row);
                self.properties.push(property.0);
            }
        }
        self.votes.push(votes(&batch.frame));
        self.frames.push(batch.frame.select(&rows));
    }

    fn unite(self) -> Result<Frame, LoadError> {
        let mut united = unite_as(&self.frames, &self.votes)?;
        united.set_properties(self.properties)?;
        Ok(united)
    }
}

/// The manifest at `key`, which must be that of the dataset.
async fn manifest(lake: &Lake, dataset: DatasetId, key: &Key) -> Result<Manifest, LoadError> {
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

    /// A column's kind is decided by all rows, so that held-out rows look as they did in training.
    #[test]
    fn held_out_rows_are_those_of_the_whole_dataset() {
        let (held, learns) = (key(5, 0), key(80, 0));
        let with = |grade: Column, properties: [PropertyKey; 2], hashes: [u128; 2]| {
            let rows = [
                (1.0, properties[0], hashes[0]),
                (2.0, properties[1], hashes[1]),
            ];
            let mut batch = batch(&rows);
            batch.frame.push("grade", grade).unwrap();
            batch
        };
        let batches = [
            with(Column::Number(vec![7.0, 8.0]), [held, learns], [1, 2]),
            // Only a row for training has a name here, and the first row was in the batch before.
            with(
                Column::category([None, Some("luxury")]),
                [held, learns],
                [1, 3],
            ),
            with(Column::Number(vec![9.5, 1.0]), [held, held], [4, 5]),
        ];
        let mut held_out = HeldOut::default();
        for batch in batches.clone() {
            held_out.add(batch);
        }
        let held_out = held_out.unite().unwrap();
        assert_eq!(
            held_out.column("grade").unwrap(),
            &Column::category([Some("7"), Some("9.5"), Some("1")])
        );
        let whole = split(Vec::from(batches)).unwrap().holdout;
        assert_eq!(held_out.prices(), whole.prices());
        assert_eq!(held_out.property_ids(), whole.property_ids());
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
