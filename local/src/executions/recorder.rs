//! Writes the history of one execution, event by event, until it has ended.

use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_json::{Map, Value};
use tasador_states::HistoryEvent;

use super::journal::Journal;
use super::status::Status;

/// The history being written. After the end nothing is added: an answer that comes late is lost.
#[derive(Debug)]
pub(crate) struct Recorder {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    journal: Journal,
    last_id: u64,
    end: Option<(Status, Timestamp)>,
}

impl Recorder {
    /// Begins a history with ExecutionStarted, and gives that event back.
    pub(crate) fn start(path: &Path, input: &str) -> io::Result<(Self, HistoryEvent)> {
        let mut journal = Journal::create(path)?;
        let first = HistoryEvent::started(input, Timestamp::now());
        journal.append(&first)?;
        Ok((Self::with(journal, first.id), first))
    }

    /// Goes on with the history that `past` is.
    pub(crate) fn resume(path: &Path, past: &[HistoryEvent]) -> io::Result<Self> {
        let last_id = past.last().map_or(0, |event| event.id);
        Ok(Self::with(Journal::reopen(path)?, last_id))
    }

    fn with(journal: Journal, last_id: u64) -> Self {
        Self {
            inner: Mutex::new(Inner {
                journal,
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
        self.journal.append(event)?;
        self.last_id = event.id;
        let status = Status::after(&event.kind);
        if status != Status::Running {
            self.end = Some((status, event.timestamp));
        }
        Ok(())
    }
}
