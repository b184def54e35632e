//! A random forest (Breiman 2001) of bounded depth, by smartcore.

use std::collections::BTreeMap;

use serde::Deserialize;
use smartcore::ensemble::random_forest_regressor::{
    RandomForestRegressor, RandomForestRegressorParameters,
};
use smartcore::linalg::basic::matrix::DenseMatrix;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::encoder::Fitted;
use crate::forest::{Forest, Stored, narrow};
use crate::regressor::Regressor;
use crate::train::{Outcome, TrainConfig, parameter, parted};

/// Trees. Full depth would be gigabytes on the full data set; so many of this depth are some 2 MB.
const TREES: u64 = 64;

/// Trees of a trial.
const TRIAL_TREES: u64 = 8;

/// Depth of a tree.
const MOST_DEPTH: u16 = 11;

/// Homes that each leaf must have.
const LEAF_ROWS: usize = 5;

/// Homes learnt from at most, chosen by seed: the library sorts every feature for every tree, on
/// one thread and in memory.
const MOST_ROWS: usize = 60_000;

/// Homes of a trial.
const TRIAL_ROWS: usize = 8_000;

/// The shares of the features that each split may choose from.
const SHARES: [f64; 2] = [0.33, 0.6];

/// Finds the share of features each split sees, then grows the trees, several at a time.
pub(super) fn fit(
    config: &TrainConfig,
    fitted: &Fitted,
    target: &[f64],
    properties: &[u64],
) -> Outcome {
    let width = fitted.encoder.width();
    let mut share = SHARES[0];
    if let Some((learnt, kept_back)) = parted(config, properties, 0) {
        let rows = thinned(&learnt, TRIAL_ROWS, config.seed);
        let mut least = f64::INFINITY;
        for tried in SHARES.into_iter().take(config.trials.get()) {
            let forest = grow(config, fitted, target, &rows, tried, TRIAL_TREES)?;
            let error: f64 = kept_back
                .iter()
                .filter_map(|&row| Some((fitted.row(row), target.get(row)?)))
                .map(|(features, target)| {
                    let features: Vec<f32> = features.iter().map(|&value| narrow(value)).collect();
                    (forest.predict(&features) - target).powi(2)
                })
                .sum();
            if error < least {
                (least, share) = (error, tried);
            }
        }
    }
    let all: Vec<usize> = (0..target.len()).collect();
    let rows = thinned(&all, MOST_ROWS, config.seed);
    let forest = grow(config, fitted, target, &rows, share, TREES)?;
    let parameters = BTreeMap::from([
        parameter("trees", TREES),
        parameter("max_depth", MOST_DEPTH),
        parameter("min_samples_leaf", LEAF_ROWS),
        parameter("features_of_a_split", features_of(share, width)),
        parameter("rows", rows.len()),
        parameter("target", "ln price"),
    ]);
    Ok((Regressor::Forest(forest), parameters))
}

fn features_of(share: f64, width: usize) -> usize {
    ((width as f64 * share).ceil() as usize).clamp(1, width.max(1))
}

/// So many of the rows, by seed and whatever their order; all where there are no more.
fn thinned(rows: &[usize], most: usize, seed: u64) -> Vec<usize> {
    if rows.len() <= most {
        return rows.to_vec();
    }
    let mut keyed: Vec<(u64, usize)> = rows
        .iter()
        .map(|&row| (xxh3_64_with_seed(&(row as u64).to_le_bytes(), seed), row))
        .collect();
    keyed.sort_unstable();
    let mut kept: Vec<usize> = keyed.into_iter().take(most).map(|(_, row)| row).collect();
    kept.sort_unstable();
    kept
}

/// A tree with its number.
type Numbered = (u64, Vec<Node>);

