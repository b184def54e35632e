//! Prediction intervals in log space, conformal and scaled to how well each home is known.
//!
//! A home's expected error (its *spread*) comes from trees fitted to the errors of homes that were
//! priced by models without them, once with all their values and again with random values left out.
//! The interval is the spread times a factor: the error at the finite-sample rank among homes of
//! similar spread (normalised conformal prediction, Papadopoulos et al. 2008; Mondrian categories,
//! Vovk et al. 2005). So intervals are wider where less is known, and cover the same share of homes.

use serde::{Deserialize, Serialize};

use crate::forest::{self, Forest};

/// Homes of a bucket.
const BUCKET: usize = 150;

/// The largest number of buckets.
const MAX_BUCKETS: usize = 10;

/// The share of a normal distribution within one standard deviation.
const ONE_DEVIATION: f64 = 0.682_689_5;

/// The largest half width in log space: beyond it `exp` overflows for no real price.
const MAX_HALF: f64 = 20.0;

/// How far the true price may be from a prediction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Intervals {
    /// The share of homes whose price should lie inside.
    pub(crate) level: f64,
    /// The logarithm of a home's expected error, from its features and its prediction. Without it
    /// buckets are ranges of the prediction, and widths are absolute.
    pub(crate) spread: Option<Forest>,
    /// Where the next bucket begins, ascending; one fewer than `widths`.
    pub(crate) edges: Vec<f64>,
    /// Half the width of the interval, as a factor of the spread, by bucket.
    pub(crate) widths: Vec<f64>,
    /// The standard deviation, as a factor of the spread, by bucket.
    pub(crate) deviations: Vec<f64>,
}

/// The uncertainty of one prediction, in log space.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Uncertainty {
    /// Half the width of the interval.
    pub(crate) half: f64,
    /// The forecast standard deviation.
    pub(crate) deviation: f64,
}

impl Intervals {
    /// No width at all: for models that are only asked for prices.
    pub(crate) fn none(level: f64) -> Self {
        Self {
            level,
            spread: None,
            edges: Vec::new(),
            widths: vec![0.0],
            deviations: vec![0.0],
        }
    }

    /// Fits bucket widths to pairs of (key, error): the key is the logarithm of the spread where
    /// there is a `spread`, otherwise the prediction. Errors are absolute, in log space.
    pub(crate) fn fit(level: f64, spread: Option<Forest>, pairs: &[(f64, f64)]) -> Self {
        let scale = |key: f64| if spread.is_some() { key.exp() } else { 1.0 };
        let mut sorted: Vec<(f64, f64)> = pairs
            .iter()
            .map(|&(key, error)| (key, error / scale(key)))
            .collect();
        sorted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let buckets = (sorted.len() / BUCKET).clamp(1, MAX_BUCKETS);
        let mut fitted = Self::none(level);
        fitted.widths.clear();
        fitted.deviations.clear();
        for bucket in 0..buckets {
            let bound = |bucket: usize| bucket * sorted.len() / buckets;
            let part = sorted
                .get(bound(bucket)..bound(bucket + 1))
                .unwrap_or_default();
            if let (true, Some((first, _))) = (bucket > 0, part.first()) {
                fitted.edges.push(*first);
            }
            let mut scores: Vec<f64> = part.iter().map(|(_, score)| *score).collect();
            scores.sort_unstable_by(f64::total_cmp);
            fitted.widths.push(at_rank(&scores, level));
            fitted.deviations.push(at_rank(&scores, ONE_DEVIATION));
        }
        fitted.spread = spread;
        fitted
    }

    /// The uncertainty of a prediction; `features` have NaN where a value is not known.
    pub(crate) fn of(&self, prediction: f64, features: &[f64]) -> Uncertainty {
        let key = match &self.spread {
            Some(spread) => spread_of(spread, prediction, features),
            None => prediction,
        };
        self.at(key)
    }

