//! Batches on their way: received into a folder, kept there until they are in the bucket.
//!
//! Each batch has a slot, its own folder. It holds a lock as long as its process works on it; a
//! note, from when a source with a cursor is asked; a receipt, once the last byte is there. A slot
//! that nobody holds was left by a process that was killed or failed: with a receipt it is a batch to
//! be stored, with a note alone it is an answer that may be lost, with neither it is rubbish.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tasador_ids::{BatchId, Digest, Hasher, RunId};
use tasador_lake::RawForm;
use tokio::io::{AsyncWriteExt as _, BufWriter};
use uuid::Uuid;

use crate::Error;

const PREFIX: &str = "fetch-";
const LOCK: &str = "lock";
const BODY: &str = "body";
const ASKED: &str = "asked.json";
const RECEIPT: &str = "receipt.json";
/// Where the bytes of a body are collected before they are written, in bytes.
const BUFFER_BYTES: usize = 1 << 20;
/// How often a slot is made anew where another process swept it away before it was locked.
const TRIES: u32 = 5;

/// What is known of a batch that came in whole. Also what a marker in the bucket says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Receipt {
    pub(crate) batch: BatchId,
    pub(crate) form: RawForm,
    pub(crate) size_bytes: u64,
    pub(crate) source: String,
    pub(crate) received_at: Timestamp,
    /// The run that asked the source.
    pub(crate) run: RunId,
    pub(crate) execution_arn: String,
}

/// What is known of an answer before it has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Asked {
    pub(crate) source: String,
    pub(crate) at: Timestamp,
    /// The run that asked.
    pub(crate) run: RunId,
    pub(crate) execution_arn: String,
}

/// What a process left behind.
#[derive(Debug)]
pub(crate) enum LeftOver {
    /// A batch that came in whole.
    Batch(Slot, Receipt),
    /// A question whose answer did not: the source's cursor may have moved past a batch.
    Question(Slot, Asked),
}

/// One batch's place in the spool folder. Unless it is kept, it goes with this value.
#[derive(Debug)]
pub(crate) struct Slot {
    folder: PathBuf,
    _lock: File,
    kept: bool,
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_path_buf();
    move |source| Error::Spool { path, source }
}

/// What was made in a folder survives a power cut from here on. Windows has no such call.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

impl Slot {
    /// An empty slot.
    pub(crate) fn new(spool: &Path) -> Result<Self, Error> {
        for _ in 0..TRIES {
            let folder = spool.join(format!("{PREFIX}{}", Uuid::new_v4().simple()));
            fs::create_dir(&folder).map_err(failed(spool))?;
            if let Some(slot) = Self::take(folder, true).map_err(failed(spool))? {
                return Ok(slot);
            }
        }
        let source = io::Error::other("another process keeps removing new folders");
        Err(failed(spool)(source))
    }

    /// Locks a slot; `None` where another has it, or it is gone.
    fn take(folder: PathBuf, new: bool) -> io::Result<Option<Self>> {
        let path = folder.join(LOCK);
        let lock = match OpenOptions::new()
            .write(true)
            // A power cut may leave a folder without its lock.
            .create(true)
            .truncate(false)
            .open(&path)
        {
            Ok(lock) => lock,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            // Some file systems know no locks. A new slot needs none there, and what is left over
            // can't be told from what is in use.
            Err(TryLockError::Error(_)) if new => {}
            Err(TryLockError::Error(_)) => return Ok(None),
        }
        // Another may have removed the slot between opening and locking.
        let there = path.try_exists()?;
        let kept = folder.join(RECEIPT).try_exists()? || folder.join(ASKED).try_exists()?;
        Ok(there.then_some(Self {
            folder,
            _lock: lock,
            kept,
        }))
    }

    /// Notes that a source with a cursor is about to be asked.
    pub(crate) fn asking(&self, asked: &Asked) -> Result<(), Error> {
        let path = self.folder.join(ASKED);
        let written = serde_json::to_vec(asked).map_err(io::Error::from);
        // Before the source's cursor moves.
        let written = written.and_then(|text| {
            let mut file = File::create(&path)?;
            file.write_all(&text)?;
            file.sync_all()?;
            let folders = [Some(self.folder.as_path()), self.folder.parent()];
            folders.into_iter().flatten().try_for_each(sync_folder)
        });
        written.map_err(failed(&path))
    }

    /// Where the body belongs.
    pub(crate) fn body(&self) -> PathBuf {
        self.folder.join(BODY)
    }

