//! Runs a Step Functions definition (Amazon States Language with JSONPath) in this process, event by
//! event, so that it can resume after a crash.
//!
//! [`Machine::parse`] rejects a definition that [`Machine::run`] could not execute like Step
//! Functions. The [`Host`] executes tasks, the [`Clock`] provides the time, and every event is in the
//! [`Journal`] before the execution acts on it.

mod choice;
mod clock;
mod definition;
mod document;
mod error;
mod intrinsic;
mod journal;
mod path;
mod retry;
mod run;
mod task;
mod template;

use std::future::Future;
use std::pin::Pin;

pub use clock::{Clock, Pause, VirtualClock, WallClock};
pub use definition::{DefinitionError, Machine};
pub use error::TaskError;
pub use journal::{HistoryEvent, Journal};
pub use run::{Ending, Execution};
pub use task::{Call, Host, Resource};

/// A future on the heap.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
