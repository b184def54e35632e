//! Prices over HTTP, with a bucket and tables on this machine.

// Clippy knows `#[test]` functions, but not what they share.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod appraise;
mod bad;
mod champions;
mod comparables;
mod log;
mod malformed;
mod metrics;
mod place;
mod prices;
#[path = "../../../../crates/model/tests/town/mod.rs"]
mod town;
