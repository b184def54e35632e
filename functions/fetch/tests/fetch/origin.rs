//! The original data API's answers.

use tasador_testing::source::{Answer, http};

/// The data API's answer with these rows.
pub(crate) fn rows(rows: &str) -> Answer {
    http(200, &["content-type: application/json"], body(rows))
}

/// The body of that answer.
pub(crate) fn body(rows: &str) -> String {
    format!(
        "{{\"group_number\": 2, \"day\": \"Tuesday\", \"batch_number\": 0, \"data\": [{rows}]}}"
    )
}

/// The data API's refusal.
pub(crate) fn refusal(detail: &str) -> Answer {
    http(
        400,
        &["content-type: application/json"],
        format!("{{\"detail\": \"{detail}\"}}"),
    )
}

pub(crate) const END: &str = "Ya se recolectó toda la información mínima necesaria";
