//! What an algorithm leaves behind when it is fitted.

use serde::{Deserialize, Serialize};

use crate::forest::{self, Forest};
use crate::linear::Linear;

/// A fitted regressor. The order of the variants is part of the file format.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Regressor {
    Linear(Linear),
    Forest(Forest),
    /// Ridge plus trees on the same filled features: written by format version 1 only.
    Blend {
        linear: Linear,
        forest: Forest,
    },
    /// A weighted sum of the filled features, plus trees on the features with their gaps.
    Sum {
        linear: Linear,
        forest: Forest,
    },
}

/// One home's features: with NaN where a value is not known, and filled and scaled.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Features<'a> {
    pub(crate) raw: &'a [f64],
    pub(crate) dense: &'a [f64],
}

/// The [`Features`] of several homes, as columns of `rows` values, one after the other.
#[derive(Debug, Clone, Default)]
pub(crate) struct Block {
    pub(crate) rows: usize,
    pub(crate) raw: Vec<f64>,
    pub(crate) dense: Vec<f64>,
}

impl Block {
    /// Room for so many homes with so many features.
    pub(crate) fn new(rows: usize, width: usize) -> Self {
        Self {
            rows,
            raw: vec![f64::NAN; rows * width],
            dense: vec![f64::NAN; rows * width],
        }
    }

    /// Sets the features of one home.
    pub(crate) fn set(&mut self, row: usize, features: Features<'_>) {
        let put = |columns: &mut [f64], values: &[f64]| {
            for (column, value) in columns.chunks_exact_mut(self.rows.max(1)).zip(values) {
                if let Some(place) = column.get_mut(row) {
                    *place = *value;
                }
            }
        };
        put(&mut self.raw, features.raw);
        put(&mut self.dense, features.dense);
    }
}

impl Regressor {
    /// The prediction for one home in the model's own space; `narrow` is a buffer for features in
    /// single precision, in which trees compare them.
    pub(crate) fn predict(&self, features: Features<'_>, narrow: &mut Vec<f32>) -> f64 {
        match self {
            Self::Linear(linear) => linear.predict(features.dense),
            Self::Forest(forest) => forest.predict(narrowed(features.dense, narrow)),
            Self::Blend { linear, forest } => {
                linear.predict(features.dense) + forest.predict(narrowed(features.dense, narrow))
            }
            Self::Sum { linear, forest } => {
                linear.predict(features.dense) + forest.predict(narrowed(features.raw, narrow))
            }
        }
    }

    /// The mean prediction, and how much each feature moves this home's away from it; the sum is
    /// the prediction.
    pub(crate) fn contributions(&self, features: Features<'_>) -> (f64, Vec<f64>) {
        let mut narrow = Vec::new();
        let mut trees =
            |forest: &Forest, features| forest.contributions(narrowed(features, &mut narrow));
        let (linear, trees) = match self {
            Self::Linear(linear) => return linear.contributions(features.dense),
            Self::Forest(forest) => return trees(forest, features.dense),
            Self::Blend { linear, forest } => (linear, trees(forest, features.dense)),
            Self::Sum { linear, forest } => (linear, trees(forest, features.raw)),
        };
        // Shapley values are linear in the model (Shapley 1953): those of a sum are sums.
        let (base, mut parts) = linear.contributions(features.dense);
        for (part, of_trees) in parts.iter_mut().zip(trees.1) {
            *part += of_trees;
        }
        (base + trees.0, parts)
    }

    /// [`Self::contributions`] of many homes: the parts as columns of `rows` values, one after the other.
    pub(crate) fn contributions_of_all(&self, homes: &Block) -> (f64, Vec<f64>) {
        let rows = homes.rows;
        let mut parts = vec![0.0; homes.dense.len()];
        let mut trees = |forest: &Forest, features: &[f64]| {
            let narrow: Vec<f32> = features
                .iter()
                .map(|&value| forest::narrow(value))
                .collect();
            forest.contributions_of_all(&narrow, rows, &mut parts)
        };
        let (linear, of_trees) = match self {
            Self::Linear(linear) => (linear, 0.0),
            Self::Forest(forest) => return (trees(forest, &homes.dense), parts),
            Self::Blend { linear, forest } => (linear, trees(forest, &homes.dense)),
            Self::Sum { linear, forest } => (linear, trees(forest, &homes.raw)),
        };
        let columns = parts.chunks_exact_mut(rows.max(1));
        let dense = homes.dense.chunks_exact(rows.max(1));
        for ((weight, parts), features) in linear.weights.iter().zip(columns).zip(dense) {
            for (part, feature) in parts.iter_mut().zip(features) {
                *part += weight * feature;
            }
        }
        (linear.intercept + of_trees, parts)
    }

    /// The trees, and the features that they compare.
    pub(crate) fn forest<'b>(
        &self,
        features: Features<'_>,
        narrow: &'b mut Vec<f32>,
    ) -> Option<(&Forest, &'b [f32])> {
        match self {
            Self::Linear(_) => None,
            Self::Forest(forest) | Self::Blend { forest, .. } => {
                Some((forest, narrowed(features.dense, narrow)))
            }
            Self::Sum { forest, .. } => Some((forest, narrowed(features.raw, narrow))),
        }
    }

    /// How much each tree tells homes apart.
    pub(crate) fn spreads(&self) -> Vec<f64> {
        match self {
            Self::Linear(_) => Vec::new(),
            Self::Forest(forest) | Self::Blend { forest, .. } | Self::Sum { forest, .. } => {
                forest.spreads()
            }
        }
    }

    /// The weight of each of the filled and scaled features; none without a weighted sum.
    pub(crate) fn weights(&self) -> &[f64] {
        match self {
            Self::Forest(_) => &[],
            Self::Linear(linear) | Self::Blend { linear, .. } | Self::Sum { linear, .. } => {
                &linear.weights
            }
        }
    }

    /// Whether it takes rows of so many features.
    pub(crate) fn is_sound(&self, width: usize) -> bool {
        match self {
            Self::Linear(linear) => linear.is_sound(width),
            Self::Forest(forest) => forest.width() == width,
            Self::Blend { linear, forest } | Self::Sum { linear, forest } => {
                linear.is_sound(width) && forest.width() == width
            }
        }
    }

    /// How many trees there are, 0 where there are none.
    pub(crate) fn trees(&self) -> usize {
        match self {
            Self::Linear(_) => 0,
            Self::Forest(forest) | Self::Blend { forest, .. } | Self::Sum { forest, .. } => {
                forest.trees()
            }
        }
    }
}

fn narrowed<'b>(features: &[f64], buffer: &'b mut Vec<f32>) -> &'b [f32] {
    buffer.clear();
    buffer.extend(features.iter().map(|&value| forest::narrow(value)));
    buffer
}
