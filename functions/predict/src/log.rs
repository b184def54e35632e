//! The log of answered requests: in the table before the answer goes out, or else in the structured
//! log.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value;
use tasador_registry::InferenceRecord;
use tasador_runtime::{Context, chain};

use crate::answer::Answer;

/// How long an answer waits for its record: the table answers in some 5 ms, and a caller should not
/// pay for a table that does not.
const PATIENCE: Duration = Duration::from_secs(2);

/// Keeps records, and counts those that only the structured log has.
#[derive(Debug, Default)]
pub(crate) struct Log {
    failures: AtomicU64,
}

impl Log {
    pub(crate) async fn keep(&self, ctx: &Context, request_id: &str, input: Value, answer: &Answer, took: Duration) {
        let record = InferenceRecord {
            request_id: request_id.to_owned(),
            at: ctx.now(),
            model: ctx.config.model.clone(),
            version: answer.version,
            status: answer.status.as_u16(),
            duration_us: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            input,
            output: Value::Object(answer.body.clone()),
        };
        let trouble = match tokio::time::timeout(PATIENCE, ctx.registry.put_inference(&record)).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => chain(&error),
            Err(_) => "the table did not answer in time".to_owned(),
        };
        self.failures.fetch_add(1, Ordering::Relaxed);
        tracing::error!(
            request_id,
            record = serde_json::to_string(&record).unwrap_or_default(),
            "request {request_id} is not in the table of inferences, but here: {trouble}"
        );
    }

    pub(crate) fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }
}
