//! Gradient-boosted trees, by hessboost.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use hessboost::config::{GrowPolicy, TrainingParams, TreeMethod};
use hessboost::data::DMatrix;
use hessboost::model::BoostedModel;
use hessboost::objective::{Objective, RegLoss};
use hessboost::training::{Trainer, train};

use crate::encoder::Fitted;
use crate::forest::{Forest, Stored};
use crate::regressor::Regressor;
use crate::train::{KEPT_BACK, Outcome, TrainConfig, narrow, parameter, parted};

/// Rounds without a gain after which boosting stops.
const PATIENCE: NonZeroUsize = NonZeroUsize::MIN.saturating_add(29);

/// Up to so many homes the trees are grown again from all of them once the number of rounds is
/// found; with more, the homes kept back would teach little, and growing again takes as long.
const GROWN_AGAIN: usize = 25_000;

/// Rounds where there is too little to find them by early stopping.
const FEW_ROUNDS: usize = 60;

/// Trees for the target itself.
pub(super) fn fit(
    config: &TrainConfig,
    fitted: &Fitted,
    target: &[f64],
    properties: &[u64],
) -> Outcome {
    let (forest, parameters) = grow(config, fitted, target, properties)?;
    Ok((Regressor::Forest(forest), parameters))
}

/// Finds the number of rounds on a part of the properties, then learns from all of them.
pub(super) fn grow(
    config: &TrainConfig,
    fitted: &Fitted,
    target: &[f64],
    properties: &[u64],
) -> Result<(Forest, BTreeMap<String, String>), String> {
    let text = |error: hessboost::error::HessboostError| error.to_string();
    let width = fitted.encoder.width();
    let labels: Vec<f32> = target.iter().map(|&log| log as f32).collect();
    let mean = target.iter().sum::<f64>() / target.len().max(1) as f64;
    let params = params(config, target.len(), mean).map_err(text)?;
    let all = DMatrix::from_dense_vec(narrow(fitted), target.len(), width)
        .and_then(|matrix| matrix.with_labels(&labels))
        .map_err(text)?;

    let (model, rounds) = match parted(config, properties) {
        None => {
            let rounds = FEW_ROUNDS.min(config.most_rounds.get());
            (train(&params, &all, rounds).map_err(text)?, rounds)
        }
        Some((learnt, kept_back)) => {
            let part = all.select_rows(&learnt).map_err(text)?;
            let kept_back = all.select_rows(&kept_back).map_err(text)?;
            let found = Trainer::new(&params, &part, config.most_rounds.get())
                .eval(&kept_back, "kept back")
                .early_stopping_rounds(PATIENCE)
                .train()
                .map_err(text)?;
            let best = found
                .model
                .best_iteration()
                .map_or(config.most_rounds.get(), |best| best + 1);
            if target.len() > GROWN_AGAIN {
                (found.model, best)
            } else {
                // With more homes to learn from, a little more is learnt before it is too much.
                let rounds = best + best / usize::from(KEPT_BACK);
                (train(&params, &all, rounds).map_err(text)?, rounds)
            }
        }
    };
    let forest = forest(&model, width, rounds)?;
    let parameters = BTreeMap::from([
        parameter("eta", params.eta),
        parameter("max_leaves", params.max_leaves.map_or(0, NonZeroUsize::get)),
        parameter("min_child_weight", params.min_child_weight),
        parameter("lambda", params.lambda),
        parameter("subsample", params.subsample),
        parameter("colsample_bytree", params.colsample_bytree),
        parameter("rounds", rounds),
        parameter("target", "ln price"),
    ]);
    Ok((forest, parameters))
}

fn params(
    config: &TrainConfig,
    rows: usize,
    mean: f64,
) -> Result<TrainingParams, hessboost::error::HessboostError> {
    let builder = TrainingParams::builder()
        .objective(Objective::SquaredError(RegLoss::default()))
        .tree_method(TreeMethod::Hist)
        .grow_policy(GrowPolicy::LossGuide)
        .unlimited_depth()
        .max_depth(12)
        .max_leaves(if rows < 5_000 { 15 } else { 31 })
        .min_child_weight(if rows < 5_000 { 5.0 } else { 10.0 })
        .eta(if rows <= GROWN_AGAIN { 0.07 } else { 0.1 })
        .lambda(1.0)
        .subsample(0.8)
        .colsample_bytree(0.6)
        .max_bin(255)
        .base_score(mean)
        .seed(config.seed);
    match config.threads {
        Some(threads) => builder.nthread(threads.get()).build(),
        None => builder.build(),
    }
}

/// The trees of the first `rounds` in our own form, with the learning rate in the leaves.
fn forest(model: &BoostedModel, width: usize, rounds: usize) -> Result<Forest, String> {
    const STRANGE: &str = "its trees are not of the kind that was asked for";
    let base = f64::from(model.base_score());
    let mut stored = Vec::new();
    for (tree, weight) in model.trees().iter().zip(model.tree_weights()).take(rounds) {
        if tree.is_vector_leaf() || tree.has_categorical_splits() || tree.linear_leaves().is_some()
        {
            return Err(STRANGE.to_owned());
        }
        let nodes = tree.nodes();
        let mut open = vec![0_usize];
        while let Some(node) = open.pop().map(|index| nodes.get(index)) {
            let node = node.ok_or(STRANGE)?;
            if node.is_leaf() {
                stored.push(Stored::Leaf {
                    value: node.leaf_value * weight,
                    cover: node.sum_hess,
                });
            } else {
                stored.push(Stored::Split {
                    feature: u16::try_from(node.split_feature).map_err(|_| STRANGE)?,
                    missing_left: node.default_left,
                    threshold: node.split_cond,
                });
                open.push(usize::try_from(node.right).map_err(|_| STRANGE)?);
                open.push(usize::try_from(node.left).map_err(|_| STRANGE)?);
            }
        }
    }
    let width = u32::try_from(width).map_err(|_| STRANGE)?;
    Forest::new(base, width, &stored).map_err(|error| error.to_string())
}
