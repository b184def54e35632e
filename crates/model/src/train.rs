//! Training: one algorithm, one dataset, one seed, one model with its evidence.
//!
//! The rows a model learns from, the rows its intervals are calibrated on and the rows it is
//! compared on are three sets of properties. Here only the first two are seen: what is reported as
//! validation comes from the calibration part, which neither the fit nor its early stopping saw.
//! Where that part is too small to say anything, validation is by cross-fitting instead: parts of
//! the training properties are priced by models that did not learn from them.

mod blend;
mod boosting;
mod least_squares;
mod random_forest;
mod unseen;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::algorithm::Algorithm;
use crate::encoder::{self, Fitted, Style};
use crate::frame::Frame;
use crate::interval::Intervals;
use crate::metrics::Metrics;
use crate::model::{Model, Scale};
use crate::regressor::Regressor;
use unseen::Unseen;

/// The fewest priced homes there must be to learn from.
pub const LEAST_ROWS: usize = 30;

/// The fewest calibration homes that validation and intervals rest on alone.
const LEAST_CALIBRATION: usize = 50;

/// Out-of-fold homes that are enough where calibration homes are not.
const ENOUGH_CROSS_FITTED: usize = 400;

/// One property in so many is kept back to judge settings by, such as the number of rounds.
const KEPT_BACK: u8 = 8;

/// Fewer rows than this are not parted: settings are then the usual ones.
const LEAST_TO_PART: usize = 400;

/// How far beyond the prices seen in training a prediction may go, in log space.
const BEYOND: f64 = 0.25;

/// What to fit, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainConfig {
    /// The algorithm.
    pub algorithm: Algorithm,
    /// The seed of every choice; the same frames, configuration and seed give the same bytes.
    pub seed: u64,
    /// The share of homes whose price the intervals should hold. Default 0.9.
    pub level: f64,
    /// Threads to use, never a matter of the result; `None` takes one per core.
    pub threads: Option<NonZeroUsize>,
    /// The most rounds of boosting. Default 500: with trees of 31 leaves a home is then priced in
    /// some 10 microseconds and explained in half a millisecond.
    pub most_rounds: NonZeroUsize,
    /// The budget of the search for hyper-parameters: the most settings that are tried for an
    /// algorithm, beside the rounds of boosting. Default 5.
    pub trials: NonZeroUsize,
}

impl TrainConfig {
    /// The defaults for an algorithm and a seed.
    pub fn new(algorithm: Algorithm, seed: u64) -> Self {
        const ROUNDS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(499);
        const TRIALS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(4);
        Self {
            algorithm,
            seed,
            level: 0.9,
            threads: None,
            most_rounds: ROUNDS,
            trials: TRIALS,
        }
    }
}

/// Why no model came of it. The same frames and configuration fail the same way again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrainError {
    /// There is too little to learn from.
    #[error(
        "{rows} homes with a price are too few to learn from: at least {LEAST_ROWS} are needed"
    )]
    TooFewRows {
        /// Homes with a price.
        rows: usize,
    },
    /// There is nothing to learn.
    #[error("every home costs the same: there is nothing to learn")]
    EqualPrices,
    /// There is nothing to learn from.
    #[error("no column tells one home from another: there is nothing to learn from")]
    NoInputs,
    /// The algorithm refused the data, or broke on it.
    #[error("{algorithm} could not be fitted: {reason}")]
    Algorithm {
        /// The algorithm.
        algorithm: Algorithm,
        /// What it said.
        reason: String,
    },
}

/// Where the validation figures come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Validation {
    /// The calibration part: properties that were not trained on.
    Calibration,
    /// Parts of the training properties, priced by models that had not seen them.
    CrossFitted,
}

/// What is known of a model when it has been fitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// How good it is on homes it had not seen. Coverage and width are of intervals that were
    /// calibrated on one half of those homes and measured on the other.
    pub validation: Metrics,
    /// Which homes those were.
    pub validated_on: Validation,
    /// Homes it learnt from.
    pub training_rows: u64,
    /// Homes its intervals were calibrated on.
    pub calibration_rows: u64,
    /// The settings in effect, by name.
    pub parameters: BTreeMap<String, String>,
    /// The features the algorithm saw.
    pub features: Vec<String>,
}

