//! A listing as somebody sends it, as a row of a model.
//!
//! Names and values go through the cleaning rules of the pipeline, so that what is asked means what
//! was learnt: `6016.0`, `6016` and `"06016"` are the same zip code, `Acre Lot` is `acre_lot`,
//! `{"address": {"city": …}}` is `address.city`, `"N/A"` is a missing value, and `"$1,200"` is a
//! number. Where the pipeline would count a value as unreadable and go on without it, a caller is
//! told instead: nobody else can fix it. So is a caller whose home is impossible.

use std::borrow::Cow;

use serde_json::{Map, Value};
use tasador_http::FieldError;
use tasador_ids::{AreaUnit, Units};
use tasador_listing::clean::{
    clean_date, clean_number, clean_text, clean_zip, days_since_epoch, is_null_text, number_text,
};
use tasador_listing::reject::{self, Judged};
use tasador_listing::schema::{self, ColumnKind};
use tasador_model::{Input, InputKind, Model, Row, Value as RowValue};

/// The most unknown fields that are named in an answer.
const IGNORED_MAX: usize = 50;
/// The most wrong fields that are told of one listing.
const ERRORS_MAX: usize = 50;
/// How much of a wrong value is shown, in characters.
const SHOWN_MAX_CHARS: usize = 40;
/// A home of which nothing is known but that it could be for sale.
pub(crate) const UNKNOWN: Judged = Judged {
    price: 1.0,
    price_is_bad: false,
    bed: f64::NAN,
    bath: f64::NAN,
    acre_lot: f64::NAN,
    house_size: f64::NAN,
    area: AreaUnit::Ft2,
};

/// A listing that a model can price.
pub(crate) struct Listing<'m> {
    pub(crate) row: Row<'m>,
    /// Fields the model does not know, as they were called; of very many, the first ones.
    pub(crate) ignored: Vec<String>,
}

/// Reads a listing; every wrong field is told.
pub(crate) fn read<'m>(
    fields: &Map<String, Value>,
    model: &'m Model,
) -> Result<Listing<'m>, Vec<FieldError>> {
    let mut reader = Reader {
        inputs: model.inputs(),
        row: model.row(),
        seen: vec![false; model.inputs().len()],
        judged: Judged {
            area: Units::current().area,
            ..UNKNOWN
        },
        ignored: Vec::new(),
        errors: Vec::new(),
    };
    reader.object("", fields, 0);
    if reader.errors.is_empty() {
        reader.errors.extend(impossible(&reader.judged));
    }
    if reader.errors.is_empty() {
        Ok(Listing {
            row: reader.row,
            ignored: reader.ignored,
        })
    } else {
        Err(reader.errors)
    }
}

/// Keeps the numbers by which a home is impossible.
pub(crate) fn note(judged: &mut Judged, name: &str, number: f64) {
    match name {
        schema::BED => judged.bed = number,
        schema::BATH => judged.bath = number,
        schema::ACRE_LOT => judged.acre_lot = number,
        schema::HOUSE_SIZE => judged.house_size = number,
        _ => {}
    }
}

/// Why a home is impossible, if it is.
pub(crate) fn impossible(judged: &Judged) -> Option<FieldError> {
    let refusal = reject::judge(judged, reject::MAX_PRICE)?;
    Some(FieldError {
        field: refusal.reason.column().unwrap_or_default().to_owned(),
        reason: refusal.reason.sentence().to_owned(),
    })
}

struct Reader<'m> {
    inputs: &'m [Input],
    row: Row<'m>,
    /// Which inputs have their value. Of two fields with one name the first counts, as in a batch.
    seen: Vec<bool>,
    judged: Judged,
    ignored: Vec<String>,
    errors: Vec<FieldError>,
}

