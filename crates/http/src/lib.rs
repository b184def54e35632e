//! What functions that answer HTTP share: serving, problem details, bodies, admission, request ids, the
//! audit, and one mapping of failures behind them to answers.

pub mod audit;
pub mod body;
pub mod cookie;
pub mod decide;
pub mod rejected;
pub mod runs;
pub mod visitor;

mod access;
mod backend;
mod problem;
mod request_id;
mod serve;

pub use access::{AdmissionError, admit, admit_header, status};
pub use backend::BackendError;
pub use problem::{FieldError, Problem};
pub use request_id::{REQUEST_ID, RequestId, request_time, trace};
pub use serve::{serve, with_not_found};
