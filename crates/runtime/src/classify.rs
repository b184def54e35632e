//! Classes of the errors of the stores. A function that knows better (a missing object that it was
//! told to read, say) classifies its own error instead.

use tasador_lake::LakeError;
use tasador_registry::{PromoteError, RegistryError};

use crate::failure::{Classify, ErrorClass};

impl Classify for LakeError {
    fn class(&self) -> ErrorClass {
        match self {
            error if error.is_retryable() => ErrorClass::Retryable,
            Self::NotFound { .. } | Self::TooLarge { .. } => ErrorClass::InvalidInput,
            Self::Corrupt { .. } => ErrorClass::CorruptArtifact,
            // Refused for good: a missing permission, a wrong bucket, two different objects of one name.
            _ => ErrorClass::Bug,
        }
    }
}

impl Classify for RegistryError {
    fn class(&self) -> ErrorClass {
        match self {
            error if error.is_retryable() => ErrorClass::Retryable,
            Self::NotFound { .. } | Self::BadPageToken => ErrorClass::InvalidInput,
            Self::Damaged { .. } => ErrorClass::CorruptArtifact,
            _ => ErrorClass::Bug,
        }
    }
}

impl Classify for PromoteError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::ChampionChanged { .. } => ErrorClass::ChampionChanged,
            Self::Refused { .. } => ErrorClass::InvalidInput,
            Self::Registry(error) => error.class(),
        }
    }
}