impl<'m> Reader<'m> {
    fn object(&mut self, prefix: &str, fields: &Map<String, Value>, depth: usize) {
        for (field, value) in fields {
            let name = if prefix.is_empty() {
                Cow::Borrowed(field.as_str())
            } else {
                Cow::Owned(format!("{prefix}.{field}"))
            };
            match (self.input(&name), value) {
                (Some((place, _)), _) if self.seen.get(place) == Some(&true) => self.ignore(name),
                (Some((place, input)), _) => {
                    if let Some(seen) = self.seen.get_mut(place) {
                        *seen = true;
                    }
                    self.set(&name, input, value);
                }
                (None, Value::Object(fields))
                    if depth < schema::MAX_DEPTH && !fields.is_empty() =>
                {
                    self.object(&name, fields, depth + 1);
                }
                (None, _) => self.ignore(name),
            }
        }
    }

    /// The input a field is for.
    fn input(&self, name: &str) -> Option<(usize, &'m Input)> {
        let find = |name: &str| {
            self.inputs
                .iter()
                .enumerate()
                .find(|(_, input)| input.name == name)
        };
        // Most are spelled as the model spells them.
        find(name).or_else(|| find(&schema::canonical_name(name, 0)))
    }

    fn set(&mut self, field: &str, input: &Input, value: &Value) {
        let clean = match clean(input, value) {
            Ok(clean) => clean,
            Err(reason) => return self.wrong(field, reason),
        };
        let value = match &clean {
            Clean::Missing => RowValue::Missing,
            Clean::Number(number) => {
                note(&mut self.judged, &input.name, *number);
                RowValue::Number(*number)
            }
            Clean::Text(text) => RowValue::Text(text),
        };
        if let Err(error) = self.row.set(&input.name, value) {
            self.wrong(field, error.to_string());
        }
    }

    fn ignore(&mut self, name: Cow<'_, str>) {
        if self.ignored.len() < IGNORED_MAX {
            self.ignored.push(name.into_owned());
        }
    }

    fn wrong(&mut self, field: &str, reason: String) {
        if self.errors.len() < ERRORS_MAX {
            self.errors.push(FieldError {
                field: field.to_owned(),
                reason,
            });
        }
    }
}

/// A clean value.
#[derive(Debug, PartialEq)]
pub(crate) enum Clean<'v> {
    Missing,
    Number(f64),
    Text(Cow<'v, str>),
}

/// A value by the cleaning rules, or what is wrong with it.
fn clean<'v>(input: &Input, value: &'v Value) -> Result<Clean<'v>, String> {
    let text: Cow<'v, str> = match value {
        Value::Null => return Ok(Clean::Missing),
        Value::Number(number) => match (input.kind, number.as_f64()) {
            (InputKind::Number, Some(number)) if number.is_finite() => {
                return Ok(Clean::Number(number + 0.0));
            }
            (_, Some(number)) if number.is_finite() => Cow::Owned(number_text(number)),
            _ => return Err(format!("{} is expected", expected(input))),
        },
        Value::String(text) => Cow::Borrowed(text),
        // As the pipeline reads JSON: true and false are words, and an empty object is nothing.
        Value::Bool(word) if input.kind == InputKind::Category && !is_zip(input) => {
            Cow::Borrowed(if *word { "true" } else { "false" })
        }
        Value::Object(fields) if fields.is_empty() => return Ok(Clean::Missing),
        Value::Bool(_) => {
            return Err(format!(
                "{} is expected, not true or false",
                expected(input)
            ));
        }
        Value::Array(_) => return Err(format!("{} is expected, not a list", expected(input))),
        Value::Object(_) => return Err(format!("{} is expected, not an object", expected(input))),
    };
    clean_words(input, text)
}

/// [`clean`] of text.
pub(crate) fn clean_words<'v>(input: &Input, text: Cow<'v, str>) -> Result<Clean<'v>, String> {
    if is_null_text(&text) {
        return Ok(Clean::Missing);
    }
    let clean = match input.kind {
        InputKind::Number => clean_number(&text).map(Clean::Number),
        InputKind::Date => {
            clean_date(&text).map(|date| Clean::Number(f64::from(days_since_epoch(date))))
        }
        InputKind::Category if is_zip(input) => {
            clean_zip(&text).map(|zip| Clean::Text(zip.into_owned().into()))
        }
        InputKind::Category => match &text {
            Cow::Borrowed(text) => clean_text(text).map(Clean::Text),
            Cow::Owned(text) => clean_text(text).map(|text| Clean::Text(text.into_owned().into())),
        },
    };
    clean.ok_or_else(|| {
        let shown: String = text.chars().take(SHOWN_MAX_CHARS).collect();
        format!("{} is expected, not `{shown}`", expected(input))
    })
}