/// Grows trees one by one, each with a seed of its own, so that the number of threads is no matter
/// of the result.
fn grow(
    config: &TrainConfig,
    fitted: &Fitted,
    target: &[f64],
    rows: &[usize],
    share: f64,
    trees: u64,
) -> Result<Forest, String> {
    let width = fitted.encoder.width();
    // As trees will compare them when they are asked: in single precision.
    let narrowed: Vec<f32> = rows
        .iter()
        .flat_map(|&row| fitted.row(row))
        .map(|&value| narrow(value))
        .collect();
    let values = narrowed.iter().map(|&value| f64::from(value)).collect();
    let targets: Vec<f64> = rows
        .iter()
        .filter_map(|&row| target.get(row).copied())
        .collect();
    let x =
        DenseMatrix::new(rows.len(), width, values, false).map_err(|error| error.to_string())?;
    let one = |tree: u64| -> Result<Vec<Node>, String> {
        let parameters = RandomForestRegressorParameters {
            max_depth: Some(MOST_DEPTH),
            min_samples_leaf: LEAF_ROWS,
            min_samples_split: 2 * LEAF_ROWS,
            n_trees: 1,
            m: Some(features_of(share, width)),
            keep_samples: false,
            seed: xxh3_64_with_seed(&tree.to_le_bytes(), config.seed),
        };
        let model = RandomForestRegressor::fit(&x, &targets, parameters)
            .map_err(|error| error.to_string())?;
        nodes(&model)
    };
    let threads = config
        .threads
        .or_else(|| std::thread::available_parallelism().ok())
        .map_or(1, std::num::NonZeroUsize::get) as u64;
    let grown: Vec<Result<Vec<Numbered>, String>> = std::thread::scope(|scope| {
        let one = &one;
        let workers: Vec<_> = (0..threads.min(trees))
            .map(|worker| {
                scope.spawn(move || {
                    (worker..trees)
                        .step_by(threads as usize)
                        .map(|tree| Ok((tree, one(tree)?)))
                        .collect()
                })
            })
            .collect();
        workers
            .into_iter()
            .map(|worker| {
                worker
                    .join()
                    .unwrap_or_else(|_| Err("its library panicked".to_owned()))
            })
            .collect()
    });
    let mut ordered = BTreeMap::new();
    for part in grown {
        ordered.extend(part?);
    }
    let mut stored = Vec::new();
    for nodes in ordered.values() {
        let all: Vec<u32> = (0..rows.len() as u32).collect();
        let known = Known {
            nodes,
            values: &narrowed,
            width,
            share: 1.0 / trees as f64,
        };
        known.store(0, &all, 0, &mut stored)?;
    }
    let width = u32::try_from(width).map_err(|_| STRANGE)?;
    Forest::new(0.0, width, &stored).map_err(|error| error.to_string())
}

const STRANGE: &str = "its trees are not of the kind that was asked for";

/// The library keeps its trees to itself but writes them: this is what it writes, in its order.
/// Postcard has no names, so a test holds the result against the library's own predictions.
#[derive(Deserialize)]
struct Written {
    forest: Option<WrittenForest>,
}

#[derive(Deserialize)]
struct WrittenForest {
    trees: Option<Vec<WrittenTree>>,
    _features: Option<usize>,
    _samples: Option<Vec<Vec<bool>>>,
}

#[derive(Deserialize)]
struct WrittenTree {
    nodes: Vec<Node>,
    _parameters: Option<WrittenParameters>,
    _depth: u16,
    _root_mass: f64,
}

#[derive(Deserialize)]
struct WrittenParameters {
    _max_depth: Option<u16>,
    _min_samples_leaf: usize,
    _min_samples_split: usize,
    _seed: Option<u64>,
    _splitter: WrittenSplitter,
}

#[derive(Deserialize)]
enum WrittenSplitter {
    Random,
    Best,
}

/// A node of the library: to `true_child` where the feature is at most `split_value`.
#[derive(Deserialize)]
struct Node {
    output: f64,
    split_feature: usize,
    split_value: Option<f64>,
    _split_score: Option<f64>,
    true_child: Option<usize>,
    false_child: Option<usize>,
}

type Library = RandomForestRegressor<f64, f64, DenseMatrix<f64>, Vec<f64>>;

