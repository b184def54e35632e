//! What every function starts with: configuration, clients, error classes, logging.
//!
//! A function's `main` makes a [`Context`] once and hands its handler to [`serve`] or
//! [`serve_http`]; the handler knows neither the environment nor Lambda. The same handlers run in
//! one process behind [`handler`].

mod access;
pub mod audit;
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
mod problem;
mod request_id;

pub use access::{NotAdmitted, refusal};
pub use clock::Clock;
pub use config::{Config, ConfigError};
pub use context::{Context, Interceptors, StartError};
pub use failure::{Classify, ErrorClass, Failure, chain};
pub use handler::{Handler, handler};
pub use lambda::{once, serve, serve_http};
pub use problem::{FieldError, Problem};
pub use request_id::request_id;