fn is_zip(input: &Input) -> bool {
    schema::known(&input.name).is_some_and(|column| column.kind == ColumnKind::Zip)
}

fn expected(input: &Input) -> &'static str {
    match input.kind {
        InputKind::Number => "a number",
        InputKind::Date => "a date such as \"2024-05-31\"",
        InputKind::Category if is_zip(input) => "a zip code of up to five digits",
        InputKind::Category => "text",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn input(name: &str, kind: InputKind) -> Input {
        Input {
            name: name.to_owned(),
            kind,
            unit: None,
            min: None,
            max: None,
            median: None,
            most_frequent: Vec::new(),
            distinct: 0,
            missing: 0.0,
        }
    }

    #[test]
    fn values_mean_what_they_mean_in_a_batch() {
        let text = |text: &'static str| Clean::Text(text.into());
        let (number, date, category) = (InputKind::Number, InputKind::Date, InputKind::Category);
        for (name, kind, value, expected) in [
            ("bed", number, json!(3), Clean::Number(3.0)),
            ("bed", number, json!("3"), Clean::Number(3.0)),
            ("bed", number, json!(" 1,200.5 "), Clean::Number(1_200.5)),
            ("bed", number, json!("N/A"), Clean::Missing),
            ("bed", number, json!(""), Clean::Missing),
            ("bed", number, json!(null), Clean::Missing),
            ("bed", number, json!({}), Clean::Missing),
            (
                "sold",
                date,
                json!("1970-01-02T00:00:00Z"),
                Clean::Number(1.0),
            ),
            ("sold", date, json!(19_700_103), Clean::Number(2.0)),
            ("zip_code", category, json!(6016.0), text("06016")),
            ("zip_code", category, json!("6016.0"), text("06016")),
            ("zip_code", category, json!("06016-1234"), text("06016")),
            ("brokered_by", category, json!(101_640.0), text("101640")),
            (
                "city",
                category,
                json!(" East   Windsor "),
                text("East Windsor"),
            ),
            ("pool", category, json!(true), text("true")),
            ("grade", category, json!(7.5), text("7.5")),
        ] {
            assert_eq!(
                clean(&input(name, kind), &value),
                Ok(expected),
                "{name} {value}"
            );
        }
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        let (number, date, category) = (InputKind::Number, InputKind::Date, InputKind::Category);
        for (name, kind, value, reason) in [
            (
                "bed",
                number,
                json!("three"),
                "a number is expected, not `three`",
            ),
            (
                "bed",
                number,
                json!([3]),
                "a number is expected, not a list",
            ),
            (
                "bed",
                number,
                json!({"a": 3}),
                "a number is expected, not an object",
            ),
            (
                "bed",
                number,
                json!(true),
                "a number is expected, not true or false",
            ),
            (
                "sold",
                date,
                json!("5/31/2024"),
                "a date such as \"2024-05-31\" is expected, not `5/31/2024`",
            ),
            (
                "sold",
                date,
                json!(12),
                "a date such as \"2024-05-31\" is expected, not `12`",
            ),
            (
                "zip_code",
                category,
                json!("K1A 0B1"),
                "a zip code of up to five digits is expected, not `K1A 0B1`",
            ),
            (
                "zip_code",
                category,
                json!(false),
                "a zip code of up to five digits is expected, not true or false",
            ),
            (
                "city",
                category,
                json!(["a"]),
                "text is expected, not a list",
            ),
        ] {
            assert_eq!(
                clean(&input(name, kind), &value),
                Err(reason.to_owned()),
                "{name} {value}"
            );
        }
        let long = clean(&input("bed", number), &json!("x".repeat(9_999))).unwrap_err();
        assert!(long.len() < 100, "{long}");
    }
}
