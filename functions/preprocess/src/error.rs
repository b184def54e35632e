//! Errors of preprocessing, with the class on which the state machine branches.

use tasador_check::schema::SchemaError;
use tasador_lake::{Key, LakeError};
use tasador_reader::{FrameError, LeftError, ReadError};
use tasador_registry::RegistryError;
use tasador_runtime::{Classify, ErrorClass};

/// Why a batch could not be preprocessed.
#[derive(Debug, thiserror::Error)]
pub enum PreprocessError {
    #[error("the batch at {key} cannot be read")]
    Unreadable { key: Key, source: ReadError },
    #[error("the clean rows that an earlier attempt wrote to {key} cannot be read")]
    Left { key: Key, source: LeftError },
    /// Another attempt at the same batch wrote other bytes first; the next attempt uses those.
    #[error("another attempt at the same batch wrote {key} first")]
    Overtaken { key: Key },
    #[error(transparent)]
    Schema(#[from] SchemaError),
    #[error("the bucket failed")]
    Lake(#[from] LakeError),
    #[error("the registry failed")]
    Registry(#[from] RegistryError),
    #[error("the clean rows could not be written")]
    Frame(#[from] FrameError),
    #[error("the report could not be written as JSON")]
    Report(#[source] serde_json::Error),
    #[error("the thread that cleaned the batch stopped")]
    Stopped(#[source] tokio::task::JoinError),
}

impl Classify for PreprocessError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Unreadable { .. } => ErrorClass::InvalidInput,
            Self::Schema(error) => error.class(),
            Self::Left { .. } => ErrorClass::CorruptArtifact,
            Self::Overtaken { .. } => ErrorClass::Retryable,
            Self::Lake(error) => error.class(),
            Self::Registry(error) => error.class(),
            Self::Frame(_) | Self::Report(_) | Self::Stopped(_) => ErrorClass::Bug,
        }
    }
}
