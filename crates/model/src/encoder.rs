//! From what is known of a home to the numbers an algorithm takes.
//!
//! The encoder is fitted on training rows only and travels inside the model. A home becomes one
//! [`Cell`] per slot (numbers clamped to what training saw, names looked up), and every feature is
//! computed from those cells by the same code, one row at a time, whether one home is priced or a
//! million: that is why both paths agree to the last bit.

mod fit;
mod target;

pub(crate) use fit::{FOLDS, Fitted, Style, fit};

use serde::{Deserialize, Serialize};

use crate::frame::{Column, Frame, MISSING};
use crate::input::{Input, InputKind};

/// The column whose names have a shorter form that is its own region.
pub(crate) const ZIP: &str = "zip_code";

/// The code of a name that training never saw; a missing one is [`Cell::Missing`].
pub(crate) const UNSEEN: u32 = MISSING - 1;

/// What is known of one slot of one home.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Cell {
    Missing,
    Number(f64),
    /// A code of the slot's names, or [`UNSEEN`].
    Code(u32),
}

/// Where cells come from. Slots of inputs come first and in their order, then prefixes, then pairs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Slot {
    /// A number or date, clamped to the range seen in training.
    Number { low: f64, high: f64 },
    /// Names seen in training, sorted.
    Names { names: Vec<String> },
    /// The first characters of another slot's names, sorted.
    Prefix {
        of: u32,
        length: u32,
        names: Vec<String>,
    },
    /// Two other slots' codes together, sorted: a city is only known with its state.
    Pair {
        first: u32,
        second: u32,
        pairs: Vec<(u32, u32)>,
    },
}

/// One number an algorithm sees; NaN where it is not known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Feature {
    /// The number itself.
    Number { slot: u32 },
    /// `ln(x + plus)`.
    Log { slot: u32, plus: f64 },
    /// `over / under`, unknown where `under` is 0.
    Ratio { over: u32, under: u32 },
    /// `first + second`.
    Sum { first: u32, second: u32 },
    /// `first - second`.
    Difference { first: u32, second: u32 },
    /// 1 where the slot is missing, else 0.
    Missing { slot: u32 },
    /// 1 where the slot has this code, else 0.
    Is { slot: u32, code: u32 },
    /// What a table says of the slot's code.
    Table { table: u32 },
}

impl Feature {
    /// Whether it is made of several inputs: a way to split for trees, and for a weighted sum
    /// collinear with its parts, or without bound where a part is near 0.
    pub(crate) fn is_derived(&self) -> bool {
        matches!(
            self,
            Self::Ratio { .. } | Self::Sum { .. } | Self::Difference { .. }
        )
    }
}

/// A number per code: target means and frequencies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Table {
    pub(crate) slot: u32,
    /// One per code.
    pub(crate) values: Vec<f32>,
    /// Where the slot is missing.
    pub(crate) missing: f32,
    /// Where the name was never seen.
    pub(crate) unseen: Unseen,
}

/// What a table says of a name that training never saw.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) enum Unseen {
    /// This number.
    Value(f32),
    /// What an earlier table says: a new zip code is priced like its region.
    Table(u32),
}

/// How one feature enters an algorithm that takes no missing values and wants equal scales.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Dense {
    /// In place of NaN.
    pub(crate) fill: f64,
    /// Subtracted.
    pub(crate) center: f64,
    /// Divided by; never 0.
    pub(crate) scale: f64,
}

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Encoder {
    pub(crate) inputs: Vec<Input>,
    pub(crate) slots: Vec<Slot>,
    pub(crate) features: Vec<Feature>,
    pub(crate) tables: Vec<Table>,
    /// One per feature, or none for algorithms that take NaN.
    pub(crate) dense: Vec<Dense>,
}

/// The cells of a frame, slot by slot.
pub(crate) struct Cells {
    columns: Vec<CellColumn>,
    pub(crate) rows: usize,
}

enum CellColumn {
    Absent,
    Numbers(Vec<f64>),
    Codes(Vec<u32>),
}

