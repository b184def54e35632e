//! What served prices turned out to be worth. A sale that becomes known later is joined with the price that
//! was served for its property, and the differences are counted by version, month and state.
//!
//! Pure: no clock, no store. Rules of the join: the latest price served before the day of the sale, not
//! earlier than a window, and a sale never evaluates a version that may have learned from it.

mod figures;
mod rollback;
mod sale;
mod served;

pub use figures::{Evaluated, Figures, Group, PROMISED, Performance};
pub use rollback::{Former, RollbackCase, proposed_rollback};
pub use sale::{BadSale, Reported, Subject, read_file, read_json};
pub use served::{ServedPrice, property_of, served_prices};
