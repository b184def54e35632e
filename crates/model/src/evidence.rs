//! What is known of a model beyond its validation: how good it is on the held-out homes, for whom,
//! against what, and by which inputs.
//!
//! The holdout is scored here once the model is fixed; nothing of it goes back into training, and
//! candidates are ranked by validation.

mod baseline;
mod card;
mod plots;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::frame::{Column, Frame, MISSING};
use crate::metrics::{self, Metrics};
use crate::model::{Model, Prediction};
use crate::train::Evidence;

pub use baseline::Accuracy;

/// The fewest homes of a part whose figures are reported.
const LEAST_OF_A_PART: usize = 10;

/// Homes that permutation importance prices at most, for each input.
const IMPORTANCE_ROWS: usize = 5_000;

/// The column that says which state a home is in.
const STATE: &str = "state";

/// A part of the held-out homes with its figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// What the homes have in common: a state, or a range of true prices.
    pub name: String,
    /// How good the model is on them.
    pub metrics: Metrics,
}

/// How much worse a model gets where one input is shuffled among the homes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Importance {
    /// The input.
    pub name: String,
    /// The rise of the mean absolute error, in US dollars; about 0 for what says nothing.
    pub mae_rise: f64,
}

/// What a model was found to be on the held-out homes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// All held-out homes; `None` where none has a price.
    pub holdout: Option<Metrics>,
    /// By quarter of the true price, cheapest first.
    pub by_price: Vec<Part>,
    /// By state, most homes first; empty where no column says it.
    pub by_state: Vec<Part>,
    /// The recipe of the system this one replaces, learnt from the same homes: a weighted sum of the
    /// columns that are numbers.
    pub baseline: Option<Accuracy>,
    /// Permutation importance (Breiman 2001; Fisher et al. 2019), most important first.
    pub importance: Vec<Importance>,
}

/// The files that go with a version, beside the artefact.
#[derive(Debug, Clone, PartialEq)]
pub struct Files {
    /// The model card, Markdown.
    pub card: String,
    /// True prices against what the model was off by, SVG.
    pub residuals: String,
    /// Predicted prices against true ones, and the intervals' coverage, by tenth, SVG.
    pub calibration: String,
}

/// Scores a finished model on homes that had no part in it. The seed is that of the shuffling.
pub fn report(model: &Model, training: &Frame, holdout: &Frame, seed: u64) -> Report {
    let holdout = holdout.select(&holdout.priced_rows());
    let prices = holdout.prices().unwrap_or_default();
    let predictions = model.predict_all(&holdout);
    Report {
        holdout: metrics::score(prices, &predictions),
        by_price: by_price(prices, &predictions),
        by_state: by_state(&holdout, &predictions),
        baseline: baseline::measure(training, &holdout),
        importance: importance(model, &holdout, seed),
    }
}

/// The readable side of a report. `name` is what the model and version are called.
pub fn files(
    name: &str,
    model: &Model,
    evidence: &Evidence,
    report: &Report,
    holdout: &Frame,
) -> Files {
    let holdout = holdout.select(&holdout.priced_rows());
    let prices = holdout.prices().unwrap_or_default();
    let predictions = model.predict_all(&holdout);
    Files {
        card: card::write(name, model, evidence, report),
        residuals: plots::residuals(prices, &predictions),
        calibration: plots::calibration(prices, &predictions),
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
            let name = format!("${:.0} to ${:.0}", price(first), price(last));
            part(name, rows, prices, predictions)
        })
        .collect()
}

fn by_state(holdout: &Frame, predictions: &[Prediction]) -> Vec<Part> {
    let Some(Column::Category { codes, names }) = holdout.column(STATE) else {
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
                holdout.prices().unwrap_or_default(),
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

fn importance(model: &Model, holdout: &Frame, seed: u64) -> Vec<Importance> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut rows: Vec<usize> = (0..holdout.rows()).collect();
    rows.shuffle(&mut random);
    rows.truncate(IMPORTANCE_ROWS);
    let homes = holdout.select(&rows);
    let prices = homes.prices().unwrap_or_default();
    let mae = |homes: &Frame| {
        let off = model.predict(homes).into_iter().zip(prices);
        off.map(|(predicted, price)| (predicted - price).abs())
            .sum::<f64>()
            / prices.len().max(1) as f64
    };
    if prices.is_empty() {
        return Vec::new();
    }
    let usual = mae(&homes);
    let mut found: Vec<Importance> = model
        .inputs()
        .iter()
        .map(|input| {
            let mut order: Vec<usize> = (0..homes.rows()).collect();
            order.shuffle(&mut random);
            Importance {
                name: input.name.clone(),
                mae_rise: mae(&homes.shuffled(&input.name, &order)) - usual,
            }
        })
        .collect();
    found.sort_by(|a, b| b.mae_rise.total_cmp(&a.mae_rise));
    found
}
