//! What filters and orders can ask of a thing.

use std::borrow::Cow;

/// What a comparison is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Subject {
    /// The latest value of a metric.
    Metric(String),
    /// A parameter.
    Param(String),
    /// A tag.
    Tag(String),
    /// A property that everything of its kind has, such as `start_time`.
    Attribute(&'static str),
    /// `name`, `digest` or `context` of a dataset that went in.
    Dataset(&'static str),
}

/// A thing that can be searched for.
pub(crate) trait Facts {
    /// The number that a metric or a numeric attribute has; none where it has none.
    fn number(&self, subject: &Subject) -> Option<f64>;

    /// The texts that any other subject has: none where it is absent, more than one for datasets.
    fn texts(&self, subject: &Subject) -> Vec<Cow<'_, str>>;
}
