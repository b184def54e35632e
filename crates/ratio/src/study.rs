//! A study: statistics with their intervals, of all sales and of those without outliers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Sale;
use crate::bootstrap;
use crate::sorted::{Sorted, Statistics};
use crate::standard::{Check, checks};

/// The fewest sales of a segment that is studied. With fewer, intervals say nothing.
const LEAST_OF_A_SEGMENT: usize = 20;

/// A statistic with the interval that holds it with a confidence of 95 %.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Estimate {
    /// The value of the sales.
    pub value: f64,
    /// The 2.5 % quantile over resamples of the sales.
    pub low: f64,
    /// The 97.5 % quantile.
    pub high: f64,
}

/// The statistics of some sales.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Ratios {
    /// Sales counted.
    pub sales: u64,
    /// `median_ratio`, `mean_ratio`, `weighted_mean_ratio`, `cod`, `prd`, `prb`, `mki`, `ki`; one that is
    /// not defined, because all prices are equal, is left out.
    #[serde(flatten)]
    pub statistics: BTreeMap<String, Estimate>,
}

impl Ratios {
    fn of(sales: &[Sale], seed: u64) -> Option<(Self, Statistics)> {
        let sorted = Sorted::new(sales)?;
        let statistics = sorted.statistics(&vec![1; sorted.len()]);
        let intervals = bootstrap::intervals(&sorted, seed);
        let named = statistics.by_name();
        let ratios = Self {
            sales: sorted.len() as u64,
            statistics: named
                .into_iter()
                .zip(intervals)
                .filter(|((_, value), (low, high))| {
                    value.is_finite() && low.is_finite() && high.is_finite()
                })
                .map(|((name, value), (low, high))| {
                    (name.to_owned(), Estimate { value, low, high })
                })
                .collect(),
        };
        Some((ratios, statistics))
    }

    /// The value of a statistic.
    pub fn value(&self, statistic: &str) -> Option<f64> {
        self.statistics
            .get(statistic)
            .map(|estimate| estimate.value)
    }
}

/// A ratio study.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Study {
    /// All sales.
    pub untrimmed: Ratios,
    /// Without sales whose ratio is more than 3 interquartile ranges from the quartiles.
    pub trimmed: Ratios,
    /// The trimmed statistics against the profession's ranges.
    pub checks: Vec<Check>,
    /// Share of sales predicted within 5 % of the price.
    pub within_5: f64,
    /// Share of sales predicted within 10 % of the price.
    pub within_10: f64,
    /// Share of sales predicted within 20 % of the price.
    pub within_20: f64,
    /// Mean relative error: above 0 where predictions are too high.
    pub bias: f64,
    /// Median absolute relative error.
    pub median_ape: f64,
    /// Forecast standard deviation: the standard deviation of the relative error.
    pub fsd: f64,
}

impl Study {
    /// The study of these sales; `None` of fewer than two usable ones.
    pub fn of(sales: &[Sale], seed: u64) -> Option<Self> {
        let (untrimmed, _) = Ratios::of(sales, seed)?;
        let kept = Sorted::new(sales)?.trimmed();
        let (trimmed, statistics) = Ratios::of(&kept, seed)?;
        let mut errors: Vec<f64> = sales
            .iter()
            .filter(|sale| sale.is_usable())
            .map(Sale::error)
            .collect();
        let count = errors.len() as f64;
        let within = |limit: f64, errors: &[f64]| {
            errors.iter().filter(|error| error.abs() <= limit).count() as f64 / count
        };
        let (within_5, within_10, within_20) = (
            within(0.05, &errors),
            within(0.1, &errors),
            within(0.2, &errors),
        );
        let bias = errors.iter().sum::<f64>() / count;
        let squares: f64 = errors.iter().map(|error| (error - bias).powi(2)).sum();
        for error in &mut errors {
            *error = error.abs();
        }
        errors.sort_unstable_by(f64::total_cmp);
        Some(Self {
            untrimmed,
            trimmed,
            checks: checks(&statistics),
            within_5,
            within_10,
            within_20,
            bias,
            median_ape: crate::sorted::quantile(&errors, 0.5),
            fsd: (squares / (count - 1.0)).sqrt(),
        })
    }
}

/// A part of the sales with its study.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Segment {
    /// What the sales have in common.
    pub name: String,
    #[serde(flatten)]
    pub study: Study,
}