    /// The uncertainty at a key; see [`Intervals::fit`].
    pub(crate) fn at(&self, key: f64) -> Uncertainty {
        let scale = if self.spread.is_some() {
            key.exp()
        } else {
            1.0
        };
        let bucket = self.edges.partition_point(|edge| *edge <= key);
        let width = |of: &[f64]| (of.get(bucket).copied().unwrap_or(0.0) * scale).min(MAX_HALF);
        Uncertainty {
            half: width(&self.widths),
            deviation: width(&self.deviations),
        }
    }

    pub(crate) fn is_sound(&self, width: usize) -> bool {
        let widths = |of: &[f64]| {
            of.len() == self.edges.len() + 1
                && of.iter().all(|width| width.is_finite() && *width >= 0.0)
        };
        self.level > 0.0
            && self.level < 1.0
            && widths(&self.widths)
            && widths(&self.deviations)
            && self.edges.iter().all(|edge| edge.is_finite())
            && self.edges.is_sorted()
            && self
                .spread
                .as_ref()
                .is_none_or(|spread| spread.width() == width + 1)
    }
}

/// The logarithm of the spread of one home.
pub(crate) fn spread_of(spread: &Forest, prediction: f64, features: &[f64]) -> f64 {
    let row: Vec<f32> = spread_features(prediction, features).collect();
    spread.predict(&row)
}

/// What the trees of a spread are given: the features, then the prediction.
pub(crate) fn spread_features(
    prediction: f64,
    features: &[f64],
) -> impl Iterator<Item = f32> + use<'_> {
    features
        .iter()
        .copied()
        .chain(std::iter::once(prediction))
        .map(forest::narrow)
}

/// The value at the finite-sample rank of a level, of ascending values; 0 of none. Where the rank
/// is beyond the last value, the last one.
fn at_rank(ascending: &[f64], level: f64) -> f64 {
    let rank = ((ascending.len() + 1) as f64 * level).ceil() as usize;
    let index = rank.clamp(1, ascending.len().max(1)) - 1;
    ascending.get(index).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn width_is_the_error_at_the_finite_sample_rank() {
        let pairs: Vec<(f64, f64)> = (1..=99).map(|i| (10.0, f64::from(i) / 100.0)).collect();
        let uncertainty = Intervals::fit(0.9, None, &pairs).at(10.0);
        // (99 + 1) * 0.9 = 90th smallest, (99 + 1) * 0.683 = 69th.
        assert!((uncertainty.half - 0.90).abs() < 1e-9);
        assert!((uncertainty.deviation - 0.69).abs() < 1e-9);
    }

    #[test]
    fn buckets_follow_the_errors() {
        let pairs: Vec<(f64, f64)> = (0..2_000)
            .map(|i| {
                let size = if i < 1_000 { 1.0 } else { 0.1 };
                (
                    10.0 + f64::from(i) / 1_000.0,
                    size * f64::from(i % 100) / 100.0,
                )
            })
            .collect();
        let intervals = Intervals::fit(0.9, None, &pairs);
        assert!(intervals.at(10.2).half > 0.8);
        assert!(intervals.at(11.8).half < 0.12);
        assert!(intervals.is_sound(3));
    }

    #[test]
    fn without_homes_there_is_no_width() {
        let intervals = Intervals::fit(0.9, None, &[]);
        assert_eq!(intervals.at(1.0).half, 0.0);
        assert!(intervals.is_sound(1));
    }

    proptest! {
        #[test]
        fn share_inside_is_at_least_the_level(
            errors in prop::collection::vec(0.0_f64..1.0, 20..120),
        ) {
            let pairs: Vec<(f64, f64)> = errors.iter().map(|error| (10.0, *error)).collect();
            let half = Intervals::fit(0.9, None, &pairs).at(10.0).half;
            let inside = errors.iter().filter(|error| **error <= half + 1e-9).count();
            prop_assert!(inside as f64 >= 0.9 * errors.len() as f64);
        }
    }
}