    /// The first bytes of the body, at most `limit`.
    pub(crate) fn head(&self, limit: u64) -> Result<Vec<u8>, Error> {
        let path = self.body();
        let mut head = Vec::new();
        let read = File::open(&path).and_then(|file| file.take(limit).read_to_end(&mut head));
        read.map_err(failed(&path))?;
        Ok(head)
    }

    /// Keeps the slot until its batch is stored, whatever happens to this process or this machine.
    pub(crate) async fn keep(&mut self, receipt: &Receipt) -> Result<(), Error> {
        let written = self.write_receipt(receipt).await;
        written.map_err(failed(&self.folder))?;
        self.kept = true;
        Ok(())
    }

    async fn write_receipt(&self, receipt: &Receipt) -> io::Result<()> {
        let body = tokio::fs::OpenOptions::new()
            .write(true)
            .open(self.body())
            .await?;
        body.sync_all().await?;
        let draft = self.folder.join("receipt.draft");
        let mut file = File::create(&draft)?;
        file.write_all(&serde_json::to_vec(receipt)?)?;
        file.sync_all()?;
        fs::rename(draft, self.folder.join(RECEIPT))?;
        sync_folder(&self.folder)
    }

    /// Removes the slot: its batch is in the bucket.
    pub(crate) fn clear(mut self) {
        self.kept = false;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        // Whatever is left of a slot at any moment must say nothing false: a note alone would tell of
        // a lost answer, a receipt alone of a batch.
        let remove = |name| match fs::remove_file(self.folder.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
        let removed = remove(ASKED).and_then(|()| remove(RECEIPT));
        if let Err(error) = removed.and_then(|()| fs::remove_dir_all(&self.folder)) {
            tracing::warn!(%error, folder = %self.folder.display(), "a folder of the spool can't be removed");
        }
    }
}

/// What no process works on any more, oldest first. Rubbish is removed.
pub(crate) fn left_over(spool: &Path) -> Result<Vec<LeftOver>, Error> {
    let mut found = Vec::new();
    for entry in fs::read_dir(spool).map_err(failed(spool))? {
        let folder = entry.map_err(failed(spool))?.path();
        let name = folder.file_name().and_then(|name| name.to_str());
        if !name.is_some_and(|name| name.starts_with(PREFIX)) {
            continue;
        }
        match Slot::take(folder.clone(), false) {
            Ok(Some(slot)) => {
                if let Some(receipt) = read(&folder.join(RECEIPT)) {
                    found.push(LeftOver::Batch(slot, receipt));
                } else if let Some(asked) = read(&folder.join(ASKED)) {
                    found.push(LeftOver::Question(slot, asked));
                }
            }
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(%error, folder = %folder.display(), "a folder of the spool can't be read");
            }
        }
    }
    found.sort_by_key(|left| match left {
        LeftOver::Batch(_, receipt) => (receipt.received_at, Some(receipt.batch)),
        LeftOver::Question(_, asked) => (asked.at, None),
    });
    Ok(found)
}

fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
    let text = fs::read(path).ok()?;
    match serde_json::from_slice(&text) {
        Ok(read) => Some(read),
        Err(error) => {
            tracing::error!(%error, path = %path.display(), "a file in the spool can't be read");
            None
        }
    }
}

/// A body being written, and hashed on its way.
pub(crate) struct Writer {
    path: PathBuf,
    file: BufWriter<tokio::fs::File>,
    hasher: Hasher,
    size_bytes: u64,
}

impl Writer {
    pub(crate) async fn create(slot: &Slot) -> Result<Self, Error> {
        let path = slot.body();
        let file = tokio::fs::File::create(&path)
            .await
            .map_err(failed(&path))?;
        Ok(Self {
            file: BufWriter::with_capacity(BUFFER_BYTES, file),
            path,
            hasher: Hasher::default(),
            size_bytes: 0,
        })
    }

    pub(crate) async fn write(&mut self, piece: &[u8]) -> Result<(), Error> {
        self.hasher.update(piece);
        self.size_bytes += piece.len() as u64;
        self.file.write_all(piece).await.map_err(failed(&self.path))
    }

    pub(crate) const fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Length and SHA-256 of what was written.
    pub(crate) async fn finish(mut self) -> Result<(u64, Digest), Error> {
        self.file.flush().await.map_err(failed(&self.path))?;
        Ok((self.size_bytes, self.hasher.finish()))
    }
}

