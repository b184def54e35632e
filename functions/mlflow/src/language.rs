//! MLflow's filters and orders, and the rules for its names and values. Everything here is pure.
//!
//! A filter is parsed once into a [`Filter`], which is compared with anything that has [`Facts`], and
//! in which a store can look for what an index answers.

mod filter;
mod grammar;
mod like;
mod name;
mod order;
mod terms;
mod vocabulary;

pub(crate) use filter::Filter;
pub(crate) use name::{
    EXPERIMENT_TAG_MAX_CHARS, REGISTRY_TAG_MAX_CHARS, check_alias, check_batch,
    check_experiment_name, check_key, check_length, check_logged_model_name, check_model_name,
};
pub(crate) use order::{OrderBy, compare, parse_order};
pub(crate) use terms::{Comparison, Entity, Facts, OnDataset, Operand, Operator, Subject};

/// Why a text is not allowed: a sentence for the caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Invalid(String);

impl Invalid {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}
