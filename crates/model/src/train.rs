//! Training: one algorithm, one dataset, one seed; one served model, its fold models, its evidence.
//!
//! The served model learns from every home. Beside it stand as many models as there are folds, each
//! fitted without the properties of its fold. Every figure comes from them: a home is evaluated by
//! the model that never saw its property, so all homes are used and none is scored by a model that
//! knows its price. Intervals rest on the same out-of-fold errors (cross-conformal prediction, Vovk
//! 2015), settings such as the number of rounds on the folds' losses: those of a fold's own model
//! on the losses of the other folds.

mod blend;
mod boosting;
mod least_squares;
mod masking;
mod parallel;
mod random_forest;
mod residuals;

use std::collections::BTreeMap;
use std::num::{NonZeroU8, NonZeroUsize};
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::{Deserialize, Serialize};

use tasador_ids::Algorithm;

use crate::encoder::{self, Encoder, Fitted, Style};
use crate::folds::{FoldModels, rows_of};
use crate::frame::{Column, Frame, SPLIT_VERSION, split};
use crate::importance::{self, Importance};
use crate::interval::Intervals;
use crate::linear::Linear;
use crate::metrics::{self, Scores};
use crate::model::{Model, Prediction, Scale};
use crate::regressor::Regressor;
use residuals::Residuals;

/// The fewest priced homes there must be to learn from.
pub const LEAST_ROWS: usize = 30;

/// The fewest homes for which an out-of-time evaluation is made: the newest tenth has 20 then.
const OUT_OF_TIME_ROWS: usize = 200;

/// The share of homes whose date must be known for an out-of-time evaluation.
const DATED_SHARE: f64 = 0.8;

/// How far beyond the prices seen in training a prediction may go, in log space.
const BEYOND: f64 = 0.25;

/// An input is important from this share of the importance of all.
const IMPORTANT_SHARE: f64 = 0.05;

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
    /// The largest number of boosting rounds of all members together. Default 500: with trees of 31
    /// leaves a home is then priced in some 10 microseconds and explained in half a millisecond.
    pub most_rounds: NonZeroUsize,
    /// Folds, at least 2. Default 5.
    pub folds: NonZeroU8,
}

impl TrainConfig {
    /// The defaults for an algorithm and a seed.
    pub fn new(algorithm: Algorithm, seed: u64) -> Self {
        const ROUNDS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(499);
        const FOLDS: NonZeroU8 = NonZeroU8::MIN.saturating_add(4);
        Self {
            algorithm,
            seed,
            level: 0.9,
            threads: None,
            most_rounds: ROUNDS,
            folds: FOLDS,
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

/// Which homes validation figures come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Validation {
    /// All homes, each priced by the fold model that never saw its property.
    OutOfFold,
    /// Versions of the first edition: properties kept back from training.
    Calibration,
    /// Versions of the first edition with few homes: parts of the training properties, priced by
    /// models that had not seen them.
    CrossFitted,
}

/// What is known of a model when it has been fitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Accuracy on homes the pricing model had not seen. Coverage and width are of intervals that
    /// were calibrated on one half of the properties and measured on the other.
    pub validation: Scores,
    /// Which homes those were.
    pub validated_on: Validation,
    /// Homes the served model learned from.
    pub training_rows: u64,
    /// Homes whose out-of-fold errors the intervals rest on.
    pub calibration_rows: u64,
    /// The number of folds; 0 in versions of the first edition.
    #[serde(default)]
    pub folds: u8,
    /// The version of the rule that assigns properties to folds; 0 in versions of the first edition.
    #[serde(default)]
    pub split_version: u16,
    /// Accuracy on the newest tenth of the homes by date, of a model that learned from the older
    /// ones. None where there is no date or there are few homes.
    #[serde(default)]
    pub out_of_time: Option<OutOfTime>,
    /// How much each input matters, most important first.
    #[serde(default)]
    pub importance: Vec<Importance>,
    /// The settings in effect, by name.
    pub parameters: BTreeMap<String, String>,
    /// The features the algorithm saw.
    pub features: Vec<String>,
}

/// An evaluation on later homes than those learned from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutOfTime {
    /// The column that orders homes in time.
    pub column: String,
    /// The first day of the homes evaluated, in days since 1970-01-01.
    pub from_day: i64,
    /// The accuracy on them.
    pub metrics: Scores,
}

