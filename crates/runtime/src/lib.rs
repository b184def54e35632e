//! What every function starts with: configuration, clients, error classes, logging.
//!
//! A function's `main` makes a [`Context`] once and passes its handler to [`serve`]; the handler knows
//! neither the environment nor Lambda. The same handlers run in one process behind [`handler`]. Functions
//! that answer HTTP use `tasador-http` besides.

mod aws;
mod classify;
mod clock;
pub mod config;
mod context;
pub mod emf;
mod failure;
mod handler;
mod lambda;
pub mod logging;
mod secrets;
mod source_address;

pub use clock::Clock;
pub use config::{Config, ConfigError};
pub use context::{Context, Interceptors, StartError};
pub use failure::{Classify, ErrorClass, Failure, chain};
pub use handler::{Handler, handler};
pub use lambda::{once, serve};
pub use secrets::SecretError;
pub use source_address::SourceAddress;
