//! How good predictions are.

use serde::{Deserialize, Serialize};

use crate::frame::Frame;
use crate::model::{Model, Prediction};

/// How good a model's predictions are on some homes; money in the installation's currency, shares from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Homes scored.
    pub rows: u64,
    /// Root of the mean squared error, in the installation's currency.
    pub rmse: f64,
    /// Mean absolute error, in the installation's currency.
    pub mae: f64,
    /// Share of the variance of the prices that is explained; below 0 where the mean price does
    /// better, and 0 where all prices are equal.
    pub r2: f64,
    /// Mean absolute percentage error, as a share of the true price.
    pub mape: f64,
    /// Median absolute percentage error, as a share of the true price.
    pub median_ape: f64,
    /// Share of homes whose price lies within the interval.
    pub coverage: f64,
    /// Median width of the interval as a share of the predicted price.
    pub interval_width: f64,
}

impl Scores {
    /// Each score with its name in JSON.
    pub fn by_name(&self) -> impl Iterator<Item = (&'static str, f64)> + use<> {
        [
            ("rows", self.rows as f64),
            ("rmse", self.rmse),
            ("mae", self.mae),
            ("r2", self.r2),
            ("mape", self.mape),
            ("median_ape", self.median_ape),
            ("coverage", self.coverage),
            ("interval_width", self.interval_width),
        ]
        .into_iter()
    }
}

/// Scores predictions against true prices, pair by pair. Pairs whose price is not a positive
/// finite number are left out; `None` where none is left.
pub fn score(prices: &[f64], predictions: &[Prediction]) -> Option<Scores> {
    let pairs: Vec<(f64, &Prediction)> = prices
        .iter()
        .copied()
        .zip(predictions)
        .filter(|(price, _)| price.is_finite() && *price > 0.0)
        .collect();
    if pairs.is_empty() {
        return None;
    }
    let count = pairs.len() as f64;
    let mean_of = |value: &dyn Fn(f64, &Prediction) -> f64| {
        pairs
            .iter()
            .map(|(price, prediction)| value(*price, prediction))
            .sum::<f64>()
            / count
    };
    let mean = mean_of(&|price, _| price);
    let variance = mean_of(&|price, _| (price - mean).powi(2));
    let mse = mean_of(&|price, prediction| (price - prediction.price).powi(2));
    let relative = |price: f64, prediction: &Prediction| (price - prediction.price).abs() / price;
    Some(Scores {
        rows: pairs.len() as u64,
        rmse: mse.sqrt(),
        mae: mean_of(&|price, prediction| (price - prediction.price).abs()),
        r2: if variance > 0.0 {
            1.0 - mse / variance
        } else {
            0.0
        },
        mape: mean_of(&relative),
        median_ape: median(
            pairs
                .iter()
                .map(|(price, prediction)| relative(*price, prediction)),
        ),
        coverage: mean_of(&|price, prediction| {
            let (low, high) = prediction.interval;
            if (low..=high).contains(&price) {
                1.0
            } else {
                0.0
            }
        }),
        interval_width: median(pairs.iter().map(|(_, prediction)| {
            let (low, high) = prediction.interval;
            (high - low) / prediction.price
        })),
    })
}

/// Scores a model on the priced homes of a frame; `None` where there are none.
pub fn score_model(model: &Model, frame: &Frame) -> Option<Scores> {
    score(frame.prices()?, &model.predict_all(frame))
}

/// The median; the lower of two middle values, and 0 of nothing.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    if values.is_empty() {
        return 0.0;
    }
    let middle = (values.len() - 1) / 2;
    *values.select_nth_unstable_by(middle, f64::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prediction(price: f64) -> Prediction {
        Prediction {
            price,
            interval: (price * 0.9, price * 1.1),
            fsd: 0.1,
        }
    }

    #[test]
    fn figures_are_those_worked_by_hand() {
        let prices = [100.0, 200.0, 400.0];
        let predictions = [prediction(110.0), prediction(200.0), prediction(300.0)];
        let metrics = score(&prices, &predictions).unwrap();
        assert_eq!(metrics.rows, 3);
        assert!((metrics.mae - 110.0 / 3.0).abs() < 1e-9);
        assert!((metrics.rmse - (10_100.0_f64 / 3.0).sqrt()).abs() < 1e-9);
        assert!((metrics.mape - 0.35 / 3.0).abs() < 1e-9);
        assert!((metrics.median_ape - 0.1).abs() < 1e-9);
        // 100 is within 99..121, 200 within 180..220, 400 not within 270..330.
        assert!((metrics.coverage - 2.0 / 3.0).abs() < 1e-9);
        assert!((metrics.interval_width - 0.2).abs() < 1e-9);
        let mean = 700.0 / 3.0;
        let total: f64 = prices.iter().map(|price| (price - mean).powi(2)).sum();
        assert!((metrics.r2 - (1.0 - 10_100.0 / total)).abs() < 1e-9);
    }

    #[test]
    fn equal_prices_have_no_variance_to_explain() {
        let metrics = score(&[5.0, 5.0], &[prediction(5.0), prediction(6.0)]).unwrap();
        assert_eq!(metrics.r2, 0.0);
        assert!(metrics.rmse.is_finite());
    }

    #[test]
    fn homes_without_a_price_are_left_out() {
        let metrics = score(
            &[f64::NAN, -1.0, 0.0, 10.0],
            &[prediction(1.0); 4].map(|p| p),
        )
        .unwrap();
        assert_eq!(metrics.rows, 1);
        assert!(score(&[f64::NAN], &[prediction(1.0)]).is_none());
        assert!(score(&[], &[]).is_none());
    }
}
