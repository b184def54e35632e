//! What houses are worth: encoder, algorithms behind one face, artefact format, intervals, metrics.
//!
//! Everything here is pure: no clock, no environment, no network, no thread that changes a result.
//! The same frames, configuration and seed give a byte-identical model. A [`Model`] is one value
//! that carries its encoder with it, so whoever holds the bytes can price a home.

pub mod artifact;
mod comparables;
pub mod compare;
mod encoder;
pub mod evidence;
mod folds;
mod forest;
pub mod frame;
mod importance;
pub mod input;
mod interval;
mod linear;
pub mod metrics;
mod model;
pub mod onnx;
mod price_kind;
mod regressor;
mod row;
pub mod train;

pub use artifact::ArtifactError;
pub use comparables::{Comparable, Comparables, Difference, Known};
pub use folds::FoldModels;
pub use frame::{Column, Frame};
pub use importance::Importance;
pub use input::{Input, InputKind};
pub use metrics::Scores;
pub use model::{Appraisal, Confidence, Contribution, Explanation, Model, Notice, Prediction};
pub use row::{Row, RowError, Value};
pub use tasador_ids::Algorithm;