/// What a fit comes to.
#[derive(Debug, Clone)]
pub struct Trained {
    /// The model that is served: it learned from every home.
    pub model: Model,
    /// The models that evaluate.
    pub folds: FoldModels,
    /// What is known of them.
    pub evidence: Evidence,
    /// The homes with a price.
    pub homes: Frame,
    /// The price of each of `homes` by the model that never saw its property, with an interval that
    /// the other half of the properties calls for.
    pub out_of_fold: Vec<Prediction>,
}

/// Fits the served model and its fold models to the homes of `frame`. Homes without a positive
/// finite price are left out.
///
/// # Errors
/// [`TrainError`]; a panic inside an algorithm's library is one too.
pub fn fit(config: &TrainConfig, frame: &Frame) -> Result<Trained, TrainError> {
    let homes = frame.select(&frame.priced_rows());
    if homes.rows() < LEAST_ROWS {
        return Err(TrainError::TooFewRows { rows: homes.rows() });
    }
    let (target, low, high) = log_prices(&homes);
    if low == high {
        return Err(TrainError::EqualPrices);
    }
    let learner = Learner {
        config,
        bounds: (low - BEYOND, high + BEYOND),
    };
    // Refuses what cannot be learned from before any fold is tried.
    let fitted = learner.encode(&homes, &target)?;

    let count = config.folds.get().max(2);
    let fold_of = homes.folds(count);
    let learned = parallel::map(
        parallel::threads(config.threads),
        usize::from(count),
        |fold| learner.learn_fold(&homes, &fold_of, fold as u8),
    );
    let learned: Vec<Option<Learned>> = learned.into_iter().collect::<Result<_, _>>()?;
    let losses: Vec<Vec<f64>> = learned
        .iter()
        .map(|fold| {
            fold.as_ref()
                .map_or(Vec::new(), |fold| fold.fit.losses.clone())
        })
        .collect();
    let fold_models: Vec<Model> = (0..)
        .zip(learned)
        .map(|(fold, learned)| {
            let setting = best_setting(&losses, Some(fold));
            learner.fold_model(learned, setting, low.midpoint(high))
        })
        .collect::<Result<_, _>>()?;
    let Some(folds) = FoldModels::new(fold_models) else {
        return Err(TrainError::TooFewRows { rows: homes.rows() });
    };

    let setting = best_setting(&losses, None);
    let (regressor, parameters) = learner.regressor(&fitted, &target, setting)?;
    let mut model = learner.model(fitted.encoder.clone(), regressor, homes.rows());
    let logs = folds.predict_logs(&homes);
    let importance = importance::measure(&folds, &homes, config.seed);
    model.important = important(&model, &importance);
    let residuals = Residuals::of(config, &fitted, &folds, &homes, &target, &logs);
    model.intervals = residuals.intervals(config)?;
    let out_of_fold = residuals.predictions(config, &homes, &fitted, &logs)?;
    let validation = metrics::score(homes.prices().unwrap_or_default(), &out_of_fold)
        .ok_or(TrainError::TooFewRows { rows: 0 })?;

    let mut parameters = parameters;
    parameters.extend([
        parameter("folds", count),
        parameter("search_most_rounds", config.most_rounds),
    ]);
    let evidence = Evidence {
        validation,
        validated_on: Validation::OutOfFold,
        training_rows: homes.rows() as u64,
        calibration_rows: homes.rows() as u64,
        folds: count,
        split_version: SPLIT_VERSION,
        out_of_time: learner.out_of_time(&homes, &model, setting)?,
        importance,
        parameters,
        features: model.features(),
    };
    Ok(Trained {
        model,
        folds,
        evidence,
        homes,
        out_of_fold,
    })
}

