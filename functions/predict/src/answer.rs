//! The answer to `POST /predict`: one price, or one outcome for each instance.

use http::StatusCode;
use serde_json::{Map, Value, json};
use tasador_ids::ModelVersion;
use tasador_model::{Explanation, Prediction, Row};
use tasador_runtime::{FieldError, Problem};

use crate::champion::Champion;
use crate::listing::{self, Listing};
use crate::unprocessable;

/// An answer on its way out.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Map<String, Value>,
    /// The version that was asked, where one was.
    pub(crate) version: Option<ModelVersion>,
}

impl From<Problem> for Answer {
    fn from(problem: Problem) -> Self {
        let status = problem.status;
        let body = match serde_json::to_value(problem) {
            Ok(Value::Object(body)) => body,
            _ => Map::new(),
        };
        Self {
            status,
            body,
            version: None,
        }
    }
}

impl Answer {
    pub(crate) fn with_request_id(mut self, id: &str) -> Self {
        self.body.insert("request_id".to_owned(), id.into());
        self
    }

    pub(crate) fn content_type(&self) -> &'static str {
        if self.status.is_success() {
            "application/json"
        } else {
            "application/problem+json"
        }
    }
}

/// What a request asks for, told apart from what it says about homes.
pub(crate) enum Asked<'v> {
    One(&'v Map<String, Value>),
    Instances {
        instances: &'v [Value],
        /// Fields beside `instances`.
        ignored: Vec<&'v str>,
    },
}

impl<'v> Asked<'v> {
    /// # Errors
    /// The problem of what is neither a listing nor a list of the right length.
    pub(crate) fn of(input: &'v Value, max_instances: usize) -> Result<Self, Problem> {
        let Value::Object(fields) = input else {
            return Err(unprocessable(
                "The body is neither a listing nor a list of them: send one object, or {\"instances\": [listing …]}.",
            ));
        };
        let Some(instances) = fields.get("instances") else {
            return Ok(Self::One(fields));
        };
        let wrong = |but: String| {
            let reason = format!("a list of 1 to {max_instances} listings is expected, {but}");
            unprocessable("`instances` can't be used.").field("instances", reason)
        };
        let Value::Array(instances) = instances else {
            return Err(wrong("and this is none".to_owned()));
        };
        if !(1..=max_instances).contains(&instances.len()) {
            return Err(wrong(format!("and these are {}", instances.len())));
        }
        let ignored = fields
            .keys()
            .map(String::as_str)
            .filter(|field| *field != "instances")
            .collect();
        Ok(Self::Instances { instances, ignored })
    }

    pub(crate) fn homes(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Instances { instances, .. } => instances.len(),
        }
    }
}

/// Prices what was asked.
pub(crate) fn to(asked: &Asked<'_>, champion: &Champion, explain: bool) -> Answer {
    let mut answer = match asked {
        Asked::One(fields) => match one(fields, champion, explain) {
            Ok(body) => Answer {
                status: StatusCode::OK,
                body,
                version: None,
            },
            Err(problem) => problem.into(),
        },
        Asked::Instances { instances, ignored } => {
            let predictions = instances.iter().enumerate();
            let predictions = predictions
                .map(|(index, instance)| outcome(index, instance, champion, explain))
                .collect();
            let mut body = Map::new();
            body.insert("predictions".to_owned(), predictions);
            if !ignored.is_empty() {
                body.insert("ignored_fields".to_owned(), json!(ignored));
            }
            Answer {
                status: StatusCode::OK,
                body,
                version: None,
            }
        }
    };
    let version = champion.version();
    if answer.status.is_success() {
        let mut model = Map::new();
        model.insert("name".to_owned(), champion.record.model.as_str().into());
        model.insert("version".to_owned(), version.0.into());
        answer.body.insert("model".to_owned(), model.into());
    }
    answer.version = Some(version);
    answer
}

/// One of several: a price, or what is wrong with it.
fn outcome(index: usize, instance: &Value, champion: &Champion, explain: bool) -> Value {
    let of = |field: &str| {
        if field.is_empty() {
            format!("instances[{index}]")
        } else {
            format!("instances[{index}].{field}")
        }
    };
    let problem = match instance {
        Value::Object(fields) => match one(fields, champion, explain) {
            Ok(body) => return Value::Object(body),
            Err(problem) => problem,
        },
        _ => unprocessable("The listing can't be used.")
            .field("", "a listing as an object is expected"),
    };
    let errors = problem
        .errors
        .into_iter()
        .map(|error| FieldError {
            field: of(&error.field),
            ..error
        })
        .collect();
    json!({"error": Problem { errors, ..problem }})
}

fn one(
    fields: &Map<String, Value>,
    champion: &Champion,
    explain: bool,
) -> Result<Map<String, Value>, Problem> {
    let model = &champion.model;
    let Listing { row, ignored } = listing::read(fields, model).map_err(|errors| {
        let what = match errors.as_slice() {
            [error] => format!("`{}` can't be used.", error.field),
            errors => format!("{} fields can't be used.", errors.len()),
        };
        Problem {
            errors,
            ..unprocessable(&what)
        }
    })?;
    let Prediction {
        price,
        interval: (low, high),
    } = model.predict_row(&row);
    if !(price.is_finite() && low.is_finite() && high.is_finite()) {
        return Err(not_a_number(champion));
    }
    let mut interval = Map::new();
    interval.insert("low".to_owned(), cents(low));
    interval.insert("high".to_owned(), cents(high));
    interval.insert("confidence".to_owned(), model.level().into());
    let mut body = Map::new();
    body.insert("predicted_price".to_owned(), cents(price));
    body.insert("interval".to_owned(), interval.into());
    if explain {
        body.insert("explanation".to_owned(), explanation(champion, &row)?);
    }
    if !ignored.is_empty() {
        body.insert("ignored_fields".to_owned(), ignored.into());
    }
    Ok(body)
}

/// What made the price, the largest part first. `base_price` and all amounts add up to the price,
/// and `base_value` and all values to what the model says in its own space.
fn explanation(champion: &Champion, row: &Row<'_>) -> Result<Value, Problem> {
    let Explanation {
        base_price,
        base,
        mut contributions,
        ..
    } = champion.model.explain_row(row);
    let parts = contributions
        .iter()
        .flat_map(|part| [part.value, part.amount]);
    if !parts.chain([base, base_price]).all(f64::is_finite) {
        return Err(not_a_number(champion));
    }
    contributions.sort_by(|a, b| b.amount.abs().total_cmp(&a.amount.abs()));
    Ok(json!({"base_price": base_price, "base_value": base, "contributions": contributions}))
}

/// JSON has no word for it, and a caller no use.
fn not_a_number(champion: &Champion) -> Problem {
    let version = champion.version();
    tracing::error!(%version, "version {version} made no finite number of a listing");
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR)
        .detail("The model made no finite number of this listing.")
}

/// US dollars to the cent: more digits would promise what no model knows.
fn cents(amount: f64) -> Value {
    let rounded = (amount * 100.0).round() / 100.0;
    // Prices beyond 10^306 overflow on the way.
    Value::from(if rounded.is_finite() { rounded } else { amount })
}