impl Cells {
    pub(crate) fn fill(&self, row: usize, cells: &mut [Cell]) {
        for (cell, column) in cells.iter_mut().zip(&self.columns) {
            *cell = match column {
                CellColumn::Absent => Cell::Missing,
                CellColumn::Numbers(values) => match values.get(row) {
                    Some(value) if value.is_finite() => Cell::Number(*value),
                    _ => Cell::Missing,
                },
                CellColumn::Codes(codes) => match codes.get(row) {
                    Some(&code) if code != MISSING => Cell::Code(code),
                    _ => Cell::Missing,
                },
            };
        }
    }
}

impl Encoder {
    /// How many cells a home has.
    pub(crate) fn slots(&self) -> usize {
        self.slots.len()
    }

    /// How many numbers an algorithm sees.
    pub(crate) fn width(&self) -> usize {
        self.features.len()
    }

    pub(crate) fn slot(&self, name: &str) -> Option<usize> {
        self.inputs.iter().position(|input| input.name == name)
    }

    pub(crate) fn kind(&self, slot: usize) -> InputKind {
        self.inputs
            .get(slot)
            .map_or(InputKind::Number, |input| input.kind)
    }

    /// The code of a name in a slot of names.
    pub(crate) fn code(&self, slot: usize, name: &str) -> Option<u32> {
        match self.slots.get(slot)? {
            Slot::Names { names } | Slot::Prefix { names, .. } => position(names, name),
            Slot::Number { .. } | Slot::Pair { .. } => None,
        }
    }

    /// The slot that holds the prefix of this slot's names.
    pub(crate) fn prefix_slot(&self, slot: usize) -> Option<usize> {
        self.slots
            .iter()
            .position(|other| matches!(other, Slot::Prefix { of, .. } if *of as usize == slot))
    }

    /// The code of a name's prefix in the slot that holds it.
    pub(crate) fn prefix_code(&self, slot: usize, name: &str) -> Option<u32> {
        match self.slots.get(self.prefix_slot(slot)?)? {
            Slot::Prefix { names, length, .. } => position(names, prefix(name, *length)),
            _ => None,
        }
    }

    /// Brings a frame's columns into slots; a column that is absent is missing in every row, one
    /// of another kind is converted by the rule that also serves single rows.
    pub(crate) fn cells(&self, frame: &Frame) -> Cells {
        let mut columns: Vec<CellColumn> = Vec::with_capacity(self.slots.len());
        for (index, slot) in self.slots.iter().enumerate() {
            let name = |slot: usize| {
                self.inputs
                    .get(slot)
                    .map_or("", |input| input.name.as_str())
            };
            let column = match slot {
                Slot::Number { .. } => frame
                    .column(name(index))
                    .map_or(CellColumn::Absent, |column| {
                        CellColumn::Numbers(numbers_of(column))
                    }),
                Slot::Names { names } => {
                    frame
                        .column(name(index))
                        .map_or(CellColumn::Absent, |column| {
                            CellColumn::Codes(codes_of(name(index), column, |text| {
                                position(names, text.trim())
                            }))
                        })
                }
                Slot::Prefix { of, length, names } => {
                    let of = name(*of as usize);
                    frame.column(of).map_or(CellColumn::Absent, |column| {
                        CellColumn::Codes(codes_of(of, column, |text| {
                            position(names, prefix(text.trim(), *length))
                        }))
                    })
                }
                // Computed from the others, row by row.
                Slot::Pair { .. } => CellColumn::Absent,
            };
            columns.push(column);
        }
        Cells {
            columns,
            rows: frame.rows(),
        }
    }

    /// Completes a home's cells: numbers clamped, pairs looked up.
    pub(crate) fn settle(&self, cells: &mut [Cell]) {
        for (index, slot) in self.slots.iter().enumerate() {
            let settled = match slot {
                Slot::Number { low, high } => match cells.get(index) {
                    Some(Cell::Number(value)) if value.is_finite() => {
                        Cell::Number(value.max(*low).min(*high))
                    }
                    _ => Cell::Missing,
                },
                Slot::Pair {
                    first,
                    second,
                    pairs,
                } => match (cells.get(*first as usize), cells.get(*second as usize)) {
                    (Some(Cell::Code(first)), Some(Cell::Code(second))) => Cell::Code(
                        pairs
                            .binary_search(&(*first, *second))
                            .map_or(UNSEEN, |code| code as u32),
                    ),
                    _ => Cell::Missing,
                },
                Slot::Names { .. } | Slot::Prefix { .. } => continue,
            };
            if let Some(cell) = cells.get_mut(index) {
                *cell = settled;
            }
        }
    }

