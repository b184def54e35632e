//! The data folder: everything the local cloud keeps, in one place that one process uses at a time.
//!
//! ```text
//! <data-dir>/lock                      held by the process that serves the folder
//! <data-dir>/server.json               where that process listens; gone when it stops in an orderly way
//! <data-dir>/s3/                       the bucket, as files
//! <data-dir>/dynamodb.sqlite           the tables
//! <data-dir>/executions/<name>.jsonl   one journal per execution
//! <data-dir>/tasador.toml             what the columns of listings are, if people wrote it
//! <data-dir>/spool/                    batches on their way into the bucket
//! <data-dir>/token.key                 key under which tokens are hashed; readable by its owner only
//! <data-dir>/aws-credentials           access key of the local S3, DynamoDB, Step Functions and Lambda; likewise
//! ```
//!
//! A command that finds the folder in use attaches to the process that holds it, through the ports
//! in `server.json`. The lock belongs to the process, so a killed one never leaves it behind.

mod keys;

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tasador_access::HashKey;

pub use keys::AccessKey;
pub(crate) use keys::token_key;
use keys::write_private;

/// How long a command waits for the process that holds the folder to say where it listens.
/// Resuming after a crash replays journals first, which is a matter of seconds at most.
const ANNOUNCEMENT_TIMEOUT: Duration = Duration::from_secs(30);

/// Where a running cloud listens, as `server.json` says it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Server {
    /// Process that serves the folder.
    pub pid: u32,
    /// Base URL of the product's HTTP functions.
    pub http: String,
    /// Endpoint of Step Functions and Lambda.
    pub aws: String,
    /// Access key of the local S3, DynamoDB, Step Functions and Lambda.
    pub access_key: AccessKey,
    /// A token for commands of whoever may read the folder, where callers need one. It ends with the
    /// process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Endpoint of S3.
    pub s3: String,
    /// Endpoint of DynamoDB.
    pub dynamodb: String,
    /// Source that `fetch` asks, with its credentials, where one is configured.
    pub source: Option<String>,
    /// When the process began to serve.
    pub started_at: jiff::Timestamp,
    /// Version of the binary.
    pub version: String,
}

/// Why a data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The folder or something in it cannot be read or written.
    #[error(
        "the data folder {path} cannot be used; check that it is a folder you may write to, or choose another with --data-dir"
    )]
    Unusable {
        /// What could not be read or written.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Another process holds the folder and does not say where it listens.
    #[error(
        "the data folder {path} is in use by another process that does not answer; end that process, or choose another folder with --data-dir"
    )]
    Silent {
        /// The folder.
        path: PathBuf,
    },
    /// The demo begins anew each time, and this folder holds something else than a demo.
    #[error(
        "the demo begins anew each time, and {path} holds work of your own; choose another folder with --data-dir"
    )]
    NotADemo {
        /// The folder.
        path: PathBuf,
    },
    /// Another process holds the folder, and this command needs it for itself.
    #[error(
        "the data folder {path} is already served at {http} (process {pid}); stop that one first, or choose another folder with --data-dir"
    )]
    InUse {
        /// The folder.
        path: PathBuf,
        /// Where the other process listens.
        http: String,
        /// The other process.
        pid: u32,
    },
}

/// A data folder that this process holds until it drops the value.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
    _lock: File,
}

/// What came of asking for a folder.
#[derive(Debug)]
pub enum Claim {
    /// It is ours to serve.
    Ours(Folder),
    /// Another process serves it; attach to that one.
    Served(Box<Server>),
}

