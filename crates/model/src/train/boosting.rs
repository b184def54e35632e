//! Gradient-boosted trees, by hessboost.
//!
//! Two boosters are grown side by side, and their mean is the model. Each keeps other homes back to
//! find its number of rounds, so together they learn from every home without growing anything twice;
//! a mean varies less than its parts (Breiman 1996); and two cores have work at every size of a
//! batch, while what a booster can do at once by itself is little where there are few rows.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::thread;

use hessboost::config::{GrowPolicy, TrainingParams, TreeMethod};
use hessboost::data::DMatrix;
use hessboost::error::HessboostError;
use hessboost::model::BoostedModel;
use hessboost::objective::{Objective, RegLoss};
use hessboost::training::{Trainer, train};

use crate::encoder::Fitted;
use crate::forest::{Forest, Stored};
use crate::regressor::Regressor;
use crate::train::{Outcome, TrainConfig, narrow, parameter, parted};

/// Boosters that the model is the mean of.
const MEMBERS: u8 = 2;

/// Rounds without a gain after which boosting stops.
const PATIENCE: NonZeroUsize = NonZeroUsize::MIN.saturating_add(19);

/// A member's rounds where there is too little to find them by early stopping.
const FEW_ROUNDS: usize = 30;

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

/// Grows the members, each until the homes that it keeps back gain no more.
pub(super) fn grow(
    config: &TrainConfig,
    fitted: &Fitted,
    target: &[f64],
    properties: &[u64],
) -> Result<(Forest, BTreeMap<String, String>), String> {
    let text = |error: HessboostError| error.to_string();
    let width = fitted.encoder.width();
    let labels: Vec<f32> = target.iter().map(|&log| log as f32).collect();
    let mean = target.iter().sum::<f64>() / target.len().max(1) as f64;
    let homes = DMatrix::from_dense_vec(narrow(fitted), target.len(), width)
        .and_then(|matrix| matrix.with_labels(&labels))
        .map_err(text)?;
    let params = (0..MEMBERS)
        .map(|member| params(config, member, target.len(), mean).map_err(text))
        .collect::<Result<Vec<_>, _>>()?;

    let members = side_by_side(config, &params, |member, params| {
        let split = parted(config, properties, member);
        Member::grow(config, params, &homes, split).map_err(text)
    })?;
    let forest = mean_of(&members, width)?;
    let rounds: Vec<String> = members.iter().map(|one| one.rounds.to_string()).collect();
    let mut parameters = BTreeMap::from([
        parameter("members", MEMBERS),
        parameter("rounds", rounds.join(" + ")),
        parameter("target", "ln price"),
    ]);
    if let Some(params) = params.first() {
        parameters.extend([
            parameter("eta", params.eta),
            parameter("max_leaves", params.max_leaves.map_or(0, NonZeroUsize::get)),
            parameter("min_child_weight", params.min_child_weight),
            parameter("lambda", params.lambda),
            parameter("subsample", params.subsample),
            parameter("colsample_bytree", params.colsample_bytree),
        ]);
    }
    Ok((forest, parameters))
}

/// Does a thing for each member, on threads of their own unless there is only one to be had.
fn side_by_side<T: Send>(
    config: &TrainConfig,
    params: &[TrainingParams],
    grow: impl Fn(u8, &TrainingParams) -> Result<T, String> + Sync,
) -> Result<Vec<T>, String> {
    let members = (0..MEMBERS).zip(params);
    if config.threads == Some(NonZeroUsize::MIN) {
        return members
            .map(|(member, params)| grow(member, params))
            .collect();
    }
    let grow = &grow;
    thread::scope(|scope| {
        let started: Vec<_> = members
            .map(|(member, params)| scope.spawn(move || grow(member, params)))
            .collect();
        started
            .into_iter()
            // The caller turns a panic into an error, as if there were no threads.
            .map(|member| member.join().unwrap_or_else(|panic| resume_unwind(panic)))
            .collect()
    })
}

/// One booster.
struct Member {
    model: BoostedModel,
    /// How many of its trees count.
    rounds: usize,
}

impl Member {
    fn grow(
        config: &TrainConfig,
        params: &TrainingParams,
        homes: &DMatrix,
        split: Option<(Vec<usize>, Vec<usize>)>,
    ) -> Result<Self, HessboostError> {
        let most_rounds = (config.most_rounds.get() / usize::from(MEMBERS)).max(1);
        let Some((learnt, kept_back)) = split else {
            let rounds = FEW_ROUNDS.min(most_rounds);
            let model = train(params, homes, rounds)?;
            return Ok(Self { model, rounds });
        };
        let learnt = homes.select_rows(&learnt)?;
        let kept_back = homes.select_rows(&kept_back)?;
        let model = Trainer::new(params, &learnt, most_rounds)
            .eval(&kept_back, "kept back")
            .early_stopping_rounds(PATIENCE)
            .train()?
            .model;
        let rounds = model.best_iteration().map_or(most_rounds, |best| best + 1);
        Ok(Self { model, rounds })
    }
}

fn params(
    config: &TrainConfig,
    member: u8,
    rows: usize,
    mean: f64,
) -> Result<TrainingParams, HessboostError> {
    let few = rows < 5_000;
    let builder = TrainingParams::builder()
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
        .seed(config.seed.wrapping_add(u64::from(member)));
    let threads = config
        .threads
        .map(NonZeroUsize::get)
        .or_else(|| thread::available_parallelism().ok().map(NonZeroUsize::get));
    // Each member has its share of the threads.
    builder
        .nthread(threads.unwrap_or(1).div_ceil(usize::from(MEMBERS)))
        .build()
}

/// The mean of the members as one forest in our own form, with learning rate and share in the leaves.
fn mean_of(members: &[Member], width: usize) -> Result<Forest, String> {
    const STRANGE: &str = "its trees are not of the kind that was asked for";
    let share = 1.0 / members.len() as f32;
    let mut base = 0.0;
    let mut stored = Vec::new();
    for Member { model, rounds } in members {
        base += f64::from(model.base_score()) / members.len() as f64;
        for (tree, weight) in model.trees().iter().zip(model.tree_weights()).take(*rounds) {
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