/// The SHA-256 of a file.
pub(crate) async fn digest(path: &Path) -> Result<Digest, Error> {
    use tokio::io::AsyncReadExt as _;
    let mut file = tokio::fs::File::open(path).await.map_err(failed(path))?;
    let mut hasher = Hasher::default();
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let length = file.read(&mut buffer).await.map_err(failed(path))?;
        match buffer.get(..length) {
            None | Some([]) => return Ok(hasher.finish()),
            Some(piece) => hasher.update(piece),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tasador_lake::Format;

    fn receipt(bytes: &[u8], second: i64) -> Receipt {
        Receipt {
            batch: BatchId::of(bytes),
            form: RawForm {
                format: Format::Csv,
                gzip: false,
            },
            size_bytes: bytes.len() as u64,
            source: "http://127.0.0.1/data".to_owned(),
            received_at: Timestamp::new(second, 0).unwrap(),
            run: "run".parse().unwrap(),
            execution_arn: "arn".to_owned(),
        }
    }

    async fn filled(spool: &Path, bytes: &[u8]) -> Slot {
        let slot = Slot::new(spool).unwrap();
        let mut writer = Writer::create(&slot).await.unwrap();
        writer.write(bytes).await.unwrap();
        let (size_bytes, digest) = writer.finish().await.unwrap();
        assert_eq!(
            (size_bytes, digest),
            (bytes.len() as u64, Digest::of(bytes))
        );
        slot
    }

    fn slots(spool: &Path) -> usize {
        fs::read_dir(spool).unwrap().count()
    }

    #[tokio::test]
    async fn a_slot_goes_unless_it_is_kept() {
        let spool = tempfile::tempdir().unwrap();
        drop(filled(spool.path(), b"half").await);
        assert_eq!(slots(spool.path()), 0);
        let mut late = filled(spool.path(), b"late").await;
        late.keep(&receipt(b"late", 9)).await.unwrap();
        let mut early = filled(spool.path(), b"early").await;
        early.keep(&receipt(b"early", 3)).await.unwrap();
        assert_eq!(left_over(spool.path()).unwrap().len(), 0, "they are in use");
        drop((late, early));

        let found = left_over(spool.path()).unwrap();
        let mut batches = found.into_iter().map(|left| match left {
            LeftOver::Batch(slot, receipt) => (slot, receipt.batch),
            LeftOver::Question(..) => panic!("nobody was asked"),
        });
        let (slot, first) = batches.next().unwrap();
        let (_late, second) = batches.next().unwrap();
        assert_eq!(
            [first, second],
            [BatchId::of(b"early"), BatchId::of(b"late")]
        );
        assert_eq!(slot.head(3).unwrap(), b"ear");
        assert_eq!(digest(&slot.body()).await.unwrap(), Digest::of(b"early"));
        slot.clear();
        assert_eq!(slots(spool.path()), 1);
    }

    #[test]
    fn a_question_without_a_whole_answer_is_known() {
        let spool = tempfile::tempdir().unwrap();
        let dead = spool.path().join("fetch-dead");
        fs::create_dir(&dead).unwrap();
        fs::write(dead.join(LOCK), "").unwrap();
        fs::write(dead.join(BODY), "half").unwrap();
        let asked = Asked {
            source: "http://127.0.0.1/data".to_owned(),
            at: Timestamp::UNIX_EPOCH,
            run: "run".parse().unwrap(),
            execution_arn: "arn".to_owned(),
        };
        fs::write(dead.join(ASKED), serde_json::to_vec(&asked).unwrap()).unwrap();
        let left = left_over(spool.path()).unwrap();
        assert!(matches!(&left[..], [LeftOver::Question(_, found)] if *found == asked));
        for left in left {
            if let LeftOver::Question(slot, _) = left {
                slot.clear();
            }
        }
        assert!(!dead.exists(), "it is told once");
    }

    #[tokio::test]
    async fn what_a_killed_process_received_in_part_is_removed() {
        let spool = tempfile::tempdir().unwrap();
        let dead = spool.path().join("fetch-dead");
        fs::create_dir(&dead).unwrap();
        fs::write(dead.join(LOCK), "").unwrap();
        fs::write(dead.join(BODY), "half").unwrap();
        fs::write(spool.path().join("not-ours"), "").unwrap();
        let living = filled(spool.path(), b"half").await;
        assert_eq!(left_over(spool.path()).unwrap().len(), 0);
        assert!(!dead.exists() && living.body().exists());
        assert!(spool.path().join("not-ours").exists());
    }
}
