//! Ridge, and boosted trees on its residuals.
//!
//! Trees are constant beyond the values they were fitted to: a price that rises with the years, a home
//! larger than all others. A weighted sum extrapolates, and leaves to the trees what is not linear.
//! Starting boosting from another model is Friedman's (2001) initial guess, a better one than the mean.

use std::collections::BTreeMap;

use super::{Candidates, Data, Fit, Held, boosting, least_squares, parameter};

/// Fits ridge to the target, then trees to its residuals; see [`boosting::grow`] for `rounds`.
pub(super) fn fit(data: &Data<'_>, rounds: Option<usize>) -> Result<Fit, String> {
    let linear = least_squares::usual_ridge(data)?;
    let encoder = &data.fitted.encoder;
    let mut dense = vec![0.0; encoder.width()];
    let mut explained = |raw: &[f64]| {
        encoder.densify(raw, &mut dense);
        linear.predict(&dense)
    };
    let residuals: Vec<f64> = (0..)
        .zip(data.target)
        .map(|(row, target)| target - explained(data.fitted.row(row)))
        .collect();
    let held = Held {
        matrix: data.held.matrix.clone(),
        target: data
            .held
            .matrix
            .chunks_exact(encoder.width().max(1))
            .zip(&data.held.target)
            .map(|(raw, target)| target - explained(raw))
            .collect(),
    };
    // What is left of a home's price where some of its values are left out.
    let masked = |row: usize, raw: &[f64]| {
        let target = data.target.get(row).copied().unwrap_or(0.0);
        target - explained(raw)
    };
    let (booster, losses) = boosting::grow(data, &residuals, &held, masked, rounds)?;
    let candidates = Candidates::Rounds {
        linear: Some(linear),
        booster,
    };
    Ok(Fit { candidates, losses })
}

/// The settings in effect, by name.
pub(super) fn parameters(
    data: &Data<'_>,
    rounds: usize,
) -> Result<BTreeMap<String, String>, String> {
    let mut parameters = boosting::parameters(data, rounds)?;
    parameters.extend([parameter("penalty", least_squares::USUAL_PENALTY)]);
    Ok(parameters)
}
