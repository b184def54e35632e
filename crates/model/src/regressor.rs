//! What an algorithm leaves behind when it has learnt: the one face every algorithm has.

use serde::{Deserialize, Serialize};

use crate::forest::{self, Forest};
use crate::linear::Linear;

/// A fitted regressor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Regressor {
    Linear(Linear),
    Forest(Forest),
    /// A weighted sum and what trees add to it.
    Blend {
        linear: Linear,
        forest: Forest,
    },
}

impl Regressor {
    /// The prediction for one row of features in the model's own space; `narrow` is room for the
    /// features as the trees compare them.
    pub(crate) fn predict(&self, features: &[f64], narrow: &mut Vec<f32>) -> f64 {
        let mut trees = |forest: &Forest| {
            narrow.clear();
            narrow.extend(features.iter().map(|&value| forest::narrow(value)));
            forest.predict(narrow)
        };
        match self {
            Self::Linear(linear) => linear.predict(features),
            Self::Forest(forest) => trees(forest),
            Self::Blend { linear, forest } => linear.predict(features) + trees(forest),
        }
    }

    /// The mean prediction, and how much each feature moves this row's away from it; together they
    /// are the prediction.
    pub(crate) fn contributions(&self, features: &[f64]) -> (f64, Vec<f64>) {
        let trees = |forest: &Forest| {
            let narrow: Vec<f32> = features
                .iter()
                .map(|&value| forest::narrow(value))
                .collect();
            forest.contributions(&narrow)
        };
        match self {
            Self::Linear(linear) => linear.contributions(features),
            Self::Forest(forest) => trees(forest),
            Self::Blend { linear, forest } => {
                // Shapley values are linear in the model (Shapley 1953): those of a sum are sums.
                let (mut base, mut parts) = linear.contributions(features);
                let (trees_base, trees_parts) = trees(forest);
                base += trees_base;
                for (part, trees_part) in parts.iter_mut().zip(trees_parts) {
                    *part += trees_part;
                }
                (base, parts)
            }
        }
    }

    /// Whether it takes rows of so many features.
    pub(crate) fn is_sound(&self, width: usize) -> bool {
        match self {
            Self::Linear(linear) => linear.is_sound(width),
            Self::Forest(forest) => forest.width() == width,
            Self::Blend { linear, forest } => linear.is_sound(width) && forest.width() == width,
        }
    }

    /// How many trees there are, 0 where there are none.
    pub(crate) fn trees(&self) -> usize {
        match self {
            Self::Linear(_) => 0,
            Self::Forest(forest) | Self::Blend { forest, .. } => forest.trees(),
        }
    }
}
