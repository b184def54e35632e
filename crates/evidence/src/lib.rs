//! The evidence of a model version: the files stored with it, and the batches that it learned from.
//!
//! A file that was never written, or a batch that is not in the registry, is left out of the answer;
//! it is not an error.

mod files;
mod lineage;

pub use files::{Evidence, File, FileKind, SENT_WITH, file, ratio_study};
pub use lineage::{Lineage, LineageBatch, dataset, learned_from, lineage};

use tasador_lake::LakeError;
use tasador_registry::RegistryError;

/// Why the evidence could not be read.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    #[error("the files of the version cannot be read")]
    Lake(#[from] LakeError),
    #[error("the registry cannot be read")]
    Registry(#[from] RegistryError),
}

impl EvidenceError {
    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Lake(error) => error.is_retryable(),
            Self::Registry(error) => error.is_retryable(),
        }
    }
}
