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

/// What one input did to one price.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Contribution {
    /// The input.
    pub name: String,
    /// What it adds in the model's own space, such as log price.
    pub value: f64,
    /// What it adds in US dollars.
    pub amount: f64,
}

/// What made a price.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// The predicted price, in US dollars: `base_price` and all amounts together.
    pub price: f64,
    /// What the model says on average, in US dollars.
    pub base_price: f64,
    /// What the model says on average, in its own space; with all values it is what the model says
    /// of this home there.
    pub base: f64,
    /// One for each of [`Model::inputs`], in their order.
    pub contributions: Vec<Contribution>,
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
        Row::new(self.encoder())
    }

    /// Prices one home. A row of another model is priced as if nothing were known of it.
    pub fn predict_row(&self, row: &Row<'_>) -> Prediction {
        self.prediction(self.priced(row).log)
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
        let (base, parts) = self.regressor.contributions(&pricing.features);
        let mut sums = vec![0.0; self.encoder.inputs.len()];
        for (feature, part) in self.encoder.features.iter().zip(&parts) {
            let (first, second) = self.encoder.inputs_of(feature);
            for input in [first, second] {
                if let Some(sum) = sums.get_mut(input) {
                    *sum += part / 2.0;
                }
            }
        }
        let price = self.prediction(pricing.log).price;
        let total: f64 = sums.iter().sum();
        let raw = base + total;
        let (base_price, said) = match self.scale {
            Scale::Log => (base.exp(), pricing.log),
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
        Explanation {
            price,
            base_price,
            base,
            contributions: self
                .encoder
                .inputs
                .iter()
                .zip(sums)
                .map(|(input, value)| Contribution {
                    name: input.name.clone(),
                    value: value * held,
                    amount: value * each,
                })
                .collect(),
        }
    }

    /// The mean prediction and the contribution of each of [`Model::features`] in the model's own
    /// space: what other implementations of TreeSHAP say of the same trees.
    pub fn explain_features(&self, row: &Row<'_>) -> (f64, Vec<f64>) {
        self.regressor.contributions(&self.priced(row).features)
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
                pricing.price();
                pricing.log
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
    /// The logarithm of the price of the last home.
    log: f64,
}

impl<'m> Pricing<'m> {
    fn new(model: &'m Model) -> Self {
        Self {
            model,
            cells: vec![Cell::Missing; model.encoder.slots()],
            features: vec![0.0; model.encoder.width()],
            narrow: Vec::with_capacity(model.encoder.width()),
            log: 0.0,
        }
    }

    /// Prices the home whose cells are in place.
    fn price(&mut self) {
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
        self.log = if log.is_nan() {
            low.midpoint(high)
        } else {
            log.max(low).min(high)
        };
    }
}
