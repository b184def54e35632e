//! Out-of-fold errors, with all values known and with some left out, and the intervals they make.

use super::masking::{Mask, sample};
use super::{TrainConfig, boosting, guard, parallel};
use crate::encoder::Fitted;
use crate::folds::{FoldModels, rows_of};
use crate::forest::Forest;
use crate::frame::Frame;
use crate::interval::{Intervals, spread_features};
use crate::model::Prediction;
use crate::train::TrainError;

/// The largest number of homes whose errors intervals rest on; each is used complete and masked.
const MAX_HOMES: usize = 20_000;

/// Masked copies of each of these homes.
const COPIES: u64 = 2;

/// The fewest errors from which a spread is learned.
const LEAST_FOR_SPREAD: usize = 600;

/// Trees of a spread, and leaves of each.
const ROUNDS: usize = 60;
const LEAVES: usize = 12;

/// The smallest error that counts, in log space: logarithms of smaller ones would rule the fit.
const LEAST_ERROR: f64 = 0.01;

/// Errors of homes that were priced without having been learned from.
pub(super) struct Residuals {
    /// What a spread's trees are given, row-major: features, then prediction.
    features: Vec<f32>,
    width: usize,
    /// Absolute errors in log space.
    errors: Vec<f64>,
    /// The logarithm of each prediction.
    logs: Vec<f64>,
    /// Which quarter of the properties each belongs to.
    quarters: Vec<u8>,
}

/// Whether a quarter is in the second half.
const fn is_second(quarter: u8) -> bool {
    quarter >= 2
}

impl Residuals {
    /// `logs` are the out-of-fold predictions of `homes` and `target` their prices, both in log
    /// space; `fitted` is the served model's encoder with its cross-fitted features of `homes`.
    pub(super) fn of(
        config: &TrainConfig,
        fitted: &Fitted,
        folds: &FoldModels,
        homes: &Frame,
        target: &[f64],
        logs: &[f64],
    ) -> Self {
        let width = fitted.encoder.width() + 1;
        let quarters = quarters(homes);
        let mut residuals = Self {
            features: Vec::new(),
            width,
            errors: Vec::new(),
            logs: Vec::new(),
            quarters: Vec::new(),
        };
        let at = |of: &[f64], row: usize| of.get(row).copied().unwrap_or(0.0);
        let chosen = sample(homes.rows(), MAX_HOMES, config.seed.wrapping_add(5));
        let mut push = |row: usize, features: &[f64], log: f64| {
            residuals.features.extend(spread_features(log, features));
            residuals.errors.push((at(target, row) - log).abs());
            residuals.logs.push(log);
            residuals
                .quarters
                .push(quarters.get(row).copied().unwrap_or(0));
        };
        for &row in &chosen {
            push(row, fitted.row(row), at(logs, row));
        }
        let mut features = vec![0.0; fitted.encoder.width()];
        let fold_of = homes.folds(folds.count());
        let mut is_chosen = vec![false; homes.rows()];
        for row in chosen {
            if let Some(is_chosen) = is_chosen.get_mut(row) {
                *is_chosen = true;
            }
        }
        for (fold, model) in (0_u8..).zip(folds.models()) {
            let rows: Vec<usize> = rows_of(&fold_of, fold, true)
                .into_iter()
                .filter(|&row| is_chosen.get(row) == Some(&true))
                .collect();
            for copy in 1..=COPIES {
                let masks: Vec<Mask> = rows
                    .iter()
                    .map(|&row| Mask::of(config.seed, row, copy))
                    .collect();
                // Inputs are masked by their names: a fold's encoder may have fewer.
                let logs = model.predict_masked(&homes.select(&rows), |at, name| {
                    let input = fitted.encoder.slot(name);
                    match (input, masks.get(at)) {
                        (Some(input), Some(mask)) => mask.keeps(input),
                        _ => true,
                    }
                });
                for ((&row, mask), log) in rows.iter().zip(&masks).zip(logs) {
                    fitted.masked(row, |input| mask.keeps(input), &mut features);
                    push(row, &features, log);
                }
            }
        }
        residuals
    }

