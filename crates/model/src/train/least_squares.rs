//! Least squares on the encoded features, by smartcore: ordinary, and with a penalty.

use std::collections::BTreeMap;

use smartcore::linalg::basic::arrays::Array;
use smartcore::linalg::basic::matrix::DenseMatrix;
use smartcore::linear::linear_regression::{
    LinearRegression, LinearRegressionParameters, LinearRegressionSolverName,
};
use smartcore::linear::ridge_regression::{RidgeRegression, RidgeRegressionParameters};

use super::masking::Copies;
use super::{Candidates, Data, Fit, parameter};
use crate::linear::Linear;
use crate::regressor::Regressor;

/// Penalties tried, per 1,000 homes: features have unit spread, so that these are shares of it.
const PENALTIES: [f64; 5] = [0.01, 0.1, 1.0, 10.0, 100.0];

/// The penalty of the weighted sum within a blend.
pub(super) const USUAL_PENALTY: f64 = 1.0;

/// The training homes and copies of some of them with gaps, filled and scaled, with their targets:
/// without gaps in training, a sum of collinear features is far off where one of them is unknown.
fn with_copies(data: &Data<'_>) -> (Vec<f64>, Vec<f64>) {
    let encoder = &data.fitted.encoder;
    let copies = Copies::of(data.fitted, data.target.len(), data.config.seed);
    let mut dense = data.fitted.dense();
    let mut copy = vec![0.0; encoder.width()];
    for raw in copies.matrix.chunks_exact(encoder.width().max(1)) {
        encoder.densify(raw, &mut copy);
        dense.extend_from_slice(&copy);
    }
    let mut target = data.target.to_vec();
    let copied = copies.rows.iter().filter_map(|&row| data.target.get(row));
    target.extend(copied.copied());
    (dense, target)
}

/// Ordinary least squares by singular values: collinear columns break the QR solver (its weights
/// grow to 1e16 once the collinearity is broken by a new row), and NaN panics this one, so features
/// are filled. With fewer homes than features the weights are those of ridge.
pub(super) fn ordinary(data: &Data<'_>) -> Result<Fit, String> {
    let width = data.fitted.encoder.width();
    let (dense, target) = with_copies(data);
    if target.len() <= width {
        return Ok(Fit {
            candidates: Candidates::One(Regressor::Linear(usual_ridge(data)?)),
            losses: Vec::new(),
        });
    }
    let x =
        DenseMatrix::new(target.len(), width, dense, false).map_err(|error| error.to_string())?;
    let parameters =
        LinearRegressionParameters::default().with_solver(LinearRegressionSolverName::SVD);
    let model =
        LinearRegression::fit(&x, &target, parameters).map_err(|error| error.to_string())?;
    let weights = model.coefficients();
    let linear = Linear {
        intercept: *model.intercept(),
        weights: (0..width)
            .map(|feature| *weights.get((feature, 0)))
            .collect(),
    };
    Ok(Fit {
        candidates: Candidates::One(Regressor::Linear(linear)),
        losses: Vec::new(),
    })
}

/// The settings of [`ordinary`], by name.
pub(super) fn parameters() -> BTreeMap<String, String> {
    BTreeMap::from([parameter("solver", "svd")])
}

/// Ridge (Hoerl & Kennard 1970) with each of the penalties.
pub(super) fn ridge(data: &Data<'_>) -> Result<Fit, String> {
    let (dense, target) = with_copies(data);
    let linears = solve(data, dense, &target, &PENALTIES)?;
    let losses = if data.held.target.is_empty() {
        Vec::new()
    } else {
        let loss = |linear: &Linear| -> f64 {
            let errors = data.held.dense(&data.fitted.encoder);
            errors
                .map(|(dense, target)| (linear.predict(&dense) - target).powi(2))
                .sum()
        };
        linears.iter().map(loss).collect()
    };
    Ok(Fit {
        candidates: Candidates::Linear(linears),
        losses,
    })
}

/// The settings of [`ridge`], by name.
pub(super) fn ridge_parameters(setting: usize) -> BTreeMap<String, String> {
    let penalty = PENALTIES.get(setting).copied().unwrap_or(USUAL_PENALTY);
    BTreeMap::from([
        parameter("solver", "cholesky"),
        parameter("penalty", penalty),
    ])
}

/// Ridge with [`USUAL_PENALTY`].
pub(super) fn usual_ridge(data: &Data<'_>) -> Result<Linear, String> {
    let linear = solve(data, data.fitted.dense(), data.target, &[USUAL_PENALTY])?.pop();
    linear.ok_or_else(|| "no penalty was tried".to_owned())
}

/// The ridge weights for each penalty; 0 for derived features. The encoder has centred the
/// features, so the intercept is the mean; smartcore's own scaling would divide by the spread of a
/// constant column.
fn solve(
    data: &Data<'_>,
    dense: Vec<f64>,
    target: &[f64],
    penalties: &[f64],
) -> Result<Vec<Linear>, String> {
    let encoder = &data.fitted.encoder;
    let (rows, width) = (target.len(), encoder.width());
    let columns: Vec<usize> = (0..)
        .zip(&encoder.features)
        .filter(|(_, feature)| !feature.is_derived())
        .map(|(column, _)| column)
        .collect();
    let mean = target.iter().sum::<f64>() / rows.max(1) as f64;
    let centred: Vec<f64> = target.iter().map(|target| target - mean).collect();
    let values = dense
        .chunks_exact(width.max(1))
        .flat_map(|row| {
            columns
                .iter()
                .map(|&at| row.get(at).copied().unwrap_or(0.0))
        })
        .collect();
    let x =
        DenseMatrix::new(rows, columns.len(), values, false).map_err(|error| error.to_string())?;
    penalties
        .iter()
        .map(|penalty| {
            let parameters = RidgeRegressionParameters {
                alpha: penalty * rows as f64 / 1_000.0,
                normalize: false,
                ..RidgeRegressionParameters::default()
            };
            let model = RidgeRegression::fit(&x, &centred, parameters)
                .map_err(|error| error.to_string())?;
            let found = model.coefficients();
            let mut weights = vec![0.0; width];
            for (at, &column) in columns.iter().enumerate() {
                if let Some(weight) = weights.get_mut(column) {
                    *weight = *found.get((at, 0));
                }
            }
            Ok(Linear {
                intercept: mean,
                weights,
            })
        })
        .collect()
}
