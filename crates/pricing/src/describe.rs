//! The champion as `GET /model` shows it: what a form can be drawn from.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value, json};
use tasador_ids::{Currency, Units};
use tasador_listing::PriceKind;
use tasador_listing::clean::date_from_days;
use tasador_listing::schema::{self, ColumnKind};
use tasador_model::{Input, InputKind, Model};
use tasador_registry::VersionRecord;
use utoipa::ToSchema;

/// The model in production.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ModelDescription {
    /// The registered model.
    pub name: String,
    /// The version's number.
    #[schema(minimum = 1)]
    pub version: u32,
    /// The algorithm, such as `boosting`.
    pub algorithm: String,
    /// When it was trained.
    #[schema(format = DateTime)]
    pub trained_at: String,
    /// The dataset it learnt from.
    pub dataset: Option<String>,
    /// The pipeline's run that trained it.
    pub run_id: Option<String>,
    /// Listings it learnt from.
    #[schema(minimum = 0)]
    pub training_rows: u64,
    /// Seed of the training.
    #[schema(minimum = 0)]
    pub seed: u64,
    /// What was measured on the held-out homes, by name.
    pub metrics: BTreeMap<String, f64>,
    /// The intervals it gives.
    pub interval: IntervalDescription,
    /// The currency of prices, by its ISO 4217 code.
    #[schema(value_type = String, example = "USD")]
    pub currency: Currency,
    /// The kind of price that a listing without a status gets, `sale` or `asking`; null where training
    /// saw no status.
    #[schema(value_type = Option<String>, example = "sale", required = true)]
    pub price_kind: Option<PriceKind>,
    /// What it wants to be told about a home, in its own order.
    pub inputs: Vec<InputDescription>,
    /// A usual home: a body that `POST /predict` takes. In the order of the inputs.
    #[schema(value_type = Object)]
    pub example: Map<String, Value>,
}

/// The intervals that a model gives.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct IntervalDescription {
    /// The share of homes whose true price lies within, 0 to 1.
    pub confidence: f64,
}

/// One input with what training saw of it; dates as `POST /predict` takes them.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct InputDescription {
    /// The field's name.
    pub name: String,
    /// The kind of value: `number`, `date` or `category`.
    pub kind: Kind,
    /// `date` or `zip_code`, where the value has that form.
    pub format: Option<String>,
    /// The unit, such as `sqft`.
    pub unit: Option<String>,
    /// The share of training rows without a value, 0 to 1.
    pub missing_share: f64,
    /// A value that is usual.
    pub example: Option<Amount>,
    /// What training saw.
    #[serde(flatten)]
    pub seen: Seen,
}

/// The kind of value that an input takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A number.
    Number,
    /// A date.
    Date,
    /// A name out of a list that may grow.
    Category,
}

/// What training saw of an input.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Seen {
    /// Of a category: names.
    Names {
        /// The most frequent ones, most frequent first.
        most_frequent: Vec<String>,
        /// How many there are.
        #[schema(minimum = 0)]
        distinct: u32,
    },
    /// Of a number or date: its range.
    Range {
        /// The smallest.
        #[schema(required = true)]
        min: Option<Amount>,
        /// The middle one.
        #[schema(required = true)]
        median: Option<Amount>,
        /// The largest.
        #[schema(required = true)]
        max: Option<Amount>,
    },
}

/// A value as JSON has it: a number, or a text such as a date or a name.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Amount {
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

impl ModelDescription {
    pub(crate) fn of(record: &VersionRecord, model: &Model) -> Self {
        Self {
            name: record.model.to_string(),
            version: record.version.0,
            algorithm: model.algorithm().to_string(),
            trained_at: record.created_at.to_string(),
            dataset: record.dataset.as_ref().map(ToString::to_string),
            run_id: record.run.as_ref().map(ToString::to_string),
            training_rows: model.training_rows(),
            seed: model.seed(),
            // JSON has no word for numbers that are none.
            metrics: record
                .metrics
                .0
                .iter()
                .filter(|(_, value)| value.is_finite())
                .map(|(name, value)| (name.clone(), *value))
                .collect(),
            interval: IntervalDescription {
                confidence: model.level(),
            },
            currency: Units::current().currency,
            price_kind: model.default_price_kind(),
            inputs: model.inputs().iter().map(InputDescription::of).collect(),
            example: model
                .inputs()
                .iter()
                .map(|input| (input.name.clone(), json!(example(input))))
                .collect(),
        }
    }
}

impl InputDescription {
    fn of(input: &Input) -> Self {
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
        let (kind, seen) = match input.kind {
            InputKind::Category => (
                Kind::Category,
                Seen::Names {
                    most_frequent: input.most_frequent.clone(),
                    distinct: input.distinct,
                },
            ),
            InputKind::Number => (Kind::Number, Seen::range(input)),
            InputKind::Date => (Kind::Date, Seen::range(input)),
        };
        Self {
            name: input.name.clone(),
            kind,
            format: format.map(str::to_owned),
            unit: unit.map(str::to_owned),
            missing_share: input.missing,
            example: example(input),
            seen,
        }
    }
}

impl Seen {
    fn range(input: &Input) -> Self {
        Self::Range {
            min: amount(input, input.min),
            median: amount(input, input.median),
            max: amount(input, input.max),
        }
    }
}

/// A value that is usual.
fn example(input: &Input) -> Option<Amount> {
    match input.kind {
        InputKind::Category => input.most_frequent.first().cloned().map(Amount::Text),
        InputKind::Number | InputKind::Date => amount(input, input.median),
    }
}

/// A value of an input; dates are days since 1970-01-01 to a model.
pub(crate) fn amount(input: &Input, value: Option<f64>) -> Option<Amount> {
    let value = value.filter(|value| value.is_finite())?;
    match input.kind {
        // Days out of real dates, which fit.
        InputKind::Date => date_from_days(value as i32).map(|date| Amount::Text(date.to_string())),
        InputKind::Number | InputKind::Category => Some(Amount::Number(value)),
    }
}
