//! A weighted sum of features.

use serde::{Deserialize, Serialize};

/// Intercept and one weight per feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Linear {
    pub(crate) intercept: f64,
    pub(crate) weights: Vec<f64>,
}

impl Linear {
    pub(crate) fn predict(&self, features: &[f64]) -> f64 {
        self.weights
            .iter()
            .zip(features)
            .fold(self.intercept, |sum, (weight, feature)| {
                sum + weight * feature
            })
    }

    /// The prediction for the average home, since features are centred on it, and how much each
    /// feature moves this row's away from it.
    pub(crate) fn contributions(&self, features: &[f64]) -> (f64, Vec<f64>) {
        let parts = self
            .weights
            .iter()
            .zip(features)
            .map(|(weight, feature)| weight * feature);
        (self.intercept, parts.collect())
    }

    pub(crate) fn is_sound(&self, width: usize) -> bool {
        self.weights.len() == width
            && self.intercept.is_finite()
            && self.weights.iter().all(|weight| weight.is_finite())
    }
}