/// What an algorithm found in the homes of a frame.
struct Fit {
    candidates: Candidates,
    /// The sum of squared errors on the homes left out, by setting; empty where there is only one
    /// setting. Where a list is shorter than another, its last loss goes on.
    losses: Vec<f64>,
}

/// Regressors among which a setting chooses.
enum Candidates {
    /// There is nothing to choose.
    One(Regressor),
    /// One per penalty.
    Linear(Vec<Linear>),
    /// One per number of rounds, beside a weighted sum where there is one.
    Rounds {
        linear: Option<Linear>,
        booster: boosting::Booster,
    },
}

/// An encoder with what was fitted to its features.
struct Learned {
    encoder: Encoder,
    fit: Fit,
    rows: usize,
}

struct Learner<'a> {
    config: &'a TrainConfig,
    bounds: (f64, f64),
}

impl Learner<'_> {
    fn encode(&self, frame: &Frame, target: &[f64]) -> Result<Fitted, TrainError> {
        let style = match self.config.algorithm {
            Algorithm::Boosting => Style::Trees,
            Algorithm::Linear | Algorithm::Ridge => Style::Dense,
            Algorithm::Forest | Algorithm::Blend => Style::Both,
        };
        let folds = split(&frame.property_ids(), self.config.seed, encoder::FOLDS);
        let fitted = encoder::fit(frame, target, &folds, style);
        if fitted.encoder.features.is_empty() {
            return Err(TrainError::NoInputs);
        }
        Ok(fitted)
    }

    /// What the homes outside of a fold teach; `None` where they are too few or all alike.
    fn learn_fold(
        &self,
        homes: &Frame,
        fold_of: &[u8],
        fold: u8,
    ) -> Result<Option<Learned>, TrainError> {
        let training = homes.select(&rows_of(fold_of, fold, false));
        let held = homes.select(&rows_of(fold_of, fold, true));
        let (target, low, high) = log_prices(&training);
        if training.rows() < LEAST_ROWS / 2 || low == high {
            return Ok(None);
        }
        let fitted = match self.encode(&training, &target) {
            Ok(fitted) => fitted,
            Err(TrainError::NoInputs) => return Ok(None),
            Err(error) => return Err(error),
        };
        let fit = guard(self.config.algorithm, || {
            let data = Data {
                config: self.config,
                fitted: &fitted,
                target: &target,
                held: &Held::of(&fitted.encoder, &held),
                // Folds run side by side.
                threads: 1,
            };
            match self.config.algorithm {
                Algorithm::Linear => least_squares::ordinary(&data),
                Algorithm::Ridge => least_squares::ridge(&data),
                Algorithm::Forest => random_forest::fit(&data),
                Algorithm::Boosting => boosting::fit(&data, None),
                Algorithm::Blend => blend::fit(&data, None),
            }
        })?;
        Ok(Some(Learned {
            encoder: fitted.encoder,
            fit,
            rows: training.rows(),
        }))
    }

    /// The model of a fold. One that learned nothing prices every home at `middle`.
    fn fold_model(
        &self,
        learned: Option<Learned>,
        setting: usize,
        middle: f64,
    ) -> Result<Model, TrainError> {
        let (encoder, regressor, rows) = match learned {
            Some(learned) => {
                let regressor = learned.fit.candidates.choose(setting);
                let regressor = regressor.map_err(|reason| self.failed(reason))?;
                (learned.encoder, regressor, learned.rows)
            }
            None => {
                let constant = Linear {
                    intercept: middle,
                    weights: Vec::new(),
                };
                (Encoder::default(), Regressor::Linear(constant), 0)
            }
        };
        self.sound(self.model(encoder, regressor, rows))
    }

    /// The served model's regressor, with the setting that the folds found.
    fn regressor(
        &self,
        fitted: &Fitted,
        target: &[f64],
        setting: usize,
    ) -> Result<(Regressor, BTreeMap<String, String>), TrainError> {
        let data = Data {
            config: self.config,
            fitted,
            target,
            held: &Held::default(),
            threads: parallel::threads(self.config.threads),
        };
        let rounds = setting + 1;
        guard(self.config.algorithm, || {
            let (fit, mut parameters) = match self.config.algorithm {
                Algorithm::Linear => (least_squares::ordinary(&data)?, least_squares::parameters()),
                Algorithm::Ridge => (
                    least_squares::ridge(&data)?,
                    least_squares::ridge_parameters(setting),
                ),
                Algorithm::Forest => (random_forest::fit(&data)?, random_forest::parameters(&data)),
                Algorithm::Boosting => (
                    boosting::fit(&data, Some(rounds))?,
                    boosting::parameters(&data, rounds)?,
                ),
                Algorithm::Blend => (
                    blend::fit(&data, Some(rounds))?,
                    blend::parameters(&data, rounds)?,
                ),
            };
            parameters.extend([parameter("target", "ln price")]);
            Ok((fit.candidates.choose(setting)?, parameters))
        })
    }

    fn model(&self, encoder: Encoder, regressor: Regressor, rows: usize) -> Model {
        Model {
            algorithm: self.config.algorithm,
            seed: self.config.seed,
            training_rows: rows as u64,
            scale: Scale::Log,
            encoder,
            regressor,
            intervals: Intervals::none(self.config.level),
            important: Vec::new(),
            bounds: self.bounds,
        }
    }

    fn sound(&self, model: Model) -> Result<Model, TrainError> {
        if model.regressor.is_sound(model.encoder.width()) {
            Ok(model)
        } else {
            Err(self.failed("its parameters are not finite numbers".to_owned()))
        }
    }

    fn failed(&self, reason: String) -> TrainError {
        TrainError::Algorithm {
            algorithm: self.config.algorithm,
            reason,
        }
    }

    /// Learns from the older homes and scores the newest tenth by date.
    fn out_of_time(
        &self,
        homes: &Frame,
        served: &Model,
        setting: usize,
    ) -> Result<Option<OutOfTime>, TrainError> {
        let Some((column, days)) = date_column(homes) else {
            return Ok(None);
        };
        let mut known: Vec<f64> = days.iter().copied().filter(|day| day.is_finite()).collect();
        known.sort_unstable_by(f64::total_cmp);
        let Some(&from) = known.get(known.len() * 9 / 10) else {
            return Ok(None);
        };
        // Properties that come up again later are not learned from.
        let ids = homes.property_ids();
        let mut later: Vec<u64> = days
            .iter()
            .zip(&ids)
            .filter(|(day, _)| **day >= from)
            .map(|(_, id)| *id)
            .collect();
        later.sort_unstable();
        let rows = |is_newest: bool| -> Vec<usize> {
            (0..homes.rows())
                .filter(|&row| {
                    let day = days.get(row).copied().unwrap_or(f64::NAN);
                    let is_later = ids
                        .get(row)
                        .is_some_and(|id| later.binary_search(id).is_ok());
                    if is_newest {
                        day >= from
                    } else {
                        day < from && !is_later
                    }
                })
                .collect()
        };
        let (older, newest) = (homes.select(&rows(false)), homes.select(&rows(true)));
        let (target, low, high) = log_prices(&older);
        if older.rows() < LEAST_ROWS || newest.rows() == 0 || low == high {
            return Ok(None);
        }
        let fitted = match self.encode(&older, &target) {
            Ok(fitted) => fitted,
            Err(TrainError::NoInputs) => return Ok(None),
            Err(error) => return Err(error),
        };
        let (regressor, _) = self.regressor(&fitted, &target, setting)?;
        let model = self.sound(self.model(fitted.encoder, regressor, older.rows()))?;
        let predictions = served.with_intervals(&newest, &model.predict_logs(&newest));
        let scored = metrics::score(newest.prices().unwrap_or_default(), &predictions);
        Ok(scored.map(|metrics| OutOfTime {
            column: column.to_owned(),
            from_day: from as i64,
            metrics,
        }))
    }
}

