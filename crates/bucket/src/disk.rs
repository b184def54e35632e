//! The folder: where bytes and descriptions are, how they come into place, and how they go.
//!
//! Everything here blocks. A condition is checked and the object replaced under one lock per key, which is
//! held until the folder is synced: who is told that an object exists can rely on it.

use std::fs::{self, File, FileTimes, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use s3s::dto::ETagCondition;
use s3s::path::check_bucket_name;
use s3s::{S3ErrorCode, S3Result, s3_error};
use sha2::{Digest as _, Sha256};

use crate::description::{Description, Descriptions, modified_ns, names_of_s3s_fs, nanoseconds};
use crate::fault;
use crate::names::{self, Place};

/// Locks of keys. Keys that share one wait for each other, which costs time only.
const LOCKS: usize = 64;

/// Uploads that nobody completed are removed at the first start after this time.
const UPLOAD_LIFE: Duration = Duration::from_secs(7 * 24 * 3600);

/// A folder of buckets.
#[derive(Debug)]
pub struct Disk {
    root: PathBuf,
    next_temporary: AtomicU64,
    /// The newest time of change that was given. Times are unique, so that each names its bytes.
    last_ns: AtomicU64,
    keys: [Mutex<()>; LOCKS],
    /// Held while folders are made, removed or renamed into.
    folders: Mutex<()>,
}

/// A file that is being written; removed when dropped, unless it was put into place.
#[derive(Debug)]
pub(crate) struct Temporary {
    path: PathBuf,
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // After a rename there is nothing.
        let _ = fs::remove_file(&self.path);
    }
}

impl Temporary {
    pub(crate) fn open(&self) -> io::Result<File> {
        File::options()
            .create(true)
            .write(true)
            .truncate(true)
            .open(&self.path)
    }

    pub(crate) fn rename(&self, to: &Path) -> io::Result<()> {
        fs::rename(&self.path, to)
    }
}

/// What an object must be for a change of it.
#[derive(Debug, Default)]
pub(crate) struct Conditions {
    pub(crate) if_match: Option<ETagCondition>,
    pub(crate) if_none_match: Option<ETagCondition>,
}

impl Conditions {
    fn check(&self, current: Option<&Description>) -> S3Result<()> {
        let is = |condition: &ETagCondition, current: &Description| match condition {
            ETagCondition::Any => true,
            ETagCondition::ETag(e_tag) => current.e_tag().weak_cmp(e_tag),
        };
        if let Some(condition) = &self.if_match {
            let current = current.ok_or_else(|| s3_error!(NoSuchKey))?;
            if !is(condition, current) {
                return Err(s3_error!(PreconditionFailed, "the object has another ETag"));
            }
        }
        if let (Some(condition), Some(current)) = (&self.if_none_match, current)
            && is(condition, current)
        {
            return Err(s3_error!(PreconditionFailed, "the object exists already"));
        }
        Ok(())
    }
}

/// An object that is open for reading.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) file: File,
    pub(crate) modified: SystemTime,
    pub(crate) description: Description,
}

