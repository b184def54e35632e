//! A random forest (Breiman 2001) of bounded depth, by smartcore.

use std::collections::BTreeMap;

use serde::Deserialize;
use smartcore::ensemble::random_forest_regressor::{
    RandomForestRegressor, RandomForestRegressorParameters,
};
use smartcore::linalg::basic::matrix::DenseMatrix;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::masking::sample;
use super::{Candidates, Data, Fit, parallel, parameter};
use crate::forest::{Forest, Stored, narrow};
use crate::regressor::Regressor;

/// Trees. Full depth would be gigabytes on the full data set; so many of this depth are some 2 MB.
const TREES: usize = 64;

/// Depth of a tree.
const MOST_DEPTH: u16 = 11;

/// Homes that each leaf must have.
const LEAF_ROWS: usize = 5;

/// Homes learnt from at most, chosen by seed: the library sorts every feature for every tree, on
/// one thread and in memory.
const MOST_ROWS: usize = 60_000;

/// The share of the features that each split may choose from.
const SHARE: f64 = 0.33;

/// Grows the trees, several at a time.
pub(super) fn fit(data: &Data<'_>) -> Result<Fit, String> {
    let rows = sample(data.target.len(), MOST_ROWS, data.config.seed);
    let forest = grow(data, &rows)?;
    Ok(Fit {
        candidates: Candidates::One(Regressor::Forest(forest)),
        losses: Vec::new(),
    })
}

/// The settings in effect, by name.
pub(super) fn parameters(data: &Data<'_>) -> BTreeMap<String, String> {
    BTreeMap::from([
        parameter("trees", TREES),
        parameter("max_depth", MOST_DEPTH),
        parameter("min_samples_leaf", LEAF_ROWS),
        parameter(
            "features_of_a_split",
            features_of(data.fitted.encoder.width()),
        ),
        parameter("rows", data.target.len().min(MOST_ROWS)),
    ])
}

fn features_of(width: usize) -> usize {
    ((width as f64 * SHARE).ceil() as usize).clamp(1, width.max(1))
}

/// Grows trees one by one, each with a seed that depends on its number only, so that the number of
/// threads never changes the result.
fn grow(data: &Data<'_>, rows: &[usize]) -> Result<Forest, String> {
    let encoder = &data.fitted.encoder;
    let width = encoder.width();
    // As trees compare features when they predict: in single precision.
    let mut dense = vec![0.0; width];
    let mut narrowed: Vec<f32> = Vec::with_capacity(rows.len() * width);
    for &row in rows {
        encoder.densify(data.fitted.row(row), &mut dense);
        narrowed.extend(dense.iter().map(|&value| narrow(value)));
    }
    let values = narrowed.iter().map(|&value| f64::from(value)).collect();
    let targets: Vec<f64> = rows
        .iter()
        .filter_map(|&row| data.target.get(row).copied())
        .collect();
    let x =
        DenseMatrix::new(rows.len(), width, values, false).map_err(|error| error.to_string())?;
    let grown = parallel::map(data.threads, TREES, |tree| -> Result<Vec<Node>, String> {
        let parameters = RandomForestRegressorParameters {
            max_depth: Some(MOST_DEPTH),
            min_samples_leaf: LEAF_ROWS,
            min_samples_split: 2 * LEAF_ROWS,
            n_trees: 1,
            m: Some(features_of(width)),
            keep_samples: false,
            seed: xxh3_64_with_seed(&(tree as u64).to_le_bytes(), data.config.seed),
        };
        let model = RandomForestRegressor::fit(&x, &targets, parameters)
            .map_err(|error| error.to_string())?;
        nodes(&model)
    });
    let mut stored = Vec::new();
    for nodes in grown {
        let all: Vec<u32> = (0..rows.len() as u32).collect();
        let known = Known {
            nodes: &nodes?,
            values: &narrowed,
            width,
            share: 1.0 / TREES as f64,
        };
        known.store(0, &all, 0, &mut stored)?;
    }
    let width = u32::try_from(width).map_err(|_| STRANGE)?;
    Forest::new(0.0, width, &stored).map_err(|error| error.to_string())
}

const STRANGE: &str = "its trees are not of the kind that was asked for";

/// The library keeps its trees to itself but writes them: this is what it writes, in its order.
/// Postcard has no names, so a test compares the result with the library's own predictions.
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
}
