//! The encoder in ONNX's operators.
//!
//! A slot becomes a column of numbers (NaN where unknown) or of codes. Codes are those of the
//! encoder, with two more: the number of names for a name that training never saw, and one beyond
//! for none at all. So every table is a list that is simply indexed.
//!
//! ONNX has no operator for the first characters of a text. A zip code's region is looked up by the
//! whole code instead: every region of three digits has just a hundred zip codes.

use std::collections::BTreeMap;

use super::graph::Builder;
use super::proto::{self, Attribute};
use super::{DENSE, FEATURES};
use crate::encoder::{Encoder, Feature, Slot, Table, Unseen, prefix};

/// How many digits a zip code has.
const ZIP_DIGITS: u32 = 5;

/// How texts say that there is none: an empty text, and what Python makes of its missing values
/// where it must make a text of them.
const NO_TEXT: [&str; 5] = ["", "nan", "NaN", "None", "<NA>"];

/// Adds everything from the inputs to [`FEATURES`] and [`DENSE`].
pub(super) fn features(encoder: &Encoder, graph: &mut Builder) {
    let columns: Vec<Column> = (0..encoder.slots.len()).fold(Vec::new(), |mut known, slot| {
        known.push(Column::of(encoder, slot, &known, graph));
        known
    });
    let mut tables: Vec<String> = Vec::with_capacity(encoder.tables.len());
    for table in &encoder.tables {
        tables.push(looked_up(table, &columns, &tables, graph));
    }
    let upright = graph.list_of_wholes(vec![-1, 1]);
    let mut parts: Vec<String> = Vec::with_capacity(encoder.features.len());
    for feature in &encoder.features {
        let values = value(feature, &columns, &tables, graph);
        parts.push(graph.node("Reshape", &[&values, &upright]));
    }
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    graph.named("Concat", &parts, FEATURES);
    graph.attribute(Attribute::int("axis", 1));
    if encoder.dense.is_empty() {
        graph.named("Identity", &[FEATURES], DENSE);
        return;
    }
    let width = [encoder.dense.len() as i64];
    let mut all = |of: fn(&crate::encoder::Dense) -> f64| {
        graph.list_of_doubles(&width, encoder.dense.iter().map(of).collect())
    };
    let (fill, center, scale) = (all(|d| d.fill), all(|d| d.center), all(|d| d.scale));
    let unknown = graph.node("IsNaN", &[FEATURES]);
    let known = graph.node("Where", &[&unknown, &fill, FEATURES]);
    let centered = graph.node("Sub", &[&known, &center]);
    graph.named("Div", &[&centered, &scale], DENSE);
}

/// A slot's column in the graph.
struct Column {
    /// Its numbers or codes.
    values: String,
    /// Whether each is missing.
    missing: String,
    /// How many names the codes stand for; none for numbers.
    names: Option<usize>,
}

impl Column {
    fn of(encoder: &Encoder, index: usize, known: &[Self], graph: &mut Builder) -> Self {
        let name = |slot: usize| {
            encoder
                .inputs
                .get(slot)
                .map_or("", |input| input.name.as_str())
        };
        match encoder.slots.get(index) {
            Some(Slot::Number { low, high }) => Self::numbers(name(index), *low, *high, graph),
            Some(Slot::Names { names }) => {
                let codes = codes(names);
                graph.input(name(index), proto::STRING);
                Self::texts(name(index), &codes, names.len(), graph)
            }
            Some(Slot::Prefix { of, length, names }) => {
                let of = *of as usize;
                let whole = match encoder.slots.get(of) {
                    Some(Slot::Names { names }) => names.as_slice(),
                    _ => &[],
                };
                let codes = regions(whole, names, *length);
                Self::texts(name(of), &codes, names.len(), graph)
            }
            Some(Slot::Pair {
                first,
                second,
                pairs,
            }) => match (known.get(*first as usize), known.get(*second as usize)) {
                (Some(first), Some(second)) => Self::pairs(first, second, pairs, graph),
                _ => Self::nothing(known, graph),
            },
            None => Self::nothing(known, graph),
        }
    }

