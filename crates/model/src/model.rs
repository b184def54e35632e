//! A model: everything it takes to price a home, in one value.

use serde::{Deserialize, Serialize};
use tasador_ids::Algorithm;
use tasador_listing::PriceKind;

use crate::encoder::{Cell, Encoder};
use crate::frame::Frame;
use crate::input::Input;
use crate::interval::{Intervals, Uncertainty};
use crate::price_kind::Statuses;
use crate::regressor::{Block, Features, Regressor};
use crate::row::Row;

/// A price with its interval, in the installation's currency.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// The predicted price; finite and above 0.
    pub price: f64,
    /// The interval that holds the true price of [`Model::level`] of all homes: low and high.
    pub interval: (f64, f64),
    /// The forecast standard deviation: that of the relative error expected of this price.
    #[serde(default)]
    pub fsd: f64,
}

/// How certain a price is.
///
/// The limits are those of Freddie Mac's Home Value Explorer for the forecast standard deviation
/// (high up to 0.13, medium up to 0.20, low beyond), with one more at 0.30.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Confidence {
    /// FSD up to 0.13.
    A,
    /// FSD up to 0.20.
    B,
    /// FSD up to 0.30.
    C,
    /// FSD above 0.30.
    D,
}

impl Prediction {
    /// A price with its uncertainty, both in log space.
    pub(crate) fn of(log: f64, uncertainty: Uncertainty) -> Self {
        Self {
            price: log.exp(),
            interval: (
                (log - uncertainty.half).exp(),
                (log + uncertainty.half).exp(),
            ),
            fsd: uncertainty.deviation,
        }
    }

    /// The grade of this price.
    pub fn confidence(&self) -> Confidence {
        match self.fsd {
            fsd if fsd <= 0.13 => Confidence::A,
            fsd if fsd <= 0.20 => Confidence::B,
            fsd if fsd <= 0.30 => Confidence::C,
            _ => Confidence::D,
        }
    }
}

/// Something about a home that was not used as given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Notice {
    /// A number outside of what training saw: the nearest number that it saw was used.
    OutsideTraining {
        /// The input.
        name: String,
        /// The number given.
        given: f64,
        /// The number used.
        used: f64,
    },
    /// A name that training never saw.
    UnknownName {
        /// The input.
        name: String,
    },
    /// A value that prices depend on much was not given.
    ImportantMissing {
        /// The input.
        name: String,
    },
}

/// What one input did to one price.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Contribution {
    /// The input.
    pub name: String,
    /// What it adds in the model's own space, such as log price.
    pub value: f64,
    /// What it adds in the installation's currency.
    pub amount: f64,
}

/// What made a price.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// The predicted price, in the installation's currency: `base_price` and all amounts together.
    pub price: f64,
    /// What the model says on average, in the installation's currency.
    pub base_price: f64,
    /// What the model says on average, in its own space; with all values it is what the model says
    /// of this home there.
    pub base: f64,
    /// One for each of [`Model::inputs`], in their order.
    pub contributions: Vec<Contribution>,
}

/// All that is said of one home when many are priced.
#[derive(Debug, Clone, PartialEq)]
pub struct Appraisal {
    pub prediction: Prediction,
    /// What the price is; `None` where training saw no status.
    pub price_kind: Option<PriceKind>,
    pub notices: Vec<Notice>,
    /// The largest contributions, the largest first.
    pub contributions: Vec<Contribution>,
}

/// Homes that are explained together: their features stay in the processor's cache.
const BLOCK_ROWS: usize = 1_024;

/// What the algorithm learnt to predict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Scale {
    /// The natural logarithm of the price.
    Log,
    /// The price itself.
    Price,
}