    /// The intervals that all errors make.
    pub(super) fn intervals(&self, config: &TrainConfig) -> Result<Intervals, TrainError> {
        let Some(spreads) = self.half_spreads(config)? else {
            return Ok(self.bands(config, |_| true));
        };
        let spread = self.spread(config, |_| true)?;
        Ok(Intervals::fit(
            config.level,
            Some(spread),
            &self.pairs(&spreads, |_| true),
        ))
    }

    /// The out-of-fold predictions of `homes`, each with an interval in which its own error has no
    /// part: its spread comes from the other half of the properties, the factors from the other
    /// quarter of the home's half.
    pub(super) fn predictions(
        &self,
        config: &TrainConfig,
        homes: &Frame,
        fitted: &Fitted,
        logs: &[f64],
    ) -> Result<Vec<Prediction>, TrainError> {
        let spreads = self.half_spreads(config)?;
        let intervals: Vec<Intervals> = (0..4_u8)
            .map(|quarter| {
                let other = |of: u8| of == quarter ^ 1;
                match &spreads {
                    None => self.bands(config, other),
                    Some(spreads) => {
                        let pairs = self.pairs(spreads, other);
                        let spread = spread_for(spreads, quarter).clone();
                        Intervals::fit(config.level, Some(spread), &pairs)
                    }
                }
            })
            .collect();
        let none = Intervals::none(config.level);
        Ok((0..)
            .zip(logs)
            .zip(quarters(homes))
            .map(|((row, &log), quarter)| {
                let intervals = intervals.get(usize::from(quarter)).unwrap_or(&none);
                Prediction::of(log, intervals.of(log, fitted.row(row)))
            })
            .collect())
    }

    fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.features.chunks_exact(self.width)
    }

    /// The logarithm of the spread and the error of the homes in some quarters; each spread was
    /// found without the home.
    fn pairs(&self, spreads: &[Forest; 2], is_in: impl Fn(u8) -> bool) -> Vec<(f64, f64)> {
        self.rows()
            .zip(self.errors.iter().zip(&self.quarters))
            .filter(|(_, (_, quarter))| is_in(**quarter))
            .map(|(row, (error, quarter))| (spread_for(spreads, *quarter).predict(row), *error))
            .collect()
    }

    /// Intervals without a spread, for few homes.
    fn bands(&self, config: &TrainConfig, is_in: impl Fn(u8) -> bool) -> Intervals {
        let pairs: Vec<(f64, f64)> = self
            .logs
            .iter()
            .zip(&self.errors)
            .zip(&self.quarters)
            .filter(|(_, quarter)| is_in(**quarter))
            .map(|((log, error), _)| (*log, *error))
            .collect();
        Intervals::fit(config.level, None, &pairs)
    }

    /// A spread from either half of the properties; `None` where there are too few homes.
    fn half_spreads(&self, config: &TrainConfig) -> Result<Option<[Forest; 2]>, TrainError> {
        let second = self.quarters.iter().filter(|of| is_second(**of)).count();
        if second.min(self.errors.len() - second) < LEAST_FOR_SPREAD / 2 {
            return Ok(None);
        }
        let mut halves = parallel::map(parallel::threads(config.threads), 2, |half| {
            self.spread(config, |quarter| is_second(quarter) == (half == 1))
        })
        .into_iter();
        match (halves.next(), halves.next()) {
            (Some(first), Some(second)) => Ok(Some([first?, second?])),
            _ => Ok(None),
        }
    }

    /// Trees for the logarithm of the error.
    fn spread(
        &self,
        config: &TrainConfig,
        is_in: impl Fn(u8) -> bool,
    ) -> Result<Forest, TrainError> {
        let mut features = Vec::new();
        let mut labels = Vec::new();
        for ((row, error), quarter) in self.rows().zip(&self.errors).zip(&self.quarters) {
            if is_in(*quarter) {
                features.extend_from_slice(row);
                labels.push(error.max(LEAST_ERROR).ln() as f32);
            }
        }
        guard(config.algorithm, || {
            boosting::small(features, &labels, ROUNDS, LEAVES, config.seed)
        })
    }
}

/// The spread that was found without a quarter: that of the other half.
fn spread_for([first, second]: &[Forest; 2], quarter: u8) -> &Forest {
    if is_second(quarter) { first } else { second }
}

/// Which quarter of the properties each home belongs to.
fn quarters(homes: &Frame) -> Vec<u8> {
    homes
        .property_ids()
        .iter()
        .map(|id| (id % 4) as u8)
        .collect()
}
