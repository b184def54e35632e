//! Gradient-boosted trees, by hessboost.
//!
//! A fold's model is one booster; it grows until the homes of the fold gain no more, which gives the
//! losses by number of rounds. The served model is the mean of two boosters with the number of rounds
//! that the folds found: a mean varies less than its parts (Breiman 1996).

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use hessboost::config::{GrowPolicy, TrainingParams, TreeMethod};
use hessboost::data::DMatrix;
use hessboost::error::HessboostError;
use hessboost::model::BoostedModel;
use hessboost::objective::{Objective, RegLoss};
use hessboost::training::{Trainer, train};

use super::masking::Copies;
use super::{Candidates, Data, Fit, Held, parallel, parameter};
use crate::forest::{self, Forest, Stored};

/// Boosters that the served model is the mean of.
const MEMBERS: usize = 2;

/// Rounds without a gain after which boosting stops.
const EARLY_STOPPING_ROUNDS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(19);

/// Rounds where no home is left to find their number.
const FEW_ROUNDS: usize = 30;

/// Trees for the target itself.
pub(super) fn fit(data: &Data<'_>, rounds: Option<usize>) -> Result<Fit, String> {
    let masked = |row: usize, _: &[f64]| data.target.get(row).copied().unwrap_or(0.0);
    let (booster, losses) = grow(data, data.target, data.held, masked, rounds)?;
    let candidates = Candidates::Rounds {
        linear: None,
        booster,
    };
    Ok(Fit { candidates, losses })
}

/// Grows trees for `target`. With `rounds` the members of a served model, otherwise one booster until
/// the homes of `held` gain no more; then the losses on these are given by number of rounds.
///
/// `masked` is the target of a copy of a row with gaps, from its features.
pub(super) fn grow(
    data: &Data<'_>,
    target: &[f64],
    held: &Held,
    masked: impl FnMut(usize, &[f64]) -> f64,
    rounds: Option<usize>,
) -> Result<(Booster, Vec<f64>), String> {
    let text = |error: HessboostError| error.to_string();
    let mean = target.iter().sum::<f64>() / target.len().max(1) as f64;
    let homes = training_matrix(data, target, masked).map_err(text)?;
    match rounds {
        Some(rounds) => {
            let threads = data.threads.div_ceil(MEMBERS);
            let members = parallel::map(data.threads.min(MEMBERS), MEMBERS, |member| {
                train(&params(data, member, mean, threads)?, &homes, rounds)
            });
            let members = members
                .into_iter()
                .collect::<Result<_, _>>()
                .map_err(text)?;
            Ok((Booster { members }, Vec::new()))
        }
        None if held.target.is_empty() => {
            let params = params(data, 0, mean, 1).map_err(text)?;
            let model = train(&params, &homes, FEW_ROUNDS.min(most_rounds(data))).map_err(text)?;
            let members = vec![model];
            Ok((Booster { members }, Vec::new()))
        }
        None => {
            let width = data.fitted.encoder.width();
            let eval = matrix(held.matrix.clone(), &held.target, width).map_err(text)?;
            let result = Trainer::new(
                &params(data, 0, mean, 1).map_err(text)?,
                &homes,
                most_rounds(data),
            )
            .eval(&eval, "held")
            .early_stopping_rounds(EARLY_STOPPING_ROUNDS)
            .train()
            .map_err(text)?;
            // The metric is the root of the mean squared error.
            let losses = result
                .history
                .rounds()
                .filter_map(|round| round.values().first().copied())
                .map(|rmse| rmse * rmse * held.target.len() as f64)
                .collect();
            let members = vec![result.model];
            Ok((Booster { members }, losses))
        }
    }
}

/// The settings in effect, by name.
pub(super) fn parameters(
    data: &Data<'_>,
    rounds: usize,
) -> Result<BTreeMap<String, String>, String> {
    let params = params(data, 0, 0.0, 1).map_err(|error| error.to_string())?;
    Ok(BTreeMap::from([
        parameter("members", MEMBERS),
        parameter("rounds", rounds),
        parameter("eta", params.eta),
        parameter("max_leaves", params.max_leaves.map_or(0, NonZeroUsize::get)),
        parameter("min_child_weight", params.min_child_weight),
        parameter("lambda", params.lambda),
        parameter("subsample", params.subsample),
        parameter("colsample_bytree", params.colsample_bytree),
    ]))
}

/// The largest number of rounds of one member.
fn most_rounds(data: &Data<'_>) -> usize {
    (data.config.most_rounds.get() / MEMBERS).max(1)
}

