//! The registry against a real DynamoDB protocol: every write repeated, every race run.

mod batches;
mod fixture;
mod inferences;
mod outcomes;
mod promotions;
mod rows;
mod runs;
mod versions;
