//! Behaviour across crates, against the real state machine on real S3 and DynamoDB protocols.

// Clippy knows `#[test]` functions, but not what they share.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod access;
mod aws_cli;
mod bad_input;
mod browser;
mod champion;
mod compaction;
mod contracts;
mod events;
mod faults;
mod gate;
mod jobs;
#[cfg(feature = "localstack")]
mod localstack;
mod mlflow;
mod ports;
mod promotion;
mod real_listings;
mod schedule;
mod template;
mod tracking;