    /// The features of every home of a frame, row-major, `rows x width`; NaN where not known.
    pub(crate) fn encode_all(&self, frame: &Frame) -> Vec<f64> {
        let columns = self.cells(frame);
        let mut cells = vec![Cell::Missing; self.slots()];
        let width = self.width();
        let mut features = vec![0.0; columns.rows * width];
        if width > 0 {
            for (row, out) in features.chunks_exact_mut(width).enumerate() {
                columns.fill(row, &mut cells);
                self.settle(&mut cells);
                self.encode(&cells, out);
            }
        }
        features
    }

    /// Makes every input missing that `keep` does not accept, in settled cells.
    pub(crate) fn mask(&self, cells: &mut [Cell], keep: impl Fn(usize) -> bool) {
        for (index, slot) in self.slots.iter().enumerate() {
            let known = match slot {
                Slot::Number { .. } | Slot::Names { .. } => keep(index),
                Slot::Prefix { of, .. } => keep(*of as usize),
                Slot::Pair { first, second, .. } => keep(*first as usize) && keep(*second as usize),
            };
            if let (false, Some(cell)) = (known, cells.get_mut(index)) {
                *cell = Cell::Missing;
            }
        }
    }

    /// Encodes settled cells with the model's own tables; NaN where a value is not known.
    pub(crate) fn encode(&self, cells: &[Cell], out: &mut [f64]) {
        self.encode_with(&self.tables, cells, out);
    }

    /// Encodes settled cells with other tables: those of a fold while fitting.
    pub(crate) fn encode_with(&self, tables: &[Table], cells: &[Cell], out: &mut [f64]) {
        for (feature, out) in self.features.iter().zip(out.iter_mut()) {
            *out = value(feature, tables, cells);
        }
    }

    /// The features as algorithms without missing values take them: gaps filled, centred, scaled.
    /// Unchanged where the algorithm takes missing values.
    pub(crate) fn densify(&self, features: &[f64], out: &mut [f64]) {
        out.copy_from_slice(features);
        for (dense, out) in self.dense.iter().zip(out.iter_mut()) {
            let known = if out.is_nan() { dense.fill } else { *out };
            *out = (known - dense.center) / dense.scale;
        }
    }

    /// What people call a feature.
    pub(crate) fn feature_name(&self, feature: &Feature) -> String {
        let slot = |slot: &u32| self.slot_name(*slot as usize);
        match feature {
            Feature::Number { slot: s } => slot(s),
            Feature::Log { slot: s, .. } => format!("ln {}", slot(s)),
            Feature::Ratio { over, under } => format!("{} / {}", slot(over), slot(under)),
            Feature::Sum { first, second } => format!("{} + {}", slot(first), slot(second)),
            Feature::Difference { first, second } => format!("{} - {}", slot(first), slot(second)),
            Feature::Missing { slot: s } => format!("{} missing", slot(s)),
            Feature::Is { slot: s, code } => {
                let name = match self.slots.get(*s as usize) {
                    Some(Slot::Names { names } | Slot::Prefix { names, .. }) => {
                        names.get(*code as usize).map_or("?", String::as_str)
                    }
                    _ => "?",
                };
                format!("{} = {name}", slot(s))
            }
            Feature::Table { table } => match self.tables.get(*table as usize) {
                Some(known) => format!("{} table {table}", slot(&known.slot)),
                None => format!("table {table}"),
            },
        }
    }

