//! The recipe of the system this one replaces: ordinary least squares of the price itself on the
//! columns that are numbers, gaps filled by medians.

use serde::{Deserialize, Serialize};
use smartcore::linalg::basic::arrays::Array;
use smartcore::linalg::basic::matrix::DenseMatrix;
use smartcore::linear::linear_regression::{
    LinearRegression, LinearRegressionParameters, LinearRegressionSolverName,
};

use crate::Algorithm;
use crate::frame::{Column, Frame};
use crate::linear::Linear;
use crate::metrics;
use crate::model::Prediction;
use crate::train::guard;
use tasador_listing::schema;

/// How good prices without intervals are; the units are those of [`crate::Scores`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Accuracy {
    /// Root of the mean squared error, in the installation's currency.
    pub rmse: f64,
    /// Mean absolute error, in the installation's currency.
    pub mae: f64,
    /// Share of the variance explained.
    pub r2: f64,
    /// Mean absolute percentage error, as a share.
    pub mape: f64,
    /// Median absolute percentage error, as a share.
    pub median_ape: f64,
}

/// A column with what stands for its gaps and how it is scaled.
struct Filled<'a> {
    name: &'a str,
    median: f64,
    low: f64,
    high: f64,
}

impl Filled<'_> {
    fn value(&self, values: &[f64], row: usize) -> f64 {
        let value = values.get(row).copied().unwrap_or(f64::NAN);
        let value = if value.is_finite() {
            value
        } else {
            self.median
        };
        // Scaled to 0 ... 1: no product of two columns overflows.
        (value.clamp(self.low, self.high) / 2.0 - self.low / 2.0)
            / (self.high / 2.0 - self.low / 2.0)
    }
}

/// Learns from `training` and scores on `holdout`; `None` where there is nothing to learn from.
pub(super) fn measure(training: &Frame, holdout: &Frame) -> Option<Accuracy> {
    let training = training.select(&training.priced_rows());
    let columns: Vec<Filled<'_>> = training
        .columns()
        .iter()
        .filter(|(name, _)| schema::is_feature(name))
        .filter_map(|(name, column)| match column {
            Column::Number(values) => filled(name, values),
            Column::Date(_) | Column::Category { .. } => None,
        })
        .collect();
    let rows = |frame: &Frame| -> Vec<f64> {
        let values: Vec<&[f64]> = columns
            .iter()
            .map(|column| frame.numbers(column.name).unwrap_or_default())
            .collect();
        (0..frame.rows())
            .flat_map(|row| {
                let pairs = columns.iter().zip(&values);
                pairs.map(move |(column, values)| column.value(values, row))
            })
            .collect()
    };
    let width = columns.len();
    if width == 0 || training.rows() <= width {
        return None;
    }
    let x = DenseMatrix::new(training.rows(), width, rows(&training), false).ok()?;
    let prices = training.prices()?.to_vec();
    let linear = guard(Algorithm::Linear, || {
        let parameters =
            LinearRegressionParameters::default().with_solver(LinearRegressionSolverName::SVD);
        let model =
            LinearRegression::fit(&x, &prices, parameters).map_err(|error| error.to_string())?;
        let weights = model.coefficients();
        Ok(Linear {
            intercept: *model.intercept(),
            weights: (0..width).map(|at| *weights.get((at, 0))).collect(),
        })
    })
    .ok()?;
    let predictions: Vec<Prediction> = rows(holdout)
        .chunks_exact(width)
        .map(|row| Prediction {
            price: linear.predict(row),
            interval: (0.0, 0.0),
            fsd: 0.0,
        })
        .collect();
    let metrics = metrics::score(holdout.prices()?, &predictions)?;
    let accuracy = Accuracy {
        rmse: metrics.rmse,
        mae: metrics.mae,
        r2: metrics.r2,
        mape: metrics.mape,
        median_ape: metrics.median_ape,
    };
    // A report is JSON, which has no infinity.
    [accuracy.rmse, accuracy.mae, accuracy.r2, accuracy.mape]
        .iter()
        .all(|figure| figure.is_finite())
        .then_some(accuracy)
}

fn filled<'a>(name: &'a str, values: &[f64]) -> Option<Filled<'a>> {
    let mut known: Vec<f64> = values
        .iter()
        .copied()
        .filter(|value| value.is_finite())
        .collect();
    known.sort_unstable_by(f64::total_cmp);
    let (&low, &high) = (known.first()?, known.last()?);
    (low < high).then(|| Filled {
        name,
        median: metrics::median(known.iter().copied()),
        low,
        high,
    })
}