/// The date that orders homes in time: the one known most often, if it is known for most homes.
pub(crate) fn date_column(homes: &Frame) -> Option<(&str, &[f64])> {
    if homes.rows() < OUT_OF_TIME_ROWS {
        return None;
    }
    let known = |days: &[f64]| days.iter().filter(|day| day.is_finite()).count();
    homes
        .columns()
        .iter()
        .filter_map(|(name, column)| match column {
            Column::Date(days) => Some((name.as_str(), days.as_slice())),
            _ => None,
        })
        .filter(|(_, days)| known(days) as f64 >= DATED_SHARE * days.len() as f64)
        .max_by_key(|(_, days)| known(days))
}

impl Candidates {
    fn choose(self, setting: usize) -> Result<Regressor, String> {
        match self {
            Self::One(regressor) => Ok(regressor),
            Self::Linear(all) => {
                let last = all.len().saturating_sub(1);
                let chosen = all.into_iter().nth(setting.min(last));
                chosen
                    .map(Regressor::Linear)
                    .ok_or_else(|| "no penalty was tried".to_owned())
            }
            Self::Rounds { linear, booster } => {
                let forest = booster.forest(setting + 1)?;
                Ok(match linear {
                    Some(linear) => Regressor::Sum { linear, forest },
                    None => Regressor::Forest(forest),
                })
            }
        }
    }
}

