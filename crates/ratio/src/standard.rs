//! The profession's ranges.

use serde::{Deserialize, Serialize};

use crate::sorted::Statistics;

/// A range within which a statistic should be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Standard {
    /// The statistic, as in [`Statistics::by_name`].
    pub statistic: &'static str,
    pub low: f64,
    pub high: f64,
}

/// IAAO, *Standard on Ratio Studies* (2013), section 9: level, uniformity of single-family homes (a
/// dispersion below 5 hints at sales chasing), and both measures of vertical equity.
pub const STANDARDS: [Standard; 4] = [
    standard("median_ratio", 0.9, 1.1),
    standard("cod", 5.0, 15.0),
    standard("prd", 0.98, 1.03),
    standard("prb", -0.05, 0.05),
];

const fn standard(statistic: &'static str, low: f64, high: f64) -> Standard {
    Standard {
        statistic,
        low,
        high,
    }
}

/// A statistic compared with its range.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Check {
    /// The statistic: `median_ratio`, `cod`, `prd` or `prb`.
    pub statistic: String,
    /// Its value, of the trimmed sales.
    pub value: f64,
    /// The lower end of the range, included.
    pub low: f64,
    /// The upper end of the range, included.
    pub high: f64,
    /// Whether the value is inside.
    pub pass: bool,
}

/// The statistics against the ranges; those without a value are left out.
pub(crate) fn checks(statistics: &Statistics) -> Vec<Check> {
    let values = statistics.by_name();
    STANDARDS
        .iter()
        .filter_map(|standard| {
            let (_, value) = values
                .iter()
                .find(|(name, value)| *name == standard.statistic && value.is_finite())?;
            Some(Check {
                statistic: standard.statistic.to_owned(),
                value: *value,
                low: standard.low,
                high: standard.high,
                pass: (standard.low..=standard.high).contains(value),
            })
        })
        .collect()
}
