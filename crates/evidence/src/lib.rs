//! What can be shown of a model version: the files that stand beside its artefact, and the batches
//! it learnt from.
//!
//! Everything is read where it is: a file that was never written, or a batch that the registry
//! forgot, is absent from the answer and no error.

mod files;
mod lineage;

pub use files::{Evidence, File, FileKind, SENT_WITH, file};
pub use lineage::{Lineage, LineageBatch, lineage};

use tasador_lake::LakeError;
use tasador_registry::RegistryError;

/// What stopped the reading.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    #[error("the files of the version can't be read")]
    Lake(#[from] LakeError),
    #[error("the registry can't be read")]
    Registry(#[from] RegistryError),
}

impl EvidenceError {
    /// Whether the same call may succeed a little later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Lake(error) => matches!(error, LakeError::Unavailable { .. }),
            Self::Registry(error) => error.is_retryable(),
        }
    }
}