impl Disk {
    /// Opens a folder, and removes what earlier processes left unfinished.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn open(root: &Path) -> io::Result<Self> {
        let root = root.canonicalize()?;
        let disk = Self {
            root,
            next_temporary: AtomicU64::new(0),
            last_ns: AtomicU64::new(0),
            keys: [const { Mutex::new(()) }; LOCKS],
            folders: Mutex::new(()),
        };
        remove_tree(&disk.root.join(".tmp"))?;
        for folder in [".tmp", ".objects", ".uploads"] {
            fs::create_dir_all(disk.root.join(folder))?;
        }
        for upload in fs::read_dir(disk.uploads())? {
            let upload = upload?;
            let age = upload.metadata()?.modified()?.elapsed();
            if age.is_ok_and(|age| age > UPLOAD_LIFE) {
                remove_tree(&upload.path())?;
            }
        }
        disk.remove_leftovers_of_s3s_fs()?;
        sync_folder(&disk.root)?;
        Ok(disk)
    }

    fn remove_leftovers_of_s3s_fs(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.root)? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            let is_leftover = (name.starts_with(".tmp.") && name.ends_with(".internal.part"))
                || name.starts_with(".upload_id-")
                || name.starts_with(".upload-")
                || (name.starts_with(".bucket-") && name.contains(".upload-"));
            if is_leftover {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    pub(crate) fn uploads(&self) -> PathBuf {
        self.root.join(".uploads")
    }

    pub(crate) fn temporary(&self) -> Temporary {
        let number = self.next_temporary.fetch_add(1, Ordering::Relaxed);
        Temporary {
            path: self.root.join(".tmp").join(number.to_string()),
        }
    }

    /// The buckets and when they were made.
    pub(crate) fn buckets(&self) -> S3Result<Vec<(String, SystemTime)>> {
        let mut buckets = Vec::new();
        for entry in fs::read_dir(&self.root).map_err(fault::io)? {
            let entry = entry.map_err(fault::io)?;
            let metadata = entry.metadata().map_err(fault::io)?;
            let name = entry.file_name();
            if let Some(name) = name.to_str()
                && check_bucket_name(name)
                && metadata.is_dir()
            {
                let made = metadata.created().or_else(|_| metadata.modified());
                buckets.push((name.to_owned(), made.unwrap_or(UNIX_EPOCH)));
            }
        }
        buckets.sort();
        Ok(buckets)
    }

    fn place_of_bucket(&self, bucket: &str) -> S3Result<PathBuf> {
        if !check_bucket_name(bucket) {
            return Err(s3_error!(InvalidBucketName));
        }
        Ok(self.root.join(bucket))
    }

    /// The folder of a bucket that exists.
    pub(crate) fn bucket(&self, bucket: &str) -> S3Result<PathBuf> {
        let path = self.place_of_bucket(bucket)?;
        if !path.is_dir() {
            return Err(s3_error!(NoSuchBucket));
        }
        Ok(path)
    }

    pub(crate) fn create_bucket(&self, bucket: &str) -> S3Result<()> {
        let path = self.place_of_bucket(bucket)?;
        let _folders = lock(&self.folders);
        match fs::create_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(s3_error!(BucketAlreadyOwnedByYou));
            }
            made => made.map_err(fault::io)?,
        }
        sync_folder(&self.root).map_err(fault::io)
    }

    pub(crate) fn delete_bucket(&self, bucket: &str) -> S3Result<()> {
        let path = self.bucket(bucket)?;
        let _folders = lock(&self.folders);
        // Folders are removed with their last object, so what is left is an object, or was put there by hand.
        match fs::remove_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {
                return Err(s3_error!(BucketNotEmpty));
            }
            removed => removed.map_err(fault::missing(S3ErrorCode::NoSuchBucket))?,
        }
        remove_tree(&self.root.join(".objects").join(bucket)).map_err(fault::io)?;
        sync_folder(&self.root).map_err(fault::io)
    }

    fn place_of_descriptions(&self, bucket: &str, key: &str) -> PathBuf {
        let hash = hex::encode(Sha256::digest(key));
        let (folder, name) = hash.split_at(2);
        let folder = self.root.join(".objects").join(bucket).join(folder);
        folder.join(format!("{name}.json"))
    }

    fn descriptions(&self, bucket: &str, key: &str) -> S3Result<Option<Descriptions>> {
        let path = self.place_of_descriptions(bucket, key);
        let Some(text) = read_existing(&path).map_err(fault::io)? else {
            return Ok(None);
        };
        let read = serde_json::from_slice(&text);
        if let Err(error) = &read {
            tracing::warn!(path = %path.display(), %error, "the description of an object is damaged");
        }
        Ok(read.ok())
    }

    /// What is known of an object whose file has these metadata; nothing if the file was replaced in
    /// between.
    fn known(&self, bucket: &str, key: &str, file: &Metadata) -> S3Result<Option<Description>> {
        if let Some(descriptions) = self.descriptions(bucket, key)? {
            return Ok(descriptions.of_file(file).cloned());
        }
        let [attributes, info] = names_of_s3s_fs(bucket, key).map(|name| {
            // Longer names did not exist.
            let is_name = name.len() <= 255;
            is_name.then(|| read_existing(&self.root.join(name)).ok().flatten())
        });
        let (attributes, info) = (attributes.flatten(), info.flatten());
        let description = Description::of_s3s_fs(file, attributes.as_deref(), info.as_deref());
        Ok(Some(description))
    }

    /// The description of the file at `path`, which holds `key`.
    pub(crate) fn describe(
        &self,
        bucket: &str,
        key: &str,
        path: &Path,
        mut file: Metadata,
    ) -> S3Result<Description> {
        for _ in 0..3 {
            if let Some(description) = self.known(bucket, key, &file)? {
                return Ok(description);
            }
            // Either the object was replaced just now, or its time is not the one that it was given.
            let again = fs::metadata(path).map_err(fault::missing(S3ErrorCode::NoSuchKey))?;
            if modified_ns(&again) == modified_ns(&file) {
                break;
            }
            file = again;
        }
        let descriptions = self.descriptions(bucket, key)?.unwrap_or_default();
        let copy = descriptions.of_copy(&file).cloned();
        Ok(copy.unwrap_or_else(|| Description::of_foreign(&file)))
    }

    /// The file that holds a key, if there is one.
    fn find(&self, bucket: &str, key: &str) -> S3Result<Option<(PathBuf, Metadata)>> {
        let place = Place::of(key);
        let folder = self.bucket(bucket)?.join(&place.folder);
        for name in [&place.name, &place.beside_folder] {
            let path = folder.join(name);
            match fs::metadata(&path) {
                Ok(file) if file.is_file() => return Ok(Some((path, file))),
                Err(error) if !is_missing(&error) => return Err(fault::io(error)),
                _ => {}
            }
        }
        Ok(None)
    }

    pub(crate) fn head(&self, bucket: &str, key: &str) -> S3Result<(SystemTime, Description)> {
        let found = self.find(bucket, key)?;
        let (path, file) = found.ok_or_else(|| s3_error!(NoSuchKey))?;
        let modified = file.modified().map_err(fault::io)?;
        Ok((modified, self.describe(bucket, key, &path, file)?))
    }

    pub(crate) fn open_object(&self, bucket: &str, key: &str) -> S3Result<Opened> {
        // Its description may be replaced while its bytes are opened: then those of the new one are wanted.
        loop {
            let found = self.find(bucket, key)?;
            let (path, _) = found.ok_or_else(|| s3_error!(NoSuchKey))?;
            let file = match File::open(&path) {
                Err(error) if is_missing(&error) => continue,
                opened => opened.map_err(fault::io)?,
            };
            let metadata = file.metadata().map_err(fault::io)?;
            if !metadata.is_file() {
                // It made room for a folder in between.
                continue;
            }
            let modified = metadata.modified().map_err(fault::io)?;
            let description = self.describe(bucket, key, &path, metadata.clone())?;
            let now = fs::metadata(&path);
            if now.is_ok_and(|now| modified_ns(&now) == modified_ns(&metadata)) {
                return Ok(Opened {
                    file,
                    modified,
                    description,
                });
            }
        }
    }

    /// Puts written bytes into place, with a description that lacks only their length and time.
    pub(crate) fn put(
        &self,
        bucket: &str,
        key: &str,
        bytes: &Temporary,
        mut description: Description,
        conditions: &Conditions,
    ) -> S3Result<(SystemTime, Description)> {
        if key.contains('\0') {
            return Err(s3_error!(
                InvalidArgument,
                "a key with a NUL byte is not supported"
            ));
        }
        let bucket_path = self.bucket(bucket)?;
        let modified = self.new_time();
        let file = File::options().write(true).open(&bytes.path);
        let file = file.map_err(fault::io)?;
        file.set_times(FileTimes::new().set_modified(modified))
            .and_then(|()| file.sync_all())
            .map_err(fault::io)?;
        let metadata = file.metadata().map_err(fault::io)?;
        description.size_bytes = metadata.len();
        description.modified_ns = modified_ns(&metadata);

        let _key = self.lock_key(bucket, key);
        let current = self.find(bucket, key)?;
        let current = current
            .map(|(path, file)| self.describe(bucket, key, &path, file))
            .transpose()?;
        conditions.check(current.as_ref())?;

        let descriptions = Descriptions {
            key: key.to_owned(),
            of: std::iter::once(description.clone())
                .chain(current)
                .collect(),
        };
        let text = serde_json::to_vec(&descriptions).map_err(|error| fault::io(error.into()))?;
        let written = self.temporary();
        write_synced(&written, &text).map_err(fault::io)?;
        let descriptions_path = self.place_of_descriptions(bucket, key);

        let changed = {
            let _folders = lock(&self.folders);
            if !bucket_path.is_dir() {
                return Err(s3_error!(NoSuchBucket));
            }
            self.move_into_place(&bucket_path, key, bytes, &written, &descriptions_path)
                .map_err(fault::io)?
        };
        for folder in changed {
            match sync_folder(&folder) {
                // Its last object was deleted.
                Err(error) if is_missing(&error) => {}
                synced => synced.map_err(fault::io)?,
            }
        }
        Ok((modified, description))
    }

    /// The folders to sync: first that of the object.
    fn move_into_place(
        &self,
        bucket: &Path,
        key: &str,
        bytes: &Temporary,
        descriptions: &Temporary,
        descriptions_path: &Path,
    ) -> io::Result<Vec<PathBuf>> {
        let mut changed = Vec::new();
        if let Some(folder) = descriptions_path.parent() {
            let within = folder.strip_prefix(&self.root).unwrap_or(folder);
            make_folders(&self.root, within)?;
            descriptions.rename(descriptions_path)?;
            changed.push(folder.to_owned());
        }
        let place = Place::of(key);
        make_folders(bucket, &place.folder)?;
        let folder = bucket.join(&place.folder);
        let (usual, other) = (folder.join(&place.name), folder.join(&place.beside_folder));
        let path = if usual.is_dir() || other.is_file() {
            other
        } else {
            usual
        };
        bytes.rename(&path)?;
        changed.push(folder);
        changed.reverse();
        Ok(changed)
    }

    /// Deletes an object; one that does not exist is not an error.
    pub(crate) fn delete(&self, bucket: &str, key: &str, conditions: &Conditions) -> S3Result<()> {
        let bucket_path = self.bucket(bucket)?;
        let _key = self.lock_key(bucket, key);
        // From here on no writer of another key moves this file to make room for a folder.
        let _folders = lock(&self.folders);
        let found = self.find(bucket, key)?;
        let current = match &found {
            Some((path, file)) => Some(self.describe(bucket, key, path, file.clone())?),
            None => None,
        };
        conditions.check(current.as_ref())?;
        let Some((path, _)) = found else {
            return Ok(());
        };
        remove_existing(&path).map_err(fault::io)?;
        let mut folder = path.as_path();
        while let Some(parent) = folder.parent() {
            folder = parent;
            if folder == bucket_path || fs::remove_dir(folder).is_err() {
                break;
            }
        }
        sync_folder(folder).map_err(fault::io)?;
        remove_existing(&self.place_of_descriptions(bucket, key)).map_err(fault::io)?;
        for name in names_of_s3s_fs(bucket, key) {
            if name.len() <= 255 {
                remove_existing(&self.root.join(name)).map_err(fault::io)?;
            }
        }
        Ok(())
    }

    fn new_time(&self) -> SystemTime {
        let now = nanoseconds(SystemTime::now());
        let step = |last: u64| Some(now.max(last.saturating_add(1)));
        let last = self
            .last_ns
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, step)
            .unwrap_or(now);
        UNIX_EPOCH + Duration::from_nanos(now.max(last.saturating_add(1)))
    }

    fn lock_key(&self, bucket: &str, key: &str) -> Option<MutexGuard<'_, ()>> {
        let hash = Sha256::new()
            .chain_update(bucket)
            .chain_update(key)
            .finalize();
        let index = hash.first().map_or(0, |byte| usize::from(*byte) % LOCKS);
        self.keys.get(index).map(lock)
    }
}

