//! How far a column of a batch has drifted from a reference: the population stability index, and the
//! share of values whose category is not in the reference.
//!
//! Both use profiles only. The caller decides how many rows are enough, and which value counts as
//! drift.

use crate::profile::{Body, ColumnProfile};

/// Categories of the reference with a separate bin; the rest share one.
pub const CATEGORY_BINS: usize = 20;
/// Bins of a number: its deciles in the reference.
const NUMBER_BINS: usize = 10;
/// The most bars of a distribution that people look at.
const BARS: usize = 12;
/// The most frequent categories of the reference that have a bar.
const CATEGORIES_SHOWN: usize = 8;

/// The population stability index (PSI) between a batch's column and a reference's.
///
/// It is the sum over bins of `(b - r) · ln(b / r)`, where `b` and `r` are the bin's shares in batch
/// and reference: never negative, 0 where all shares are equal, and symmetric (Siddiqi, *Credit
/// Risk Scorecards*, Wiley 2006; it is Jeffreys' divergence, Proc. R. Soc. A 186, 1946). By custom
/// 0.1 is a small shift and 0.25 a large one; two samples of n and m rows from one distribution
/// still give about `(bins - 1) · (1/n + 1/m)` (Yurdakul & Naranjo, "Statistical properties of the
/// population stability index", Journal of Risk Model Validation 14(4), 2020), so small
/// batches must not be judged by it.
///
/// Bins: for numbers and dates the deciles of the reference, equal ones merged; for categories its
/// 20 most frequent and one for all others; and one for missing values, so that a column that
/// becomes empty is noticed. A bin that is empty on both sides is left out; to every other bin half
/// a row is added on each side, so that no share is 0.
///
/// A batch's share below a decile is exact if it has at most 64 distinct numbers, and otherwise
/// interpolated between its percentiles.
///
/// `None` if one side has numbers and the other categories, or if either has no value.
pub fn psi(reference: &ColumnProfile, batch: &ColumnProfile) -> Option<f64> {
    let (mut expected, mut found) = binned(reference, batch)?;
    expected.push(reference.nulls as f64);
    found.push(batch.nulls as f64);
    Some(index(&expected, &found))
}

/// The same without the bin of missing values: how far the values that are there have moved.
pub fn value_psi(reference: &ColumnProfile, batch: &ColumnProfile) -> Option<f64> {
    let (expected, found) = binned(reference, batch)?;
    Some(index(&expected, &found))
}

/// The rows of reference and batch in each bin of values.
fn binned(reference: &ColumnProfile, batch: &ColumnProfile) -> Option<(Vec<f64>, Vec<f64>)> {
    if reference.values == 0 || batch.values == 0 {
        return None;
    }
    match (&reference.body, &batch.body) {
        (Body::Number { .. }, Body::Number { .. }) => {
            let edges = deciles(reference);
            Some((
                counts_between(reference, &edges),
                counts_between(batch, &edges),
            ))
        }
        (Body::Category { top, .. }, Body::Category { .. }) => {
            let names: Vec<&str> = top
                .iter()
                .take(CATEGORY_BINS)
                .map(|(name, _)| name.as_str())
                .collect();
            Some((counts_of(reference, &names), counts_of(batch, &names)))
        }
        _ => None,
    }
}

/// What a bar of two distributions stands for.
#[derive(Debug, Clone, PartialEq)]
pub enum Bin {
    /// One number.
    Value(f64),
    /// Numbers above the first and up to the second; the outer bins also have what lies beyond.
    Range(f64, f64),
    Category(String),
    /// All categories without a separate bin.
    Others,
}

