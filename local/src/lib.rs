//! Tasador in one process: the cloud it runs on, the functions, and the command line.
//!
//! [`cloud::Cloud`] is the seam for tests: it starts in-process on free ports, with faults
//! where a test injects them. Nothing else in the workspace knows this crate.

pub mod appraise;
pub mod aws;
pub mod cli;
pub mod client;
pub mod cloud;
pub mod console;
pub mod demo;
mod disk;
pub mod executions;
pub mod faults;
pub mod folder;
pub mod functions;
pub mod machine;
mod random;
mod schedule;
pub mod source;

pub mod table;
