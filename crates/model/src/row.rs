//! One home as values by name; absent values are missing.

use crate::encoder::{Cell, Encoder, UNSEEN, name_of_number};
use crate::input::InputKind;

/// One value of a [`Row`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    Missing,
    /// A number; for a date, days since 1970-01-01; for a category, its number as text
    /// (`101640.0` is `101640`, and a zip code gets its five digits).
    Number(f64),
    /// A name. Numbers and dates do not accept text: parse it first.
    Text(&'a str),
}

/// Why a value was not set; the row is unchanged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    #[error("`{name}` is not an input of this model")]
    Unknown { name: String },
    #[error("`{name}` must be a number, not text")]
    NotANumber { name: String },
}

/// One home for [`Model::predict_row`](crate::Model::predict_row).
///
/// Names are resolved when they are set, so that the prediction itself processes no text.
#[derive(Debug, Clone)]
pub struct Row<'m> {
    encoder: &'m Encoder,
    cells: Vec<Cell>,
}

impl<'m> Row<'m> {
    /// A home of which nothing is known.
    pub(crate) fn new(encoder: &'m Encoder) -> Self {
        Self {
            encoder,
            cells: vec![Cell::Missing; encoder.slots()],
        }
    }

    /// Sets an input. NaN, infinities and empty text are missing; a name that training never saw is
    /// distinct from a missing one.
    ///
    /// # Errors
    /// [`RowError::Unknown`] if the model has no such input, [`RowError::NotANumber`] if text is given
    /// for a number or a date.
    pub fn set(&mut self, name: &str, value: Value<'_>) -> Result<(), RowError> {
        let Some(slot) = self.encoder.slot(name) else {
            return Err(RowError::Unknown {
                name: name.to_owned(),
            });
        };
        let kind = self.encoder.kind(slot);
        match (kind, value) {
            (_, Value::Missing) => self.put(slot, Cell::Missing),
            (InputKind::Category, Value::Text(text)) => self.put_name(slot, text.trim()),
            (InputKind::Category, Value::Number(number)) => {
                let text = name_of_number(name, number);
                self.put_name(slot, text.as_deref().unwrap_or(""));
            }
            (_, Value::Number(number)) if number.is_finite() => {
                self.put(slot, Cell::Number(number));
            }
            (_, Value::Number(_)) => self.put(slot, Cell::Missing),
            (_, Value::Text(_)) => {
                return Err(RowError::NotANumber {
                    name: name.to_owned(),
                });
            }
        }
        Ok(())
    }

    /// Whether this row was made for the model with this very encoder.
    pub(crate) fn is_of(&self, encoder: &Encoder) -> bool {
        std::ptr::eq(self.encoder, encoder)
    }

    pub(crate) fn cells(&self) -> &[Cell] {
        &self.cells
    }

    pub(crate) fn cells_mut(&mut self) -> &mut [Cell] {
        &mut self.cells
    }

    fn put_name(&mut self, slot: usize, name: &str) {
        let code = |code: Option<u32>| Cell::Code(code.unwrap_or(UNSEEN));
        let (cell, prefix) = if name.is_empty() {
            (Cell::Missing, Cell::Missing)
        } else {
            (
                code(self.encoder.code(slot, name)),
                code(self.encoder.prefix_code(slot, name)),
            )
        };
        self.put(slot, cell);
        if let Some(slot) = self.encoder.prefix_slot(slot) {
            self.put(slot, prefix);
        }
    }

    fn put(&mut self, slot: usize, cell: Cell) {
        if let Some(place) = self.cells.get_mut(slot) {
            *place = cell;
        }
        if cell == Cell::Missing
            && let Some(prefix) = self.encoder.prefix_slot(slot)
            && let Some(place) = self.cells.get_mut(prefix)
        {
            *place = Cell::Missing;
        }
    }
}
