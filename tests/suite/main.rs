//! Behaviour across crates, against the real state machine on real S3 and DynamoDB protocols.

// Clippy knows `#[test]` functions, but not what they share.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

mod access;
mod admission;
mod appraise;
mod aws_cli;
mod bad_input;
mod browser;
mod champion;
mod compaction;
mod contracts;
mod events;
mod executions;
mod faults;
mod fuzz;
mod gate;
mod integrity;
mod jobs;
mod kills;
#[cfg(feature = "localstack")]
mod localstack;
mod localstack_s3;
mod mlflow;
mod performance;
mod ports;
mod promotion;
mod quarantine;
mod real_listings;
mod replaced_files;
mod schedule;
mod scripts;
mod seeds;
mod shapes;
mod template;
mod tracking;
mod up;
mod uploads;

/// `tasador`, built from `local`'s `main.rs` as part of this package: only so does Cargo build it
/// before these tests.
const TASADOR: &str = env!("CARGO_BIN_EXE_tasador-under-test");

/// Lambda refuses the next calls of each state that a run passes, this many times.
fn throttle(world: &tests::world::World, times: u32) {
    for state in [
        "Fetch",
        "Preprocess",
        "Gate",
        "Train",
        "Compare",
        "RecordPromotion",
        "RecordRejection",
    ] {
        let plan = format!("fail:before:{state}:Lambda.TooManyRequestsException:{times}");
        world.faults.plan(&plan).unwrap();
    }
}
