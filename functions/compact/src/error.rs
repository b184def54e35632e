//! Errors of a compaction.

use jiff::Timestamp;
use tasador_lake::LakeError;
use tasador_registry::RegistryError;
use tasador_runtime::{Classify, ErrorClass};

use crate::MAX_HOURS;
use crate::table::FrameError;

/// Why a compaction failed. The next one completes it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the log's entries in the table could not be read or changed")]
    Registry(#[from] RegistryError),
    #[error("the log's files could not be read or written")]
    Lake(#[from] LakeError),
    #[error("the log's entries could not be written as a file")]
    Frame(#[from] FrameError),
    #[error(
        "the bytes chosen for {hour} are not in the bucket; the entries are still in the table"
    )]
    Lost { hour: Timestamp },
    #[error(
        "from {from} through {through} are more than {MAX_HOURS} hours; compact a shorter time at once"
    )]
    TooLong { from: Timestamp, through: Timestamp },
    #[error("there is no folder for temporary files")]
    Folder(#[source] std::io::Error),
    #[error("former versions could not be read")]
    Former(#[from] tasador_champion::StoreError),
    #[error("lists of row hashes could not be merged")]
    Merge(#[from] tasador_seen::MergeError),
    #[error("the thread that wrote the entries stopped")]
    Thread(#[source] tokio::task::JoinError),
}

impl Classify for Error {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Registry(error) => error.class(),
            Self::Lake(error) => error.class(),
            Self::TooLong { .. } => ErrorClass::InvalidInput,
            Self::Lost { .. } => ErrorClass::CorruptArtifact,
            Self::Folder(_) => ErrorClass::Retryable,
            Self::Merge(error) => error.class(),
            Self::Former(error) => error.class(),
            Self::Frame(_) | Self::Thread(_) => ErrorClass::Bug,
        }
    }
}