/// The shares (0 to 1) of the values of reference and batch in bins that people can read: single numbers
/// where there are few, round steps, or the most frequent categories. Missing values are left out. Empty if the
/// two cannot be compared.
pub fn distributions(reference: &ColumnProfile, batch: &ColumnProfile) -> Vec<(Bin, f64, f64)> {
    if reference.values == 0 || batch.values == 0 {
        return Vec::new();
    }
    let (bins, expected, found) = match (&reference.body, &batch.body) {
        (Body::Number { .. }, Body::Number { .. }) => match shared_values(reference, batch) {
            Some(values) => {
                let count = |column: &ColumnProfile| {
                    let counts = counts_between(column, &values);
                    counts.into_iter().take(values.len()).collect::<Vec<_>>()
                };
                let bins = values.iter().map(|value| Bin::Value(*value)).collect();
                (bins, count(reference), count(batch))
            }
            None => {
                let edges = round_edges(reference, batch);
                let inner = edges
                    .get(1..edges.len().saturating_sub(1))
                    .unwrap_or_default();
                let bins = edges
                    .windows(2)
                    .filter_map(|pair| Some(Bin::Range(*pair.first()?, *pair.last()?)))
                    .collect();
                (
                    bins,
                    counts_between(reference, inner),
                    counts_between(batch, inner),
                )
            }
        },
        (Body::Category { top, .. }, Body::Category { top: other_top, .. }) => {
            let all = top
                .iter()
                .take(CATEGORIES_SHOWN)
                .chain(other_top.iter().take(CATEGORIES_SHOWN / 2));
            let mut names: Vec<&str> = Vec::new();
            for (name, _) in all {
                if !names.contains(&name.as_str()) {
                    names.push(name);
                }
            }
            let bins: Vec<Bin> = names
                .iter()
                .map(|name| Bin::Category((*name).to_owned()))
                .chain([Bin::Others])
                .collect();
            (bins, counts_of(reference, &names), counts_of(batch, &names))
        }
        _ => return Vec::new(),
    };
    let share = |count: f64, column: &ColumnProfile| count / column.values as f64;
    bins.into_iter()
        .zip(expected)
        .zip(found)
        .map(|((bin, expected), found)| (bin, share(expected, reference), share(found, batch)))
        .filter(|(bin, expected, found)| *bin != Bin::Others || *expected > 0.0 || *found > 0.0)
        .collect()
}

/// The distinct numbers of both, ascending, if there are few.
fn shared_values(reference: &ColumnProfile, batch: &ColumnProfile) -> Option<Vec<f64>> {
    let mut values = Vec::new();
    for column in [reference, batch] {
        let Body::Number { counts, .. } = &column.body else {
            return None;
        };
        values.extend(counts.as_ref()?.iter().map(|(value, _)| *value));
    }
    values.sort_unstable_by(f64::total_cmp);
    values.dedup();
    (values.len() <= BARS).then_some(values)
}

/// Round numbers in equal steps, from the first percentile of both to the 99th.
fn round_edges(reference: &ColumnProfile, batch: &ColumnProfile) -> Vec<f64> {
    let percentile = |column: &ColumnProfile, place: usize| match &column.body {
        Body::Number { quantiles, .. } => quantiles.get(place).copied(),
        Body::Category { .. } => None,
    };
    let each = |place| [reference, batch].map(|column| percentile(column, place).unwrap_or(0.0));
    let [a, b] = each(1);
    let [c, d] = each(99);
    let (low, high) = (a.min(b), c.max(d));
    let width = high - low;
    // Of numbers that are all alike, one bar.
    if !(width > 0.0 && width.is_finite()) {
        return vec![low, high];
    }
    let step = round_step(width / (BARS - 2) as f64);
    let first = (low / step).floor();
    let steps = ((high / step).ceil() - first).clamp(1.0, BARS as f64) as usize;
    (0..=steps)
        .map(|place| (first + place as f64) * step)
        .collect()
}

/// The next round number from `rough` on: 1, 2, 2.5 or 5 times a power of ten. `rough` is above 0.
pub fn round_step(rough: f64) -> f64 {
    let magnitude = 10_f64.powf(rough.log10().floor());
    [1.0, 2.0, 2.5, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * magnitude)
        .find(|step| *step >= rough)
        .unwrap_or(magnitude * 10.0)
}

/// The share of a column's numbers that are at or below `value`, 0 to 1: exact for columns with at most 64
/// distinct numbers, otherwise interpolated between percentiles. `None` without numbers.
pub fn share_up_to(column: &ColumnProfile, value: f64) -> Option<f64> {
    let is_number = matches!(column.body, Body::Number { .. });
    (is_number && column.values > 0).then(|| rows_up_to(column, value) / column.values as f64)
}

