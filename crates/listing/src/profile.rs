//! The distribution of the clean rows of a batch or dataset, column by column.
//!
//! A profile is small (a few kilobytes, or a few megabytes for a dataset with tens of thousands of
//! cities). [`crate::drift`] needs nothing else: it compares the champion's stored profile with a
//! batch's without the rows of either.

use std::cmp::Reverse;
use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::schema::ColumnKind;

/// Quantiles stored for a number: the minimum, every percentile, the maximum.
pub const QUANTILES: usize = 101;
/// Up to this many distinct numbers are stored with their counts, so that comparison is exact.
pub const MAX_COUNTED_NUMBERS: usize = 64;
/// Up to this many distinct categories are all stored with their counts, to recognise new ones.
pub const MAX_COUNTED_CATEGORIES: usize = 50_000;
/// Of columns with more categories, this many of the most frequent are stored.
pub const MAX_TOP: usize = 2_000;

/// The distribution of clean rows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    pub rows: u64,
    /// The columns, in the order of the clean file.
    pub columns: Vec<ColumnProfile>,
}

impl Profile {
    pub fn column(&self, name: &str) -> Option<&ColumnProfile> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// The distribution of the values of one column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColumnProfile {
    pub name: String,
    pub kind: ColumnKind,
    pub values: u64,
    /// Rows without a value.
    pub nulls: u64,
    /// Of these, rows whose value could not be read; 0 if the profile is not of a batch.
    #[serde(default)]
    pub bad: u64,
    pub body: Body,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Body {
    /// Numbers; dates as days since 1970-01-01.
    Number {
        /// The smallest; `None` without values.
        min: Option<f64>,
        max: Option<f64>,
        /// The arithmetic mean; also `None` if it exceeds 64-bit floats.
        mean: Option<f64>,
        /// The standard deviation over n - 1; `None` below two values.
        sd: Option<f64>,
        distinct: u64,
        /// [`QUANTILES`] quantiles in equal steps from 0 to 1, each a number that occurs (the
        /// inverse of the empirical distribution, type 1 of Hyndman & Fan, "Sample Quantiles in
        /// Statistical Packages", The American Statistician 50(4), 1996); empty without values.
        quantiles: Vec<f64>,
        /// Every number with its count, ascending, if there are at most [`MAX_COUNTED_NUMBERS`].
        counts: Option<Vec<(f64, u64)>>,
    },
    /// Categories, codes, zip codes.
    Category {
        distinct: u64,
        /// The most frequent with their counts, most frequent first, equal ones by name: all if
        /// there are at most [`MAX_COUNTED_CATEGORIES`], otherwise [`MAX_TOP`].
        top: Vec<(String, u64)>,
        /// Rows whose category is not in `top`.
        other: u64,
    },
}

impl ColumnProfile {
    /// Profiles numbers. NaN is missing, and so are infinities, which never occur in clean values.
    pub fn number(name: &str, values: &[f64]) -> Self {
        Self::of_numbers(name, ColumnKind::Number, values)
    }

    /// Profiles dates, given as days since 1970-01-01; NaN is missing.
    pub fn date(name: &str, days: &[f64]) -> Self {
        Self::of_numbers(name, ColumnKind::Date, days)
    }

    fn of_numbers(name: &str, kind: ColumnKind, values: &[f64]) -> Self {
        let mut sorted: Vec<f64> = values
            .iter()
            .filter(|value| value.is_finite())
            .map(|value| value + 0.0)
            .collect();
        let (mean, sd) = mean_and_sd(&sorted);
        sorted.sort_unstable_by(f64::total_cmp);
        let mut distinct = 0;
        let mut counts = Vec::new();
        for run in sorted.chunk_by(|left, right| left == right) {
            distinct += 1;
            if let Some(value) = run.first()
                && counts.len() <= MAX_COUNTED_NUMBERS
            {
                counts.push((*value, run.len() as u64));
            }
        }
        Self {
            name: name.to_owned(),
            kind,
            values: sorted.len() as u64,
            nulls: (values.len() - sorted.len()) as u64,
            bad: 0,
            body: Body::Number {
                min: sorted.first().copied(),
                max: sorted.last().copied(),
                mean,
                sd,
                distinct,
                quantiles: quantiles(&sorted),
                counts: (counts.len() <= MAX_COUNTED_NUMBERS).then_some(counts),
            },
        }
    }

