//! Datasets: the ordered batches that a model learns from, and their clean rows as frames.
//!
//! This is the only shared crate that uses a data frame library; functions that answer HTTP do not
//! link it. The same manifest gives the same frames, with the same rows and names in the same order,
//! because a model's bytes depend on both.

mod batch;
mod load;
mod manifest;
mod union;

pub use batch::{CleanBatch, ReadError, read_batch, read_parquet};
pub use load::{LoadError, load, load_keys, manifest, stale};
pub use manifest::{Manifest, ManifestEntry};
pub use union::unite;
