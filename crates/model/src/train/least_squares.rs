//! Least squares on the encoded features, by smartcore.

use std::collections::BTreeMap;

use smartcore::linalg::basic::arrays::Array;
use smartcore::linalg::basic::matrix::DenseMatrix;
use smartcore::linear::linear_regression::{
    LinearRegression, LinearRegressionParameters, LinearRegressionSolverName,
};

use crate::encoder::Fitted;
use crate::linear::Linear;
use crate::regressor::Regressor;
use crate::train::{Outcome, parameter};

/// Ordinary least squares by singular values: collinear columns break the QR solver (its weights
/// grow to 1e16 once the collinearity is broken by a new row), and NaN panics this one, so the
/// encoder leaves none.
pub(super) fn fit(fitted: &Fitted, target: &[f64]) -> Outcome {
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
