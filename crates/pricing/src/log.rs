//! The log of answered requests: in the table before the answer goes out, or else in the structured
//! log.
//!
//! Answers that are ready while a write is under way are written together by the next one. Nobody
//! waits for company: a lone answer, as every answer on Lambda is, is written at once and alone.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tasador_registry::{InferenceRecord, Registry};
use tasador_runtime::{Context, chain};
use tokio::sync::oneshot;

/// How long an answer waits for its record: the table answers in some 5 ms, and a caller should not
/// pay for a table that does not.
const TIMEOUT: Duration = Duration::from_secs(1);
/// The longest piece of a record in one line, in bytes: CloudWatch takes 256 KB a line, and quotes
/// within the record take two bytes each.
const LINE_MAX_BYTES: usize = 120_000;
/// The most records that are written together: a quarter of what a transaction takes, so that
/// records of several items fit.
const TOGETHER_MAX: usize = 25;

/// What `/health` says while the table does not take records.
const TROUBLE: &str =
    "the table of inferences does not take records; answers are only in the structured log";

/// Keeps records.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Queue>>);

#[derive(Debug, Default)]
struct Queue {
    /// The first record that the table did not take since it last took one.
    refused: Option<Arc<InferenceRecord>>,
    waiting: Vec<Waiting>,
    /// Whether a task writes what waits.
    is_written: bool,
}

/// A record, and who wants to know what became of it.
#[derive(Debug)]
struct Waiting {
    record: Arc<InferenceRecord>,
    /// Gets what went wrong, in words.
    told: oneshot::Sender<Result<(), String>>,
}

impl Log {
    /// Keeps a record. Gives back whether the table has it.
    pub(crate) async fn keep(&self, ctx: &Context, record: InferenceRecord) -> bool {
        let record = Arc::new(record);
        let (told, answer) = oneshot::channel();
        let must_write = {
            let mut queue = self.queue();
            queue.waiting.push(Waiting {
                record: Arc::clone(&record),
                told,
            });
            !std::mem::replace(&mut queue.is_written, true)
        };
        if must_write {
            // A separate task: who waits for one record does not write all that follow.
            tokio::spawn(self.clone().write(ctx.registry.clone()));
        }
        let trouble = match tokio::time::timeout(TIMEOUT, answer).await {
            Ok(Ok(Ok(()))) => {
                self.works();
                return true;
            }
            Ok(Ok(Err(trouble))) => trouble,
            Ok(Err(_)) => "the task that writes is gone".to_owned(),
            Err(_) => format!("the table did not answer within {} ms", TIMEOUT.as_millis()),
        };
        tell(&record, &trouble);
        self.queue().refused.get_or_insert(record);
        false
    }

    /// What is wrong with it, since when. The table is tried again with the record that it did not take.
    pub(crate) async fn trouble(&self, registry: &Registry) -> Option<(String, Timestamp)> {
        let refused = self.queue().refused.clone()?;
        let tried = tokio::time::timeout(TIMEOUT, registry.put_inference(&refused)).await;
        if matches!(tried, Ok(Ok(()))) {
            self.works();
            return None;
        }
        Some((TROUBLE.to_owned(), refused.at))
    }

    fn works(&self) {
        self.queue().refused = None;
    }

    /// Writes until nothing waits.
    async fn write(self, registry: Registry) {
        loop {
            let together: Vec<Waiting> = {
                let mut queue = self.queue();
                if queue.waiting.is_empty() {
                    queue.is_written = false;
                    return;
                }
                let count = queue.waiting.len().min(TOGETHER_MAX);
                queue.waiting.drain(..count).collect()
            };
            if together.len() > 1 {
                let records: Vec<&InferenceRecord> =
                    together.iter().map(|waiting| &*waiting.record).collect();
                if registry.put_inferences(&records).await.is_ok() {
                    for waiting in together {
                        let _gave_up = waiting.told.send(Ok(()));
                    }
                    continue;
                }
            }
            for waiting in together {
                // Whoever gave up has its record in the structured log.
                if waiting.told.is_closed() {
                    continue;
                }
                let written = registry.put_inference(&waiting.record).await;
                let _gave_up = waiting.told.send(written.map_err(|error| chain(&error)));
            }
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes a record into the structured log, in as many lines as it takes.
fn tell(record: &InferenceRecord, trouble: &str) {
    let text = serde_json::to_string(record).unwrap_or_default();
    let request_id = &record.request_id;
    let mut rest = text.as_str();
    let mut part = 0;
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.floor_char_boundary(LINE_MAX_BYTES.min(rest.len())));
        tracing::error!(
            request_id,
            part,
            is_last = after.is_empty(),
            record = line,
            "not in the table of inferences, but here: {trouble}"
        );
        rest = after;
        part += 1;
    }
}