/// The nodes of the only tree.
fn nodes(model: &Library) -> Result<Vec<Node>, String> {
    let bytes = postcard::to_stdvec(model).map_err(|error| error.to_string())?;
    let (written, rest): (Written, &[u8]) =
        postcard::take_from_bytes(&bytes).map_err(|error| error.to_string())?;
    let mut trees = written
        .forest
        .and_then(|forest| forest.trees)
        .ok_or(STRANGE)?;
    match (trees.pop(), rest, trees.len()) {
        (Some(tree), [], 0) => Ok(tree.nodes),
        _ => Err(STRANGE.to_owned()),
    }
}

/// A tree of the library with the rows that say how many homes each leaf stands for.
struct Known<'a> {
    nodes: &'a [Node],
    /// Row-major.
    values: &'a [f32],
    width: usize,
    /// What a tree weighs in the forest's mean.
    share: f64,
}

impl Known<'_> {
    /// Writes the subtree below a node in preorder; `rows` are those that come to it.
    fn store(
        &self,
        index: usize,
        rows: &[u32],
        depth: u16,
        stored: &mut Vec<Stored>,
    ) -> Result<(), String> {
        let node = self.nodes.get(index).ok_or(STRANGE)?;
        let (Some(left), Some(right), Some(value)) =
            (node.true_child, node.false_child, node.split_value)
        else {
            stored.push(Stored::Leaf {
                value: (node.output * self.share) as f32,
                cover: rows.len() as f32,
            });
            return Ok(());
        };
        if depth >= MOST_DEPTH {
            return Err(STRANGE.to_owned());
        }
        // "At most" becomes "below": the least number in single precision that is above.
        let threshold = narrow(value);
        let threshold = if f64::from(threshold) <= value {
            threshold.next_up()
        } else {
            threshold
        };
        stored.push(Stored::Split {
            feature: u16::try_from(node.split_feature).map_err(|_| STRANGE)?,
            missing_left: false,
            threshold,
        });
        let (below, above): (Vec<u32>, Vec<u32>) = rows.iter().partition(|&&row| {
            self.values
                .get(row as usize * self.width + node.split_feature)
                .is_some_and(|value| *value < threshold)
        });
        self.store(left, &below, depth + 1, stored)?;
        self.store(right, &above, depth + 1, stored)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trees_say_what_the_library_says() {
        let rows = 400;
        let values: Vec<f64> = (0..rows * 3)
            .map(|at| f64::from(narrow(((at * 7_919) % 1_009) as f64 / 7.0)))
            .collect();
        let target: Vec<f64> = values
            .chunks_exact(3)
            .map(|row| match row {
                [a, b, c] => a * b - c,
                _ => 0.0,
            })
            .collect();
        let x = DenseMatrix::new(rows, 3, values.clone(), false).unwrap();
        let parameters = RandomForestRegressorParameters::default()
            .with_n_trees(1)
            .with_max_depth(MOST_DEPTH)
            .with_seed(7);
        let model = RandomForestRegressor::fit(&x, &target, parameters).unwrap();
        let nodes = nodes(&model).unwrap();
        let narrowed: Vec<f32> = values.iter().map(|&value| narrow(value)).collect();
        let known = Known {
            nodes: &nodes,
            values: &narrowed,
            width: 3,
            share: 1.0,
        };
        let all: Vec<u32> = (0..rows as u32).collect();
        let mut stored = Vec::new();
        known.store(0, &all, 0, &mut stored).unwrap();
        assert!(stored.len() > 50);
        let forest = Forest::new(0.0, 3, &stored).unwrap();
        let expected = model.predict(&x).unwrap();
        for (row, expected) in narrowed.chunks_exact(3).zip(expected) {
            assert_eq!(forest.predict(row), f64::from(expected as f32));
        }
    }

    #[test]
    fn rows_are_thinned_by_seed() {
        let rows: Vec<usize> = (0..1_000).collect();
        let thin = thinned(&rows, 100, 1);
        assert_eq!(thin.len(), 100);
        assert!(thin.is_sorted());
        assert_eq!(thin, thinned(&rows, 100, 1));
        assert_ne!(thin, thinned(&rows, 100, 2));
        assert_eq!(thinned(&rows, 1_000, 1), rows);
    }
}
