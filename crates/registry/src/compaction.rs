//! The log of answered requests on its way into files.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tasador_ids::{Digest, Key};

use crate::inference::InferenceRecord;

/// An entry of the log that is in no file yet.
#[derive(Debug, Clone, PartialEq)]
pub struct LooseInference {
    /// The entry.
    pub record: InferenceRecord,
    /// The items it takes in the table.
    pub(crate) parts: u32,
}

/// A file of an hour's entries, decided upon and not finished.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompactionClaim {
    /// The number of the file within its hour, from 1 on.
    pub number: u32,
    /// Where its bytes lie meanwhile.
    pub staged: Key,
    /// Where it is to be.
    pub key: Key,
    /// The SHA-256 of its bytes.
    pub sha256: Digest,
    /// Its entries.
    pub rows: u64,
    /// When it was decided upon.
    pub at: Timestamp,
}

/// How far the compaction of one hour has come.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HourCompaction {
    /// Files that are finished: in their place, with their entries on the way out of the table.
    pub done: u32,
    /// Entries in them.
    pub rows: u64,
    /// The file that is not finished.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claim: Option<CompactionClaim>,
}
