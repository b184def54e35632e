//! Percentile bootstrap (Efron & Tibshirani 1993): resamples of the sales with replacement.

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::sorted::{Sorted, Statistics, quantile};

/// Resamples of a small study.
const MOST_SAMPLES: usize = 500;
/// Resamples of a large one, whose intervals are narrow.
const LEAST_SAMPLES: usize = 100;
/// Sales drawn in all: a second of work.
const MOST_DRAWN: usize = 4_000_000;

/// The 2.5 % and 97.5 % quantiles of each statistic, in the order of [`Statistics::by_name`].
pub(crate) fn intervals(sorted: &Sorted, seed: u64) -> [(f64, f64); 8] {
    let samples = (MOST_DRAWN / sorted.len()).clamp(LEAST_SAMPLES, MOST_SAMPLES);
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    let mut counts = vec![0_u32; sorted.len()];
    let mut drawn: [Vec<f64>; 8] = Default::default();
    for _ in 0..samples {
        counts.fill(0);
        for _ in 0..counts.len() {
            let index = generator.random_range(0..counts.len());
            if let Some(count) = counts.get_mut(index) {
                *count += 1;
            }
        }
        let values: Statistics = sorted.statistics(&counts);
        for (all, (_, value)) in drawn.iter_mut().zip(values.by_name()) {
            if value.is_finite() {
                all.push(value);
            }
        }
    }
    drawn.map(|mut values| {
        values.sort_unstable_by(f64::total_cmp);
        (quantile(&values, 0.025), quantile(&values, 0.975))
    })
}
