//! Batches through the handler, with a bucket and tables on this machine.

// Clippy knows `#[test]` functions, but not what they share.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod answers;
mod place;
mod real;
mod repeated;
mod schema;
