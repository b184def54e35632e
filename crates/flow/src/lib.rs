//! What the states of the pipeline tell one another, and what people read of it.
//!
//! One type for each message ([`fetch`] … [`record`]), used by the function that answers it and by
//! the ones that read it; the outcome of a run as the history keeps it; the reasons for decisions
//! as one enum; the sentences made of them, and the numbers in these, in each language.
//!
//! Pure: no clock, environment or network.

mod facts;
mod format;
mod language;
mod messages;
mod metrics;
mod outcome;
mod reason;
mod sentences;
mod stored;

pub use facts::{
    BatchAction, BatchEvent, CleanFile, Measurement, Origin, OutcomeKind, Period, PromotionSeq,
    Rows, RunError, Stale, Step, UnknownAction, printable,
};
pub use language::Language;
pub use messages::{
    Candidate, Caught, State, TrainOn, Training, compare, fetch, gate, preprocess, promote, record,
    train,
};
pub use metrics::{Metrics, Number};
pub use outcome::{Contender, Outcome, source_name};
pub use reason::{Compared, OtherReason, Reason, UnitFactor, ValueKind};
pub use sentences::{Account, as_sentence};
