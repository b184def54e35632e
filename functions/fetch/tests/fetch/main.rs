//! Fetching from real servers on this machine: sources that behave and sources that do not, a
//! bucket, tables, and a Step Functions that says which executions run.

// Clippy knows `#[test]` functions, but not what they share.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod answers;
mod dropped;
mod faults;
mod origin;
mod place;
mod stored;
mod turns;
mod unfinished;
