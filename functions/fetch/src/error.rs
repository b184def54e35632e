//! Why there is no batch, by what is done about it.

use std::fmt;
use std::path::PathBuf;

use tasador_ids::{BatchId, RunId};
use tasador_lake::LakeError;
use tasador_registry::RegistryError;
use tasador_runtime::{Classify, ErrorClass, SecretError};

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Who names a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamedIn {
    /// The settings.
    Settings,
    /// The execution's input.
    Input,
}

impl fmt::Display for NamedIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Settings => "TASADOR_SOURCE or the secret with it",
            Self::Input => "the execution's input",
        })
    }
}

/// What stopped a batch from being fetched. Addresses are told without credentials.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The input's `batch` is no batch id.
    #[error("the input's `batch` is {found}: give a batch's id, 64 lower-case hexadecimal digits")]
    NoBatchId {
        /// What was found, shortened.
        found: String,
    },
    /// The input's `object` is none.
    #[error("the input's `object` is {found}: give its `bucket` and its `key`, both texts")]
    NoObject {
        /// What was found, shortened.
        found: String,
    },
    /// The input names two things.
    #[error("the input names both a `batch` and an `object`: name one of them")]
    AmbiguousInput,
    /// No batch has the id in the input.
    #[error("batch {batch} is not in the registry: name one that the history lists")]
    UnknownBatch {
        /// The batch.
        batch: BatchId,
    },
    /// The batch in the input is being worked on.
    #[error("run {run} is working on batch {batch}: wait for its end, then name the batch again")]
    Busy {
        /// The batch.
        batch: BatchId,
        /// Who works on it.
        run: RunId,
    },
    /// The registry knows a batch whose bytes are gone.
    #[error("the bytes of batch {batch} are not in the bucket any more")]
    RawMissing {
        /// The batch.
        batch: BatchId,
    },
    /// Nothing says where batches come from.
    #[error(
        "there is no source: set TASADOR_SOURCE or TASADOR_SOURCE_SECRET, or name a stored batch in the execution's input"
    )]
    NoSource,
    /// The secret with the address is not available.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The configured address or what it names can't be worked with.
    #[error("{what}; fix {named_in}, which is {source_shown}")]
    Source {
        /// What is wrong, as half a sentence.
        what: String,
        /// Who names it.
        named_in: NamedIn,
        /// The address.
        source_shown: String,
    },
    /// The source is a file where files are not allowed.
    #[error(
        "the source {path} is a file of this machine, which TASADOR_SOURCE_FILES does not allow: \
         set it to true, or give a source http(s):// or s3:// in TASADOR_SOURCE"
    )]
    FilesForbidden {
        /// The file.
        path: PathBuf,
    },
    /// The batch is larger than allowed.
    #[error(
        "the source {source_shown} sends {size}, and TASADOR_SOURCE_MAX_BYTES allows {limit_bytes}: \
         raise it, or let the source send smaller batches"
    )]
    TooLarge {
        /// The address.
        source_shown: String,
        /// How much, in words.
        size: String,
        /// The most bytes allowed.
        limit_bytes: u64,
    },
    /// The source did not answer.
    #[error("the source {source_shown} {what}")]
    Unavailable {
        /// The address.
        source_shown: String,
        /// What it did, in words that follow its address.
        what: String,
        /// What the client says.
        #[source]
        cause: Option<Cause>,
    },
    /// The answer did not come in whole, and the source's cursor has moved on.
    #[error(
        "an answer was lost, and the source's cursor has moved past that batch: start the source over \
         to get it again, or go on with what follows"
    )]
    Lost(
        /// How.
        #[source]
        Cause,
    ),
    /// The folder for batches on their way can't be written.
    #[error(
        "the spool folder {path} can't be written; make room there or set TASADOR_SPOOL_DIR to another"
    )]
    Spool {
        /// The folder or a file in it.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// The bucket failed.
    #[error("the batch could not be stored")]
    Store(#[from] LakeError),
    /// The registry failed.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// Step Functions does not tell whether an execution runs.
    #[error("Step Functions does not tell whether execution {execution} still runs")]
    Executions {
        /// The execution.
        execution: String,
        /// Whether the same call may succeed a little later.
        retryable: bool,
        /// What the client says.
        #[source]
        cause: Cause,
    },
    /// The HTTP client can't be made.
    #[error("the client for the source can't be made")]
    Client(#[source] reqwest::Error),
}

impl Error {
    /// What this error means once the source has answered. Where the source moves on, each answer is
    /// another batch, and trying again would not bring this one.
    pub(crate) fn after_answer(self, moves_on: bool) -> Self {
        let again = matches!(
            self.class(),
            ErrorClass::Retryable | ErrorClass::SourceUnavailable
        );
        if again && moves_on {
            Self::Lost(Box::new(self))
        } else {
            self
        }
    }
}

impl Classify for Error {
    fn class(&self) -> ErrorClass {
        match self {
            Self::NoBatchId { .. }
            | Self::NoObject { .. }
            | Self::AmbiguousInput
            | Self::UnknownBatch { .. }
            | Self::Busy { .. }
            | Self::NoSource
            | Self::Source { .. }
            | Self::FilesForbidden { .. }
            | Self::TooLarge { .. } => ErrorClass::InvalidInput,
            Self::Unavailable { .. } => ErrorClass::SourceUnavailable,
            Self::Lost(_) => ErrorClass::AnswerLost,
            Self::RawMissing { .. } => ErrorClass::CorruptArtifact,
            Self::Spool { .. } => ErrorClass::Retryable,
            Self::Secret(error) => error.class(),
            Self::Store(error) => error.class(),
            Self::Registry(error) => error.class(),
            Self::Executions {
                retryable: true, ..
            } => ErrorClass::Retryable,
            Self::Executions { .. } | Self::Client(_) => ErrorClass::Bug,
        }
    }
}
