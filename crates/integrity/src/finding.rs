//! What does not hold, and what helps.

use std::fmt;

use tasador_ids::BatchId;

/// What was checked, and what does not hold.
#[derive(Debug, Default, PartialEq)]
pub struct Report {
    pub objects: u64,
    pub size_bytes: u64,
    pub runs: u64,
    pub promotions: u64,
    pub versions: u64,
    /// Files that other programs stored without a hash: they can be read, not verified.
    pub without_hash: u64,
    pub findings: Vec<Finding>,
}

/// One thing that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The object's key, or the entry of the registry.
    pub subject: String,
    /// What is wrong, as a clause.
    pub fault: String,
    pub remedy: Remedy,
}

/// What helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// A repair cleans the batch's raw object again.
    Clean(BatchId),
    /// A repair writes the registry's entry from its copy in the bucket.
    Rebuild,
    /// A repair writes the copy from the registry's entry.
    Copy,
    /// Only another copy of the same object helps.
    Backup,
    /// A run finishes it.
    Run,
    /// A person has to look.
    Person,
}

impl Remedy {
    /// Whether `tasador repair` can do it.
    pub fn is_repair(self) -> bool {
        matches!(self, Self::Clean(_) | Self::Rebuild | Self::Copy)
    }
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clean(_) => {
                f.write_str("`tasador repair` makes the file again from the raw batch")
            }
            Self::Rebuild => {
                f.write_str("`tasador repair` restores it from its copy in the bucket")
            }
            Self::Copy => f.write_str("`tasador repair` writes it again from the registry"),
            Self::Backup => f.write_str(
                "restore it from a backup or an earlier version of the object; it cannot be made again",
            ),
            Self::Run => f.write_str("the next `tasador run` finishes it"),
            Self::Person => f.write_str("it cannot be repaired automatically; report it"),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {}. Remedy: {}.",
            self.subject, self.fault, self.remedy
        )
    }
}

impl Report {
    /// Whether everything holds.
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }

    pub(crate) fn find(
        &mut self,
        subject: impl fmt::Display,
        fault: impl Into<String>,
        remedy: Remedy,
    ) {
        self.findings.push(Finding {
            subject: subject.to_string(),
            fault: fault.into(),
            remedy,
        });
    }
}
