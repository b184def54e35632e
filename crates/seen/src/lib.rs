//! Which rows were seen before: the hashes of the clean rows of each batch, as write-once objects under
//! `seen/` of the bucket.
//!
//! A new batch reads the objects of earlier batches past the set of the hashes it has ([`Seen::find`]): the
//! memory grows with the batch, not with the history, and no store keeps an item per row.
//! [`merge`] joins small objects, so their number grows with the logarithm of the history.
//!
//! Two batches that are processed at the same time may both keep a row that they share. Training
//! drops repeated rows, so nothing is learned twice.

mod format;
mod merge;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use tasador_ids::{BatchId, Key, key};
use tasador_lake::{Lake, LakeError, ObjectInfo, Visitor};

pub use format::FormatError;
pub use merge::{MergeError, Merged, merge};

use format::{MAGIC, Part, Reader};

/// Objects that are read at once.
const CONCURRENCY: usize = 8;
/// How often the search starts anew because a compaction removed an object that was listed.
const TRIES: u32 = 5;

/// A set of row hashes. They are evenly spread already, but a source may choose its rows.
pub type Hashes = HashSet<u128, foldhash::fast::RandomState>;

/// What is known of the rows of a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// The clean rows that an earlier attempt at the same batch decided upon.
    pub own: Option<Hashes>,
    /// The rows that other batches have, by batch.
    pub elsewhere: BTreeMap<BatchId, Hashes>,
}

/// Stores the hashes of the clean rows of a batch.
///
/// # Errors
/// [`LakeError::AlreadyExists`] if other hashes are stored for this batch; [`LakeError::Unavailable`].
pub async fn write(lake: &Lake, batch: &BatchId, hashes: Vec<u128>) -> Result<(), LakeError> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend(format::section(batch, hashes));
    lake.put_once(&key::seen(batch), bytes).await.map(drop)
}

impl Seen {
    /// Looks the rows of `batch` up. Damaged objects are logged and left out: their rows count as new,
    /// until `tasador repair` has made the objects again.
    ///
    /// # Errors
    /// [`LakeError::Unavailable`].
    pub async fn find(lake: &Lake, batch: &BatchId, rows: &Arc<Hashes>) -> Result<Self, LakeError> {
        let (batch, rows) = (*batch, rows.clone());
        let found = read_all(lake, move || Search {
            batch,
            rows: rows.clone(),
            of: None,
            own: None,
            hits: Vec::new(),
        });
        let mut seen = Self::default();
        for search in found.await? {
            if let Some(own) = search.own {
                seen.own.get_or_insert_default().extend(own);
            }
            for (of, hash) in search.hits {
                seen.elsewhere.entry(of).or_default().insert(hash);
            }
        }
        Ok(seen)
    }
}

/// The batches whose rows are known, for checks. Damaged objects are logged and left out.
///
/// # Errors
/// [`LakeError::Unavailable`].
pub async fn batches(lake: &Lake) -> Result<BTreeSet<BatchId>, LakeError> {
    let lists: Vec<Vec<BatchId>> = read_all(lake, Vec::new).await?;
    Ok(lists.into_iter().flatten().collect())
}

/// Deletes objects that are damaged, and returns their keys. The rows of their batches are unknown then.
///
/// # Errors
/// [`LakeError::Unavailable`].
pub async fn discard_damaged(lake: &Lake) -> Result<Vec<Key>, LakeError> {
    let mut damaged = Vec::new();
    for object in lake.list(key::SEEN).await? {
        let read = read(lake, &object.key, Vec::<BatchId>::new).await;
        if matches!(read, Err(LakeError::Corrupt { .. })) {
            lake.delete(&object.key).await?;
            damaged.push(object.key);
        }
    }
    Ok(damaged)
}

/// Collects parts of an object.
trait Collect: Send {
    fn take(&mut self, part: Part);
}

impl Collect for Vec<BatchId> {
    fn take(&mut self, part: Part) {
        if let Part::Batch(batch, _) = part {
            self.push(batch);
        }
    }
}

struct Search {
    batch: BatchId,
    rows: Arc<Hashes>,
    of: Option<BatchId>,
    own: Option<Vec<u128>>,
    hits: Vec<(BatchId, u128)>,
}

impl Collect for Search {
    fn take(&mut self, part: Part) {
        match part {
            Part::Batch(batch, _) => {
                self.of = Some(batch);
                if batch == self.batch {
                    self.own.get_or_insert_default();
                }
            }
            Part::Hash(hash) if self.of == Some(self.batch) => {
                self.own.get_or_insert_default().push(hash);
            }
            Part::Hash(hash) => {
                if let Some(of) = self.of
                    && self.rows.contains(&hash)
                {
                    self.hits.push((of, hash));
                }
            }
        }
    }
}

/// Parses an object on its way.
struct Parsing<C, F> {
    new: F,
    collected: C,
    reader: Reader,
    failed: Option<FormatError>,
}

impl<C: Collect, F: Fn() -> C + Send> Visitor for Parsing<C, F> {
    fn restart(&mut self) {
        self.collected = (self.new)();
        self.reader = Reader::default();
        self.failed = None;
    }

    fn take(&mut self, piece: &[u8]) {
        if self.failed.is_none() {
            let collected = &mut self.collected;
            let read = self.reader.read(piece, |part| collected.take(part));
            self.failed = read.err();
        }
    }
}

async fn read<C: Collect>(
    lake: &Lake,
    key: &Key,
    new: impl Fn() -> C + Send,
) -> Result<C, LakeError> {
    let mut parsing = Parsing {
        collected: new(),
        new,
        reader: Reader::default(),
        failed: None,
    };
    lake.visit(key, &mut parsing).await?;
    let finished = parsing.failed.map_or_else(|| parsing.reader.finish(), Err);
    finished
        .map(|()| parsing.collected)
        .map_err(|error| LakeError::Corrupt {
            key: key.clone(),
            reason: error.to_string(),
        })
}

/// Reads all objects. A compaction deletes objects after it stored a merged one with the same
/// batches; an object that is gone therefore means that the list is out of date.
async fn read_all<C: Collect>(
    lake: &Lake,
    new: impl Fn() -> C + Send + Sync + Clone,
) -> Result<Vec<C>, LakeError> {
    let mut tries_left = TRIES;
    loop {
        tries_left -= 1;
        let objects = lake.list(key::SEEN).await?;
        let read: Result<Vec<Option<C>>, LakeError> = stream::iter(objects)
            .map(|object: ObjectInfo| (object, new.clone()))
            .map(|(object, new)| async move {
                match read(lake, &object.key, new).await {
                    Ok(collected) => Ok(Some(collected)),
                    Err(error @ LakeError::Corrupt { .. }) => {
                        tracing::error!(key = %object.key, "rows of earlier batches are not known; `tasador repair` helps: {error}");
                        Ok(None)
                    }
                    Err(error) => Err(error),
                }
            })
            .buffer_unordered(CONCURRENCY)
            .try_collect()
            .await;
        match read {
            Ok(collected) => return Ok(collected.into_iter().flatten().collect()),
            Err(LakeError::NotFound { .. }) if tries_left > 0 => {}
            Err(error) => return Err(error),
        }
    }
}
