//! The registry against a real DynamoDB protocol: every write repeated, every race run.

// Clippy knows `#[test]` functions, but not what they share.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod aliases;
mod batches;
mod decisions;
mod fixture;
mod inferences;
mod logging;
mod models;
mod outcomes;
mod promotions;
mod runs;
mod serving;
mod tokens;
mod versions;
