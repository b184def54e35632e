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
