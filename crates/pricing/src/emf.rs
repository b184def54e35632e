//! Counts as CloudWatch reads them out of a log line: its embedded metric format.

use serde_json::{Value, json};
use tasador_registry::ServingCounts;
use tasador_runtime::Context;

/// What was counted since the last line. CloudWatch adds lines up, so their sums are the counters of
/// `GET /metrics`; the answer time is the mean over the line's answers.
pub(crate) fn line(since: &ServingCounts, ctx: &Context) -> Value {
    let requests = since.requests();
    // Counts and microseconds end far below 2^53.
    let mean_ms = since.duration_sum_us as f64 / 1_000.0 / requests.max(1) as f64;
    let metric = |name: &str, unit: &str| json!({"Name": name, "Unit": unit});
    let mut metrics = vec![
        metric("inference_requests_total", "Count"),
        metric("inference_errors_total", "Count"),
        metric("inference_rows_total", "Count"),
        metric("inference_row_errors_total", "Count"),
        metric("inference_log_failures_total", "Count"),
    ];
    if requests > 0 {
        metrics.push(metric("inference_duration_mean", "Milliseconds"));
    }
    json!({
        "_aws": {
            "Timestamp": ctx.now().as_millisecond(),
            "CloudWatchMetrics": [{
                "Namespace": "Tasador",
                // The registry tells deployments of one account apart.
                "Dimensions": [["model", "registry"]],
                "Metrics": metrics,
            }],
        },
        "model": ctx.config.model,
        "registry": ctx.config.registry_table,
        "inference_requests_total": requests,
        "inference_errors_total": since.errors(),
        "inference_rows_total": since.rows_priced,
        "inference_row_errors_total": since.rows_failed,
        "inference_log_failures_total": since.log_failures,
        "inference_duration_mean": mean_ms,
        "answers": since.answers,
    })
}
