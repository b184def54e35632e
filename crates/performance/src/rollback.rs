//! When a rollback is proposed: the champion's served prices turned out worse than its validation promised, and a
//! former version was better out of fold than that.

use tasador_ids::ModelVersion;

use crate::figures::Figures;

/// A former version, and its out-of-fold error by the metric [`PROMISED`](crate::PROMISED).
pub type Former = (ModelVersion, Option<f64>);

/// What speaks for a rollback.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RollbackCase {
    /// The former version.
    pub to: ModelVersion,
    /// Its out-of-fold error.
    pub former_error: f64,
}

/// The former version to roll back to: the first of `former` whose out-of-fold error is below the error of the
/// prices that the champion served. `None` where that error is within its limit, or known from too few sales.
pub fn proposed_rollback(
    champion: &Figures,
    promised: Option<f64>,
    former: &[Former],
    growth_limit: f64,
    min_sales: u64,
) -> Option<RollbackCase> {
    champion.grown_error(promised, growth_limit, min_sales)?;
    former.iter().find_map(|(to, error)| {
        let former_error = error.filter(|error| *error < champion.median_ape)?;
        Some(RollbackCase {
            to: *to,
            former_error,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rollback_is_proposed_to_the_latest_former_version_that_was_better() {
        // Sales, served error, promised error, former versions with their errors, the version proposed.
        type Row = (
            u64,
            f64,
            Option<f64>,
            &'static [(u32, Option<f64>)],
            Option<u32>,
        );
        let table: [Row; 11] = [
            (100, 0.20, Some(0.10), &[(3, Some(0.12))], Some(3)),
            // The latest that is better, not the best.
            (
                100,
                0.20,
                Some(0.10),
                &[(3, Some(0.12)), (1, Some(0.05))],
                Some(3),
            ),
            (
                100,
                0.20,
                Some(0.10),
                &[(3, Some(0.25)), (1, Some(0.19))],
                Some(1),
            ),
            // None was better.
            (
                100,
                0.20,
                Some(0.10),
                &[(3, Some(0.20)), (1, Some(0.30))],
                None,
            ),
            (
                100,
                0.20,
                Some(0.10),
                &[(3, None), (1, Some(f64::NAN))],
                None,
            ),
            (100, 0.20, Some(0.10), &[], None),
            // Too few sales.
            (99, 0.20, Some(0.10), &[(3, Some(0.12))], None),
            // Within the limit of 15 %.
            (100, 0.11, Some(0.10), &[(3, Some(0.01))], None),
            (100, 0.116, Some(0.10), &[(3, Some(0.01))], Some(3)),
            // Nobody knows what was promised.
            (100, 0.20, None, &[(3, Some(0.12))], None),
            (100, 0.20, Some(0.0), &[(3, Some(0.12))], None),
        ];
        for row in table {
            let (sales, median_ape, promised, former, expected) = row;
            let figures = Figures {
                sales,
                median_ape,
                mae: 0.0,
                bias: 0.0,
                within_5: 0.0,
                within_10: 0.0,
                within_20: 0.0,
                coverage: 0.0,
            };
            let former: Vec<Former> = former
                .iter()
                .map(|(version, error)| (ModelVersion(*version), *error))
                .collect();
            let case = proposed_rollback(&figures, promised, &former, 0.15, 100);
            assert_eq!(case.map(|case| case.to.0), expected, "{row:?}");
        }
    }
}