/// Makes `within` below `base`, on disk when this returns: another writer that finds a folder does not sync
/// those above it. A file in the way makes room.
fn make_folders(base: &Path, within: &Path) -> io::Result<()> {
    let mut path = base.to_owned();
    for part in within {
        let parent = path.clone();
        path.push(part);
        if path.is_dir() {
            continue;
        }
        if path.is_file()
            && let Some(beside) = names::beside_folder(&path)
        {
            fs::rename(&path, beside)?;
        }
        match fs::create_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => made?,
        }
        sync_folder(&parent)?;
    }
    Ok(())
}

fn write_synced(temporary: &Temporary, text: &[u8]) -> io::Result<()> {
    use std::io::Write as _;

    let mut file = temporary.open()?;
    file.write_all(text)?;
    file.sync_all()
}

/// A rename counts when its folder is on disk. Windows has no such call.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

pub(crate) fn is_missing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        // No file has a name with a NUL byte.
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidInput
    )
}

pub(crate) fn read_existing(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Err(error) if is_missing(&error) => Ok(None),
        read => read.map(Some),
    }
}

fn remove_existing(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if !is_missing(&error) => Err(error),
        _ => Ok(()),
    }
}

pub(crate) fn remove_tree(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if !is_missing(&error) => Err(error),
        _ => Ok(()),
    }
}

fn lock(mutex: &Mutex<()>) -> MutexGuard<'_, ()> {
    // It guards no data.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
