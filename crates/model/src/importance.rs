//! Permutation importance (Breiman 2001; Fisher et al. 2019).

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::folds::FoldModels;
use crate::frame::Frame;

/// Homes that are priced for each input, at most.
const MAX_HOMES: usize = 2_000;

/// How much worse prices get where one input is shuffled among the homes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Importance {
    /// The input.
    pub name: String,
    /// The rise of the mean absolute error, in the installation's currency; about 0 for what says nothing.
    pub mae_rise: f64,
}

/// The importance of each input, most important first, on homes priced by models that never saw
/// them.
pub(crate) fn measure(folds: &FoldModels, homes: &Frame, seed: u64) -> Vec<Importance> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut rows: Vec<usize> = (0..homes.rows()).collect();
    rows.shuffle(&mut random);
    rows.truncate(MAX_HOMES);
    let homes = homes.select(&rows);
    let prices = homes.prices().unwrap_or_default();
    if prices.is_empty() {
        return Vec::new();
    }
    let mae = |homes: &Frame| {
        let errors = folds.predict(homes).into_iter().zip(prices);
        errors
            .map(|(predicted, price)| (predicted - price).abs())
            .sum::<f64>()
            / prices.len() as f64
    };
    let mut names: Vec<&str> = folds
        .models()
        .iter()
        .flat_map(|model| model.inputs().iter().map(|input| input.name.as_str()))
        .collect();
    names.sort_unstable();
    names.dedup();
    let usual = mae(&homes);
    let mut found: Vec<Importance> = names
        .into_iter()
        .map(|name| {
            let mut order: Vec<usize> = (0..homes.rows()).collect();
            order.shuffle(&mut random);
            Importance {
                name: name.to_owned(),
                mae_rise: mae(&homes.shuffled(name, &order)) - usual,
            }
        })
        .collect();
    found.sort_by(|a, b| {
        b.mae_rise
            .total_cmp(&a.mae_rise)
            .then_with(|| a.name.cmp(&b.name))
    });
    found
}