/// The index from the rows in each bin.
fn index(expected: &[f64], found: &[f64]) -> f64 {
    let bins: Vec<(f64, f64)> = expected
        .iter()
        .zip(found)
        .filter(|(expected, found)| **expected > 0.0 || **found > 0.0)
        .map(|(expected, found)| (expected + 0.5, found + 0.5))
        .collect();
    let all_expected: f64 = bins.iter().map(|(expected, _)| expected).sum();
    let all_found: f64 = bins.iter().map(|(_, found)| found).sum();
    bins.iter()
        .map(|(expected, found)| {
            let r = expected / all_expected;
            let b = found / all_found;
            (b - r) * (b / r).ln()
        })
        .sum::<f64>()
        .max(0.0)
}

/// The inner deciles of a number, equal ones merged, without the maximum, above which there are no
/// values.
fn deciles(reference: &ColumnProfile) -> Vec<f64> {
    let Body::Number { quantiles, max, .. } = &reference.body else {
        return Vec::new();
    };
    let step = quantiles.len().saturating_sub(1) / NUMBER_BINS;
    let mut edges: Vec<f64> = (1..NUMBER_BINS)
        .filter_map(|decile| quantiles.get(decile * step).copied())
        .collect();
    edges.dedup();
    // There must be values above the last edge, or a bin is empty on both sides.
    edges.retain(|edge| Some(*edge) != *max);
    edges
}

/// The rows in (-∞, edge 1], (edge 1, edge 2] … (last edge, ∞).
fn counts_between(column: &ColumnProfile, edges: &[f64]) -> Vec<f64> {
    let mut below = 0.0;
    let mut counts: Vec<f64> = edges
        .iter()
        .map(|edge| {
            let up_to = rows_up_to(column, *edge);
            let count = (up_to - below).max(0.0);
            below = up_to;
            count
        })
        .collect();
    counts.push((column.values as f64 - below).max(0.0));
    counts
}

/// The number of rows at or below this number.
fn rows_up_to(column: &ColumnProfile, edge: f64) -> f64 {
    let Body::Number {
        quantiles, counts, ..
    } = &column.body
    else {
        return 0.0;
    };
    if let Some(counts) = counts {
        return counts
            .iter()
            .take_while(|(value, _)| *value <= edge)
            .map(|(_, count)| *count as f64)
            .sum();
    }
    let steps = quantiles.len().saturating_sub(1).max(1) as f64;
    let at_or_below = quantiles.partition_point(|quantile| *quantile <= edge);
    let share = match (
        at_or_below.checked_sub(1).and_then(|i| quantiles.get(i)),
        quantiles.get(at_or_below),
    ) {
        (None, _) => 0.0,
        (_, None) => 1.0,
        (Some(low), Some(high)) => {
            // Halves, because the difference of two finite numbers can be infinite.
            let within = (edge / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0);
            ((at_or_below - 1) as f64 + within.clamp(0.0, 1.0)) / steps
        }
    };
    share * column.values as f64
}

/// The rows of each of these categories, and of all others.
fn counts_of(column: &ColumnProfile, names: &[&str]) -> Vec<f64> {
    let Body::Category { top, .. } = &column.body else {
        return Vec::new();
    };
    let mut counts: Vec<f64> = names
        .iter()
        .map(|name| {
            top.iter()
                .find(|(category, _)| category == name)
                .map_or(0.0, |(_, count)| *count as f64)
        })
        .collect();
    let named: f64 = counts.iter().sum();
    counts.push((column.values as f64 - named).max(0.0));
    counts
}