    /// Profiles categories, one per row; `None` is missing. The kind is [`ColumnKind::Category`];
    /// set the field for another kind.
    pub fn category<'a>(name: &str, values: impl IntoIterator<Item = Option<&'a str>>) -> Self {
        let mut counts: HashMap<&str, u64, foldhash::fast::RandomState> = HashMap::default();
        let mut nulls = 0;
        for value in values {
            match value {
                Some(value) => *counts.entry(value).or_default() += 1,
                None => nulls += 1,
            }
        }
        Self::category_counts(name, counts, nulls)
    }

    /// Profiles counted categories, each given once; counts of 0 are left out.
    pub fn category_counts<'a>(
        name: &str,
        counts: impl IntoIterator<Item = (&'a str, u64)>,
        nulls: u64,
    ) -> Self {
        // The first bytes decide most comparisons without a look at the names.
        let mut sorted: Vec<(Reverse<u64>, u64, &str)> = counts
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .map(|(name, count)| (Reverse(count), first_bytes(name), name))
            .collect();
        let values = sorted.iter().map(|(count, ..)| count.0).sum();
        let distinct = sorted.len();
        if distinct > MAX_COUNTED_CATEGORIES {
            // Millions of streets are not sorted for the sake of a few.
            sorted.select_nth_unstable(MAX_TOP);
            sorted.truncate(MAX_TOP);
        }
        sorted.sort_unstable();
        let listed: u64 = sorted.iter().map(|(count, ..)| count.0).sum();
        Self {
            name: name.to_owned(),
            kind: ColumnKind::Category,
            values,
            nulls,
            bad: 0,
            body: Body::Category {
                distinct: distinct as u64,
                top: sorted
                    .into_iter()
                    .map(|(count, _, category)| (category.to_owned(), count.0))
                    .collect(),
                other: values - listed,
            },
        }
    }

    pub fn rows(&self) -> u64 {
        self.values + self.nulls
    }

    /// The share of rows without a value, 0 to 1; 0 without rows.
    pub fn null_share(&self) -> f64 {
        match self.rows() {
            0 => 0.0,
            rows => self.nulls as f64 / rows as f64,
        }
    }

    pub fn distinct(&self) -> u64 {
        match &self.body {
            Body::Number { distinct, .. } | Body::Category { distinct, .. } => *distinct,
        }
    }
}

/// The first eight bytes, as a number that orders names as the names themselves do, except that it may
/// find different names equal.
fn first_bytes(name: &str) -> u64 {
    let mut first = [0; 8];
    for (place, byte) in first.iter_mut().zip(name.bytes()) {
        *place = byte;
    }
    u64::from_be_bytes(first)
}

/// Mean and standard deviation by Welford's recurrence ("Note on a Method for Calculating
/// Corrected Sums of Squares and Products", Technometrics 4(3), 1962): one pass in the order
/// given, and no cancellation. `None` if a result is not finite.
fn mean_and_sd(values: &[f64]) -> (Option<f64>, Option<f64>) {
    let (mut count, mut mean, mut squares) = (0.0, 0.0, 0.0);
    for value in values {
        count += 1.0;
        let before = value - mean;
        mean += before / count;
        squares += before * (value - mean);
    }
    let finite = |number: f64, enough: bool| (enough && number.is_finite()).then_some(number);
    let sd = (squares / (count - 1.0)).sqrt();
    (finite(mean, count >= 1.0), finite(sd, count >= 2.0))
}

