//! Datasets: the ordered batches a model learns from, and their clean rows as the model's frames.
//!
//! This is the only shared crate that knows a data frame library; whoever answers requests links
//! nothing of it. The same manifest gives the same frames, row for row and name for name, because
//! a model's bytes depend on both.

mod batch;
mod load;
mod manifest;
mod union;

pub use batch::{CleanBatch, ReadError, read_batch, read_parquet};
pub use load::{LoadError, Parts, load};
pub use manifest::{Manifest, ManifestEntry};
pub use union::unite;
