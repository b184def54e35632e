//! The statistics of a sample in which each sale may occur several times, as in a bootstrap.

use crate::Sale;

/// Sales in the two orders that the statistics need. A resample is a list of counts beside it, so that
/// nothing is sorted again.
pub(crate) struct Sorted {
    /// Ascending by price; equal prices in their original order.
    sales: Vec<Sale>,
    /// Indexes of `sales`, ascending by ratio.
    by_ratio: Vec<usize>,
}

/// The statistics of one sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Statistics {
    /// The median ratio; the mean of the two middle ones where their number is even.
    pub median_ratio: f64,
    pub mean_ratio: f64,
    /// The sum of the predictions over the sum of the prices.
    pub weighted_mean_ratio: f64,
    /// Coefficient of dispersion: mean absolute deviation from the median ratio, in percent of it.
    pub cod: f64,
    /// Price-related differential: the mean ratio over the weighted mean ratio.
    pub prd: f64,
    /// Price-related bias: the change of the ratio, as a share, when the value doubles. NaN where all values
    /// are equal.
    pub prb: f64,
    /// Modified Kakwani index: the Gini coefficient of the predictions, in the order of the prices, over that
    /// of the prices. NaN where all prices are equal.
    pub mki: f64,
    /// Kakwani index: the difference of the two coefficients.
    pub ki: f64,
}

impl Statistics {
    /// The statistics of usable sales; `None` of fewer than two.
    pub fn of(sales: &[Sale]) -> Option<Self> {
        let sorted = Sorted::new(sales)?;
        Some(sorted.statistics(&vec![1; sorted.len()]))
    }

    /// Each with its name in JSON.
    pub fn by_name(&self) -> [(&'static str, f64); 8] {
        [
            ("median_ratio", self.median_ratio),
            ("mean_ratio", self.mean_ratio),
            ("weighted_mean_ratio", self.weighted_mean_ratio),
            ("cod", self.cod),
            ("prd", self.prd),
            ("prb", self.prb),
            ("mki", self.mki),
            ("ki", self.ki),
        ]
    }
}

impl Sorted {
    /// `None` of fewer than two usable sales.
    pub(crate) fn new(sales: &[Sale]) -> Option<Self> {
        let mut sales: Vec<Sale> = sales.iter().copied().filter(Sale::is_usable).collect();
        if sales.len() < 2 {
            return None;
        }
        sales.sort_by(|a, b| a.price.total_cmp(&b.price));
        let mut by_ratio: Vec<(f64, usize)> = sales.iter().map(Sale::ratio).zip(0..).collect();
        by_ratio.sort_by(|a, b| a.0.total_cmp(&b.0));
        let by_ratio = by_ratio.into_iter().map(|(_, index)| index).collect();
        Some(Self { sales, by_ratio })
    }

    pub(crate) fn len(&self) -> usize {
        self.sales.len()
    }

    /// The sales whose ratio is within 3 interquartile ranges of the quartiles (IAAO, appendix B.1).
    pub(crate) fn trimmed(&self) -> Vec<Sale> {
        let ratios: Vec<f64> = self
            .by_ratio
            .iter()
            .filter_map(|&index| self.sales.get(index))
            .map(Sale::ratio)
            .collect();
        let (first, third) = (quantile(&ratios, 0.25), quantile(&ratios, 0.75));
        let reach = 3.0 * (third - first);
        let is_inside = |sale: &&Sale| (first - reach..=third + reach).contains(&sale.ratio());
        self.sales.iter().filter(is_inside).copied().collect()
    }

    /// `counts` says how often each sale occurs, in ascending order of price.
    pub(crate) fn statistics(&self, counts: &[u32]) -> Statistics {
        let weighted = || {
            self.sales
                .iter()
                .zip(counts)
                .filter(|(_, count)| **count > 0)
                .map(|(sale, count)| (sale, f64::from(*count)))
        };
        let sum = |of: &dyn Fn(&Sale) -> f64| -> f64 {
            weighted().map(|(sale, count)| of(sale) * count).sum()
        };
        let total = sum(&|_| 1.0);
        let median = self.median_ratio(counts);
        let (predictions, prices) = (sum(&|sale| sale.predicted), sum(&|sale| sale.price));
        let mean_ratio = sum(&Sale::ratio) / total;
        let weighted_mean_ratio = predictions / prices;

        // The regression of IAAO 2013, appendix D: the relative deviation of the ratio on the binary
        // logarithm of the mean of price and prediction over the median ratio.
        let value = |sale: &Sale| ((sale.predicted / median + sale.price) / 2.0).log2();
        let deviation = |sale: &Sale| (sale.ratio() - median) / median;
        let (mean_value, mean_deviation) = (sum(&value) / total, sum(&deviation) / total);
        let (mut covariance, mut variance) = (0.0, 0.0);
        // Gini coefficients: each sale has as many ranks as it occurs.
        let (mut before, mut ranked_predictions, mut ranked_prices) = (0.0, 0.0, 0.0);
        for (sale, count) in weighted() {
            let from_mean = value(sale) - mean_value;
            covariance += count * from_mean * (deviation(sale) - mean_deviation);
            variance += count * from_mean * from_mean;
            let ranks = count * before + count * (count + 1.0) / 2.0;
            ranked_predictions += sale.predicted * ranks;
            ranked_prices += sale.price * ranks;
            before += count;
        }
        let gini = |ranked: f64, sum: f64| (2.0 * ranked / sum - (total + 1.0)) / total;
        let predicted = gini(ranked_predictions, predictions);
        let paid = gini(ranked_prices, prices);
        let is_flat =
            self.sales.first().map(|sale| sale.price) == self.sales.last().map(|sale| sale.price);
        Statistics {
            median_ratio: median,
            mean_ratio,
            weighted_mean_ratio,
            cod: 100.0 / median * sum(&|sale| (sale.ratio() - median).abs()) / total,
            prd: mean_ratio / weighted_mean_ratio,
            prb: if variance > 0.0 {
                covariance / variance
            } else {
                f64::NAN
            },
            mki: if is_flat { f64::NAN } else { predicted / paid },
            ki: predicted - paid,
        }
    }

    fn median_ratio(&self, counts: &[u32]) -> f64 {
        let total: u64 = counts.iter().map(|count| u64::from(*count)).sum();
        let (lower, upper) = (total.saturating_sub(1) / 2, total / 2);
        let (mut seen, mut low) = (0, None);
        for &index in &self.by_ratio {
            seen += counts.get(index).copied().map_or(0, u64::from);
            let Some(ratio) = self.sales.get(index).map(Sale::ratio) else {
                continue;
            };
            if low.is_none() && seen > lower {
                low = Some(ratio);
            }
            if seen > upper {
                return low.map_or(ratio, |low| low.midpoint(ratio));
            }
        }
        f64::NAN
    }
}

/// The quantile of ascending values with linear interpolation, as NumPy's default.
pub(crate) fn quantile(ascending: &[f64], share: f64) -> f64 {
    let Some(last) = ascending.len().checked_sub(1) else {
        return f64::NAN;
    };
    let position = share * last as f64;
    let below = position.floor();
    let at = |index: f64| ascending.get(index as usize).copied().unwrap_or(f64::NAN);
    at(below) + (position - below) * (at(position.ceil()) - at(below))
}
