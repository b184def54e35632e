//! What is known of an execution without reading its whole journal.

use std::io;
use std::path::Path;

use jiff::Timestamp;
use tasador_states::HistoryEvent;

use super::journal;

/// How far an execution is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// It goes on, in this process or, after a crash, when it is served again.
    Running,
    /// It ended in Succeed or at the end of its states.
    Succeeded,
    /// It ended in Fail or in an error that nothing caught.
    Failed,
    /// It took longer than the state machine allows.
    TimedOut,
    /// It was stopped by request.
    Aborted,
}

impl Status {
    /// The name in AWS's protocol.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::TimedOut => "TIMED_OUT",
            Self::Aborted => "ABORTED",
        }
    }

    /// The status in which an event of this type leaves the execution.
    pub(crate) fn after(kind: &str) -> Self {
        match kind {
            "ExecutionSucceeded" => Self::Succeeded,
            "ExecutionFailed" => Self::Failed,
            "ExecutionTimedOut" => Self::TimedOut,
            "ExecutionAborted" => Self::Aborted,
            _ => Self::Running,
        }
    }
}

/// One line of a list of executions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Name of the execution, which is the run id.
    pub name: String,
    /// How far it is.
    pub status: Status,
    /// When it was asked for.
    pub started_at: Timestamp,
    /// When it ended.
    pub stopped_at: Option<Timestamp>,
}

/// One execution with its input and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    /// Name, status and times.
    pub summary: Summary,
    /// Input, as JSON text.
    pub input: String,
    /// Output, as JSON text, of one that succeeded.
    pub output: Option<String>,
    /// Error name of one that did not.
    pub error: Option<String>,
    /// What the error says.
    pub cause: Option<String>,
}

impl Execution {
    /// Reads the beginning and the end of a journal. `None` where not even its first line is whole:
    /// the process died before it answered that the execution had started.
    pub(crate) fn read(name: &str, path: &Path) -> io::Result<Option<Self>> {
        let Some((first, last)) = journal::ends::<HistoryEvent>(path)? else {
            return Ok(None);
        };
        if first.kind != "ExecutionStarted" {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the first line is not ExecutionStarted",
            ));
        }
        Ok(Some(Self::between(name, &first, &last)))
    }

    /// What a first and a last event say.
    pub(crate) fn between(name: &str, first: &HistoryEvent, last: &HistoryEvent) -> Self {
        let status = Status::after(&last.kind);
        let ended = |field| {
            last.detail(field)
                .filter(|_| status != Status::Running)
                .map(str::to_owned)
        };
        Self {
            summary: Summary {
                name: name.to_owned(),
                status,
                started_at: first.timestamp,
                stopped_at: (status != Status::Running).then_some(last.timestamp),
            },
            input: first.detail("input").unwrap_or("{}").to_owned(),
            output: ended("output"),
            error: ended("error"),
            cause: ended("cause"),
        }
    }
}
