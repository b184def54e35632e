//! A listing as somebody sends it, as a row of a model.
//!
//! Values go through the cleaning rules of the pipeline, so that what is asked means what was
//! learnt: `6016.0`, `6016` and `"06016"` are the same zip code.

use serde_json::{Map, Value};
use tasador_listing::clean::{clean_category, clean_code, clean_date, clean_number, clean_zip, days_since_epoch, is_null_text};
use tasador_listing::schema::{self, ColumnKind};
use tasador_model::{Input, InputKind, Model, Row, Value as RowValue};
use tasador_runtime::FieldError;

/// The most unknown fields that are named in an answer.
const IGNORED_MAX: usize = 50;

/// A listing that a model can price.
pub(crate) struct Listing<'m> {
    pub(crate) row: Row<'m>,
    /// Fields the model does not know.
    pub(crate) ignored: Vec<String>,
}

/// Reads a listing; every wrong field is told.
pub(crate) fn read<'m>(fields: &Map<String, Value>, model: &'m Model) -> Result<Listing<'m>, Vec<FieldError>> {
    let mut row = model.row();
    let mut ignored = Vec::new();
    let mut errors = Vec::new();
    for (field, value) in fields {
        // Headers and fields are spelled alike: `Acre Lot` is `acre_lot`.
        let name = schema::canonical_name(field, 0);
        let Some(input) = model.inputs().iter().find(|input| input.name == *field || input.name == name) else {
            if ignored.len() < IGNORED_MAX {
                ignored.push(field.clone());
            }
            continue;
        };
        let set = value_of(input, value).and_then(|value| row.set(&input.name, value.as_row()).map_err(|error| error.to_string()));
        if let Err(reason) = set {
            errors.push(FieldError { field: field.clone(), reason });
        }
    }
    if errors.is_empty() { Ok(Listing { row, ignored }) } else { Err(errors) }
}

/// A clean value.
enum Clean {
    Missing,
    Number(f64),
    Text(String),
}

impl Clean {
    fn as_row(&self) -> RowValue<'_> {
        match self {
            Self::Missing => RowValue::Missing,
            Self::Number(number) => RowValue::Number(*number),
            Self::Text(text) => RowValue::Text(text),
        }
    }
}

fn value_of(input: &Input, value: &Value) -> Result<Clean, String> {
    let text = match value {
        Value::Null => return Ok(Clean::Missing),
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        // As the pipeline reads JSON: true and false are words.
        Value::Bool(word) if input.kind == InputKind::Category => word.to_string(),
        Value::Bool(_) => return Err(format!("{} is expected, not true or false", expected(input))),
        Value::Array(_) => return Err(format!("{} is expected, not a list", expected(input))),
        Value::Object(_) => return Err(format!("{} is expected, not an object", expected(input))),
    };
    if is_null_text(&text) {
        return Ok(Clean::Missing);
    }
    let clean = match input.kind {
        InputKind::Number => clean_number(&text).map(Clean::Number),
        InputKind::Date => clean_date(&text).map(|date| Clean::Number(f64::from(days_since_epoch(date)))),
        InputKind::Category => match schema::known(&input.name).map(|column| column.kind) {
            Some(ColumnKind::Zip) => clean_zip(&text),
            Some(ColumnKind::Code) => clean_code(&text),
            _ => clean_category(&text),
        }
        .map(Clean::Text),
    };
    clean.ok_or_else(|| {
        let shown: String = text.chars().take(40).collect();
        format!("{} is expected, not `{shown}`", expected(input))
    })
}

fn expected(input: &Input) -> &'static str {
    match input.kind {
        InputKind::Number => "a number",
        InputKind::Date => "a date such as 2024-05-31",
        InputKind::Category if input.name == schema::ZIP_CODE => "a zip code of up to five digits",
        InputKind::Category => "text",
    }
}
