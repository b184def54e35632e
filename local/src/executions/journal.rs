//! Journals: one file per execution, one JSON object a line, each line on the disk before what follows
//! from it is done.
//!
//! A process killed while it writes leaves a torn last line. Readers pass over it, and whoever goes
//! on writing cuts it off first, so that it never runs into the next line.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::folder::sync_folder;

/// A journal open for writing.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
    /// Why a line could not be written. It may be torn, so nothing follows it before the journal is opened
    /// again.
    failure: Option<(io::ErrorKind, String)>,
}

impl Journal {
    /// Makes a journal; fails where one of this name exists, whoever made it.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .open(path)?;
        if let Some(folder) = path.parent() {
            sync_folder(folder)?;
        }
        Ok(Self::new(file))
    }

    /// Opens a journal to go on writing it, without the torn line that a kill may have left.
    pub(crate) fn reopen(path: &Path) -> io::Result<Self> {
        let mut file = OpenOptions::new().read(true).write(true).open(path)?;
        let whole = whole_length(&mut file)?;
        file.set_len(whole)?;
        drop(file);
        let file = OpenOptions::new().append(true).open(path)?;
        Ok(Self::new(file))
    }

    fn new(file: File) -> Self {
        Self {
            file,
            failure: None,
        }
    }

    /// Writes one line in one go.
    pub(crate) fn append(&mut self, line: &impl Serialize) -> io::Result<()> {
        if let Some((kind, reason)) = &self.failure {
            return Err(io::Error::new(*kind, reason.clone()));
        }
        let mut bytes = serde_json::to_vec(line)?;
        bytes.push(b'\n');
        let written = self.file.write_all(&bytes);
        let written = written.and_then(|()| self.file.sync_data());
        written.inspect_err(|error| self.failure = Some((error.kind(), error.to_string())))
    }
}

/// Every whole line of a journal.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> io::Result<Vec<T>> {
    let mut reader = BufReader::new(File::open(path)?);
    let mut lines = Vec::new();
    let mut bytes = Vec::new();
    while reader.read_until(b'\n', &mut bytes)? > 0 {
        // The last line may be torn; any other that is no JSON is damage.
        if bytes.last() == Some(&b'\n') {
            lines.push(line(&bytes)?);
        }
        bytes.clear();
    }
    Ok(lines)
}

/// The first and the last whole line, without reading what lies between them.
pub(crate) fn ends<T: DeserializeOwned>(path: &Path) -> io::Result<Option<(T, T)>> {
    let mut file = File::open(path)?;
    let mut first = Vec::new();
    BufReader::new(&mut file).read_until(b'\n', &mut first)?;
    if first.last() != Some(&b'\n') {
        return Ok(None);
    }
    let end = whole_length(&mut file)?;
    let start = line_start(&mut file, end.saturating_sub(1))?;
    file.seek(SeekFrom::Start(start))?;
    let mut last = Vec::new();
    file.take(end.saturating_sub(start))
        .read_to_end(&mut last)?;
    Ok(Some((line(&first)?, line(&last)?)))
}

/// A whole line that is no JSON is damage, also where it ends too early.
fn line<T: DeserializeOwned>(bytes: &[u8]) -> io::Result<T> {
    serde_json::from_slice(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Length up to and with the last line feed.
fn whole_length(file: &mut File) -> io::Result<u64> {
    let length = file.seek(SeekFrom::End(0))?;
    line_start(file, length)
}

/// Where the line that holds the byte before `end` starts, looking backwards from `end`.
fn line_start(file: &mut File, end: u64) -> io::Result<u64> {
    const BLOCK: u64 = 64 * 1024;
    let mut block_end = end;
    while block_end > 0 {
        let block_start = block_end.saturating_sub(BLOCK);
        file.seek(SeekFrom::Start(block_start))?;
        let mut block = Vec::new();
        Read::take(&mut *file, block_end - block_start).read_to_end(&mut block)?;
        if let Some(at) = block.iter().rposition(|byte| *byte == b'\n') {
            return Ok(block_start + at as u64 + 1);
        }
        block_end = block_start;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    proptest! {
        #[test]
        fn a_journal_cut_anywhere_reads_and_goes_on(sizes in prop::collection::vec(0usize..200_000, 1..5), cut: prop::sample::Index) {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("run.jsonl");
            let lines: Vec<Value> = sizes.iter().enumerate().map(|(id, size)| json!({"id": id, "text": "x".repeat(*size)})).collect();
            let mut journal = Journal::create(&path).unwrap();
            for line in &lines {
                journal.append(line).unwrap();
            }
            drop(journal);
            let bytes = std::fs::read(&path).unwrap();
            let kept = cut.index(bytes.len() + 1);
            std::fs::write(&path, &bytes[..kept]).unwrap();
            let whole = bytes[..kept].iter().filter(|byte| **byte == b'\n').count();

            prop_assert_eq!(read::<Value>(&path).unwrap(), &lines[..whole]);
            match ends::<Value>(&path).unwrap() {
                None => prop_assert_eq!(whole, 0),
                Some((first, last)) => {
                    prop_assert_eq!(&first, &lines[0]);
                    prop_assert_eq!(&last, &lines[whole - 1]);
                }
            }
            Journal::reopen(&path).unwrap().append(&json!("next")).unwrap();
            let after = read::<Value>(&path).unwrap();
            prop_assert_eq!(after.len(), whole + 1);
            prop_assert_eq!(after.last().unwrap(), &json!("next"));
        }
    }

    /// `/dev/full` refuses every write as a full disk does.
    #[cfg(target_os = "linux")]
    #[test]
    fn nothing_follows_a_line_that_could_not_be_written() {
        let full = OpenOptions::new().append(true).open("/dev/full").unwrap();
        let mut journal = Journal::new(full);
        let first = journal.append(&json!("first")).unwrap_err();
        assert_eq!(first.kind(), io::ErrorKind::StorageFull);
        journal.file = tempfile::tempfile().unwrap();
        let second = journal.append(&json!("second")).unwrap_err();
        assert_eq!(second.kind(), io::ErrorKind::StorageFull);
        assert_eq!(journal.file.metadata().unwrap().len(), 0);
    }

    #[test]
    fn two_journals_never_share_a_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run.jsonl");
        Journal::create(&path).unwrap();
        assert_eq!(
            Journal::create(&path).unwrap_err().kind(),
            io::ErrorKind::AlreadyExists
        );
    }
}
