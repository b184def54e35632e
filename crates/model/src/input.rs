//! What a model wants to be told about a home: the description behind `GET /model` and its form.

use serde::{Deserialize, Serialize};
use tasador_ids::{AreaUnit, Units};

/// What kind of value an input takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputKind {
    /// A number.
    Number,
    /// A date; inside the model days since 1970-01-01.
    Date,
    /// A name out of a list that may grow.
    Category,
}

/// One input of a model, with what training saw of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// The column's name.
    pub name: String,
    /// The kind of value.
    pub kind: InputKind,
    /// The unit, where one is known: `sqft`, `acre`, `days since 1970-01-01` ...
    pub unit: Option<String>,
    /// Smallest value in training that the model uses (numbers and dates).
    pub min: Option<f64>,
    /// Largest value in training that the model uses (numbers and dates).
    pub max: Option<f64>,
    /// Median in training: what a form can offer as an example (numbers and dates).
    pub median: Option<f64>,
    /// The most frequent names in training, most frequent first, at most [`Input::MOST_FREQUENT`].
    pub most_frequent: Vec<String>,
    /// How many distinct names training saw (categories).
    pub distinct: u32,
    /// The share of training rows without a value, 0 to 1.
    pub missing: f64,
}

impl Input {
    /// How many names of a category are listed.
    pub const MOST_FREQUENT: usize = 50;
}

/// The unit of a known column.
pub(crate) fn unit_of(name: &str, kind: InputKind) -> Option<String> {
    let area = Units::current().area;
    let unit = match name {
        "house_size" | "acre_lot" if area == AreaUnit::M2 => "m2",
        "house_size" => "sqft",
        "acre_lot" => "acre",
        "bed" | "bath" => "rooms",
        _ if name.contains("sqft") => "sqft",
        _ if kind == InputKind::Date => "days since 1970-01-01",
        _ => return None,
    };
    Some(unit.to_owned())
}
