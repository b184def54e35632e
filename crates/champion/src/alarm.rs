//! The alarm that a champion cannot be loaded.

use serde_json::json;
use tasador_ids::ModelName;
use tasador_runtime::{Context, chain, emf};

use crate::load::Unusable;

/// The class of the log line, and the name of the metric that the alarm in CloudWatch reads. In
/// Prometheus, `model_up_to_date` of `GET /metrics` is 0.
pub const CHAMPION_UNUSABLE: &str = "champion_unusable";

/// Says in the log that the champion cannot be loaded, and counts it.
pub fn raise_alarm(ctx: &Context, model: &ModelName, unusable: &Unusable) {
    tracing::error!(
        class = CHAMPION_UNUSABLE, %model, version = %unusable.version,
        "the champion cannot be loaded: {}", chain(unusable)
    );
    count_unusable(ctx, model);
}

/// Counts that the champion cannot be loaded: once for each try.
pub fn count_unusable(ctx: &Context, model: &ModelName) {
    emf::write(&json!({
        "_aws": {
            "Timestamp": ctx.now().as_millisecond(),
            "CloudWatchMetrics": [{
                "Namespace": "Tasador",
                "Dimensions": [["model", "registry"]],
                "Metrics": [{"Name": CHAMPION_UNUSABLE, "Unit": "Count"}],
            }],
        },
        "model": model,
        "registry": ctx.config.registry_table,
        CHAMPION_UNUSABLE: 1,
    }));
}
