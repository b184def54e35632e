//! The champion as `GET /model` shows it: what a form can be drawn from.

use serde_json::{Map, Value, json};
use tasador_listing::clean::date_from_days;
use tasador_listing::schema::{self, ColumnKind};
use tasador_model::{Input, InputKind, Model};
use tasador_registry::VersionRecord;

pub(crate) fn model(record: &VersionRecord, model: &Model) -> Value {
    let examples: Map<String, Value> = model
        .inputs()
        .iter()
        .map(|input| (input.name.clone(), example(input)))
        .collect();
    json!({
        "name": record.model,
        "version": record.version,
        "algorithm": model.algorithm(),
        "trained_at": record.created_at,
        "dataset": record.dataset,
        "run_id": record.run,
        "training_rows": model.training_rows(),
        "seed": model.seed(),
        "metrics": record.metrics,
        "interval": {"confidence": model.level()},
        "inputs": model.inputs().iter().map(input).collect::<Value>(),
        "example": examples,
    })
}

/// One input with what training saw of it; dates as `POST /predict` takes them.
fn input(input: &Input) -> Value {
    let known = schema::known(&input.name);
    let format = match (input.kind, known.map(|column| column.kind)) {
        (InputKind::Date, _) => Some("date"),
        (_, Some(ColumnKind::Zip)) => Some("zip_code"),
        _ => None,
    };
    let unit = match input.kind {
        InputKind::Date => None,
        _ => input
            .unit
            .as_deref()
            .or_else(|| known.and_then(|column| column.unit)),
    };
    let mut described = json!({
        "name": input.name,
        "kind": input.kind,
        "format": format,
        "unit": unit,
        "missing_share": input.missing,
        "example": example(input),
    });
    if let Value::Object(fields) = &mut described {
        if input.kind == InputKind::Category {
            fields.insert("most_frequent".to_owned(), json!(input.most_frequent));
            fields.insert("distinct".to_owned(), json!(input.distinct));
        } else {
            for (name, value) in [
                ("min", input.min),
                ("median", input.median),
                ("max", input.max),
            ] {
                fields.insert(name.to_owned(), value_of(input, value));
            }
        }
    }
    described
}

/// A value that is usual.
fn example(input: &Input) -> Value {
    match input.kind {
        InputKind::Category => json!(input.most_frequent.first()),
        InputKind::Number | InputKind::Date => value_of(input, input.median),
    }
}

fn value_of(input: &Input, value: Option<f64>) -> Value {
    match (input.kind, value) {
        // Days out of real dates, which fit.
        (InputKind::Date, Some(days)) => json!(date_from_days(days as i32)),
        (_, value) => json!(value),
    }
}
