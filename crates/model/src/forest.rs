//! Trees that add up to a prediction, in one common form.
//!
//! Trees of all libraries are evaluated, stored and explained here. Nodes are in preorder: the left
//! child of a split is the next node, so only the right one needs a link, and stored trees need no
//! links. Features are compared as `f32`, as in training.

mod paths;

use std::sync::OnceLock;

use paths::Paths;
use serde::{Deserialize, Serialize};

/// The deepest accepted tree.
pub(crate) const MOST_DEPTH: usize = 64;

/// The largest accepted number of nodes in a forest.
const MOST_NODES: usize = 20_000_000;

/// The feature number of a leaf.
const LEAF: u16 = u16::MAX;

#[derive(Debug, Clone, Copy, PartialEq)]
struct Node {
    /// [`LEAF`], or the feature that is compared.
    feature: u16,
    /// The side for a missing value.
    missing_left: bool,
    /// The threshold of a split, the value of a leaf.
    value: f32,
    /// The right child of a split.
    right: u32,
    /// The training weight that passed through.
    cover: f32,
}

/// One stored node, in preorder.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) enum Stored {
    Leaf {
        value: f32,
        cover: f32,
    },
    /// Left if the feature is below `threshold`.
    Split {
        feature: u16,
        missing_left: bool,
        threshold: f32,
    },
}

/// The stored form of a [`Forest`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct StoredForest {
    base: f64,
    width: u32,
    nodes: Vec<Stored>,
}

/// The largest number in comparisons. It is below the maximum of `f32`, because hessboost sets the last
/// threshold of a feature to twice its largest value, and rejects a tree with an infinite threshold.
pub(crate) const MOST: f64 = 1e37;

/// A feature as trees compare it, limited to [`MOST`].
pub(crate) fn narrow(feature: f64) -> f32 {
    feature.clamp(-MOST, MOST) as f32
}

/// A sum of trees.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "StoredForest", into = "StoredForest")]
pub(crate) struct Forest {
    /// Added to the sum of the trees.
    base: f64,
    /// Number of features.
    width: u32,
    nodes: Vec<Node>,
    roots: Vec<u32>,
    /// Computed at the first explanation.
    paths: OnceLock<Paths>,
}

impl PartialEq for Forest {
    fn eq(&self, other: &Self) -> bool {
        self.base == other.base && self.width == other.width && self.nodes == other.nodes
    }
}

/// Stored nodes that are not a forest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stored nodes are not a valid forest")]
pub(crate) struct NoForest;

impl Forest {
    /// A forest from the nodes of its trees in preorder, one tree after the other.
    pub(crate) fn new(base: f64, width: u32, stored: &[Stored]) -> Result<Self, NoForest> {
        if stored.len() > MOST_NODES || !base.is_finite() || width >= u32::from(LEAF) {
            return Err(NoForest);
        }
        let mut nodes: Vec<Node> = Vec::with_capacity(stored.len());
        let mut roots = Vec::new();
        // Splits on the current path whose right child has not been read.
        let mut open: Vec<usize> = Vec::new();
        let mut at_root = true;
        for (index, node) in stored.iter().enumerate() {
            if at_root {
                roots.push(index as u32);
                at_root = false;
            }
            match *node {
                Stored::Split {
                    feature,
                    missing_left,
                    threshold,
                } => {
                    if u32::from(feature) >= width || threshold.is_nan() || open.len() >= MOST_DEPTH
                    {
                        return Err(NoForest);
                    }
                    open.push(index);
                    nodes.push(Node {
                        feature,
                        missing_left,
                        value: threshold,
                        right: 0,
                        cover: 0.0,
                    });
                }
                Stored::Leaf { value, cover } => {
                    if !value.is_finite() || !cover.is_finite() || cover < 0.0 {
                        return Err(NoForest);
                    }
                    nodes.push(Node {
                        feature: LEAF,
                        missing_left: false,
                        value,
                        right: 0,
                        cover,
                    });
                    close(&mut nodes, &mut open);
                    at_root = open.is_empty();
                }
            }
        }
        if !at_root && !stored.is_empty() {
            return Err(NoForest);
        }
        Ok(Self {
            base,
            width,
            nodes,
            roots,
            paths: OnceLock::new(),
        })
    }

