//! Served prices against sale prices, by version, month and state.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use tasador_ids::ModelVersion;
use tasador_listing::{PriceKind, PropertyKey};
use tasador_ratio::{Sale, Study};

use crate::served::ServedPrice;

/// The fewest sales of a version for which there is a ratio study, and without which its asking prices count.
const LEAST_OF_A_STUDY: usize = 20;
/// States that are listed for a version, those with most sales.
const MOST_STATES: usize = 60;
/// The seed of the study's intervals.
const SEED: u64 = 42;

/// A sale and the price that was served for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluated {
    pub property: PropertyKey,
    pub date: Date,
    /// The sale price.
    pub price: f64,
    pub served: ServedPrice,
    /// The version may have learned from this sale: it is counted nowhere.
    #[serde(default)]
    pub is_learned: bool,
}

/// The error of served prices.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Figures {
    /// Sales counted.
    pub sales: u64,
    /// Mean absolute error.
    pub mae: f64,
    /// Median absolute error, as a share of the sale price.
    pub median_ape: f64,
    /// Mean error, as a share of the sale price: above 0 where prices were too high.
    pub bias: f64,
    /// Share of sales within 5 % of the served price's prediction.
    pub within_5: f64,
    /// Share within 10 %.
    pub within_10: f64,
    /// Share within 20 %.
    pub within_20: f64,
    /// Share of sale prices inside the served interval.
    pub coverage: f64,
}

/// The metric of a version that the error of its served prices is compared with.
pub const PROMISED: &str = "validation_median_ape";

impl Figures {
    /// How much larger the median error is than the version's [`PROMISED`] one, as a share; `None` if that is not known.
    pub fn error_growth(&self, promised: Option<f64>) -> Option<f64> {
        let promised = promised.filter(|promised| *promised > 0.0)?;
        Some(self.median_ape / promised - 1.0)
    }

    /// [`Figures::error_growth`] where it is above `limit`, and known from at least `min_sales`.
    pub fn grown_error(&self, promised: Option<f64>, limit: f64, min_sales: u64) -> Option<f64> {
        let growth = self.error_growth(promised)?;
        (growth > limit && self.sales >= min_sales).then_some(growth)
    }

    /// Each figure with its name.
    pub const fn by_name(&self) -> [(&'static str, f64); 8] {
        [
            ("sales", self.sales as f64),
            ("mae", self.mae),
            ("median_ape", self.median_ape),
            ("bias", self.bias),
            ("within_5", self.within_5),
            ("within_10", self.within_10),
            ("within_20", self.within_20),
            ("coverage", self.coverage),
        ]
    }

    fn of(evaluated: &[&Evaluated]) -> Option<Self> {
        let count = evaluated.len() as f64;
        let sales = evaluated.iter().map(|it| Sale {
            predicted: it.served.price,
            price: it.price,
        });
        let mut errors: Vec<f64> = sales.map(|sale| sale.error()).collect();
        let bias = errors.iter().sum::<f64>() / count;
        for error in &mut errors {
            *error = error.abs();
        }
        errors.sort_unstable_by(f64::total_cmp);
        let within =
            |limit: f64| errors.iter().filter(|error| **error <= limit).count() as f64 / count;
        let middle = errors.len() / 2;
        let upper = *errors.get(middle)?;
        let lower = *errors.get(errors.len().saturating_sub(1) / 2)?;
        let is_covered = |it: &&&Evaluated| (it.served.low..=it.served.high).contains(&it.price);
        Some(Self {
            sales: errors.len() as u64,
            mae: evaluated
                .iter()
                .map(|it| (it.served.price - it.price).abs())
                .sum::<f64>()
                / count,
            median_ape: lower.midpoint(upper),
            bias,
            within_5: within(0.05),
            within_10: within(0.1),
            within_20: within(0.2),
            coverage: evaluated.iter().filter(is_covered).count() as f64 / count,
        })
    }
}

/// The figures of a part of the sales.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Group {
    /// The version that served the prices.
    #[cfg_attr(feature = "openapi", schema(value_type = u32, minimum = 1))]
    pub version: ModelVersion,
    /// The month of the sales, such as `2026-11`, or the state; absent for all sales of the version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub name: Option<String>,
    #[serde(flatten)]
    pub figures: Figures,
    /// Sales for which an asking price was served; only for all sales of the version.
    #[serde(default)]
    pub asking_prices: u64,
    /// Whether those sales are counted: where sale prices were served for fewer than 20 others.
    #[serde(default)]
    pub are_asking_prices_counted: bool,
    /// The ratio study of the served prices, from 20 sales on; only for all sales of the version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub ratio_study: Option<Study>,
}

/// What served prices turned out to be worth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Performance {
    /// When it was computed.
    pub at: Timestamp,
    /// One for each version that served prices of homes sold later, newest first.
    pub by_version: Vec<Group>,
    /// By version and month of the sale, newest first.
    pub by_month: Vec<Group>,
    /// By version and state, most sales first.
    pub by_state: Vec<Group>,
}

impl Performance {
    /// Without any sale.
    pub fn none(at: Timestamp) -> Self {
        Self::of(&[], at)
    }

