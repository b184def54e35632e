//! Split-conformal intervals in log space (Papadopoulos et al. 2002; Vovk et al. 2005).
//!
//! The interval is as wide as the residuals were on homes that neither training nor early stopping
//! saw. With enough of them the width is found apart for bands of the predicted price (Mondrian
//! conformal), since cheap homes are harder to price than their neighbours.

use serde::{Deserialize, Serialize};

/// Homes a band of its own wants.
const BAND: usize = 150;

/// Most bands.
const MOST_BANDS: usize = 4;

/// How far the truth is from a prediction, in log space, by band of the prediction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Intervals {
    /// The share of homes whose price should lie inside.
    pub(crate) level: f64,
    /// The predictions at which the next band begins, ascending; one fewer than `widths`.
    edges: Vec<f64>,
    /// Half the width of the interval in log space, by band.
    widths: Vec<f64>,
}

impl Intervals {
    /// Fits the widths to pairs of (prediction, truth), both in log space.
    pub(crate) fn fit(level: f64, pairs: &[(f64, f64)]) -> Self {
        let mut sorted: Vec<(f64, f64)> = pairs
            .iter()
            .map(|&(predicted, truth)| (predicted, (truth - predicted).abs()))
            .collect();
        sorted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let bands = (sorted.len() / BAND).clamp(1, MOST_BANDS);
        let mut edges = Vec::new();
        let mut widths = Vec::new();
        for band in 0..bands {
            let bound = |band: usize| band * sorted.len() / bands;
            let part = sorted.get(bound(band)..bound(band + 1)).unwrap_or_default();
            if let (true, Some((first, _))) = (band > 0, part.first()) {
                edges.push(*first);
            }
            let mut residuals: Vec<f64> = part.iter().map(|(_, residual)| *residual).collect();
            residuals.sort_unstable_by(f64::total_cmp);
            // The finite-sample rank; where it is beyond the last residual, the last is all there is.
            let rank = ((residuals.len() + 1) as f64 * level).ceil() as usize;
            let width = residuals
                .get(rank.clamp(1, residuals.len().max(1)) - 1)
                .copied();
            widths.push(width.unwrap_or(0.0));
        }
        Self {
            level,
            edges,
            widths,
        }
    }

    /// Half the width in log space around a prediction.
    pub(crate) fn half_width(&self, prediction: f64) -> f64 {
        let band = self.edges.partition_point(|edge| *edge <= prediction);
        self.widths.get(band).copied().unwrap_or(0.0)
    }

    pub(crate) fn is_sound(&self) -> bool {
        self.level > 0.0
            && self.level < 1.0
            && self.widths.len() == self.edges.len() + 1
            && self
                .widths
                .iter()
                .all(|width| width.is_finite() && *width >= 0.0)
            && self.edges.iter().all(|edge| edge.is_finite())
            && self.edges.is_sorted()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_width_is_the_residual_at_the_finite_sample_rank() {
        let pairs: Vec<(f64, f64)> = (1..=99)
            .map(|i| (10.0, 10.0 + f64::from(i) / 100.0))
            .collect();
        let intervals = Intervals::fit(0.9, &pairs);
        // (99 + 1) * 0.9 = 90th smallest.
        assert!((intervals.half_width(10.0) - 0.90).abs() < 1e-9);
    }

    #[test]
    fn bands_follow_the_spread() {
        let pairs: Vec<(f64, f64)> = (0..2_000)
            .map(|i| {
                let predicted = 10.0 + f64::from(i) / 1_000.0;
                let spread = if i < 1_000 { 1.0 } else { 0.1 };
                (predicted, predicted + spread * f64::from(i % 100) / 100.0)
            })
            .collect();
        let intervals = Intervals::fit(0.9, &pairs);
        assert!(intervals.half_width(10.2) > 0.8);
        assert!(intervals.half_width(11.8) < 0.12);
        assert!(intervals.is_sound());
    }

    #[test]
    fn without_homes_there_is_no_width() {
        let intervals = Intervals::fit(0.9, &[]);
        assert_eq!(intervals.half_width(1.0), 0.0);
        assert!(intervals.is_sound());
    }

    proptest! {
        #[test]
        fn the_share_inside_is_at_least_the_level(
            residuals in prop::collection::vec(-1.0_f64..1.0, 20..120),
        ) {
            let pairs: Vec<(f64, f64)> = residuals.iter().map(|r| (10.0, 10.0 + r)).collect();
            let width = Intervals::fit(0.9, &pairs).half_width(10.0);
            let inside = residuals.iter().filter(|r| r.abs() <= width + 1e-9).count();
            prop_assert!(inside as f64 >= 0.9 * residuals.len() as f64);
        }
    }
}
