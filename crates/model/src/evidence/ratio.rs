//! The ratio study of a version: out of fold, of sales only.

use serde::{Deserialize, Serialize};
use tasador_listing::sale::{PriceKind, STATUS};
use tasador_listing::schema::TYPE_COLUMNS;
use tasador_ratio::{Sale, Segment, Study, segments};

use crate::frame::{Column, Frame};
use crate::train::Trained;

/// Segments of one kind that are stored, those with most sales.
const MOST_SEGMENTS: usize = 100;

/// The ratio study of a version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RatioStudy {
    /// Homes left out because their price is an asking price, or of unknown kind.
    pub not_sold: u64,
    /// The prices that predictions are compared with.
    #[serde(default)]
    pub prices: StudiedPrices,
    /// All sales; absent of fewer than two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all: Option<Study>,
    /// By state, most sales first; like all segments, with at least 20 sales each.
    pub by_state: Vec<Segment>,
    /// By zip code, at most 100.
    pub by_zip_code: Vec<Segment>,
    /// By tenth of the sale price, cheapest first.
    pub by_price: Vec<Segment>,
    /// By type of property; empty where no column says it.
    pub by_property_type: Vec<Segment>,
}

/// The prices of a ratio study.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StudiedPrices {
    /// Sale prices only.
    #[default]
    Sale,
    /// Asking prices, because the dataset has no sales.
    Asking,
    /// All prices, because no home has a status.
    Unknown,
}

/// The study of out-of-fold predictions. The seed is that of the training.
pub fn ratio_study(trained: &Trained) -> RatioStudy {
    let homes = &trained.homes;
    let (studied, sold) = studied(homes);
    let prices = homes.prices().unwrap_or_default();
    let sales: Vec<Sale> = sold
        .iter()
        .filter_map(|&row| {
            Some(Sale {
                predicted: trained.out_of_fold.get(row)?.price,
                price: *prices.get(row)?,
            })
        })
        .collect();
    let seed = trained.model.seed();
    let by = |column: &str| match homes.column(column) {
        Some(Column::Category { codes, names }) => {
            let name = |row: &usize| names.get(*codes.get(*row)? as usize).map(String::as_str);
            segments(&sales, sold.iter().map(name), MOST_SEGMENTS, seed)
        }
        _ => Vec::new(),
    };
    RatioStudy {
        not_sold: (homes.rows() - sold.len()) as u64,
        prices: studied,
        all: Study::of(&sales, seed),
        by_state: by("state"),
        by_zip_code: by("zip_code"),
        by_price: by_price(&sales, seed),
        by_property_type: TYPE_COLUMNS
            .iter()
            .map(|column| by(column))
            .find(|found| !found.is_empty())
            .unwrap_or_default(),
    }
}

/// The rows of a study.
fn studied(homes: &Frame) -> (StudiedPrices, Vec<usize>) {
    let sold = sold(homes);
    if sold.is_empty() {
        (StudiedPrices::Asking, (0..homes.rows()).collect())
    } else if has_status(homes) {
        (StudiedPrices::Sale, sold)
    } else {
        (StudiedPrices::Unknown, sold)
    }
}

fn has_status(homes: &Frame) -> bool {
    match homes.column(STATUS) {
        Some(Column::Category { codes, names }) => codes
            .iter()
            .filter_map(|code| names.get(*code as usize))
            .any(|name| PriceKind::of_status(name).is_some()),
        _ => false,
    }
}

/// The rows that are sales; all of them where no home has a status.
pub(crate) fn sold(homes: &Frame) -> Vec<usize> {
    let Some(Column::Category { codes, names }) =
        homes.column(STATUS).filter(|_| has_status(homes))
    else {
        return (0..homes.rows()).collect();
    };
    let kind = |code: &u32| PriceKind::of_status(names.get(*code as usize)?);
    (0..)
        .zip(codes)
        .filter(|(_, code)| kind(code) == Some(PriceKind::Sale))
        .map(|(row, _)| row)
        .collect()
}

/// By tenth of the price: equal prices are never in two tenths.
fn by_price(sales: &[Sale], seed: u64) -> Vec<Segment> {
    let mut prices: Vec<f64> = sales.iter().map(|sale| sale.price).collect();
    prices.sort_unstable_by(f64::total_cmp);
    let size = prices.len().div_ceil(10).max(1);
    let mut edges: Vec<f64> = prices
        .chunks(size)
        .filter_map(|part| part.last().copied())
        .collect();
    edges.dedup();
    let mut low = prices.first().copied().unwrap_or(0.0);
    let mut found = Vec::new();
    let mut after = f64::NEG_INFINITY;
    for edge in edges {
        let name = format!("{low:.0} to {edge:.0}");
        let of = sales
            .iter()
            .map(|sale| (after < sale.price && sale.price <= edge).then_some(name.as_str()));
        found.extend(segments(sales, of, 1, seed));
        after = edge;
        low = prices
            .get(prices.partition_point(|price| *price <= edge))
            .copied()
            .unwrap_or(edge);
    }
    found
}