/// The share of a batch's values, 0 to 1, whose category is not in the reference.
///
/// `None` if either side has numbers or no value, or if the reference has too many categories to
/// store them all ([`crate::profile::MAX_COUNTED_CATEGORIES`]): street codes are always new, which
/// means nothing. If the *batch* has too many, the share is a lower bound.
pub fn new_category_share(reference: &ColumnProfile, batch: &ColumnProfile) -> Option<f64> {
    let (
        Body::Category {
            top: known,
            other: 0,
            ..
        },
        Body::Category { top, .. },
    ) = (&reference.body, &batch.body)
    else {
        return None;
    };
    if reference.values == 0 || batch.values == 0 {
        return None;
    }
    let known: std::collections::HashSet<&str> = known
        .iter()
        .map(|(category, _)| category.as_str())
        .collect();
    let unseen: u64 = top
        .iter()
        .filter(|(category, _)| !known.contains(category.as_str()))
        .map(|(_, count)| count)
        .sum();
    Some(unseen as f64 / batch.values as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Numbers spread evenly over 0 to 1,000, without randomness.
    fn spread(count: u64) -> Vec<f64> {
        (0..count)
            .map(|i| {
                (i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 11) as f64 / (1_u64 << 53) as f64
                    * 1_000.0
            })
            .collect()
    }

    fn number(values: &[f64]) -> ColumnProfile {
        ColumnProfile::number("x", values)
    }

    #[test]
    fn the_index_equals_a_manual_calculation() {
        // Shares (0.25, 0.75) and (0.5, 0.5) before the half rows: 0.25 · ln 3 = 0.2747.
        let reference = [250_000.0, 750_000.0];
        let batch = [500_000.0, 500_000.0];
        assert!((index(&reference, &batch) - 0.25 * 3.0_f64.ln()).abs() < 1e-5);
        assert_eq!(index(&reference, &batch), index(&batch, &reference));
    }

    #[test]
    fn the_same_distribution_scores_low_and_a_shifted_one_high() {
        let reference = number(&spread(20_000));
        let same = psi(&reference, &number(&spread(3_000))).unwrap();
        assert!(same < 0.02, "{same}");
        let shifted: Vec<f64> = spread(3_000).iter().map(|x| x * 1.5 + 100.0).collect();
        let shifted = psi(&reference, &number(&shifted)).unwrap();
        assert!(shifted > 0.25, "{shifted}");
    }

    #[test]
    fn few_distinct_numbers_are_compared_exactly() {
        let beds =
            |threes: usize, fours: usize| number(&[vec![3.0; threes], vec![4.0; fours]].concat());
        assert!(psi(&beds(500, 500), &beds(50, 50)).unwrap() < 1e-3);
        assert!(psi(&beds(500, 500), &beds(90, 10)).unwrap() > 0.25);
    }

    #[test]
    fn a_constant_column_has_an_index() {
        let constant = number(&vec![5.0; 200]);
        assert_eq!(psi(&constant, &constant), Some(0.0));
        // Other values of the batch are in the reference's only bin, so the index is low; missing
        // values would raise it.
        assert!(
            psi(
                &constant,
                &number(&[vec![5.0; 10], vec![f64::NAN; 90]].concat())
            )
            .unwrap()
                > 0.25
        );
    }

    #[test]
    fn missing_values_are_a_bin() {
        let values = spread(2_000);
        let mut emptied = values.clone();
        emptied
            .iter_mut()
            .step_by(2)
            .for_each(|value| *value = f64::NAN);
        assert!(psi(&number(&values), &number(&emptied)).unwrap() > 0.25);
    }

    #[test]
    fn values_that_are_only_filled_more_have_not_moved() {
        let values = spread(4_000);
        let mut gaps = values.clone();
        gaps.iter_mut()
            .step_by(3)
            .for_each(|value| *value = f64::NAN);
        let (reference, batch) = (number(&gaps), number(&values));
        assert!(psi(&reference, &batch).unwrap() > 1.0);
        assert!(value_psi(&reference, &batch).unwrap() < 0.02);
    }

    #[test]
    fn distributions_have_bins_that_people_can_read() {
        let shares = |bins: &[(Bin, f64, f64)]| {
            bins.iter()
                .fold((0.0, 0.0), |(a, b), (_, x, y)| (a + x, b + y))
        };
        let numbers = distributions(&number(&spread(3_000)), &number(&spread(500)));
        assert_eq!(numbers.len(), 10, "{numbers:?}");
        assert_eq!(numbers[1].0, Bin::Range(100.0, 200.0));
        let beds = distributions(&number(&[3.0, 3.0, 4.0]), &number(&[4.0, 5.0]));
        let third = 1.0 / 3.0;
        assert_eq!(beds[1], (Bin::Value(4.0), third, 0.5));
        assert_eq!(beds[2], (Bin::Value(5.0), 0.0, 0.5));
        let state = |names: &[&str]| ColumnProfile::category("s", names.iter().map(|it| Some(*it)));
        let states = distributions(&state(&["a", "a", "b"]), &state(&["c", "a"]));
        assert_eq!(states.len(), 3, "{states:?}");
        assert_eq!(states[2], (Bin::Category("c".to_owned()), 0.0, 0.5));
        for bins in [numbers, beds, states] {
            let (reference, batch) = shares(&bins);
            assert!(
                (reference - 1.0).abs() < 1e-9 && (batch - 1.0).abs() < 1e-9,
                "{bins:?}"
            );
        }
        assert!(distributions(&number(&[1.0]), &state(&["a"])).is_empty());
    }

    #[test]
    fn dates_and_numbers_are_comparable_and_categories_are_not() {
        let dates = ColumnProfile::date("x", &[1.0, 2.0]);
        assert_eq!(psi(&dates, &dates), Some(0.0));
        let category = ColumnProfile::category("x", [Some("1")]);
        assert_eq!(psi(&dates, &category), None);
        assert_eq!(psi(&category, &dates), None);
        assert_eq!(psi(&category, &ColumnProfile::category("x", [None])), None);
        assert_eq!(new_category_share(&dates, &category), None);
    }

    #[test]
    fn categories_shift() {
        let states = |maine: usize, texas: usize| {
            let rows = [vec![Some("Maine"); maine], vec![Some("Texas"); texas]].concat();
            ColumnProfile::category("state", rows)
        };
        assert!(psi(&states(800, 200), &states(80, 20)).unwrap() < 1e-3);
        assert!(psi(&states(800, 200), &states(20, 80)).unwrap() > 0.25);
    }

    #[test]
    fn new_categories_are_counted_by_rows() {
        let reference = ColumnProfile::category("city", [Some("a"), Some("b")]);
        let batch =
            ColumnProfile::category("city", [Some("a"), Some("c"), Some("c"), None, Some("d")]);
        assert_eq!(new_category_share(&reference, &batch), Some(0.75));
        assert_eq!(new_category_share(&reference, &reference), Some(0.0));
    }

    #[test]
    fn a_reference_with_truncated_categories_gives_no_share() {
        let mut reference = ColumnProfile::category("street", [Some("1")]);
        if let Body::Category { other, .. } = &mut reference.body {
            *other = 1;
        }
        assert_eq!(
            new_category_share(&reference, &ColumnProfile::category("street", [Some("2")])),
            None
        );
    }

    proptest! {
        #[test]
        fn the_index_is_never_negative_and_zero_for_itself(
            left in prop::collection::vec(prop::num::f64::ANY, 1..300),
            right in prop::collection::vec(prop::num::f64::ANY, 1..300),
        ) {
            let (left, right) = (number(&left), number(&right));
            if let Some(index) = psi(&left, &right) {
                prop_assert!(index >= 0.0 && index.is_finite(), "{}", index);
                prop_assert_eq!(psi(&left, &left), Some(0.0));
            }
            for (_, reference, batch) in distributions(&left, &right) {
                prop_assert!((0.0..=1.000_001).contains(&reference) && (0.0..=1.000_001).contains(&batch));
            }
        }

        #[test]
        fn so_it_is_for_categories(
            left in prop::collection::vec(prop::option::of("[a-z]"), 1..200),
            right in prop::collection::vec(prop::option::of("[a-z]"), 1..200),
        ) {
            let profile = |rows: &[Option<String>]| ColumnProfile::category("x", rows.iter().map(Option::as_deref));
            let (left, right) = (profile(&left), profile(&right));
            if let Some(index) = psi(&left, &right) {
                prop_assert!(index >= 0.0 && index.is_finite());
                prop_assert_eq!(psi(&left, &left), Some(0.0));
            }
            if let Some(share) = new_category_share(&left, &right) {
                prop_assert!((0.0..=1.0).contains(&share));
                prop_assert_eq!(new_category_share(&left, &left), Some(0.0));
            }
        }

        #[test]
        fn order_of_rows_does_not_matter(mut values in prop::collection::vec(0.0..10.0_f64, 1..200)) {
            let reference = number(&spread(500));
            let forward = psi(&reference, &number(&values)).unwrap();
            values.reverse();
            prop_assert_eq!(psi(&reference, &number(&values)).unwrap(), forward);
        }
    }
}
