//! Homes that a model priced without having learnt from them: what intervals and validation rest on.

use crate::frame::Frame;
use crate::interval::Intervals;
use crate::metrics::{self, Metrics};
use crate::model::{Model, Prediction};
use crate::train::log_prices;

/// Homes a model priced without having seen them.
#[derive(Default)]
pub(super) struct Unseen {
    pub(super) homes: Vec<Home>,
}

pub(super) struct Home {
    property: u64,
    predicted: f64,
    truth: f64,
}

impl Unseen {
    pub(super) fn add(&mut self, model: &Model, frame: &Frame) {
        let (logs, ..) = log_prices(frame);
        let homes = model
            .predict_logs(frame)
            .into_iter()
            .zip(logs)
            .zip(frame.property_ids());
        self.homes
            .extend(homes.map(|((predicted, truth), property)| Home {
                property,
                predicted,
                truth,
            }));
    }

    pub(super) fn pairs(&self) -> Vec<(f64, f64)> {
        self.homes
            .iter()
            .map(|home| (home.predicted, home.truth))
            .collect()
    }

    /// Scores the homes, each with the interval that the other half of the properties calls for.
    pub(super) fn score(&self, level: f64) -> Option<Metrics> {
        let half_of = |odd: bool| -> Intervals {
            let pairs: Vec<(f64, f64)> = self
                .homes
                .iter()
                .filter(|home| (home.property % 2 == 1) != odd)
                .map(|home| (home.predicted, home.truth))
                .collect();
            Intervals::fit(level, &pairs)
        };
        let (for_even, for_odd) = (half_of(false), half_of(true));
        let predictions: Vec<Prediction> = self
            .homes
            .iter()
            .map(|home| {
                let intervals = if home.property % 2 == 1 {
                    &for_odd
                } else {
                    &for_even
                };
                let half = intervals.half_width(home.predicted);
                Prediction {
                    price: home.predicted.exp(),
                    interval: ((home.predicted - half).exp(), (home.predicted + half).exp()),
                }
            })
            .collect();
        let prices: Vec<f64> = self.homes.iter().map(|home| home.truth.exp()).collect();
        metrics::score(&prices, &predictions)
    }
}
