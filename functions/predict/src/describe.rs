//! The champion as `GET /model` shows it: what a form can be drawn from.

use serde_json::{Value, json};
use tasador_model::{Input, InputKind};

use crate::champion::Champion;

pub(crate) fn model(champion: &Champion) -> Value {
    let Champion { record, model } = champion;
    json!({
        "name": record.model,
        "version": record.version,
        "algorithm": model.algorithm(),
        "dataset": record.dataset,
        "run_id": record.run,
        "created_at": record.created_at,
        "training_rows": model.training_rows(),
        "seed": model.seed(),
        "metrics": record.metrics,
        "interval_level": model.level(),
        "inputs": model.inputs().iter().map(input).collect::<Value>(),
    })
}

fn input(input: &Input) -> Value {
    let mut described = serde_json::to_value(input).unwrap_or_default();
    if let Value::Object(fields) = &mut described {
        fields.insert("example".to_owned(), example(input));
    }
    described
}

/// A value that is usual.
fn example(input: &Input) -> Value {
    match (input.kind, input.median) {
        (InputKind::Category, _) => input.most_frequent.first().map_or(Value::Null, |name| json!(name)),
        (InputKind::Date, Some(days)) => {
            // The median of days since 1970, which fits.
            tasador_listing::clean::date_from_days(days as i32).map_or(Value::Null, |date| json!(date.to_string()))
        }
        (_, median) => json!(median),
    }
}