/// The training homes, then copies of some of them with gaps.
fn training_matrix(
    data: &Data<'_>,
    target: &[f64],
    mut masked: impl FnMut(usize, &[f64]) -> f64,
) -> Result<DMatrix, HessboostError> {
    let width = data.fitted.encoder.width();
    let copies = Copies::of(data.fitted, target.len(), data.config.seed);
    let mut features = data.fitted.matrix.clone();
    features.extend_from_slice(&copies.matrix);
    let mut labels = target.to_vec();
    let of_copies = copies.matrix.chunks_exact(width.max(1));
    labels.extend(
        copies
            .rows
            .iter()
            .zip(of_copies)
            .map(|(&row, copy)| masked(row, copy)),
    );
    matrix(features, &labels, width)
}

fn matrix(features: Vec<f64>, labels: &[f64], width: usize) -> Result<DMatrix, HessboostError> {
    let narrow = features.into_iter().map(forest::narrow).collect();
    let labels: Vec<f32> = labels.iter().map(|&label| label as f32).collect();
    DMatrix::from_dense_vec(narrow, labels.len(), width)?.with_labels(&labels)
}

fn params(
    data: &Data<'_>,
    member: usize,
    mean: f64,
    threads: usize,
) -> Result<TrainingParams, HessboostError> {
    let few = data.target.len() < 5_000;
    TrainingParams::builder()
        .objective(Objective::SquaredError(RegLoss::default()))
        .tree_method(TreeMethod::Hist)
        .grow_policy(GrowPolicy::LossGuide)
        .unlimited_depth()
        .max_depth(12)
        .max_leaves(if few { 15 } else { 31 })
        .min_child_weight(if few { 5.0 } else { 10.0 })
        .eta(0.1)
        .lambda(1.0)
        .subsample(0.8)
        .colsample_bytree(0.6)
        .max_bin(255)
        .base_score(mean)
        .seed(data.config.seed.wrapping_add(member as u64))
        .nthread(threads)
        .build()
}

/// One or more boosters whose mean is the prediction.
pub(super) struct Booster {
    members: Vec<BoostedModel>,
}

impl Booster {
    /// The mean of the members' first `rounds` trees as one forest, with learning rate and share in
    /// the leaves.
    pub(super) fn forest(&self, rounds: usize) -> Result<Forest, String> {
        const STRANGE: &str = "its trees are not of the kind that was asked for";
        let share = 1.0 / self.members.len() as f32;
        let mut base = 0.0;
        let mut width = 0;
        let mut stored = Vec::new();
        for model in &self.members {
            width = model.n_features();
            base += f64::from(model.base_score()) / self.members.len() as f64;
            for (tree, weight) in model.trees().iter().zip(model.tree_weights()).take(rounds) {
                if tree.is_vector_leaf()
                    || tree.has_categorical_splits()
                    || tree.linear_leaves().is_some()
                {
                    return Err(STRANGE.to_owned());
                }
                let nodes = tree.nodes();
                let mut open = vec![0_usize];
                while let Some(node) = open.pop().map(|index| nodes.get(index)) {
                    let node = node.ok_or(STRANGE)?;
                    if node.is_leaf() {
                        stored.push(Stored::Leaf {
                            value: node.leaf_value * weight * share,
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
        }
        let width = u32::try_from(width).map_err(|_| STRANGE)?;
        Forest::new(base, width, &stored).map_err(|error| error.to_string())
    }
}

/// One small booster for other uses: so many rounds of trees of so many leaves.
pub(super) fn small(
    features: Vec<f32>,
    labels: &[f32],
    rounds: usize,
    leaves: usize,
    seed: u64,
) -> Result<Forest, String> {
    let text = |error: HessboostError| error.to_string();
    let width = features.len() / labels.len().max(1);
    let mean = labels.iter().copied().map(f64::from).sum::<f64>() / labels.len().max(1) as f64;
    let matrix = DMatrix::from_dense_vec(features, labels.len(), width)
        .and_then(|matrix| matrix.with_labels(labels))
        .map_err(text)?;
    let params = TrainingParams::builder()
        .objective(Objective::SquaredError(RegLoss::default()))
        .tree_method(TreeMethod::Hist)
        .grow_policy(GrowPolicy::LossGuide)
        .unlimited_depth()
        .max_depth(8)
        .max_leaves(leaves)
        .min_child_weight(30.0)
        .eta(0.1)
        .lambda(1.0)
        .subsample(0.7)
        .colsample_bytree(0.7)
        .max_bin(63)
        .base_score(mean)
        .seed(seed)
        .nthread(1)
        .build()
        .map_err(text)?;
    let model = train(&params, &matrix, rounds).map_err(text)?;
    Booster {
        members: vec![model],
    }
    .forest(rounds)
}
