//! Is the gain chance? A paired bootstrap over properties.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::model::Prediction;

/// What the bootstrap's samples say of the change in mean absolute error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Gain {
    /// Share of samples in which the challenger's error was lower.
    pub(super) better_in: f64,
    /// The 2.5 % and 97.5 % points of the relative change.
    pub(super) range: (f64, f64),
}

impl Gain {
    pub(super) fn of(
        samples: u32,
        seed: u64,
        prices: &[f64],
        properties: &[u64],
        challenger: &[Prediction],
        champion: &[Prediction],
    ) -> Self {
        let homes = by_property(prices, properties, challenger, champion);
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        let mut changes: Vec<f64> = (0..samples)
            .map(|_| {
                let (mut new, mut old) = (0.0, 0.0);
                for _ in 0..homes.len() {
                    if let Some(home) = homes.get(generator.random_range(0..homes.len())) {
                        new += home.0;
                        old += home.1;
                    }
                }
                super::change(new, old)
            })
            .collect();
        changes.sort_unstable_by(f64::total_cmp);
        let at = |share: f64| {
            let index = (share * changes.len().saturating_sub(1) as f64).round() as usize;
            changes.get(index).copied().unwrap_or(0.0)
        };
        let better = changes.iter().filter(|change| **change < 0.0).count();
        Self {
            better_in: better as f64 / f64::from(samples.max(1)),
            range: (at(0.025), at(0.975)),
        }
    }
}

/// The sums of the absolute errors of challenger and champion, one pair for each property: rows of
/// one property are not independent, so they are drawn together.
fn by_property(
    prices: &[f64],
    properties: &[u64],
    challenger: &[Prediction],
    champion: &[Prediction],
) -> Vec<(f64, f64)> {
    let mut rows: Vec<(u64, f64, f64)> = prices
        .iter()
        .zip(challenger.iter().zip(champion))
        .enumerate()
        .filter(|(_, (price, _))| price.is_finite() && **price > 0.0)
        .map(|(row, (price, (new, old)))| {
            let property = properties.get(row).copied().unwrap_or(row as u64);
            (
                property,
                (price - new.price).abs(),
                (price - old.price).abs(),
            )
        })
        .collect();
    rows.sort_by_key(|row| row.0);
    rows.chunk_by(|a, b| a.0 == b.0)
        .map(|rows| {
            let sum = |error: fn(&(u64, f64, f64)) -> f64| rows.iter().map(error).sum();
            (sum(|row| row.1), sum(|row| row.2))
        })
        .collect()
}