/// Fits a model to the homes of `training`; `calibration` must hold other properties.
///
/// Homes without a positive finite price are left out of both.
///
/// # Errors
/// [`TrainError`]; a panic inside an algorithm's library is one too.
pub fn fit(
    config: &TrainConfig,
    training: &Frame,
    calibration: &Frame,
) -> Result<(Model, Evidence), TrainError> {
    let training = training.select(&training.priced_rows());
    let calibration = calibration.select(&calibration.priced_rows());
    let learner = Learner {
        config,
        training: &training,
    };
    let parts = learner.fit(&training)?;

    let (logs, low, high) = log_prices(&training);
    debug_assert_eq!(logs.len(), training.rows());
    let mut model = Model {
        algorithm: config.algorithm,
        seed: config.seed,
        training_rows: training.rows() as u64,
        scale: Scale::Log,
        encoder: parts.encoder,
        regressor: parts.regressor,
        intervals: Intervals::fit(config.level, &[]),
        bounds: (low - BEYOND, high + BEYOND),
    };

    let enough = calibration.rows() >= LEAST_CALIBRATION;
    let mut unseen = Unseen::default();
    unseen.add(&model, &calibration);
    if !enough {
        learner.cross_fit(&model, &mut unseen)?;
    }
    model.intervals = Intervals::fit(config.level, &unseen.pairs());
    let validation = unseen
        .score(config.level)
        .ok_or(TrainError::TooFewRows { rows: 0 })?;
    let mut parameters = parts.parameters;
    parameters.extend([
        parameter("search_most_trials", config.trials),
        parameter("search_most_rounds", config.most_rounds),
    ]);
    let evidence = Evidence {
        validation,
        validated_on: if enough {
            Validation::Calibration
        } else {
            Validation::CrossFitted
        },
        training_rows: training.rows() as u64,
        calibration_rows: unseen.homes.len() as u64,
        parameters,
        features: model.features(),
    };
    Ok((model, evidence))
}

/// What an algorithm and the encoder made for it come to.
struct Parts {
    encoder: encoder::Encoder,
    regressor: Regressor,
    parameters: BTreeMap<String, String>,
}

struct Learner<'a> {
    config: &'a TrainConfig,
    training: &'a Frame,
}

impl Learner<'_> {
    fn fit(&self, frame: &Frame) -> Result<Parts, TrainError> {
        if frame.rows() < LEAST_ROWS {
            return Err(TrainError::TooFewRows { rows: frame.rows() });
        }
        let (target, low, high) = log_prices(frame);
        if low == high {
            return Err(TrainError::EqualPrices);
        }
        let config = self.config;
        let properties = frame.property_ids();
        let folds = folds(&properties, config.seed, encoder::FOLDS);
        let style = match config.algorithm {
            Algorithm::Boosting => Style::Trees,
            Algorithm::Linear | Algorithm::Ridge => Style::Dense,
            Algorithm::Forest | Algorithm::Blend => Style::Both,
        };
        let fitted = encoder::fit(frame, &target, &folds, style);
        if fitted.encoder.features.is_empty() {
            return Err(TrainError::NoInputs);
        }
        let (regressor, parameters) = guard(config.algorithm, || match config.algorithm {
            Algorithm::Linear => least_squares::ordinary(&fitted, &target),
            Algorithm::Ridge => least_squares::ridge(config, &fitted, &target, &properties),
            Algorithm::Forest => random_forest::fit(config, &fitted, &target, &properties),
            Algorithm::Boosting => boosting::fit(config, &fitted, &target, &properties),
            Algorithm::Blend => blend::fit(config, &fitted, &target, &properties),
        })?;
        if !regressor.is_sound(fitted.encoder.width()) {
            return Err(TrainError::Algorithm {
                algorithm: config.algorithm,
                reason: "its parameters are not finite numbers".to_owned(),
            });
        }
        Ok(Parts {
            encoder: fitted.encoder,
            regressor,
            parameters,
        })
    }

    /// Prices parts of the training properties by models that did not see them, until there are
    /// enough of them.
    fn cross_fit(&self, model: &Model, unseen: &mut Unseen) -> Result<(), TrainError> {
        // Another seed than that of the encoder's folds, which are a matter of their own.
        let folds = folds(
            &self.training.property_ids(),
            self.config.seed.wrapping_add(1),
            encoder::FOLDS,
        );
        for fold in 0..encoder::FOLDS {
            if unseen.homes.len() >= ENOUGH_CROSS_FITTED {
                break;
            }
            let rows = |inside: bool| -> Vec<usize> {
                (0..)
                    .zip(&folds)
                    .filter(|(_, of)| (**of == fold) == inside)
                    .map(|(row, _)| row)
                    .collect()
            };
            let (held, learnt) = (rows(true), rows(false));
            if held.is_empty() {
                continue;
            }
            let parts = match self.fit(&self.training.select(&learnt)) {
                Ok(parts) => parts,
                // What is left after taking a part out may be too little; the whole was not.
                Err(
                    TrainError::TooFewRows { .. } | TrainError::EqualPrices | TrainError::NoInputs,
                ) => {
                    continue;
                }
                Err(error) => return Err(error),
            };
            let without = Model {
                encoder: parts.encoder,
                regressor: parts.regressor,
                ..model.clone()
            };
            unseen.add(&without, &self.training.select(&held));
        }
        if unseen.homes.is_empty() {
            // So few homes that none could be spared: the fit's own residuals are all there is.
            unseen.add(model, self.training);
        }
        Ok(())
    }
}