    fn numbers(name: &str, low: f64, high: f64, graph: &mut Builder) -> Self {
        graph.input(name, proto::DOUBLE);
        let flat = flat(name, graph);
        // NaN and infinities are no numbers; the comparison is false for both.
        let size = graph.node("Abs", &[&flat]);
        let most = graph.double(f64::MAX);
        let finite = graph.node("LessOrEqual", &[&size, &most]);
        let missing = graph.node("Not", &[&finite]);
        let (low, high, none) = (
            graph.double(low),
            graph.double(high),
            graph.double(f64::NAN),
        );
        let some = graph.node("Where", &[&finite, &flat, &low]);
        let clamped = graph.node("Clip", &[&some, &low, &high]);
        Self {
            values: graph.node("Where", &[&finite, &clamped, &none]),
            missing,
            names: None,
        }
    }

    fn texts(name: &str, codes: &BTreeMap<String, i64>, names: usize, graph: &mut Builder) -> Self {
        let (unseen, none) = beyond(names);
        let mut keys: Vec<&str> = codes.keys().map(String::as_str).collect();
        let mut values: Vec<i64> = codes.values().copied().collect();
        for text in NO_TEXT.iter().filter(|text| !codes.contains_key(**text)) {
            keys.push(text);
            values.push(none);
        }
        let flat = flat(name, graph);
        let coded = graph.node("LabelEncoder", &[&flat]);
        graph.machine_learning(vec![
            Attribute::texts("keys_strings", &keys),
            Attribute::ints("values_int64s", values),
            Attribute::int("default_int64", unseen),
        ]);
        Self::coded(coded, names, graph)
    }

    fn pairs(first: &Self, second: &Self, pairs: &[(u32, u32)], graph: &mut Builder) -> Self {
        let (unseen, none) = beyond(pairs.len());
        // One number for both: the second code has `width` values.
        let width = second.names.unwrap_or(0) as i64 + 2;
        let keys = pairs
            .iter()
            .map(|(first, second)| i64::from(*first) * width + i64::from(*second));
        let by = graph.whole(width);
        let row = graph.node("Mul", &[&first.values, &by]);
        let key = graph.node("Add", &[&row, &second.values]);
        let found = graph.node("LabelEncoder", &[&key]);
        graph.machine_learning(vec![
            Attribute::ints("keys_int64s", keys.collect()),
            Attribute::ints("values_int64s", (0..pairs.len() as i64).collect()),
            Attribute::int("default_int64", unseen),
        ]);
        let either = graph.node("Or", &[&first.missing, &second.missing]);
        let none = graph.whole(none);
        let coded = graph.node("Where", &[&either, &none, &found]);
        Self::coded(coded, pairs.len(), graph)
    }

    fn coded(values: String, names: usize, graph: &mut Builder) -> Self {
        let none = graph.whole(beyond(names).1);
        let missing = graph.node("Equal", &[&values, &none]);
        Self {
            values,
            missing,
            names: Some(names),
        }
    }

    /// A slot that no sound encoder has: missing in every row of the first slot.
    fn nothing(known: &[Self], graph: &mut Builder) -> Self {
        let first = known.first().map_or("", |first| first.missing.as_str());
        let none = graph.double(f64::NAN);
        let values = graph.node("Where", &[first, &none, &none]);
        Self {
            missing: graph.node("IsNaN", &[&values]),
            values,
            names: None,
        }
    }

    /// The same number in every row.
    fn constant(&self, value: f64, graph: &mut Builder) -> String {
        let value = graph.double(value);
        graph.node("Where", &[&self.missing, &value, &value])
    }
}

/// The codes of a name that was never seen, and of none at all.
fn beyond(names: usize) -> (i64, i64) {
    (names as i64, names as i64 + 1)
}

fn codes(names: &[String]) -> BTreeMap<String, i64> {
    names.iter().cloned().zip(0_i64..).collect()
}

/// The code of the region of every zip code: of those that training saw, and of all that could be.
fn regions(whole: &[String], regions: &[String], length: u32) -> BTreeMap<String, i64> {
    let codes = codes(regions);
    let seen = whole.iter().filter_map(|name| {
        let code = codes.get(prefix(name, length))?;
        Some((name.clone(), *code))
    });
    let open = ZIP_DIGITS.saturating_sub(length) as usize;
    let possible = codes.iter().filter(|(region, _)| {
        region.len() == length as usize && region.bytes().all(|byte| byte.is_ascii_digit())
    });
    let possible = possible.flat_map(|(region, code)| {
        (0..10_u32.pow(open as u32)).map(move |rest| (format!("{region}{rest:0open$}"), *code))
    });
    possible.chain(seen).collect()
}