    /// The inputs a feature is made of: one or two.
    pub(crate) fn inputs_of(&self, feature: &Feature) -> (usize, usize) {
        let one = |slot: u32| {
            let (first, _) = self.inputs_of_slot(slot as usize);
            first
        };
        match *feature {
            Feature::Number { slot }
            | Feature::Log { slot, .. }
            | Feature::Missing { slot }
            | Feature::Is { slot, .. } => self.inputs_of_slot(slot as usize),
            Feature::Ratio { over, under } => (one(over), one(under)),
            Feature::Sum { first, second } | Feature::Difference { first, second } => {
                (one(first), one(second))
            }
            Feature::Table { table } => match self.tables.get(table as usize) {
                Some(table) => self.inputs_of_slot(table.slot as usize),
                None => (0, 0),
            },
        }
    }

    fn inputs_of_slot(&self, slot: usize) -> (usize, usize) {
        match self.slots.get(slot) {
            Some(Slot::Prefix { of, .. }) => (*of as usize, *of as usize),
            Some(Slot::Pair { first, second, .. }) => (*first as usize, *second as usize),
            _ => (slot, slot),
        }
    }

    fn slot_name(&self, slot: usize) -> String {
        match self.slots.get(slot) {
            Some(Slot::Prefix { of, length, .. }) => {
                format!("{}[..{length}]", self.slot_name(*of as usize))
            }
            Some(Slot::Pair { first, second, .. }) => {
                format!(
                    "{}, {}",
                    self.slot_name(*first as usize),
                    self.slot_name(*second as usize)
                )
            }
            _ => self
                .inputs
                .get(slot)
                .map_or_else(|| "?".to_owned(), |input| input.name.clone()),
        }
    }

    /// Whether every reference points at something: an encoder out of bytes is not believed.
    pub(crate) fn is_sound(&self) -> bool {
        let slots = self.slots.len();
        let earlier = |index: usize, other: u32| (other as usize) < index;
        let finite = |values: &[f32]| values.iter().all(|value| value.is_finite());
        let slots_sound = self
            .slots
            .iter()
            .enumerate()
            .all(|(index, slot)| match slot {
                Slot::Number { low, high } => low.is_finite() && high.is_finite() && low <= high,
                Slot::Names { names } => sorted(names),
                Slot::Prefix { of, names, .. } => earlier(index, *of) && sorted(names),
                Slot::Pair {
                    first,
                    second,
                    pairs,
                } => earlier(index, *first) && earlier(index, *second) && sorted(pairs),
            });
        let kinds_sound = self.inputs.len() <= slots
            && self.slots.iter().enumerate().all(|(index, slot)| {
                let kind = self.inputs.get(index).map(|input| input.kind);
                match slot {
                    Slot::Number { .. } => {
                        matches!(kind, Some(InputKind::Number | InputKind::Date))
                    }
                    Slot::Names { .. } => kind == Some(InputKind::Category),
                    Slot::Prefix { .. } | Slot::Pair { .. } => kind.is_none(),
                }
            });
        let slot = |slot: &u32| (*slot as usize) < slots;
        let features_sound = self.features.iter().all(|feature| match feature {
            Feature::Number { slot: s }
            | Feature::Missing { slot: s }
            | Feature::Is { slot: s, .. } => slot(s),
            Feature::Log { slot: s, plus } => slot(s) && plus.is_finite(),
            Feature::Ratio { over, under } => slot(over) && slot(under),
            Feature::Sum { first, second } | Feature::Difference { first, second } => {
                slot(first) && slot(second)
            }
            Feature::Table { table } => (*table as usize) < self.tables.len(),
        });
        let tables_sound = self.tables.iter().enumerate().all(|(index, table)| {
            slot(&table.slot)
                && finite(&table.values)
                && table.missing.is_finite()
                && match table.unseen {
                    Unseen::Value(value) => value.is_finite(),
                    Unseen::Table(other) => earlier(index, other),
                }
        });
        let dense_sound = (self.dense.is_empty() || self.dense.len() == self.features.len())
            && self.dense.iter().all(|dense| {
                dense.fill.is_finite()
                    && dense.center.is_finite()
                    && dense.scale.is_finite()
                    && dense.scale != 0.0
            });
        slots_sound && kinds_sound && features_sound && tables_sound && dense_sound
    }
}

