//! Copies of homes with some of their inputs left out at random.
//!
//! People price homes of which they know a few things only, while a source may fill every field. A
//! model that never saw a gap does not know what to make of one. So some homes are learned from a
//! second time with gaps, and intervals are fitted to such copies too.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::encoder::Fitted;

/// One home in so many is learned from a second time, with gaps.
const ONE_IN: usize = 4;

/// The largest number of copies that are learned from.
const MAX_COPIES: usize = 50_000;

/// Copies of training homes with gaps.
pub(super) struct Copies {
    /// The homes that were copied.
    pub(super) rows: Vec<usize>,
    /// The features of the copies, row-major; NaN where a value is not known.
    pub(super) matrix: Vec<f64>,
}

impl Copies {
    /// The copies that a fit learns from, of `rows` homes.
    pub(super) fn of(fitted: &Fitted, rows: usize, seed: u64) -> Self {
        let width = fitted.encoder.width();
        let rows = sample(rows, (rows / ONE_IN).min(MAX_COPIES), seed.wrapping_add(3));
        let mut matrix = vec![0.0; rows.len() * width];
        if width > 0 {
            for (&row, out) in rows.iter().zip(matrix.chunks_exact_mut(width)) {
                let mask = Mask::of(seed, row, 0);
                fitted.masked(row, |input| mask.keeps(input), out);
            }
        }
        Self { rows, matrix }
    }
}

/// Which inputs of a copy are known, decided by a hash: a copy knows a share of the inputs that is
/// itself random, so copies with few inputs are as frequent as copies with many.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mask {
    seed: u64,
    share: f64,
}

impl Mask {
    /// The mask of the `copy`-th copy of a row.
    pub(super) fn of(seed: u64, row: usize, copy: u64) -> Self {
        let seed = xxh3_64_with_seed(&(row as u64).to_le_bytes(), seed.wrapping_add(copy));
        Self {
            seed,
            share: uniform(seed),
        }
    }

    /// Whether an input is known.
    pub(super) fn keeps(self, input: usize) -> bool {
        uniform(xxh3_64_with_seed(&(input as u64).to_le_bytes(), self.seed)) < self.share
    }
}

/// Up to `count` of the rows from 0 to `rows` - 1, chosen by hash, ascending.
pub(super) fn sample(rows: usize, count: usize, seed: u64) -> Vec<usize> {
    let mut keyed: Vec<(u64, usize)> = (0..rows)
        .map(|row| (xxh3_64_with_seed(&(row as u64).to_le_bytes(), seed), row))
        .collect();
    if count < rows {
        keyed.select_nth_unstable(count);
        keyed.truncate(count);
    }
    let mut chosen: Vec<usize> = keyed.into_iter().map(|(_, row)| row).collect();
    chosen.sort_unstable();
    chosen
}

/// A number from 0 up to 1.
fn uniform(hash: u64) -> f64 {
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_know_every_share_of_the_inputs_equally_often() {
        let mut by_count = [0_u32; 11];
        for row in 0..11_000 {
            let mask = Mask::of(7, row, 1);
            by_count[(0..10).filter(|&input| mask.keeps(input)).count()] += 1;
        }
        // Uniform shares make uniform counts: 1,000 each.
        assert!(
            by_count.iter().all(|count| (850..1_150).contains(count)),
            "{by_count:?}"
        );
    }

    #[test]
    fn samples_are_distinct_rows_chosen_by_seed() {
        let sampled = sample(1_000, 100, 1);
        assert_eq!(sampled.len(), 100);
        assert!(sampled.is_sorted_by(|a, b| a < b));
        assert_ne!(sampled, sample(1_000, 100, 2));
        assert_eq!(sample(5, 100, 1), [0, 1, 2, 3, 4]);
    }
}
