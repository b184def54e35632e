//! Prices as they are answered, and how they come about.

use http::StatusCode;
use serde::Serialize;
use serde_json::{Map, Value};
use tasador_http::{FieldError, Problem};
use tasador_ids::{Currency, Units};
use tasador_listing::PriceKind;
use tasador_model::{Confidence, Model, Notice, Prediction, Row};
use utoipa::ToSchema;

use crate::amount::cents;
use crate::champion::Champion;
use crate::comparables::ComparableSale;
use crate::describe::{self, Amount};
use crate::listing::{self, Listing};
use crate::unprocessable;

/// The version that priced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = PricingModel)]
pub struct ModelVersion {
    /// The registered model.
    #[schema(example = "BestHousePriceModel")]
    pub name: String,
    /// The version's number.
    #[schema(minimum = 1)]
    pub version: u32,
}

impl ModelVersion {
    pub(crate) fn of(champion: &Champion) -> Self {
        Self {
            name: champion.record.model.to_string(),
            version: champion.version().0,
        }
    }
}

/// Where the true price lies.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct Interval {
    /// Low end.
    pub low: f64,
    /// High end.
    pub high: f64,
    /// The share of homes whose true price lies within, 0 to 1.
    #[schema(minimum = 0, maximum = 1)]
    pub confidence: f64,
}

/// How certain a price is, by its forecast standard deviation: A up to 0.13, B up to 0.20, C up to
/// 0.30, D above.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub enum Grade {
    A,
    B,
    C,
    D,
}

impl Grade {
    pub const fn letter(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::B => "B",
            Self::C => "C",
            Self::D => "D",
        }
    }
}

impl From<Confidence> for Grade {
    fn from(confidence: Confidence) -> Self {
        match confidence {
            Confidence::A => Self::A,
            Confidence::B => Self::B,
            Confidence::C => Self::C,
            Confidence::D => Self::D,
        }
    }
}

/// A field that was not used as it was given.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Warning {
    /// The field.
    #[schema(example = "house_size")]
    pub field: String,
    /// The kind of the warning.
    pub code: WarningCode,
    /// The number or date that was used instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub used: Option<Amount>,
    /// The warning in words.
    pub message: String,
}

/// The kind of a warning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WarningCode {
    /// The number or date is outside of what training saw; the nearest one seen was used.
    OutsideTraining,
    /// Training never saw this name; the home is priced like its wider place, or like the average.
    UnknownName,
    /// The field is empty, and prices depend on it much.
    ImportantMissing,
}

impl Warning {
    fn of(model: &Model, notice: Notice) -> Self {
        match notice {
            Notice::OutsideTraining { name, given, used } => {
                let input = model.inputs().iter().find(|input| input.name == name);
                let written = |value| {
                    let known = input.and_then(|input| describe::amount(input, Some(value)));
                    known.unwrap_or(Amount::Number(value))
                };
                let (given, used) = (written(given), written(used));
                Self {
                    message: format!(
                        "{given} is outside the range of the training data; {used} was used"
                    ),
                    field: name,
                    code: WarningCode::OutsideTraining,
                    used: Some(used),
                }
            }
            Notice::UnknownName { name } => Self {
                message: "the training data has no such name".to_owned(),
                field: name,
                code: WarningCode::UnknownName,
                used: None,
            },
            Notice::ImportantMissing { name } => Self {
                message: "empty, though prices depend on it much".to_owned(),
                field: name,
                code: WarningCode::ImportantMissing,
                used: None,
            },
        }
    }
}

/// What one input did to one price.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Contribution {
    /// The input.
    pub name: String,
    /// What it adds in the model's own space, such as log price.
    pub value: f64,
    /// What it adds to the price.
    pub amount: f64,
}

impl From<tasador_model::Contribution> for Contribution {
    fn from(part: tasador_model::Contribution) -> Self {
        Self {
            name: part.name,
            value: part.value,
            amount: part.amount,
        }
    }
}

/// What made a price. `base_price` and all amounts add up to the price, and `base_value` and all
/// values to what the model says in its own space.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Explanation {
    /// What the model says on average.
    pub base_price: f64,
    /// What the model says on average, in its own space.
    pub base_value: f64,
    /// One for each input, the largest part first.
    pub contributions: Vec<Contribution>,
}

/// A home's price, to the cent: more digits would promise what no model knows.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Price {
    /// The price.
    #[schema(example = 412_500.25)]
    pub predicted_price: f64,
    /// `sale`, the price that a buyer pays, or `asking`, the price that a seller asks: by the `status` of
    /// the listing. Without a status, or with one that training never saw, `sale` where training saw
    /// sold homes, else `asking`. Null where training saw no status.
    #[schema(value_type = Option<String>, example = "sale", required = true)]
    pub price_kind: Option<PriceKind>,
    /// The currency of all amounts, by its ISO 4217 code.
    #[schema(value_type = String, example = "USD")]
    pub currency: Currency,
    /// Where the true price lies.
    pub interval: Interval,
    /// How certain the price is.
    pub confidence: Grade,
    /// The forecast standard deviation: that of the relative error expected of this price.
    #[schema(minimum = 0)]
    pub fsd: f64,
    /// Fields that were not used as given, and important ones that are empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
    /// What made the price; there with `explain=true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub explanation: Option<Explanation>,
    /// Sales that the model learned from and finds similar, the most similar first; there with
    /// `comparables=5`. Empty for a version without them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub comparables: Option<Vec<ComparableSale>>,
    /// Fields that the model does not know; of very many, the first ones.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignored_fields: Vec<String>,
}