    pub(crate) fn trees(&self) -> usize {
        self.roots.len()
    }

    pub(crate) fn width(&self) -> usize {
        self.width as usize
    }

    /// The sum of the trees for one row of features.
    pub(crate) fn predict(&self, features: &[f32]) -> f64 {
        self.roots.iter().fold(self.base, |sum, &root| {
            let leaf = self.leaf(root, features);
            sum + leaf.map_or(0.0, |(_, leaf)| f64::from(leaf.value))
        })
    }

    /// The mean prediction and the contribution of each feature; together they add up to the
    /// prediction. The first call prepares the forest for all later ones.
    pub(crate) fn contributions(&self, features: &[f32]) -> (f64, Vec<f64>) {
        self.paths
            .get_or_init(|| Paths::new(self))
            .contributions(features)
    }

    /// [`Self::contributions`] of many homes, added to `out`; see [`Paths::contributions_of_all`].
    pub(crate) fn contributions_of_all(
        &self,
        features: &[f32],
        rows: usize,
        out: &mut [f64],
    ) -> f64 {
        self.paths
            .get_or_init(|| Paths::new(self))
            .contributions_of_all(features, rows, out)
    }

    /// The leaf of each of these trees that a home ends in, as its number among the nodes of the tree.
    /// Of a tree with more than 65,536 nodes, the last ones share a number.
    pub(crate) fn leaves<'f>(
        &'f self,
        trees: impl IntoIterator<Item = usize> + 'f,
        features: &'f [f32],
    ) -> impl Iterator<Item = u16> + 'f {
        trees.into_iter().map(|tree| {
            let root = self.roots.get(tree).copied().unwrap_or(0);
            let leaf = self.leaf(root, features);
            let place = leaf.map_or(0, |(index, _)| index as u32 - root);
            u16::try_from(place).unwrap_or(u16::MAX)
        })
    }

    /// How much each tree tells homes apart: the standard deviation of its leaves' values over the
    /// training weight.
    pub(crate) fn spreads(&self) -> Vec<f64> {
        let ends = self.roots.iter().skip(1).map(|&root| root as usize);
        let ends = ends.chain([self.nodes.len()]);
        let trees = self.roots.iter().zip(ends);
        let spread = |nodes: &[Node]| {
            let leaves = || nodes.iter().filter(|node| node.feature == LEAF);
            let sum = |of: &dyn Fn(f64) -> f64| -> f64 {
                let parts = leaves().map(|leaf| f64::from(leaf.cover) * of(f64::from(leaf.value)));
                parts.sum()
            };
            let weight = sum(&|_| 1.0);
            let mean = sum(&|value| value) / weight;
            let variance = sum(&|value| (value - mean).powi(2)) / weight;
            if variance.is_finite() {
                variance.sqrt()
            } else {
                0.0
            }
        };
        trees
            .map(|(&root, end)| spread(self.nodes.get(root as usize..end).unwrap_or_default()))
            .collect()
    }

    /// The leaf that a home ends in.
    fn leaf(&self, root: u32, features: &[f32]) -> Option<(usize, &Node)> {
        let mut index = root as usize;
        // Links point forwards, so the loop ends.
        while let Some(node) = self.nodes.get(index) {
            if node.feature == LEAF {
                return Some((index, node));
            }
            let value = features
                .get(usize::from(node.feature))
                .copied()
                .unwrap_or(f32::NAN);
            let left = if value.is_nan() {
                node.missing_left
            } else {
                value < node.value
            };
            index = if left { index + 1 } else { node.right as usize };
        }
        None
    }

    /// The constant to which the trees add.
    pub(crate) fn base(&self) -> f64 {
        self.base
    }

    /// The training weight of each node, in their order.
    pub(crate) fn covers(&self) -> Vec<f32> {
        self.nodes.iter().map(|node| node.cover).collect()
    }

    /// The nodes in preorder, one tree after the other.
    pub(crate) fn stored(&self) -> Vec<Stored> {
        self.nodes
            .iter()
            .map(|node| {
                if node.feature == LEAF {
                    Stored::Leaf {
                        value: node.value,
                        cover: node.cover,
                    }
                } else {
                    Stored::Split {
                        feature: node.feature,
                        missing_left: node.missing_left,
                        threshold: node.value,
                    }
                }
            })
            .collect()
    }
}