    pub fn of(evaluated: &[Evaluated], at: Timestamp) -> Self {
        let joined: Vec<&Evaluated> = evaluated.iter().filter(|it| !it.is_learned).collect();
        let asking = asking_prices(&joined);
        let of = |version: ModelVersion| asking.get(&version.0).copied().unwrap_or_default();
        let counted: Vec<&Evaluated> = joined
            .into_iter()
            .filter(|it| !is_asking(it) || of(it.served.version).are_counted)
            .collect();
        let mut by_version = groups(&counted, |_| Some(None));
        for group in &mut by_version {
            let asking = of(group.version);
            group.asking_prices = asking.count;
            group.are_asking_prices_counted = asking.count > 0 && asking.are_counted;
            let sales: Vec<Sale> = counted
                .iter()
                .filter(|it| it.served.version == group.version)
                .map(|it| Sale {
                    predicted: it.served.price,
                    price: it.price,
                })
                .collect();
            if sales.len() >= LEAST_OF_A_STUDY {
                group.ratio_study = Study::of(&sales, SEED);
            }
        }
        let month = |it: &Evaluated| Some(Some(it.date.strftime("%Y-%m").to_string()));
        let mut by_month = groups(&counted, month);
        by_month.sort_by(|a, b| (&b.name, b.version.0).cmp(&(&a.name, a.version.0)));
        let mut by_state = groups(&counted, |it| it.served.state.clone().map(Some));
        by_state.sort_by_key(|group| std::cmp::Reverse(group.figures.sales));
        by_state.truncate(MOST_STATES);
        Self {
            at,
            by_version,
            by_month,
            by_state,
        }
    }

    /// The figures of all sales of a version.
    pub fn of_version(&self, version: ModelVersion) -> Option<&Figures> {
        let group = self
            .by_version
            .iter()
            .find(|group| group.version == version)?;
        Some(&group.figures)
    }
}

/// The asking prices that a version served.
#[derive(Debug, Clone, Copy, Default)]
struct AskingPrices {
    count: u64,
    are_counted: bool,
}

fn is_asking(it: &Evaluated) -> bool {
    it.served.price_kind == Some(PriceKind::Asking)
}

/// An asking price is another target than the price of the sale: it counts only where a version served too few
/// others to be judged by.
fn asking_prices(joined: &[&Evaluated]) -> BTreeMap<u32, AskingPrices> {
    let mut others: BTreeMap<u32, usize> = BTreeMap::new();
    let mut found: BTreeMap<u32, AskingPrices> = BTreeMap::new();
    for it in joined {
        let version = it.served.version.0;
        if is_asking(it) {
            found.entry(version).or_default().count += 1;
        } else {
            *others.entry(version).or_default() += 1;
        }
    }
    for (version, asking) in &mut found {
        asking.are_counted = others.get(version).copied().unwrap_or(0) < LEAST_OF_A_STUDY;
    }
    found
}

/// One group for each version and name, newest version first. What has no name is left out.
fn groups(
    counted: &[&Evaluated],
    name: impl Fn(&Evaluated) -> Option<Option<String>>,
) -> Vec<Group> {
    let mut found: BTreeMap<(std::cmp::Reverse<u32>, Option<String>), Vec<&Evaluated>> =
        BTreeMap::new();
    for it in counted {
        if let Some(name) = name(it) {
            let version = std::cmp::Reverse(it.served.version.0);
            found.entry((version, name)).or_default().push(it);
        }
    }
    found
        .into_iter()
        .filter_map(|((version, name), members)| {
            Some(Group {
                version: ModelVersion(version.0),
                name,
                figures: Figures::of(&members)?,
                asking_prices: 0,
                are_asking_prices_counted: false,
                ratio_study: None,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use tasador_listing::PriceKind::{Asking, Sale};

    use super::*;

    fn sold(home: usize, price_kind: Option<PriceKind>) -> Evaluated {
        let property = PropertyKey(home as u128);
        // Asking prices are a tenth above the sale prices.
        let price = if price_kind == Some(Asking) {
            110.0
        } else {
            100.0
        };
        Evaluated {
            property,
            date: "2026-11-25".parse().unwrap(),
            price: 100.0,
            served: ServedPrice {
                property,
                request_id: home.to_string(),
                instance: 0,
                at: Timestamp::UNIX_EPOCH,
                model: "houses".parse().unwrap(),
                version: ModelVersion(1),
                price,
                price_kind,
                low: 90.0,
                high: 120.0,
                state: Some("CT".to_owned()),
            },
            is_learned: false,
        }
    }

    #[test]
    fn asking_prices_are_judged_only_where_there_are_too_few_sale_prices() {
        for (sale, unknown, asking, counted, are_counted) in [
            (20, 0, 7, 20, false),
            (0, 20, 7, 20, false),
            (12, 8, 0, 20, false),
            (19, 0, 7, 26, true),
            (0, 0, 7, 7, true),
        ] {
            let kinds = std::iter::repeat_n(Some(Sale), sale)
                .chain(std::iter::repeat_n(None, unknown))
                .chain(std::iter::repeat_n(Some(Asking), asking));
            let evaluated: Vec<Evaluated> = kinds
                .enumerate()
                .map(|(home, kind)| sold(home, kind))
                .collect();
            let found = Performance::of(&evaluated, Timestamp::UNIX_EPOCH);
            let [group] = found.by_version.as_slice() else {
                panic!("{found:?}")
            };
            assert_eq!(group.figures.sales, counted, "{sale} {unknown} {asking}");
            assert_eq!(group.asking_prices, asking as u64);
            assert_eq!(group.are_asking_prices_counted, are_counted);
            assert_eq!(found.by_state[0].figures.sales, counted);
            assert_eq!(group.figures.bias > 0.0, are_counted);
        }
    }
}
