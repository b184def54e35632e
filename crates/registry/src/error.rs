//! What can go wrong with the registry, by what a caller does about it.

use std::error::Error;

/// What stopped a read or a write.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// What was named is not there.
    #[error("{what} is not in the registry")]
    NotFound {
        /// What was looked for, such as ``run `2026-01` ``.
        what: String,
    },
    /// The write contradicts what is there, and repeating it won't help: someone else was first,
    /// or the caller's facts differ from those recorded.
    #[error("{why}")]
    Conflict {
        /// What contradicts what, as a sentence without a full stop.
        why: String,
    },
    /// An item is there but is not what this version of the program wrote.
    #[error("{what} in the registry can't be read")]
    Damaged {
        /// Which item.
        what: String,
        /// What the reader says.
        source: serde_dynamo::Error,
    },
    /// A page token that this list never gave out.
    #[error("the page token does not belong to this list")]
    BadPageToken,
    /// The table did not answer, or refused.
    #[error("the registry could not {operation}")]
    Unavailable {
        /// What was tried, in words that follow "could not".
        operation: &'static str,
        /// Whether the same call may succeed a little later.
        retryable: bool,
        /// What the client says.
        source: Box<dyn Error + Send + Sync>,
    },
    /// Others kept writing the same item, time after time.
    #[error("the registry could not {operation}: other writers were first each time")]
    Contended {
        /// What was tried, in words that follow "could not".
        operation: &'static str,
    },
}

impl RegistryError {
    /// Whether the same call may succeed a little later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unavailable { retryable, .. } => *retryable,
            Self::Contended { .. } => true,
            Self::NotFound { .. }
            | Self::Conflict { .. }
            | Self::Damaged { .. }
            | Self::BadPageToken => false,
        }
    }
}
