//! Ridge, and boosted trees on what it leaves unexplained.
//!
//! Trees say nothing beyond what they have seen: a price that rises with the years, a home larger
//! than all others. A weighted sum goes on, and leaves to the trees what is not a straight line.
//! Starting boosting from another model is Friedman's (2001) initial guess, a better one than the
//! mean.

use crate::encoder::Fitted;
use crate::regressor::Regressor;
use crate::train::{Outcome, TrainConfig, boosting, least_squares, parameter};

/// Fits ridge to the target, then trees to its residuals.
pub(super) fn fit(
    config: &TrainConfig,
    fitted: &Fitted,
    target: &[f64],
    properties: &[u64],
) -> Outcome {
    let (linear, penalty) = least_squares::ridge_weights(config, fitted, target, properties)?;
    let residuals: Vec<f64> = (0..)
        .zip(target)
        .map(|(row, target)| target - linear.predict(fitted.row(row)))
        .collect();
    let (forest, mut parameters) = boosting::grow(config, fitted, &residuals, properties)?;
    parameters.extend([parameter("penalty", penalty)]);
    Ok((Regressor::Blend { linear, forest }, parameters))
}
