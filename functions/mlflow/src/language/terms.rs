//! What filters and orders consist of.

use std::borrow::Cow;

/// What is searched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entity {
    Run,
    Experiment,
    Model,
    Version,
    LoggedModel,
}

/// Datasets with this name and this digest; none stands for any.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct OnDataset {
    pub(crate) name: Option<String>,
    pub(crate) digest: Option<String>,
}

/// What a comparison is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Subject {
    /// The latest value of a metric.
    Metric(String),
    /// The latest value of a metric on any of these datasets.
    MetricOn(String, Vec<OnDataset>),
    Param(String),
    Tag(String),
    /// A property that everything of its kind has, such as `start_time`.
    Attribute(&'static str),
    /// `name`, `digest` or `context` of an input dataset.
    Dataset(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    Less,
    AtMost,
    Greater,
    AtLeast,
    Like,
    ILike,
    In,
    NotIn,
    IsNull,
    IsNotNull,
}

/// What a subject is compared with.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Operand {
    Number(f64),
    /// A text, or the pattern of `LIKE`.
    Text(String),
    /// The list of `IN`.
    List(Vec<String>),
    /// Nothing follows `IS NULL`.
    None,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Comparison {
    pub(crate) subject: Subject,
    pub(crate) operator: Operator,
    /// A number if and only if the subject is one.
    pub(crate) operand: Operand,
}

/// A record that can be searched for.
pub(crate) trait Facts {
    /// The value of a metric or a numeric attribute.
    fn number(&self, subject: &Subject) -> Option<f64>;

    /// The texts of any other subject: empty if it is absent, several for datasets.
    fn texts(&self, subject: &Subject) -> Vec<Cow<'_, str>>;
}