/// What became of one of several listings.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = PricedInstance)]
#[serde(untagged)]
pub enum Outcome {
    /// It has a price.
    Priced(Price),
    /// It can't be priced; fields are called as in `instances[3].bed`.
    Failed {
        /// Why.
        error: Problem,
    },
}

/// What a request wants besides the price.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) explain: bool,
    /// The number of comparable sales.
    pub(crate) comparables: usize,
}

/// What a request asks for, told apart from what it says about homes.
pub(crate) enum Homes<'v> {
    One(&'v Map<String, Value>),
    Instances {
        instances: &'v [Value],
        /// Fields beside `instances`.
        ignored: Vec<&'v str>,
    },
}

impl<'v> Homes<'v> {
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

    pub(crate) fn count(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Instances { instances, .. } => instances.len(),
        }
    }
}

/// One of several: a price, or what is wrong with it.
pub(crate) fn outcome(
    index: usize,
    instance: &Value,
    champion: &Champion,
    wanted: Wanted,
) -> Outcome {
    let problem = match instance {
        Value::Object(fields) => match price(fields, champion, wanted) {
            Ok(price) => return Outcome::Priced(price),
            Err(problem) => problem,
        },
        _ => unprocessable("The listing can't be used.")
            .field("", "a listing as an object is expected"),
    };
    let of = |field: &str| match field {
        "" => format!("instances[{index}]"),
        field => format!("instances[{index}].{field}"),
    };
    let errors = problem
        .errors
        .into_iter()
        .map(|error| FieldError {
            field: of(&error.field),
            ..error
        })
        .collect();
    Outcome::Failed {
        error: Problem { errors, ..problem },
    }
}

/// Prices one home.
///
/// # Errors
/// The problem with every wrong field; 500 where the model makes no number of it.
pub(crate) fn price(
    fields: &Map<String, Value>,
    champion: &Champion,
    wanted: Wanted,
) -> Result<Price, Problem> {
    let model = &champion.model;
    let Listing { mut row, ignored } = listing::read(fields, model).map_err(|errors| {
        let what = match errors.as_slice() {
            [error] => format!("`{}` can't be used.", error.field),
            errors => format!("{} fields can't be used.", errors.len()),
        };
        Problem {
            errors,
            ..unprocessable(&what)
        }
    })?;
    let notices = model.notices(&row);
    let price_kind = model.complete(&mut row);
    let price = Price::of(model, &model.predict_row(&row), price_kind, notices);
    Ok(Price {
        explanation: wanted
            .explain
            .then(|| explanation(champion, &row))
            .transpose()?,
        comparables: match wanted.comparables {
            0 => None,
            count => Some(champion.comparables(&row, count)),
        },
        ignored_fields: ignored,
        ..price.ok_or_else(|| not_a_number(champion))?
    })
}

impl Price {
    /// The answer to a prediction; `None` if it is not a number.
    pub(crate) fn of(
        model: &Model,
        prediction: &Prediction,
        price_kind: Option<PriceKind>,
        notices: Vec<Notice>,
    ) -> Option<Self> {
        let (price, (low, high)) = (prediction.price, prediction.interval);
        (price.is_finite() && low.is_finite() && high.is_finite()).then(|| Self {
            predicted_price: cents(price),
            price_kind,
            currency: Units::current().currency,
            interval: Interval {
                low: cents(low),
                high: cents(high),
                confidence: model.level(),
            },
            confidence: prediction.confidence().into(),
            fsd: (prediction.fsd * 1e4).round() / 1e4,
            warnings: notices
                .into_iter()
                .map(|notice| Warning::of(model, notice))
                .collect(),
            explanation: None,
            comparables: None,
            ignored_fields: Vec::new(),
        })
    }
}

fn explanation(champion: &Champion, row: &Row<'_>) -> Result<Explanation, Problem> {
    let tasador_model::Explanation {
        base_price,
        base: base_value,
        contributions,
        ..
    } = champion.model.explain_row(row);
    let mut contributions: Vec<Contribution> =
        contributions.into_iter().map(Contribution::from).collect();
    let parts = contributions
        .iter()
        .flat_map(|part| [part.value, part.amount]);
    if !parts.chain([base_value, base_price]).all(f64::is_finite) {
        return Err(not_a_number(champion));
    }
    contributions.sort_by(|a, b| b.amount.abs().total_cmp(&a.amount.abs()));
    Ok(Explanation {
        base_price,
        base_value,
        contributions,
    })
}

/// JSON has no word for it, and a caller no use.
fn not_a_number(champion: &Champion) -> Problem {
    let version = champion.version();
    tracing::error!(%version, "the model returned no finite price for a listing");
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR)
        .detail("The model made no finite number of this listing.")
}
