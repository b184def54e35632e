//! A model: everything it takes to price a home, in one value.

use serde::{Deserialize, Serialize};

use crate::algorithm::Algorithm;
use crate::encoder::{Cell, Encoder};
use crate::frame::Frame;
use crate::input::Input;
use crate::interval::Intervals;
use crate::regressor::Regressor;
use crate::row::Row;

/// A price with its interval, in US dollars.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// The predicted price; finite and above 0.
    pub price: f64,
    /// The interval that holds the true price of [`Model::level`] of all homes: low and high.
    pub interval: (f64, f64),
}

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
    /// No prediction leaves these, in logarithms of the price: a bit beyond what training saw.
    pub(crate) bounds: (f64, f64),
}

impl Model {
    /// What the model wants to be told about a home, in its own order.
    pub fn inputs(&self) -> &[Input] {
        &self.encoder.inputs
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
        Row::new(self)
    }

    /// Prices one home. A row of another model is priced as if nothing were known of it.
    pub fn predict_row(&self, row: &Row<'_>) -> Prediction {
        let mut pricing = Pricing::new(self);
        if row.is_of(self) {
            for (cell, known) in pricing.cells.iter_mut().zip(row.cells()) {
                *cell = *known;
            }
        }
        self.prediction(pricing.log_price())
    }

    /// The price of every home of a frame, in US dollars. Columns the model does not know are
    /// ignored, absent ones are missing.
    pub fn predict(&self, frame: &Frame) -> Vec<f64> {
        self.predict_logs(frame).into_iter().map(f64::exp).collect()
    }

    /// The price and interval of every home of a frame.
    pub fn predict_all(&self, frame: &Frame) -> Vec<Prediction> {
        self.predict_logs(frame)
            .into_iter()
            .map(|log| self.prediction(log))
            .collect()
    }

    pub(crate) fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// The logarithm of every price.
    pub(crate) fn predict_logs(&self, frame: &Frame) -> Vec<f64> {
        let columns = self.encoder.cells(frame);
        let mut pricing = Pricing::new(self);
        (0..columns.rows)
            .map(|row| {
                columns.fill(row, &mut pricing.cells);
                pricing.log_price()
            })
            .collect()
    }

    fn prediction(&self, log: f64) -> Prediction {
        let half = self.intervals.half_width(log);
        Prediction {
            price: log.exp(),
            interval: ((log - half).exp(), (log + half).exp()),
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
            && self.intervals.is_sound()
    }
}

/// Room for pricing one home after the other.
struct Pricing<'m> {
    model: &'m Model,
    cells: Vec<Cell>,
    features: Vec<f64>,
    narrow: Vec<f32>,
}

impl<'m> Pricing<'m> {
    fn new(model: &'m Model) -> Self {
        Self {
            model,
            cells: vec![Cell::Missing; model.encoder.slots()],
            features: vec![0.0; model.encoder.width()],
            narrow: Vec::with_capacity(model.encoder.width()),
        }
    }

    /// The logarithm of the price of the home whose cells are in place.
    fn log_price(&mut self) -> f64 {
        let model = self.model;
        model.encoder.settle(&mut self.cells);
        model.encoder.encode(&self.cells, &mut self.features);
        let raw = model.regressor.predict(&self.features, &mut self.narrow);
        let log = match model.scale {
            Scale::Log => raw,
            Scale::Price => raw.max(f64::MIN_POSITIVE).ln(),
        };
        let (low, high) = model.bounds;
        // NaN cannot come out of sound parts; if it did, the price would still be a price.
        if log.is_nan() {
            low.midpoint(high)
        } else {
            log.max(low).min(high)
        }
    }
}
