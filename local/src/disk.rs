//! Whether the data folder can be written, found out by writing: it also fails at a quota or on a file
//! system that has become read-only.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;

/// So much is written for the check. With less space, SQLite's next writes fail.
const CHECK_BYTES: usize = 64 << 10;
/// How long a result is used: whoever asks for `/health` often must not keep the disk busy.
const RESULT_AGE: Duration = Duration::from_secs(1);

/// The disk of a data folder.
#[derive(Debug)]
pub(crate) struct Disk {
    file: PathBuf,
    last: Mutex<Option<Checked>>,
}

#[derive(Debug)]
struct Checked {
    at: Instant,
    trouble: Option<(String, Timestamp)>,
}

impl Disk {
    /// `file` is written and removed for each check.
    pub(crate) fn new(file: PathBuf) -> Self {
        Self {
            file,
            last: Mutex::default(),
        }
    }

    /// Why it cannot be written, since when.
    pub(crate) fn trouble(&self) -> Option<(String, Timestamp)> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(checked) = &*last
            && checked.at.elapsed() < RESULT_AGE
        {
            return checked.trouble.clone();
        }
        let since = last.take().and_then(|checked| checked.trouble);
        let since = since.map_or_else(Timestamp::now, |(_, since)| since);
        let trouble = self.check(CHECK_BYTES).err().map(|error| {
            let sentence = format!(
                "the data folder cannot be written ({error}); free some space, and interrupted runs resume with the next run"
            );
            (sentence, since)
        });
        *last = Some(Checked {
            at: Instant::now(),
            trouble: trouble.clone(),
        });
        trouble
    }

    /// Writes so many bytes, and removes them.
    pub(crate) fn check(&self, bytes: usize) -> io::Result<()> {
        let written = File::create(&self.file).and_then(|mut file| {
            file.write_all(&vec![0; bytes])?;
            // Some file systems find out only now.
            file.sync_data()
        });
        // Also where only a part of it could be written.
        let _ = std::fs::remove_file(&self.file);
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_cannot_be_written_is_trouble_until_it_can() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("missing");
        let disk = Disk::new(missing.join("check"));
        let (sentence, since) = disk.trouble().unwrap();
        assert!(sentence.contains("cannot be written"), "{sentence}");
        let expire = || {
            let mut last = disk.last.lock().unwrap();
            let checked = last.as_mut().unwrap();
            checked.at = checked.at.checked_sub(RESULT_AGE).unwrap();
        };
        expire();
        assert_eq!(disk.trouble().unwrap().1, since);
        std::fs::create_dir(&missing).unwrap();
        assert!(disk.trouble().is_some(), "a result is used for a while");
        expire();
        assert_eq!(disk.trouble(), None);
        assert_eq!(std::fs::read_dir(missing).unwrap().count(), 0);
    }
}
