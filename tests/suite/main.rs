//! Behaviour across crates, against the real state machine on real S3 and DynamoDB protocols.

mod aws_cli;
mod bad_input;
mod contracts;
mod events;
mod faults;
mod gate;
mod promotion;
mod real_listings;