/// Called after the last node of a subtree: links the split that lacks its right child, and sums the
/// cover of every split that is now complete.
fn close(nodes: &mut [Node], open: &mut Vec<usize>) {
    let next = nodes.len() as u32;
    while let Some(&split) = open.last() {
        let Some(node) = nodes.get(split).copied() else {
            return;
        };
        if node.right == 0 {
            if let Some(node) = nodes.get_mut(split) {
                node.right = next;
            }
            return;
        }
        let cover = |index: usize| nodes.get(index).map_or(0.0, |node| node.cover);
        let sum = cover(split + 1) + cover(node.right as usize);
        if let Some(node) = nodes.get_mut(split) {
            node.cover = sum;
        }
        open.pop();
    }
}

impl TryFrom<StoredForest> for Forest {
    type Error = NoForest;
    fn try_from(stored: StoredForest) -> Result<Self, NoForest> {
        Self::new(stored.base, stored.width, &stored.nodes)
    }
}

impl From<Forest> for StoredForest {
    fn from(forest: Forest) -> Self {
        Self {
            base: forest.base,
            width: forest.width,
            nodes: forest.stored(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(feature: u16, threshold: f32, missing_left: bool) -> Stored {
        Stored::Split {
            feature,
            missing_left,
            threshold,
        }
    }

    fn leaf(value: f32) -> Stored {
        Stored::Leaf { value, cover: 2.0 }
    }

    #[test]
    fn trees_are_evaluated_and_added() {
        let stored = [
            split(0, 1.0, true),
            split(1, 5.0, false),
            leaf(1.0),
            leaf(2.0),
            leaf(3.0),
            leaf(10.0),
        ];
        let forest = Forest::new(0.5, 2, &stored).unwrap();
        assert_eq!(forest.trees(), 2);
        for (row, sum) in [
            ([0.0, 0.0], 11.5),
            ([0.0, 5.0], 12.5),
            ([1.0, 0.0], 13.5),
            ([f32::NAN, 0.0], 11.5),
            ([f32::NAN, f32::NAN], 12.5),
        ] {
            assert_eq!(forest.predict(&row), sum, "{row:?}");
        }
        assert_eq!(forest.stored(), stored);
        let covers: Vec<f32> = forest.nodes.iter().map(|node| node.cover).collect();
        assert_eq!(covers, [6.0, 4.0, 2.0, 2.0, 2.0, 2.0]);
    }

    #[test]
    fn invalid_forests_are_rejected() {
        for stored in [
            vec![split(0, 1.0, true)],
            vec![split(0, 1.0, true), leaf(1.0)],
            vec![split(7, 1.0, true), leaf(1.0), leaf(1.0)],
            vec![split(0, f32::NAN, true), leaf(1.0), leaf(1.0)],
            vec![leaf(f32::INFINITY)],
        ] {
            assert!(Forest::new(0.0, 2, &stored).is_err(), "{stored:?}");
        }
        let deep: Vec<Stored> = (0..100_000).map(|_| split(0, 1.0, true)).collect();
        assert!(Forest::new(0.0, 2, &deep).is_err());
    }

    proptest! {
        #[test]
        fn any_nodes_are_a_forest_or_rejected(
            kinds in prop::collection::vec((any::<bool>(), 0_u16..3, any::<f32>()), 0..60),
            row in prop::array::uniform2(any::<f32>()),
        ) {
            let stored: Vec<Stored> = kinds
                .into_iter()
                .map(|(is_leaf, feature, value)| {
                    if is_leaf { leaf(value) } else { split(feature, value, feature == 1) }
                })
                .collect();
            if let Ok(forest) = Forest::new(0.0, 2, &stored) {
                prop_assert!(forest.predict(&row).is_finite());
                prop_assert_eq!(forest.stored(), stored);
            }
        }
    }
}