/// A fitted model with its encoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Model {
    pub(crate) algorithm: Algorithm,
    pub(crate) seed: u64,
    pub(crate) training_rows: u64,
    pub(crate) scale: Scale,
    pub(crate) encoder: Encoder,
    pub(crate) regressor: Regressor,
    pub(crate) intervals: Intervals,
    /// Inputs that prices depend on most, as indexes of [`Model::inputs`], most important first.
    pub(crate) important: Vec<u32>,
    /// No prediction leaves these, in logarithms of the price: a bit beyond what training saw.
    pub(crate) bounds: (f64, f64),
}

impl Model {
    /// What the model wants to be told about a home, in its own order.
    pub fn inputs(&self) -> &[Input] {
        &self.encoder.inputs
    }

    /// The names of the inputs that prices depend on most, most important first; none if that was not
    /// measured.
    pub fn important(&self) -> impl Iterator<Item = &str> {
        let places = self.important.iter();
        let inputs = places.filter_map(|place| self.inputs().get(*place as usize));
        inputs.map(|input| input.name.as_str())
    }

    /// The algorithm that learnt it.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The seed it was learnt with.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// How many homes it learnt from.
    pub fn training_rows(&self) -> u64 {
        self.training_rows
    }

    /// The share of homes whose price an interval should hold, such as 0.9.
    pub fn level(&self) -> f64 {
        self.intervals.level
    }

    /// How many trees it has; 0 for linear models.
    pub fn trees(&self) -> usize {
        self.regressor.trees()
    }

    /// The names of the features the algorithm sees, as the encoder makes them.
    pub fn features(&self) -> Vec<String> {
        self.encoder
            .features
            .iter()
            .map(|feature| self.encoder.feature_name(feature))
            .collect()
    }

