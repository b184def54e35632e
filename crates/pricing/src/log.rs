//! The log of answered requests: in the table before the answer goes out, or else in the structured
//! log.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tasador_registry::InferenceRecord;
use tasador_runtime::{Context, chain};

/// How long an answer waits for its record: the table answers in some 5 ms, and a caller should not
/// pay for a table that does not.
const PATIENCE: Duration = Duration::from_secs(1);
/// The longest piece of a record in one line, in bytes: CloudWatch takes 256 KB a line, and quotes
/// within the record take two bytes each.
const LINE_MAX_BYTES: usize = 120_000;

/// Keeps records, and counts those that only the structured log has.
#[derive(Debug, Default)]
pub(crate) struct Log {
    failures: AtomicU64,
}

impl Log {
    /// Keeps a record. Gives back whether the table has it.
    pub(crate) async fn keep(&self, ctx: &Context, record: &InferenceRecord) -> bool {
        let trouble = match tokio::time::timeout(PATIENCE, ctx.registry.put_inference(record)).await
        {
            Ok(Ok(())) => return true,
            Ok(Err(error)) => chain(&error),
            Err(_) => format!(
                "the table did not answer within {} ms",
                PATIENCE.as_millis()
            ),
        };
        self.failures.fetch_add(1, Ordering::Relaxed);
        let text = serde_json::to_string(record).unwrap_or_default();
        let request_id = &record.request_id;
        let mut rest = text.as_str();
        let mut part = 0;
        while !rest.is_empty() {
            let (line, after) =
                rest.split_at(rest.floor_char_boundary(LINE_MAX_BYTES.min(rest.len())));
            tracing::error!(
                request_id,
                part,
                is_last = after.is_empty(),
                record = line,
                "request {request_id} is not in the table of inferences, but here: {trouble}"
            );
            rest = after;
            part += 1;
        }
        false
    }

    pub(crate) fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }
}