/// The setting with the least loss over all folds, or over all but one. The setting of a fold's own
/// model must not come from the homes that it is evaluated on.
fn best_setting(losses: &[Vec<f64>], without: Option<usize>) -> usize {
    let others: Vec<&Vec<f64>> = (0..)
        .zip(losses)
        .filter(|(fold, losses)| Some(*fold) != without && !losses.is_empty())
        .map(|(_, losses)| losses)
        .collect();
    let settings = others.iter().map(|losses| losses.len()).max().unwrap_or(0);
    let total = |setting: usize| -> f64 {
        let of = |losses: &Vec<f64>| losses.get(setting).or(losses.last()).copied();
        others.iter().filter_map(|losses| of(losses)).sum()
    };
    let mut best = (0, f64::INFINITY);
    for setting in 0..settings {
        let loss = total(setting);
        if loss < best.1 {
            best = (setting, loss);
        }
    }
    best.0
}

/// What an algorithm's fit is given.
struct Data<'a> {
    config: &'a TrainConfig,
    fitted: &'a Fitted,
    target: &'a [f64],
    /// Homes to measure losses on; none for the served model.
    held: &'a Held,
    threads: usize,
}

/// Homes that a fit leaves out, as its encoder encodes them.
#[derive(Default)]
struct Held {
    /// Row-major, `rows x width`; NaN where a value is not known.
    matrix: Vec<f64>,
    target: Vec<f64>,
}

impl Held {
    fn of(encoder: &Encoder, homes: &Frame) -> Self {
        Self {
            matrix: encoder.encode_all(homes),
            target: log_prices(homes).0,
        }
    }

    /// Each home's features, filled and scaled, with its target.
    fn dense<'a>(&'a self, encoder: &'a Encoder) -> impl Iterator<Item = (Vec<f64>, f64)> + 'a {
        self.matrix
            .chunks_exact(encoder.width().max(1))
            .zip(&self.target)
            .map(|(raw, target)| {
                let mut dense = vec![0.0; raw.len()];
                encoder.densify(raw, &mut dense);
                (dense, *target)
            })
    }
}

/// The inputs that matter most.
fn important(model: &Model, importance: &[Importance]) -> Vec<u32> {
    let total: f64 = importance.iter().map(|of| of.mae_rise.max(0.0)).sum();
    importance
        .iter()
        .filter(|of| of.mae_rise > IMPORTANT_SHARE * total)
        .filter_map(|of| {
            let inputs = model.inputs();
            let index = inputs.iter().position(|input| input.name == of.name)?;
            u32::try_from(index).ok()
        })
        .collect()
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

fn parameter(name: &str, value: impl ToString) -> (String, String) {
    (name.to_owned(), value.to_string())
}