/// One value a row, whatever shape came in.
fn flat(name: &str, graph: &mut Builder) -> String {
    let flat = graph.list_of_wholes(vec![-1]);
    graph.node("Reshape", &[name, &flat])
}

/// What a table says of each row.
fn looked_up(table: &Table, columns: &[Column], tables: &[String], graph: &mut Builder) -> String {
    let Some(column) = columns.get(table.slot as usize) else {
        return nowhere(columns, graph);
    };
    let Some(names) = column.names else {
        return column.constant(table.missing.into(), graph);
    };
    let unseen = match table.unseen {
        Unseen::Value(value) => value,
        // Replaced below, row by row.
        Unseen::Table(_) => table.missing,
    };
    let mut values: Vec<f64> = table.values.iter().map(|value| f64::from(*value)).collect();
    values.resize(names, unseen.into());
    values.extend([f64::from(unseen), f64::from(table.missing)]);
    let length = values.len() as i64;
    let list = graph.list_of_doubles(&[length], values);
    let found = graph.node("Gather", &[&list, &column.values]);
    match table.unseen {
        Unseen::Table(wider) => match tables.get(wider as usize) {
            Some(wider) => {
                let code = graph.whole(beyond(names).0);
                let is_unseen = graph.node("Equal", &[&column.values, &code]);
                graph.node("Where", &[&is_unseen, wider, &found])
            }
            None => found,
        },
        Unseen::Value(_) => found,
    }
}

fn value(feature: &Feature, columns: &[Column], tables: &[String], graph: &mut Builder) -> String {
    let number = |slot: u32, graph: &mut Builder| match columns.get(slot as usize) {
        Some(column) if column.names.is_none() => column.values.clone(),
        Some(column) => column.constant(f64::NAN, graph),
        None => nowhere(columns, graph),
    };
    match *feature {
        Feature::Number { slot } => number(slot, graph),
        Feature::Log { slot, plus } => {
            let (number, plus) = (number(slot, graph), graph.double(plus));
            let shifted = graph.node("Add", &[&number, &plus]);
            let log = graph.node("Log", &[&shifted]);
            finite(&log, graph)
        }
        Feature::Ratio { over, under } => {
            both("Div", number(over, graph), number(under, graph), graph)
        }
        Feature::Sum { first, second } => {
            both("Add", number(first, graph), number(second, graph), graph)
        }
        Feature::Difference { first, second } => {
            both("Sub", number(first, graph), number(second, graph), graph)
        }
        Feature::Missing { slot } => match columns.get(slot as usize) {
            Some(column) => truth(&column.missing, graph),
            None => nowhere(columns, graph),
        },
        Feature::Is { slot, code } => match columns.get(slot as usize) {
            Some(column) if column.names.is_some() => {
                let code = graph.whole(code.into());
                let is = graph.node("Equal", &[&column.values, &code]);
                truth(&is, graph)
            }
            Some(column) => column.constant(0.0, graph),
            None => nowhere(columns, graph),
        },
        Feature::Table { table } => match tables.get(table as usize) {
            Some(table) => table.clone(),
            None => nowhere(columns, graph),
        },
    }
}

/// A feature that no sound encoder has.
fn nowhere(columns: &[Column], graph: &mut Builder) -> String {
    match columns.first() {
        Some(column) => column.constant(0.0, graph),
        None => graph.double(0.0),
    }
}

fn both(operator: &str, first: String, second: String, graph: &mut Builder) -> String {
    let result = graph.node(operator, &[&first, &second]);
    finite(&result, graph)
}

/// The number where it is one, else NaN.
fn finite(values: &str, graph: &mut Builder) -> String {
    let size = graph.node("Abs", &[values]);
    let (most, none) = (graph.double(f64::MAX), graph.double(f64::NAN));
    let finite = graph.node("LessOrEqual", &[&size, &most]);
    graph.node("Where", &[&finite, values, &none])
}

fn truth(is: &str, graph: &mut Builder) -> String {
    let (yes, no) = (graph.double(1.0), graph.double(0.0));
    graph.node("Where", &[is, &yes, &no])
}