    /// A home of which nothing is known yet.
    pub fn row(&self) -> Row<'_> {
        Row::new(self.encoder())
    }

    /// Prices one home. A row of another model is priced as if nothing were known of it.
    pub fn predict_row(&self, row: &Row<'_>) -> Prediction {
        self.priced(row).prediction()
    }

    /// The kind of price of a home without a status; `None` where training saw no status, so that
    /// nobody knows what its prices were.
    pub fn default_price_kind(&self) -> Option<PriceKind> {
        Some(Statuses::of(&self.encoder)?.kind)
    }

    /// Prepares a home to be priced for a caller: sets a status that is empty or unknown. Gives back
    /// the kind of its price.
    pub fn complete(&self, row: &mut Row<'_>) -> Option<PriceKind> {
        let statuses = Statuses::of(&self.encoder)?;
        Some(statuses.complete(row.cells_mut()))
    }

    /// What of a home is not used as given when it is priced for a caller, in the order of
    /// [`Model::inputs`].
    pub fn notices(&self, row: &Row<'_>) -> Vec<Notice> {
        let mut settled = row.cells().to_vec();
        if let Some(statuses) = Statuses::of(&self.encoder) {
            statuses.complete(&mut settled);
        }
        self.encoder.settle(&mut settled);
        self.differences(row.cells(), &settled)
    }

    /// What differs between a home's cells as given and as used.
    fn differences(&self, given: &[Cell], settled: &[Cell]) -> Vec<Notice> {
        let mut notices = Vec::new();
        for ((index, input), (given, used)) in (0_u32..)
            .zip(&self.encoder.inputs)
            .zip(given.iter().zip(settled))
        {
            let name = || input.name.clone();
            match (given, used) {
                (Cell::Number(given), Cell::Number(used)) if given != used => {
                    notices.push(Notice::OutsideTraining {
                        name: name(),
                        given: *given,
                        used: *used,
                    });
                }
                (Cell::Code(crate::encoder::UNSEEN), _) => {
                    notices.push(Notice::UnknownName { name: name() });
                }
                (_, Cell::Missing) if self.important.contains(&index) => {
                    notices.push(Notice::ImportantMissing { name: name() });
                }
                _ => {}
            }
        }
        notices
    }

    fn priced(&self, row: &Row<'_>) -> Pricing<'_> {
        let mut pricing = Pricing::new(self);
        if row.is_of(self.encoder()) {
            for (cell, known) in pricing.cells.iter_mut().zip(row.cells()) {
                *cell = *known;
            }
        }
        pricing.price();
        pricing
    }

    /// Says what made the price of one home: exact for every algorithm (weights for linear models,
    /// TreeSHAP for trees). The first call on a model of trees prepares it for all later ones.
    ///
    /// What a feature made of two inputs contributes is shared evenly between them.
    pub fn explain_row(&self, row: &Row<'_>) -> Explanation {
        let pricing = self.priced(row);
        let (base, parts) = self.regressor.contributions(pricing.features());
        let parts = Parts::of(self, pricing.log, base, parts.into_iter());
        Explanation {
            price: pricing.log.exp(),
            base_price: parts.base_price,
            base,
            contributions: (0..self.encoder.inputs.len())
                .filter_map(|input| parts.contribution(self, input))
                .collect(),
        }
    }

    /// The mean prediction and the contribution of each of [`Model::features`] in the model's own
    /// space: what other implementations of TreeSHAP say of the same trees.
    pub fn explain_features(&self, row: &Row<'_>) -> (f64, Vec<f64>) {
        self.regressor.contributions(self.priced(row).features())
    }

    /// All that is said of each home of a frame: the same as [`Model::notices`] and, after
    /// [`Model::complete`], [`Model::predict_row`] and the `contributions` largest amounts of
    /// [`Model::explain_row`] say, in less time.
    pub fn appraise(&self, frame: &Frame, contributions: usize) -> Vec<Appraisal> {
        let columns = self.encoder.cells(frame);
        let statuses = Statuses::of(&self.encoder);
        let mut pricing = Pricing::new(self);
        let mut given = pricing.cells.clone();
        let mut appraisals = Vec::with_capacity(columns.rows);
        let mut logs = Vec::with_capacity(BLOCK_ROWS);
        for begin in (0..columns.rows).step_by(BLOCK_ROWS) {
            let end = columns.rows.min(begin + BLOCK_ROWS);
            let mut block = Block::new(end - begin, self.encoder.width());
            logs.clear();
            for row in begin..end {
                columns.fill(row, &mut pricing.cells);
                given.clone_from(&pricing.cells);
                let price_kind = statuses.map(|it| it.complete(&mut pricing.cells));
                pricing.price();
                appraisals.push(Appraisal {
                    prediction: pricing.prediction(),
                    price_kind,
                    notices: self.differences(&given, &pricing.cells),
                    contributions: Vec::new(),
                });
                logs.push(pricing.log);
                if contributions > 0 {
                    block.set(row - begin, pricing.features());
                }
            }
            if contributions == 0 {
                continue;
            }
            let (base, parts) = self.regressor.contributions_of_all(&block);
            let of_block = appraisals.get_mut(begin..).unwrap_or_default();
            for (row, (log, appraisal)) in logs.iter().zip(of_block).enumerate() {
                let own = parts.iter().skip(row).step_by(block.rows).copied();
                let parts = Parts::of(self, *log, base, own);
                appraisal.contributions = parts.largest(self, contributions);
            }
        }
        appraisals
    }

    /// The price of every home of a frame, in the installation's currency. Columns the model does not know are
    /// ignored, absent ones are missing.
    pub fn predict(&self, frame: &Frame) -> Vec<f64> {
        self.predict_logs(frame).into_iter().map(f64::exp).collect()
    }

    /// The price of every home of a frame as [`Model::appraise`] says it.
    pub fn completed_prices(&self, frame: &Frame) -> Vec<f64> {
        let statuses = Statuses::of(&self.encoder);
        let columns = self.encoder.cells(frame);
        let mut pricing = Pricing::new(self);
        (0..columns.rows)
            .map(|row| {
                columns.fill(row, &mut pricing.cells);
                if let Some(statuses) = &statuses {
                    statuses.complete(&mut pricing.cells);
                }
                pricing.price();
                pricing.log.exp()
            })
            .collect()
    }

    /// The price and interval of every home of a frame.
    pub fn predict_all(&self, frame: &Frame) -> Vec<Prediction> {
        let mut predictions = Vec::with_capacity(frame.rows());
        self.each(frame, |pricing| predictions.push(pricing.prediction()));
        predictions
    }

    /// Prices that another model found, with the intervals that this one gives them.
    pub(crate) fn with_intervals(&self, frame: &Frame, logs: &[f64]) -> Vec<Prediction> {
        let mut logs = logs.iter();
        let mut predictions = Vec::with_capacity(frame.rows());
        self.each(frame, |pricing| {
            let log = logs.next().copied().unwrap_or(pricing.log);
            predictions.push(Prediction::of(log, self.intervals.of(log, &pricing.raw)));
        });
        predictions
    }

    pub(crate) fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// The logarithm of every price.
    pub(crate) fn predict_logs(&self, frame: &Frame) -> Vec<f64> {
        let mut logs = Vec::with_capacity(frame.rows());
        self.each(frame, |pricing| logs.push(pricing.log));
        logs
    }

    /// The logarithm of every price where only the inputs that `keep` accepts, by row and name, are
    /// known.
    pub(crate) fn predict_masked(
        &self,
        frame: &Frame,
        keep: impl Fn(usize, &str) -> bool,
    ) -> Vec<f64> {
        let columns = self.encoder.cells(frame);
        let mut pricing = Pricing::new(self);
        (0..columns.rows)
            .map(|row| {
                columns.fill(row, &mut pricing.cells);
                self.encoder.mask(&mut pricing.cells, |input| {
                    let input = self.encoder.inputs.get(input);
                    input.is_none_or(|input| keep(row, &input.name))
                });
                pricing.price();
                pricing.log
            })
            .collect()
    }

    /// The features of every home of a frame, with a buffer for those that trees compare.
    pub(crate) fn each_features(
        &self,
        frame: &Frame,
        mut take: impl FnMut(Features<'_>, &mut Vec<f32>),
    ) {
        let mut narrow = Vec::new();
        self.each(frame, |pricing| take(pricing.features(), &mut narrow));
    }

    /// The features of one home, with a buffer for those that trees compare.
    pub(crate) fn row_features<T>(
        &self,
        row: &Row<'_>,
        take: impl FnOnce(Features<'_>, &mut Vec<f32>) -> T,
    ) -> T {
        take(self.priced(row).features(), &mut Vec::new())
    }

    /// Prices every home of a frame.
    fn each(&self, frame: &Frame, mut take: impl FnMut(&Pricing<'_>)) {
        let columns = self.encoder.cells(frame);
        let mut pricing = Pricing::new(self);
        for row in 0..columns.rows {
            columns.fill(row, &mut pricing.cells);
            pricing.price();
            take(&pricing);
        }
    }

    /// The logarithm of the price that features come to.
    pub(crate) fn log_of(&self, features: Features<'_>, narrow: &mut Vec<f32>) -> f64 {
        let raw = self.regressor.predict(features, narrow);
        let log = match self.scale {
            Scale::Log => raw,
            Scale::Price => raw.max(f64::MIN_POSITIVE).ln(),
        };
        let (low, high) = self.bounds;
        // NaN cannot come out of sound parts; if it did, the price would still be a price.
        if log.is_nan() {
            low.midpoint(high)
        } else {
            log.max(low).min(high)
        }
    }

    /// Whether the parts fit together: a model out of bytes is not believed.
    pub(crate) fn is_sound(&self) -> bool {
        let (low, high) = self.bounds;
        // exp(700) is still finite; no home costs that.
        let bounded = |log: f64| log.is_finite() && log.abs() <= 700.0;
        bounded(low)
            && bounded(high)
            && low <= high
            && self.encoder.is_sound()
            && self.regressor.is_sound(self.encoder.width())
            && self.intervals.is_sound(self.encoder.width())
            && self
                .important
                .iter()
                .all(|&input| (input as usize) < self.encoder.inputs.len())
    }
}

/// What each input did to one price.
struct Parts {
    base_price: f64,
    /// In the model's own space, one for each input.
    sums: Vec<f64>,
    /// The factor of the sums that counts.
    held: f64,
    /// US dollars of a unit of the model's own space.
    each: f64,
}

impl Parts {
    /// From what each feature does in the model's own space. What a feature made of two inputs
    /// contributes is shared evenly between them.
    fn of(model: &Model, log: f64, base: f64, parts: impl Iterator<Item = f64>) -> Self {
        let mut sums = vec![0.0; model.encoder.inputs.len()];
        for (feature, part) in model.encoder.features.iter().zip(parts) {
            let (first, second) = model.encoder.inputs_of(feature);
            for input in [first, second] {
                if let Some(sum) = sums.get_mut(input) {
                    *sum += part / 2.0;
                }
            }
        }
        let price = log.exp();
        let total: f64 = sums.iter().sum();
        let raw = base + total;
        let (base_price, said) = match model.scale {
            Scale::Log => (base.exp(), log),
            Scale::Price => (base, price),
        };
        // Where the prediction was held at the bounds, every part is held back alike.
        let held = if raw == said || total == 0.0 {
            1.0
        } else {
            (said - base) / total
        };
        // In log space contributions multiply; in currency each gets the share of the difference
        // that it has there, so that the sum is the price.
        let each = if total == 0.0 {
            0.0
        } else {
            (price - base_price) / total
        };
        Self {
            base_price,
            sums,
            held,
            each,
        }
    }

    fn contribution(&self, model: &Model, input: usize) -> Option<Contribution> {
        let sum = self.sums.get(input)?;
        Some(Contribution {
            name: model.encoder.inputs.get(input)?.name.clone(),
            value: sum * self.held,
            amount: sum * self.each,
        })
    }

    /// The largest amounts, the largest first.
    fn largest(&self, model: &Model, count: usize) -> Vec<Contribution> {
        let mut order: Vec<usize> = (0..self.sums.len()).collect();
        let amount = |input: &usize| (self.sums.get(*input).unwrap_or(&0.0) * self.each).abs();
        order.sort_by(|a, b| amount(b).total_cmp(&amount(a)));
        let largest = order.into_iter().take(count);
        largest
            .filter_map(|input| self.contribution(model, input))
            .collect()
    }
}

/// Room for pricing one home after the other.
struct Pricing<'m> {
    model: &'m Model,
    cells: Vec<Cell>,
    /// The features, NaN where a value is not known.
    raw: Vec<f64>,
    /// The features, filled and scaled.
    dense: Vec<f64>,
    narrow: Vec<f32>,
    /// The logarithm of the price of the last home.
    log: f64,
}

impl<'m> Pricing<'m> {
    fn new(model: &'m Model) -> Self {
        Self {
            model,
            cells: vec![Cell::Missing; model.encoder.slots()],
            raw: vec![0.0; model.encoder.width()],
            dense: vec![0.0; model.encoder.width()],
            narrow: Vec::with_capacity(model.encoder.width()),
            log: 0.0,
        }
    }

    /// Prices the home whose cells are in place.
    fn price(&mut self) {
        let model = self.model;
        model.encoder.settle(&mut self.cells);
        model.encoder.encode(&self.cells, &mut self.raw);
        model.encoder.densify(&self.raw, &mut self.dense);
        let features = Features {
            raw: &self.raw,
            dense: &self.dense,
        };
        self.log = model.log_of(features, &mut self.narrow);
    }

    fn features(&self) -> Features<'_> {
        Features {
            raw: &self.raw,
            dense: &self.dense,
        }
    }

    fn prediction(&self) -> Prediction {
        Prediction::of(self.log, self.model.intervals.of(self.log, &self.raw))
    }
}
