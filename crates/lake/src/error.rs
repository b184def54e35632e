//! What can go wrong with the bucket, by what a caller does about it.

use std::error::Error;
use std::path::PathBuf;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::Key;

/// What stopped a read or a write.
#[derive(Debug, thiserror::Error)]
pub enum LakeError {
    /// There is nothing under this key.
    #[error("there is no object at {key}")]
    NotFound {
        /// The key.
        key: Key,
    },
    /// There are other bytes under this key, and objects are write-once.
    #[error("the object at {key} exists already with other bytes; objects are write-once")]
    AlreadyExists {
        /// The key.
        key: Key,
    },
    /// The object is larger than the caller can take.
    #[error("the object at {key} has {size_bytes} bytes, at most {limit_bytes} are allowed")]
    TooLarge {
        /// The key.
        key: Key,
        /// Its length in bytes.
        size_bytes: u64,
        /// The most bytes allowed.
        limit_bytes: u64,
    },
    /// The object is there, but it is not what was written.
    #[error("the object at {key} is damaged: {reason}")]
    Corrupt {
        /// The key.
        key: Key,
        /// What shows the damage.
        reason: String,
    },
    /// A file on this machine cannot be read or written.
    #[error("the file {path} cannot be read or written")]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// The bucket did not answer, or refused.
    #[error("the bucket could not {operation} {at}")]
    Unavailable {
        /// What was tried, in words that follow "could not".
        operation: &'static str,
        /// The key or the prefix it was tried on.
        at: String,
        /// Whether the same call may succeed a little later.
        retryable: bool,
        /// What the client says.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl LakeError {
    /// Whether the same call may succeed a little later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unavailable { retryable, .. } => *retryable,
            // A full disk empties with the next start; a file that vanished is made anew.
            Self::File { .. } => true,
            Self::NotFound { .. }
            | Self::AlreadyExists { .. }
            | Self::TooLarge { .. }
            | Self::Corrupt { .. } => false,
        }
    }

    pub(crate) fn of_call<E>(
        operation: &'static str,
        at: impl ToString,
        error: SdkError<E, HttpResponse>,
    ) -> Self
    where
        E: Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        Self::Unavailable {
            operation,
            at: at.to_string(),
            retryable: tasador_aws::is_retryable(&error),
            source: Box::new(error),
        }
    }
}