impl Folder {
    /// Takes the folder, or finds out who has it. Makes it where it is missing.
    ///
    /// # Errors
    /// [`FolderError`] where it cannot be written, or where its holder keeps silent.
    pub async fn claim(root: &Path) -> Result<Claim, FolderError> {
        let deadline = Instant::now() + ANNOUNCEMENT_TIMEOUT;
        loop {
            if let Some(folder) = Self::try_take(root)? {
                return Ok(Claim::Ours(folder));
            }
            if let Some(server) = read_server(root) {
                return Ok(Claim::Served(server.into()));
            }
            if Instant::now() >= deadline {
                return Err(FolderError::Silent {
                    path: root.to_owned(),
                });
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Takes the folder for this process alone.
    ///
    /// # Errors
    /// [`FolderError::InUse`] where another process serves it; otherwise as [`Folder::claim`].
    pub async fn take(root: &Path) -> Result<Self, FolderError> {
        match Self::claim(root).await? {
            Claim::Ours(folder) => Ok(folder),
            Claim::Served(server) => Err(FolderError::InUse {
                path: root.to_owned(),
                http: server.http,
                pid: server.pid,
            }),
        }
    }

    fn try_take(root: &Path) -> Result<Option<Self>, FolderError> {
        let unusable = |path: &Path| {
            let path = path.to_owned();
            move |source| FolderError::Unusable { path, source }
        };
        std::fs::create_dir_all(root).map_err(unusable(root))?;
        // The S3 server resolves its folder once, so a later change of directory must not matter.
        let root = root.canonicalize().map_err(unusable(root))?;
        let lock_path = root.join("lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(unusable(&lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(source)) => return Err(unusable(&lock_path)(source)),
        }
        let folder = Self { root, _lock: lock };
        // Left by a process that was killed.
        folder.retract();
        for path in [folder.s3(), folder.executions(), folder.spool()] {
            std::fs::create_dir_all(&path).map_err(unusable(&path))?;
        }
        // Before anything in them counts.
        sync_folder(folder.root()).map_err(unusable(folder.root()))?;
        // It may be readable by others only.
        let _ = folder.root().parent().map(sync_folder);
        Ok(Some(folder))
    }

    /// Empties a folder that holds an earlier demo, or nothing, and marks it as a demo's.
    ///
    /// # Errors
    /// [`FolderError::NotADemo`] where it holds anything else; [`FolderError::Unusable`] where it
    /// cannot be emptied.
    pub fn make_demo(&self) -> Result<(), FolderError> {
        let unusable = |path: &Path| {
            let path = path.to_owned();
            move |source| FolderError::Unusable { path, source }
        };
        let mark = self.root.join("demo");
        let tables = self.dynamodb();
        if tables.exists() && !mark.exists() {
            return Err(FolderError::NotADemo {
                path: self.root.clone(),
            });
        }
        // The mark stands while the rest goes, so that an interrupted demo can be begun again.
        std::fs::write(&mark, b"").map_err(unusable(&mark))?;
        for folder in [self.s3(), self.executions(), self.spool()] {
            std::fs::remove_dir_all(&folder)
                .and_then(|()| std::fs::create_dir_all(&folder))
                .map_err(unusable(&folder))?;
        }
        for suffix in ["", "-wal", "-shm"] {
            let path = self.root.join(format!("dynamodb.sqlite{suffix}"));
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(unusable(&path)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The folder itself, as an absolute path.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Folder of the S3 server: one sub-folder per bucket.
    pub fn s3(&self) -> PathBuf {
        self.root.join("s3")
    }

    /// File of the DynamoDB server.
    pub fn dynamodb(&self) -> PathBuf {
        self.root.join("dynamodb.sqlite")
    }

    /// Folder of batches on their way into the bucket. What a killed process left there is stored by
    /// the next run, before it asks the source.
    pub fn spool(&self) -> PathBuf {
        self.root.join("spool")
    }

    /// A file that is written and removed to find out whether the folder can be written.
    pub(crate) fn disk_check(&self) -> PathBuf {
        self.root.join(".disk-check")
    }

    /// Folder of the executions' journals.
    pub fn executions(&self) -> PathBuf {
        self.root.join("executions")
    }

    /// The key under which tokens are hashed, made at the first call. Without it no token is valid.
    ///
    /// # Errors
    /// [`FolderError::Unusable`] where it cannot be read or made.
    pub fn token_key(&self) -> Result<HashKey, FolderError> {
        token_key(&self.root)
    }

    /// The access key of the local AWS services, made at the first call.
    ///
    /// # Errors
    /// [`FolderError::Unusable`] where it cannot be read or made.
    pub fn access_key(&self) -> Result<AccessKey, FolderError> {
        keys::access_key(&self.root)
    }

    /// Says in `server.json` where this process listens; the file appears whole or not at all.
    ///
    /// # Errors
    /// [`FolderError::Unusable`] where it cannot be written.
    pub fn announce(&self, server: &Server) -> Result<(), FolderError> {
        let path = self.root.join("server.json");
        let fresh = self.root.join("server.json.new");
        serde_json::to_vec_pretty(server)
            .map_err(io::Error::from)
            .and_then(|text| write_private(&fresh, &text, OpenOptions::new().truncate(true)))
            .and_then(|()| std::fs::rename(&fresh, &path))
            .map_err(|source| FolderError::Unusable { path, source })
    }

    /// Takes `server.json` back.
    pub fn retract(&self) {
        let path = self.root.join("server.json");
        if let Err(error) = std::fs::remove_file(&path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %path.display(), %error, "an old server.json could not be removed");
        }
    }
}

/// Whatever was made, linked or renamed in a folder counts when this has returned. Windows has no such call.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

fn read_server(root: &Path) -> Option<Server> {
    let text = std::fs::read(root.join("server.json")).ok()?;
    serde_json::from_slice(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server() -> Server {
        Server {
            pid: std::process::id(),
            http: "http://127.0.0.1:3000".to_owned(),
            aws: "http://127.0.0.1:3000".to_owned(),
            access_key: AccessKey::new("id", "secret"),
            token: None,
            s3: "http://127.0.0.1:3001".to_owned(),
            dynamodb: "http://127.0.0.1:3002".to_owned(),
            source: None,
            started_at: jiff::Timestamp::UNIX_EPOCH,
            version: "0.1.0".to_owned(),
        }
    }

    #[tokio::test]
    async fn the_second_process_attaches_and_the_third_takes_over() {
        let dir = tempfile::tempdir().unwrap();
        let first = Folder::take(dir.path()).await.unwrap();
        first.announce(&server()).unwrap();
        // A second open file has its own lock, as a second process has.
        let Claim::Served(found) = Folder::claim(dir.path()).await.unwrap() else {
            panic!("two holders of one folder");
        };
        assert_eq!(found.http, "http://127.0.0.1:3000");
        assert!(matches!(
            Folder::take(dir.path()).await,
            Err(FolderError::InUse { .. })
        ));
        // As after SIGKILL: the lock is gone, server.json is not.
        drop(first);
        let third = Folder::take(dir.path()).await.unwrap();
        assert!(
            read_server(third.root()).is_none(),
            "a stale server.json was kept"
        );
    }

    #[tokio::test]
    async fn a_demo_empties_only_what_a_demo_made() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::take(dir.path()).await.unwrap();
        folder.make_demo().unwrap();
        std::fs::write(folder.dynamodb(), "tables").unwrap();
        std::fs::write(folder.executions().join("a.jsonl"), "{}\n").unwrap();
        folder.make_demo().unwrap();
        assert!(!folder.dynamodb().exists());
        assert_eq!(std::fs::read_dir(folder.executions()).unwrap().count(), 0);

        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::take(dir.path()).await.unwrap();
        std::fs::write(folder.dynamodb(), "years of work").unwrap();
        assert!(matches!(
            folder.make_demo(),
            Err(FolderError::NotADemo { .. })
        ));
        assert!(folder.dynamodb().exists());
    }

    #[tokio::test]
    async fn keys_are_made_once_and_readable_by_their_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::take(dir.path()).await.unwrap();
        let key = folder.token_key().unwrap();
        assert!(folder.token_key().unwrap() == key && token_key(dir.path()).unwrap() == key);
        let access_key = folder.access_key().unwrap();
        assert_eq!(folder.access_key().unwrap(), access_key);
        folder.announce(&server()).unwrap();
        #[cfg(unix)]
        for file in ["token.key", "aws-credentials", "server.json"] {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = dir.path().join(file).metadata().unwrap().permissions();
            assert_eq!(mode.mode() & 0o777, 0o600, "{file}");
        }
        let other = tempfile::tempdir().unwrap();
        assert!(token_key(other.path()).unwrap() != key);
        assert_ne!(keys::access_key(other.path()).unwrap(), access_key);
        std::fs::write(other.path().join("token.key"), "short").unwrap();
        let error = token_key(other.path()).unwrap_err().to_string();
        assert!(error.contains("token.key"), "{error}");
    }

    #[tokio::test]
    async fn a_folder_that_is_a_file_is_refused_with_advice() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = Folder::claim(file.path()).await.unwrap_err();
        assert!(error.to_string().contains("--data-dir"), "{error}");
    }
}
