//! Columns that models must not learn from, found in their values: those that repeat the price, and
//! those that number or name the rows.

/// With fewer rows, a column may repeat the price by chance.
const MIN_ROWS: usize = 50;
/// With fewer rows, numbers may all differ by chance.
const MIN_NAMED_ROWS: usize = 200;
/// How far a repeated price may be off, as a share: prices per area are rounded.
const TOLERANCE: f64 = 0.01;
/// The share of the values that must be as expected.
const SHARE: f64 = 0.95;

/// Whether the column is the price times a constant, or, given areas, the price per area times one.
///
/// `values` and `ln_prices` have the same rows; NaN is missing. Columns of which fewer than 50 rows are
/// above zero, or that have one value, repeat nothing.
pub fn repeats_price(values: &[f64], ln_prices: &[f64], areas: Option<&[f64]>) -> bool {
    let area = |row: usize| match areas {
        Some(areas) => areas.get(row).copied().unwrap_or(f64::NAN).ln(),
        None => 0.0,
    };
    let ratios = values.iter().zip(ln_prices).enumerate();
    let mut ratios: Vec<f64> = ratios
        .filter(|(_, (value, _))| **value > 0.0)
        .map(|(row, (value, price))| value.ln() + area(row) - price)
        .filter(|ratio| ratio.is_finite())
        .collect();
    if ratios.len() < MIN_ROWS || is_one(ln_prices) || is_one(values) {
        return false;
    }
    ratios.sort_unstable_by(f64::total_cmp);
    let Some(median) = ratios.get(ratios.len() / 2) else {
        return false;
    };
    let equal = ratios
        .iter()
        .filter(|ratio| (*ratio - median).abs() < TOLERANCE);
    equal.count() as f64 >= ratios.len() as f64 * SHARE
}

/// Whether all values that are given are equal.
fn is_one(values: &[f64]) -> bool {
    let mut given = values.iter().filter(|value| !value.is_nan());
    let first = given.next();
    given.all(|value| Some(value) == first)
}

/// Whether the numbers name the rows: whole, all different, and either rising by small steps from row to
/// row, or all with the same number of at least seven digits.
pub fn numbers_rows(values: &[f64]) -> bool {
    let given: Vec<f64> = values
        .iter()
        .copied()
        .filter(|value| !value.is_nan())
        .collect();
    let rows = given.len();
    if rows < MIN_NAMED_ROWS || rows * 2 < values.len() {
        return false;
    }
    if given
        .iter()
        .any(|value| value.fract() != 0.0 || *value < 0.0)
    {
        return false;
    }
    let mut sorted = given.clone();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted.dedup();
    let (Some(first), Some(last)) = (sorted.first(), sorted.last()) else {
        return false;
    };
    if sorted.len() < rows {
        return false;
    }
    let rises = given.is_sorted() && last - first < 3.0 * rows as f64;
    let digits = |value: f64| value.max(1.0).log10().floor();
    rises || (digits(*first) >= 6.0 && digits(*first) == digits(*last))
}

/// Whether the texts name the rows: all that are given are different.
pub fn names_rows<'a>(texts: impl Iterator<Item = Option<&'a str>>) -> bool {
    let mut seen = std::collections::HashSet::new();
    let mut rows = 0_usize;
    for text in texts {
        rows += 1;
        if let Some(text) = text
            && !seen.insert(text)
        {
            return false;
        }
    }
    seen.len() >= MIN_NAMED_ROWS && seen.len() * 2 >= rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prices() -> Vec<f64> {
        (0..300)
            .map(|row| 100_000.0 + f64::from(row * 7_919 % 300) * 1_000.0)
            .collect()
    }

    fn ln(values: &[f64]) -> Vec<f64> {
        values.iter().map(|value| value.ln()).collect()
    }

    #[test]
    fn copies_shares_and_prices_per_area_repeat_the_price() {
        let prices = prices();
        let ln_prices = ln(&prices);
        let areas: Vec<f64> = (0..300)
            .map(|row| 500.0 + f64::from(row * 37 % 900))
            .collect();
        let of = |value: &dyn Fn(usize) -> f64| (0..300).map(value).collect::<Vec<f64>>();
        let copy = of(&|row| prices[row]);
        let tax = of(&|row| (prices[row] * 0.0123).round());
        let mostly = of(&|row| {
            if row % 25 == 0 {
                5.0
            } else {
                prices[row] * 2.0
            }
        });
        let sold = of(&|row| if row % 3 == 0 { prices[row] } else { f64::NAN });
        for column in [copy, tax, mostly, sold] {
            assert!(repeats_price(&column, &ln_prices, None));
            assert!(!repeats_price(&column, &ln_prices, Some(&areas)));
        }
        let per_area = of(&|row| (prices[row] / areas[row]).round());
        assert!(repeats_price(&per_area, &ln_prices, Some(&areas)));
        assert!(!repeats_price(&per_area, &ln_prices, None));
    }

    #[test]
    fn what_only_goes_along_with_the_price_does_not_repeat_it() {
        let prices = prices();
        let ln_prices = ln(&prices);
        let noisy: Vec<f64> = prices
            .iter()
            .enumerate()
            .map(|(row, price)| price * (0.95 + 0.1 * (row % 11) as f64 / 10.0))
            .collect();
        let few: Vec<f64> = prices
            .iter()
            .enumerate()
            .map(|(row, price)| if row < 40 { *price } else { f64::NAN })
            .collect();
        let constant = vec![3.0; 300];
        for column in [&noisy, &few, &constant, &vec![f64::NAN; 300]] {
            assert!(!repeats_price(column, &ln_prices, None));
        }
        assert!(!repeats_price(&prices, &vec![1.0; 300], None));
    }

    #[test]
    fn numbers_of_rows_are_recognised() {
        let rising: Vec<f64> = (0..250).map(f64::from).collect();
        let ids: Vec<f64> = (0..250)
            .map(|row| 7_000_000_000.0 + f64::from(row * 104_729 % 250_007) * 3.0)
            .collect();
        assert!(numbers_rows(&rising) && numbers_rows(&ids));
        let mut repeated = ids.clone();
        repeated[1] = repeated[0];
        let years: Vec<f64> = (0..250).map(|row| f64::from(1_900 + row % 100)).collect();
        let sizes: Vec<f64> = (0..250)
            .map(|row| 500.0 + f64::from(row * 7_919 % 250) * 11.0)
            .collect();
        let shares: Vec<f64> = (0..250).map(|row| f64::from(row) / 8.0).collect();
        for column in [&repeated, &years, &sizes, &shares, &rising[..100].to_vec()] {
            assert!(!numbers_rows(column), "{:?}", &column[..3]);
        }
    }

    #[test]
    fn texts_that_all_differ_name_the_rows() {
        let texts: Vec<String> = (0..250).map(|row| format!("https://host/{row}")).collect();
        let given = || texts.iter().map(|text| Some(text.as_str()));
        assert!(names_rows(given()));
        assert!(!names_rows(given().chain([Some("https://host/7")])));
        assert!(!names_rows(given().take(100)));
        assert!(!names_rows(given().chain(std::iter::repeat_n(None, 300))));
    }
}