/// Runs a library's fit so that neither its error nor its panic leaves this crate as such.
pub(crate) fn guard<T>(
    algorithm: Algorithm,
    run: impl FnOnce() -> Result<T, String>,
) -> Result<T, TrainError> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(reason)) => Err(TrainError::Algorithm { algorithm, reason }),
        Err(panic) => {
            let message = panic
                .downcast_ref::<&str>()
                .map(|text| (*text).to_owned())
                .or_else(|| panic.downcast_ref::<String>().cloned());
            let reason = match message {
                Some(message) => format!("its library panicked: {message}"),
                None => "its library panicked".to_owned(),
            };
            Err(TrainError::Algorithm { algorithm, reason })
        }
    }
}

/// The logarithms of the prices, the least and the greatest of them.
fn log_prices(frame: &Frame) -> (Vec<f64>, f64, f64) {
    let logs: Vec<f64> = frame
        .prices()
        .unwrap_or_default()
        .iter()
        .map(|price| price.ln())
        .collect();
    let low = logs.iter().copied().fold(f64::INFINITY, f64::min);
    let high = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (logs, low, high)
}

/// A part for each row, the same for rows of one property.
fn folds(properties: &[u64], seed: u64, parts: u8) -> Vec<u8> {
    properties
        .iter()
        .map(|property| {
            (xxh3_64_with_seed(&property.to_le_bytes(), seed) % u64::from(parts.max(1))) as u8
        })
        .collect()
}

/// The rows that settings are tried on, and those they are judged by, of other properties: of
/// [`KEPT_BACK`] parts, the one numbered `part`. `None` where there are too few to part them.
fn parted(config: &TrainConfig, properties: &[u64], part: u8) -> Option<(Vec<usize>, Vec<usize>)> {
    if properties.len() < LEAST_TO_PART {
        return None;
    }
    let parts = folds(properties, config.seed.wrapping_add(2), KEPT_BACK);
    let rows = |kept_back: bool| -> Vec<usize> {
        (0..)
            .zip(&parts)
            .filter(|(_, of)| (**of == part) == kept_back)
            .map(|(row, _)| row)
            .collect()
    };
    let (learnt, kept_back) = (rows(false), rows(true));
    (!learnt.is_empty() && !kept_back.is_empty()).then_some((learnt, kept_back))
}

/// What every algorithm's fit takes and gives.
type Outcome = Result<(Regressor, BTreeMap<String, String>), String>;

fn parameter(name: &str, value: impl ToString) -> (String, String) {
    (name.to_owned(), value.to_string())
}

fn narrow(fitted: &Fitted) -> Vec<f32> {
    fitted
        .matrix
        .iter()
        .map(|&value| crate::forest::narrow(value))
        .collect()
}
