//! What the tests of several crates need: stores on loopback ports, faults in requests to them, a data
//! source that answers as planned, generated listings, and outside tools that may be missing.
//!
//! It knows no other crate of this workspace, so that all of them can test with it and no cycle of
//! dev-dependencies arises.

// Nothing but tests calls what is here.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[cfg(feature = "stores")]
pub mod faults;
pub mod listings;
pub mod ports;
#[cfg(feature = "stores")]
pub mod secrets;
pub mod source;
#[cfg(feature = "stores")]
pub mod stores;
pub mod tools;
#[cfg(feature = "stores")]
pub mod transport;

#[cfg(feature = "stores")]
pub use stores::Stores;
