//! What stops a compaction.

use jiff::Timestamp;
use tasador_lake::LakeError;
use tasador_registry::RegistryError;
use tasador_runtime::{Classify, ErrorClass};

use crate::table::FrameError;

/// What stopped a compaction. What was begun is finished by the next one.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the log's items could not be read or changed")]
    Registry(#[from] RegistryError),
    #[error("the log's files could not be read or written")]
    Lake(#[from] LakeError),
    #[error("the log's entries could not be turned into a file")]
    Frame(#[from] FrameError),
    /// The staged object is gone, and its file is not finished.
    #[error(
        "the bytes that were decided upon for {hour} are not in the bucket; the entries are still in the table"
    )]
    Lost { hour: Timestamp },
    #[error("the thread that laid out the entries is gone")]
    Thread(#[source] tokio::task::JoinError),
}

impl Classify for Error {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Registry(error) => error.class(),
            Self::Lake(error) => error.class(),
            Self::Lost { .. } => ErrorClass::CorruptArtifact,
            Self::Frame(_) | Self::Thread(_) => ErrorClass::Bug,
        }
    }
}
