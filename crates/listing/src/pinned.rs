//! From which of a source's columns the known columns were read in earlier batches.
//!
//! Without this, each batch would choose among its columns again: the price could be the asking price in
//! one batch and the sale price in the next, and nobody would know what models learn to predict.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::name::compact;
use crate::schema_file::ColumnRule;

/// A known column that was read from another column of the source than in earlier batches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replaced {
    /// The known column, such as `price`.
    pub column: String,
    /// The source's column in earlier batches; several are joined by ` + `.
    pub was: String,
    /// The source's column in this batch.
    pub is: String,
}

/// The source's columns that a rule names, in its order.
pub fn sources(rule: &ColumnRule) -> &[String] {
    if rule.join.is_empty() {
        &rule.names
    } else {
        &rule.join
    }
}

/// The source's columns that a rule names, for people.
pub fn written(rule: &ColumnRule) -> String {
    sources(rule).join(" + ")
}

/// The places of a rule's columns among those of a source; `None` if one is missing.
pub fn places(rule: &ColumnRule, names: &[&str]) -> Option<Vec<usize>> {
    let place = |wanted: &String| {
        let exact = names.iter().position(|name| name == wanted);
        let wanted = compact(wanted);
        exact.or_else(|| names.iter().position(|name| compact(name) == wanted))
    };
    let found: Option<Vec<usize>> = sources(rule).iter().map(place).collect();
    found.filter(|places| !places.is_empty())
}

/// Whether both rules name the same columns.
fn is_same(left: &ColumnRule, right: &ColumnRule) -> bool {
    let names = |rule| {
        sources(rule)
            .iter()
            .map(|name| compact(name))
            .collect::<Vec<_>>()
    };
    names(left) == names(right)
}

/// What later batches keep to: the sources of earlier batches, then those that this batch had in their
/// place. What a person declared is first.
pub fn merged(
    earlier: &BTreeMap<String, Vec<ColumnRule>>,
    used: BTreeMap<String, ColumnRule>,
    is_declared: impl Fn(&str) -> bool,
) -> BTreeMap<String, Vec<ColumnRule>> {
    let mut merged = earlier.clone();
    for (column, rule) in used {
        let is_declared = is_declared(&column);
        let rules = merged.entry(column).or_default();
        if is_declared {
            rules.retain(|other| !is_same(other, &rule));
            rules.insert(0, rule);
        } else if !rules.iter().any(|other| is_same(other, &rule)) {
            rules.push(rule);
        }
    }
    merged
}