/// The [`QUANTILES`] quantiles of ascending values: for the share p, the smallest value such that at
/// least the share p of all values is not above it.
fn quantiles(sorted: &[f64]) -> Vec<f64> {
    let steps = QUANTILES - 1;
    (0..QUANTILES)
        .filter_map(|step| {
            let rank = (step * sorted.len()).div_ceil(steps).max(1);
            sorted.get(rank - 1).copied()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Numbers<'a> = (&'a [f64], Option<&'a [(f64, u64)]>, u64);

    fn numbers(profile: &ColumnProfile) -> Numbers<'_> {
        match &profile.body {
            Body::Number {
                quantiles,
                counts,
                distinct,
                ..
            } => (quantiles, counts.as_deref(), *distinct),
            Body::Category { .. } => panic!("a number was profiled"),
        }
    }

    #[test]
    fn numbers_are_profiled() {
        let profile = ColumnProfile::number("bed", &[2.0, f64::NAN, 4.0, 4.0, 6.0]);
        assert_eq!((profile.values, profile.nulls, profile.rows()), (4, 1, 5));
        assert_eq!(profile.null_share(), 0.2);
        let Body::Number {
            min, max, mean, sd, ..
        } = &profile.body
        else {
            panic!()
        };
        assert_eq!((*min, *max, *mean), (Some(2.0), Some(6.0), Some(4.0)));
        assert!((sd.unwrap() - (8.0_f64 / 3.0).sqrt()).abs() < 1e-12);
        let (quantiles, counts, distinct) = numbers(&profile);
        assert_eq!(distinct, 3);
        assert_eq!(counts.unwrap(), [(2.0, 1), (4.0, 2), (6.0, 1)]);
        assert_eq!(
            (
                quantiles[0],
                quantiles[25],
                quantiles[26],
                quantiles[75],
                quantiles[76],
                quantiles[100]
            ),
            (2.0, 2.0, 4.0, 4.0, 6.0, 6.0)
        );
    }

    #[test]
    fn many_distinct_numbers_are_not_counted_one_by_one() {
        let values: Vec<f64> = (0..65).map(f64::from).collect();
        assert_eq!(
            numbers(&ColumnProfile::number("x", &values[..64]))
                .1
                .unwrap()
                .len(),
            64
        );
        let profile = ColumnProfile::number("x", &values);
        assert_eq!((numbers(&profile).1, profile.distinct()), (None, 65));
    }

    #[test]
    fn percentiles_of_101_values_are_the_values() {
        let values: Vec<f64> = (0..=100).rev().map(f64::from).collect();
        let profile = ColumnProfile::number("x", &values);
        let (quantiles, ..) = numbers(&profile);
        // The smallest value with at least p of all 101 at or below it.
        assert_eq!(
            (quantiles[0], quantiles[1], quantiles[50], quantiles[100]),
            (0.0, 1.0, 50.0, 100.0)
        );
    }

    #[test]
    fn columns_without_values_have_empty_profiles() {
        for profile in [
            ColumnProfile::number("x", &[]),
            ColumnProfile::number("x", &[f64::NAN]),
            ColumnProfile::category("x", [None]),
        ] {
            assert_eq!((profile.values, profile.distinct()), (0, 0));
            let json = serde_json::to_string(&profile).unwrap();
            assert_eq!(
                serde_json::from_str::<ColumnProfile>(&json).unwrap(),
                profile
            );
        }
    }

    #[test]
    fn categories_are_profiled() {
        let profile =
            ColumnProfile::category("city", [Some("b"), Some("a"), None, Some("c"), Some("c")]);
        assert_eq!(
            (profile.values, profile.nulls, profile.distinct()),
            (4, 1, 3)
        );
        let Body::Category { top, other, .. } = &profile.body else {
            panic!()
        };
        assert_eq!(
            *top,
            [
                ("c".to_owned(), 2),
                ("a".to_owned(), 1),
                ("b".to_owned(), 1)
            ]
        );
        assert_eq!(*other, 0);
    }

    #[test]
    fn of_too_many_categories_the_most_frequent_are_kept() {
        let names: Vec<String> = (0..=MAX_COUNTED_CATEGORIES)
            .map(|i| i.to_string())
            .collect();
        let profile = ColumnProfile::category_counts(
            "street",
            names
                .iter()
                .map(|name| (name.as_str(), if name == "777" { 5 } else { 1 })),
            3,
        );
        let Body::Category {
            distinct,
            top,
            other,
        } = &profile.body
        else {
            panic!()
        };
        assert_eq!(*distinct, 50_001);
        assert_eq!(top.len(), MAX_TOP);
        assert_eq!(top[0], ("777".to_owned(), 5));
        assert_eq!(*other, 50_001 - 2_000);
        assert_eq!(profile.values, 50_005);
    }

    proptest! {
        #[test]
        fn profiles_of_any_numbers_round_trip_through_json(values in prop::collection::vec(prop::num::f64::ANY, 0..200)) {
            let profile = ColumnProfile::number("x", &values);
            prop_assert_eq!(profile.rows(), values.len() as u64);
            let json = serde_json::to_string(&profile).unwrap();
            prop_assert_eq!(&serde_json::from_str::<ColumnProfile>(&json).unwrap(), &profile);
            let (quantiles, counts, distinct) = numbers(&profile);
            prop_assert!(quantiles.is_sorted());
            prop_assert_eq!(quantiles.len(), if profile.values == 0 { 0 } else { QUANTILES });
            if let Some(counts) = counts {
                prop_assert_eq!(counts.len() as u64, distinct);
                prop_assert_eq!(counts.iter().map(|(_, n)| n).sum::<u64>(), profile.values);
            }
        }

        #[test]
        fn the_order_of_categories_does_not_matter(values in prop::collection::vec(prop::option::of("[a-e]"), 0..40)) {
            let forward = ColumnProfile::category("x", values.iter().map(Option::as_deref));
            let backward = ColumnProfile::category("x", values.iter().rev().map(Option::as_deref));
            prop_assert_eq!(forward, backward);
        }
    }
}
