//! MLflow's language, apart from any store and any transport: the filters and orders that its
//! clients send as text, and the rules that its names and values keep.
//!
//! Everything here is pure. A filter is parsed once into [`Filter`], which can be held against
//! anything that has [`Facts`], and which a store can look into for what an index could answer.

mod facts;
mod filter;
mod grammar;
mod like;
mod name;
mod order;
mod vocabulary;

pub(crate) use facts::{Facts, Subject};
pub(crate) use filter::{Comparison, Entity, Filter, Operand, Operator};
pub(crate) use name::{
    BATCH_METRICS_MAX, BATCH_PARAMS_MAX, BATCH_TAGS_MAX, check_alias, check_experiment_name,
    check_key, check_length, check_metric_key, check_model_name, check_param_key,
};
pub(crate) use order::{OrderBy, compare, parse_order};

/// Why a text is not what its place wants: a sentence for the caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Invalid(pub(crate) String);

impl Invalid {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}
