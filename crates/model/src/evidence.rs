//! The accuracy of a version in detail: by price and state, against the recipe of the original
//! system, and by input. All of it is out of fold: each home is priced by the model that never saw
//! its property.

mod baseline;
mod card;
mod plots;
mod ratio;

use serde::{Deserialize, Serialize};

use crate::folds::rows_of;
use crate::frame::{Column, Frame, MISSING};
use crate::importance::Importance;
use crate::metrics::{self, Scores};
use crate::model::Prediction;
use crate::train::Trained;

pub use baseline::Accuracy;
pub(crate) use ratio::sold;
pub use ratio::{RatioStudy, StudiedPrices, ratio_study};

/// The fewest homes of a part whose figures are reported.
const LEAST_OF_A_PART: usize = 10;

/// The column that says which state a home is in.
const STATE: &str = "state";

/// A part of the held-out homes with its figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// What the homes have in common: a state, or a range of true prices.
    pub name: String,
    /// How good the model is on them.
    pub metrics: Scores,
}

/// The accuracy of a version, out of fold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// All homes; `None` where none has a price. In versions of the first edition: those held out.
    #[serde(alias = "holdout")]
    pub out_of_fold: Option<Scores>,
    /// By quarter of the true price, cheapest first.
    pub by_price: Vec<Part>,
    /// By state, most homes first; empty where no column says it.
    pub by_state: Vec<Part>,
    /// The recipe of the original system: a weighted sum of the columns that are numbers, learned
    /// from all folds but the first and scored on the first.
    pub baseline: Option<Accuracy>,
    /// How much each input matters, most important first.
    pub importance: Vec<Importance>,
}

/// The files that go with a version, beside the artefact.
#[derive(Debug, Clone, PartialEq)]
pub struct Files {
    /// The model card, Markdown.
    pub card: String,
    /// Prediction errors by true price, SVG.
    pub residuals: String,
    /// Predicted prices against true ones, and the intervals' coverage, by tenth, SVG.
    pub calibration: String,
}

/// The accuracy in detail.
pub fn report(trained: &Trained) -> Report {
    let (homes, predictions) = (&trained.homes, &trained.out_of_fold);
    let prices = homes.prices().unwrap_or_default();
    let fold_of = homes.folds(trained.folds.count());
    let part = |inside| homes.select(&rows_of(&fold_of, 0, inside));
    Report {
        out_of_fold: metrics::score(prices, predictions),
        by_price: by_price(prices, predictions),
        by_state: by_state(homes, predictions),
        baseline: baseline::measure(&part(false), &part(true)),
        importance: trained.evidence.importance.clone(),
    }
}

/// The report for people. `name` is what the model and version are called.
pub fn files(name: &str, trained: &Trained, report: &Report, ratios: &RatioStudy) -> Files {
    let prices = trained.homes.prices().unwrap_or_default();
    Files {
        card: card::write(name, &trained.model, &trained.evidence, report, ratios),
        residuals: plots::residuals(prices, &trained.out_of_fold),
        calibration: plots::calibration(prices, &trained.out_of_fold),
    }
}

fn by_price(prices: &[f64], predictions: &[Prediction]) -> Vec<Part> {
    let mut order: Vec<usize> = (0..prices.len()).collect();
    let price = |row: usize| prices.get(row).copied().unwrap_or(f64::NAN);
    order.sort_by(|&a, &b| price(a).total_cmp(&price(b)));
    let size = order.len().div_ceil(4);
    if size < LEAST_OF_A_PART {
        return Vec::new();
    }
    order
        .chunks(size)
        .filter_map(|rows| {
            let (first, last) = (*rows.first()?, *rows.last()?);
            let name = format!("{:.0} to {:.0}", price(first), price(last));
            part(name, rows, prices, predictions)
        })
        .collect()
}

fn by_state(homes: &Frame, predictions: &[Prediction]) -> Vec<Part> {
    let Some(Column::Category { codes, names }) = homes.column(STATE) else {
        return Vec::new();
    };
    let mut rows: Vec<Vec<usize>> = vec![Vec::new(); names.len()];
    for (row, &code) in codes
        .iter()
        .enumerate()
        .filter(|(_, code)| **code != MISSING)
    {
        if let Some(rows) = rows.get_mut(code as usize) {
            rows.push(row);
        }
    }
    let mut parts: Vec<Part> = names
        .iter()
        .zip(&rows)
        .filter(|(_, rows)| rows.len() >= LEAST_OF_A_PART)
        .filter_map(|(name, rows)| {
            part(
                name.clone(),
                rows,
                homes.prices().unwrap_or_default(),
                predictions,
            )
        })
        .collect();
    parts.sort_by(|a, b| {
        let rows = b.metrics.rows.cmp(&a.metrics.rows);
        rows.then_with(|| a.name.cmp(&b.name))
    });
    parts
}

fn part(name: String, rows: &[usize], prices: &[f64], predictions: &[Prediction]) -> Option<Part> {
    let (prices, predictions): (Vec<f64>, Vec<Prediction>) = rows
        .iter()
        .filter_map(|&row| Some((*prices.get(row)?, *predictions.get(row)?)))
        .unzip();
    let metrics = metrics::score(&prices, &predictions)?;
    Some(Part { name, metrics })
}
