//! The answer to `POST /predict`: one price, or one outcome for each instance.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::{Map, Value, json};
use tasador_model::Row;
use tasador_runtime::{FieldError, Problem};

use crate::champion::Champion;
use crate::listing::{self, Listing};
use crate::unprocessable;

/// An answer on its way out.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Map<String, Value>,
    /// The version that priced, where one did.
    pub(crate) version: Option<tasador_ids::ModelVersion>,
}

impl From<Problem> for Answer {
    fn from(problem: Problem) -> Self {
        let status = problem.status;
        let body = match serde_json::to_value(problem) {
            Ok(Value::Object(body)) => body,
            _ => Map::new(),
        };
        Self { status, body, version: None }
    }
}

impl Answer {
    pub(crate) fn with_request_id(mut self, id: &str) -> Self {
        self.body.insert("request_id".to_owned(), id.into());
        self
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let kind = if self.status.is_success() { "application/json" } else { "application/problem+json" };
        (self.status, [(http::header::CONTENT_TYPE, kind)], Value::Object(self.body).to_string()).into_response()
    }
}

/// Prices what was sent: one listing or `instances`.
pub(crate) fn to(input: &Value, champion: &Champion, explain: bool, max_instances: usize) -> Answer {
    let Value::Object(fields) = input else {
        return Problem::new(StatusCode::BAD_REQUEST).into();
    };
    let mut answer = match fields.get("instances") {
        None => match one(fields, champion, explain) {
            Ok(body) => Answer { status: StatusCode::OK, body, version: None },
            Err(errors) => {
                let mut problem = unprocessable("Some fields of the listing can't be used.");
                problem.errors = errors;
                problem.into()
            }
        },
        Some(Value::Array(instances)) if !instances.is_empty() && instances.len() <= max_instances => {
            let predictions = instances.iter().enumerate().map(|(index, instance)| outcome(index, instance, champion, explain));
            let mut body = Map::new();
            body.insert("predictions".to_owned(), predictions.collect());
            Answer { status: StatusCode::OK, body, version: None }
        }
        Some(_) => unprocessable("`instances` can't be used.")
            .field("instances", format!("a list of 1 to {max_instances} listings is expected"))
            .into(),
    };
    if answer.status.is_success() {
        let (name, version) = (&champion.record.model, champion.record.version);
        answer.body.insert("model".to_owned(), json!({"name": name, "version": version}));
        answer.version = Some(version);
    }
    answer
}

/// One of several: a price, or what is wrong with it.
fn outcome(index: usize, instance: &Value, champion: &Champion, explain: bool) -> Value {
    let errors = match instance {
        Value::Object(fields) => match one(fields, champion, explain) {
            Ok(body) => return Value::Object(body),
            Err(errors) => errors,
        },
        _ => vec![FieldError { field: String::new(), reason: "a listing is an object of fields".to_owned() }],
    };
    let mut problem = unprocessable("Some fields of the listing can't be used.");
    problem.errors = errors
        .into_iter()
        .map(|error| {
            let dot = if error.field.is_empty() { "" } else { "." };
            FieldError { field: format!("instances[{index}]{dot}{}", error.field), ..error }
        })
        .collect();
    json!({ "error": problem })
}

fn one(fields: &Map<String, Value>, champion: &Champion, explain: bool) -> Result<Map<String, Value>, Vec<FieldError>> {
    let model = &champion.model;
    let Listing { row, ignored } = listing::read(fields, model)?;
    let prediction = model.predict_row(&row);
    let (low, high) = prediction.interval;
    let mut body = Map::new();
    body.insert("predicted_price".to_owned(), cents(prediction.price));
    body.insert("interval".to_owned(), json!({"low": cents(low), "high": cents(high), "level": model.level()}));
    if !ignored.is_empty() {
        body.insert("ignored_fields".to_owned(), ignored.into());
    }
    if explain {
        body.insert("explanation".to_owned(), explanation(champion, &row));
    }
    Ok(body)
}

/// What made the price, the largest part first. Base price and amounts add up to the price.
fn explanation(champion: &Champion, row: &Row<'_>) -> Value {
    let mut explained = champion.model.explain_row(row);
    explained.contributions.sort_by(|a, b| b.amount.abs().total_cmp(&a.amount.abs()));
    json!({
        "base_price": explained.base_price,
        "base_value": explained.base,
        "contributions": explained.contributions,
    })
}

/// US dollars to the cent: more digits would promise what no model knows.
fn cents(amount: f64) -> Value {
    json!((amount * 100.0).round() / 100.0)
}
