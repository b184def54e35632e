//! Asking prices and sale prices are different targets: which of the two a model answers.
//!
//! A home's status says it. A home without a status, or with one that training never saw, is priced as
//! a sold one where training saw sold homes, else as one for sale: an answer is never a mixture of both.

use tasador_listing::sale::{PriceKind, STATUS};

use crate::encoder::{Cell, Encoder, Slot};

/// The statuses of a model that saw some.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Statuses<'m> {
    slot: usize,
    names: &'m [String],
    /// The status that an empty one is priced as.
    usual: Cell,
    /// The kind of price of a home without a status.
    pub(crate) kind: PriceKind,
}

impl<'m> Statuses<'m> {
    /// `None` where training saw no status.
    pub(crate) fn of(encoder: &'m Encoder) -> Option<Self> {
        let slot = encoder.slot(STATUS)?;
        let Slot::Names { names } = encoder.slots.get(slot)? else {
            return None;
        };
        // The most frequent ones come first, so that the usual status is one that training saw often.
        let frequent = &encoder.inputs.get(slot)?.most_frequent;
        [PriceKind::Sale, PriceKind::Asking]
            .into_iter()
            .find_map(|kind| {
                let is_of_kind = |name: &&String| PriceKind::of_status(name) == Some(kind);
                let name = frequent.iter().chain(names).find(is_of_kind)?;
                Some(Self {
                    slot,
                    names,
                    usual: Cell::Code(encoder.code(slot, name)?),
                    kind,
                })
            })
    }

    /// Sets a status that is empty or unknown, and says what the price is.
    pub(crate) fn complete(&self, cells: &mut [Cell]) -> PriceKind {
        let Some(cell) = cells.get_mut(self.slot) else {
            return self.kind;
        };
        let known = match cell {
            Cell::Code(code) => self.names.get(*code as usize),
            Cell::Missing | Cell::Number(_) => None,
        };
        known
            .and_then(|name| PriceKind::of_status(name))
            .unwrap_or_else(|| {
                *cell = self.usual;
                self.kind
            })
    }
}
