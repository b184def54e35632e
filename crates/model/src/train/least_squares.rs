//! Least squares on the encoded features, by smartcore: ordinary, and with a penalty.

use std::collections::BTreeMap;

use smartcore::linalg::basic::arrays::Array;
use smartcore::linalg::basic::matrix::DenseMatrix;
use smartcore::linear::linear_regression::{
    LinearRegression, LinearRegressionParameters, LinearRegressionSolverName,
};
use smartcore::linear::ridge_regression::{RidgeRegression, RidgeRegressionParameters};

use crate::encoder::Fitted;
use crate::linear::Linear;
use crate::regressor::Regressor;
use crate::train::{Outcome, TrainConfig, parameter, parted};

/// Penalties tried, per 1,000 homes: features have unit spread, so that these are shares of it.
const PENALTIES: [f64; 5] = [0.01, 0.1, 1.0, 10.0, 100.0];

/// The penalty where there are too few homes to compare penalties.
const USUAL_PENALTY: f64 = 1.0;

/// Ordinary least squares by singular values: collinear columns break the QR solver (its weights
/// grow to 1e16 once the collinearity is broken by a new row), and NaN panics this one, so the
/// encoder leaves none.
pub(super) fn ordinary(fitted: &Fitted, target: &[f64]) -> Outcome {
    let width = fitted.encoder.width();
    let x = DenseMatrix::new(target.len(), width, fitted.matrix.clone(), false)
        .map_err(|error| error.to_string())?;
    let parameters =
        LinearRegressionParameters::default().with_solver(LinearRegressionSolverName::SVD);
    let model = LinearRegression::fit(&x, &target.to_vec(), parameters)
        .map_err(|error| error.to_string())?;
    let weights = model.coefficients();
    let linear = Linear {
        intercept: *model.intercept(),
        weights: (0..width)
            .map(|feature| *weights.get((feature, 0)))
            .collect(),
    };
    Ok((
        Regressor::Linear(linear),
        BTreeMap::from([parameter("solver", "svd"), parameter("target", "ln price")]),
    ))
}

/// Ridge (Hoerl & Kennard 1970) with the penalty that prices kept-back properties best.
pub(super) fn ridge(
    config: &TrainConfig,
    fitted: &Fitted,
    target: &[f64],
    properties: &[u64],
) -> Outcome {
    let (linear, penalty) = ridge_weights(config, fitted, target, properties)?;
    Ok((
        Regressor::Linear(linear),
        BTreeMap::from([
            parameter("solver", "cholesky"),
            parameter("penalty", penalty),
            parameter("target", "ln price"),
        ]),
    ))
}

/// The weights, 0 for derived features, and the penalty they were found with.
pub(super) fn ridge_weights(
    config: &TrainConfig,
    fitted: &Fitted,
    target: &[f64],
    properties: &[u64],
) -> Result<(Linear, f64), String> {
    let columns: Vec<usize> = (0..)
        .zip(&fitted.encoder.features)
        .filter(|(_, feature)| !feature.is_derived())
        .map(|(column, _)| column)
        .collect();
    let all: Vec<usize> = (0..target.len()).collect();
    let scaled = |penalty: f64, rows: usize| penalty * rows as f64 / 1_000.0;
    let mut best = USUAL_PENALTY;
    if let Some((learnt, kept_back)) = parted(config, properties, 0) {
        let mut least = f64::INFINITY;
        for penalty in PENALTIES.into_iter().take(config.trials.get()) {
            let linear = solve(
                fitted,
                target,
                &columns,
                &learnt,
                scaled(penalty, learnt.len()),
            )?;
            let error: f64 = kept_back
                .iter()
                .filter_map(|&row| Some((fitted.row(row), target.get(row)?)))
                .map(|(features, target)| (linear.predict(features) - target).powi(2))
                .sum();
            if error < least {
                (least, best) = (error, penalty);
            }
        }
    }
    let linear = solve(fitted, target, &columns, &all, scaled(best, all.len()))?;
    Ok((linear, best))
}

/// The ridge weights of some rows. The encoder has centred the features, so the intercept is the
/// mean; smartcore's own scaling would divide by the spread of a constant column.
fn solve(
    fitted: &Fitted,
    target: &[f64],
    columns: &[usize],
    rows: &[usize],
    penalty: f64,
) -> Result<Linear, String> {
    let text = |error: smartcore::error::Failed| error.to_string();
    let targets: Vec<f64> = rows
        .iter()
        .filter_map(|&row| target.get(row).copied())
        .collect();
    let mean = targets.iter().sum::<f64>() / targets.len().max(1) as f64;
    let centred: Vec<f64> = targets.iter().map(|target| target - mean).collect();
    let mut values = Vec::with_capacity(rows.len() * columns.len());
    for &row in rows {
        let features = fitted.row(row);
        values.extend(
            columns
                .iter()
                .map(|&column| features.get(column).copied().unwrap_or(0.0)),
        );
    }
    let x = DenseMatrix::new(rows.len(), columns.len(), values, false)
        .map_err(|error| error.to_string())?;
    let parameters = RidgeRegressionParameters {
        alpha: penalty,
        normalize: false,
        ..RidgeRegressionParameters::default()
    };
    let model = RidgeRegression::fit(&x, &centred, parameters).map_err(text)?;
    let found = model.coefficients();
    let mut weights = vec![0.0; fitted.encoder.width()];
    for (at, &column) in columns.iter().enumerate() {
        if let Some(weight) = weights.get_mut(column) {
            *weight = *found.get((at, 0));
        }
    }
    Ok(Linear {
        intercept: mean,
        weights,
    })
}
