//! The parts of the page, one module each.

pub(crate) mod appraise;
pub(crate) mod data;
pub(crate) mod history;
pub(crate) mod logged;
pub(crate) mod models;
pub(crate) mod operations;
pub(crate) mod withdrawn;