/// The studies of the segments with at least 20 sales, those with most sales first, at most `most`.
/// `of` names the segment of each sale, in the order of `sales`.
pub fn segments<'n>(
    sales: &[Sale],
    of: impl IntoIterator<Item = Option<&'n str>>,
    most: usize,
    seed: u64,
) -> Vec<Segment> {
    let mut by_name: BTreeMap<&str, Vec<Sale>> = BTreeMap::new();
    for (sale, name) in sales.iter().zip(of) {
        if let (Some(name), true) = (name, sale.is_usable()) {
            by_name.entry(name).or_default().push(*sale);
        }
    }
    let mut largest: Vec<(&str, Vec<Sale>)> = by_name
        .into_iter()
        .filter(|(_, sales)| sales.len() >= LEAST_OF_A_SEGMENT)
        .collect();
    // Stable: equally large ones stay in the order of their names.
    largest.sort_by_key(|(_, sales)| std::cmp::Reverse(sales.len()));
    largest
        .into_iter()
        .take(most)
        .filter_map(|(name, sales)| {
            Some(Segment {
                name: name.to_owned(),
                study: Study::of(&sales, seed)?,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sales(pairs: &[(f64, f64)]) -> Vec<Sale> {
        pairs
            .iter()
            .map(|&(predicted, price)| Sale { predicted, price })
            .collect()
    }

    #[test]
    fn figures_are_those_worked_by_hand() {
        // Ratios 0.9, 1.0, 1.2, 1.0: median 1.0, mean 1.025.
        let study = Study::of(
            &sales(&[
                (90.0, 100.0),
                (200.0, 200.0),
                (360.0, 300.0),
                (400.0, 400.0),
            ]),
            1,
        )
        .unwrap();
        let value = |name: &str| study.untrimmed.value(name).unwrap();
        assert!((value("median_ratio") - 1.0).abs() < 1e-12);
        assert!((value("mean_ratio") - 1.025).abs() < 1e-12);
        assert!((value("weighted_mean_ratio") - 1.05).abs() < 1e-12);
        assert!((value("cod") - 7.5).abs() < 1e-12);
        assert!((value("prd") - 1.025 / 1.05).abs() < 1e-12);
        assert!((study.within_5 - 0.5).abs() < 1e-12);
        assert!((study.within_10 - 0.75).abs() < 1e-12);
        assert!((study.within_20 - 1.0).abs() < 1e-9);
        assert!((study.bias - 0.025).abs() < 1e-12);
        let verdict = |name: &str| {
            study
                .checks
                .iter()
                .find(|it| it.statistic == name)
                .unwrap()
                .pass
        };
        assert!(verdict("median_ratio") && verdict("cod"));
        // 1.025 / 1.05 is below 0.98.
        assert!(!verdict("prd"));
    }

    #[test]
    fn an_outlier_counts_only_untrimmed() {
        let mut all: Vec<Sale> = (0..40)
            .map(|at| Sale {
                predicted: 100_000.0 + f64::from(at % 7) * 1_000.0,
                price: 100_000.0 + f64::from(at % 5) * 1_000.0,
            })
            .collect();
        all.push(Sale {
            predicted: 1e6,
            price: 1e5,
        });
        let study = Study::of(&all, 1).unwrap();
        assert_eq!((study.untrimmed.sales, study.trimmed.sales), (41, 40));
        assert!(study.untrimmed.value("cod").unwrap() > 10.0 * study.trimmed.value("cod").unwrap());
    }

    #[test]
    fn equal_prices_have_no_vertical_equity() {
        let study = Study::of(&sales(&[(90.0, 100.0), (90.0, 100.0), (90.0, 100.0)]), 1).unwrap();
        assert_eq!(study.trimmed.value("mki"), None);
        assert_eq!(study.trimmed.value("prb"), None);
        assert!(serde_json::to_string(&study).is_ok());
    }

    #[test]
    fn segments_are_large_enough_and_ordered() {
        let all: Vec<Sale> = (0..100)
            .map(|at| Sale {
                predicted: 100.0 + f64::from(at),
                price: 101.0 + f64::from(at * 3 % 50),
            })
            .collect();
        let of = (0..100).map(|at| match at {
            0..25 => Some("b"),
            25..75 => Some("a"),
            75..94 => Some("few"),
            _ => None,
        });
        let found = segments(&all, of, 5, 1);
        let names: Vec<&str> = found.iter().map(|segment| segment.name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
    }

    proptest! {
        #[test]
        fn any_sales_give_a_study_or_none(
            pairs in prop::collection::vec((prop::num::f64::ANY, prop::num::f64::ANY), 0..30),
        ) {
            let _ = Study::of(&sales(&pairs), 1);
        }

        #[test]
        fn intervals_hold_what_they_are_of_and_come_out_the_same(
            pairs in prop::collection::vec((5e4..1e6_f64, 5e4..1e6_f64), 30..60),
        ) {
            let sales = sales(&pairs);
            let study = Study::of(&sales, 7).unwrap();
            prop_assert_eq!(&Study::of(&sales, 7).unwrap(), &study);
            for (name, estimate) in &study.untrimmed.statistics {
                prop_assert!(estimate.low <= estimate.high, "{name}");
            }
            // Scaling all money changes nothing.
            let scaled: Vec<Sale> = sales.iter().map(|sale| Sale { predicted: sale.predicted * 3.0, price: sale.price * 3.0 }).collect();
            let scaled = Study::of(&scaled, 7).unwrap();
            for (name, estimate) in &study.untrimmed.statistics {
                prop_assert!((scaled.untrimmed.value(name).unwrap() - estimate.value).abs() < 1e-9, "{name}");
            }
        }
    }
}
