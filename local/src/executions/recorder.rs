//! Writes the history of one execution, event by event, until it has ended.

use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_json::{Map, Value};
use tasador_states::HistoryEvent;

use super::journal::Journal;
use super::status::Status;
use crate::disk::Disk;

/// If a task fails and there is less space, the execution stops instead of recording a failure of the batch:
/// a file of a model or a batch may not fit.
const FREE_BYTES: usize = 2 << 20;

/// The history being written. After the end nothing is added: an answer that comes late is lost.
#[derive(Debug)]
pub(crate) struct Recorder {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    journal: Journal,
    disk: Disk,
    last_id: u64,
    end: Option<(Status, Timestamp)>,
}

impl Recorder {
    /// Begins a history with ExecutionStarted, and gives that event back.
    pub(crate) fn start(path: &Path, input: &str) -> io::Result<(Self, HistoryEvent)> {
        let mut journal = Journal::create(path)?;
        let first = HistoryEvent::started(input, Timestamp::now());
        journal.append(&first)?;
        Ok((Self::with(path, journal, first.id), first))
    }

    /// Goes on with the history that `past` is.
    pub(crate) fn resume(path: &Path, past: &[HistoryEvent]) -> io::Result<Self> {
        let last_id = past.last().map_or(0, |event| event.id);
        Ok(Self::with(path, Journal::reopen(path)?, last_id))
    }

    fn with(path: &Path, journal: Journal, last_id: u64) -> Self {
        Self {
            inner: Mutex::new(Inner {
                journal,
                disk: Disk::new(path.with_extension("disk-check")),
                last_id,
                end: None,
            }),
        }
    }

    /// Ends the history with ExecutionAborted, where it has not ended.
    pub(crate) fn abort(&self, error: Option<String>, cause: Option<String>) -> io::Result<()> {
        let words = [("error", error), ("cause", cause)];
        let details: Map<String, Value> = words
            .into_iter()
            .filter_map(|(field, word)| Some((field.to_owned(), word?.into())))
            .collect();
        let mut inner = self.lock();
        let event = HistoryEvent {
            id: inner.last_id + 1,
            previous_event_id: 0,
            timestamp: Timestamp::now(),
            kind: "ExecutionAborted".to_owned(),
            details: Some(("executionAbortedEventDetails".to_owned(), details.into())),
        };
        inner.append(&event)
    }

    /// How and when it ended.
    pub(crate) fn end(&self) -> Option<(Status, Timestamp)> {
        self.lock().end
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl tasador_states::Journal for Recorder {
    fn record(&self, event: &HistoryEvent) -> io::Result<()> {
        self.lock().append(event)
    }
}

impl Inner {
    fn append(&mut self, event: &HistoryEvent) -> io::Result<()> {
        if self.end.is_some() {
            return Ok(());
        }
        if may_be_the_disk(event) {
            self.disk.check(FREE_BYTES)?;
        }
        self.journal.append(event)?;
        self.last_id = event.id;
        let status = Status::after(&event.kind);
        if status != Status::Running {
            self.end = Some((status, event.timestamp));
        }
        Ok(())
    }
}

/// Whether a task failed for a reason that a full disk may have.
fn may_be_the_disk(event: &HistoryEvent) -> bool {
    let is_failure = matches!(event.kind.as_str(), "LambdaFunctionFailed" | "TaskFailed");
    let error = event.details.as_ref();
    let error = error.and_then(|(_, details)| details.get("error")?.as_str());
    is_failure && matches!(error, Some("Retryable" | "Bug" | "States.TaskFailed"))
}