fn value(feature: &Feature, tables: &[Table], cells: &[Cell]) -> f64 {
    let number = |slot: u32| match cells.get(slot as usize) {
        Some(Cell::Number(value)) => *value,
        _ => f64::NAN,
    };
    let truth = |is: bool| if is { 1.0 } else { 0.0 };
    match *feature {
        Feature::Number { slot } => number(slot),
        Feature::Log { slot, plus } => finite((number(slot) + plus).ln()),
        Feature::Ratio { over, under } => finite(number(over) / number(under)),
        Feature::Sum { first, second } => finite(number(first) + number(second)),
        Feature::Difference { first, second } => finite(number(first) - number(second)),
        Feature::Missing { slot } => truth(matches!(
            cells.get(slot as usize),
            None | Some(Cell::Missing)
        )),
        Feature::Is { slot, code } => truth(cells.get(slot as usize) == Some(&Cell::Code(code))),
        Feature::Table { table } => f64::from(lookup(tables, table, cells)),
    }
}

/// What a table says of a home; the chain of tables for unseen names ends, as each points backwards.
pub(crate) fn lookup(tables: &[Table], table: u32, cells: &[Cell]) -> f32 {
    let mut index = table;
    loop {
        let Some(table) = tables.get(index as usize) else {
            return 0.0;
        };
        let known = match cells.get(table.slot as usize) {
            Some(Cell::Code(code)) => table.values.get(*code as usize).copied(),
            _ => Some(table.missing),
        };
        match (known, table.unseen) {
            (Some(value), _) | (None, Unseen::Value(value)) => return value,
            (None, Unseen::Table(other)) if other < index => index = other,
            (None, Unseen::Table(_)) => return table.missing,
        }
    }
}

fn finite(value: f64) -> f64 {
    if value.is_finite() { value } else { f64::NAN }
}

fn sorted<T: Ord>(items: &[T]) -> bool {
    items.is_sorted_by(|a, b| a < b)
}

fn position(names: &[String], name: &str) -> Option<u32> {
    names
        .binary_search_by(|known| known.as_str().cmp(name))
        .ok()
        .map(|code| code as u32)
}

/// The first `length` characters.
pub(crate) fn prefix(name: &str, length: u32) -> &str {
    name.char_indices()
        .nth(length as usize)
        .map_or(name, |(end, _)| name.get(..end).unwrap_or(name))
}

/// A category that arrived as a number: JSON and CSV turn codes into `101640.0`.
pub(crate) fn name_of_number(column: &str, number: f64) -> Option<String> {
    if !number.is_finite() {
        return None;
    }
    if number.fract() != 0.0 || number.abs() >= 1e15 {
        return Some(number.to_string());
    }
    let whole = number as i64;
    Some(if column == ZIP {
        format!("{whole:05}")
    } else {
        whole.to_string()
    })
}

pub(crate) fn numbers_of(column: &Column) -> Vec<f64> {
    match column {
        Column::Number(values) | Column::Date(values) => values.clone(),
        Column::Category { codes, names } => {
            let numbers: Vec<f64> = names
                .iter()
                .map(|name| name.trim().parse().unwrap_or(f64::NAN))
                .collect();
            codes
                .iter()
                .map(|&code| numbers.get(code as usize).copied().unwrap_or(f64::NAN))
                .collect()
        }
    }
}

fn codes_of(column: &str, values: &Column, code: impl Fn(&str) -> Option<u32>) -> Vec<u32> {
    match values {
        Column::Category { codes, names } => {
            let map: Vec<u32> = names
                .iter()
                .map(|name| {
                    if name.trim().is_empty() {
                        MISSING
                    } else {
                        code(name).unwrap_or(UNSEEN)
                    }
                })
                .collect();
            codes
                .iter()
                .map(|&code| map.get(code as usize).copied().unwrap_or(MISSING))
                .collect()
        }
        Column::Number(values) | Column::Date(values) => values
            .iter()
            .map(|&number| match name_of_number(column, number) {
                Some(name) => code(&name).unwrap_or(UNSEEN),
                None => MISSING,
            })
            .collect(),
    }
}
