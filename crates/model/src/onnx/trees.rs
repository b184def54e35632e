//! Trees as the operator `TreeEnsembleRegressor` wants them: column by column.

use super::proto::Attribute;
use crate::forest::{Forest, Stored};

/// Nodes of trees, column by column, as the operator wants them.
#[derive(Default)]
pub(super) struct Trees {
    trees: Vec<i64>,
    ids: Vec<i64>,
    features: Vec<i64>,
    values: Vec<f32>,
    modes: Vec<&'static str>,
    lefts: Vec<i64>,
    rights: Vec<i64>,
    missing_left: Vec<i64>,
    leaf_trees: Vec<i64>,
    leaf_ids: Vec<i64>,
    weights: Vec<f32>,
    /// How much training weight came by: what contributions rest on. No runtime needs it.
    covers: Vec<f32>,
}

impl Trees {
    pub(super) fn of(forest: &Forest) -> Self {
        let stored = forest.stored();
        let mut all = Self {
            covers: forest.covers(),
            ..Self::default()
        };
        let (mut tree, mut id) = (0_i64, 0_i64);
        // Splits, as places in the columns, whose right child is still to come.
        let mut open: Vec<usize> = Vec::new();
        for node in stored {
            let at = all.ids.len();
            all.trees.push(tree);
            all.ids.push(id);
            match node {
                Stored::Split {
                    feature,
                    missing_left,
                    threshold,
                } => {
                    all.features.push(feature.into());
                    all.values.push(threshold);
                    all.modes.push("BRANCH_LT");
                    all.lefts.push(id + 1);
                    all.rights.push(0);
                    all.missing_left.push(missing_left.into());
                    open.push(at);
                    id += 1;
                }
                Stored::Leaf { value, .. } => {
                    all.features.push(0);
                    all.values.push(0.0);
                    all.modes.push("LEAF");
                    all.lefts.push(0);
                    all.rights.push(0);
                    all.missing_left.push(0);
                    all.leaf_trees.push(tree);
                    all.leaf_ids.push(id);
                    all.weights.push(value);
                    // In preorder the node after a leaf is the right child of the nearest split
                    // that has none yet.
                    match open.pop() {
                        Some(split) => {
                            if let Some(right) = all.rights.get_mut(split) {
                                *right = id + 1;
                            }
                            id += 1;
                        }
                        None => (tree, id) = (tree + 1, 0),
                    }
                }
            }
        }
        all
    }

    pub(super) fn attributes(self) -> Vec<Attribute> {
        let leaves = self.leaf_ids.len();
        vec![
            Attribute::int("n_targets", 1),
            Attribute::text("post_transform", "NONE"),
            Attribute::text("aggregate_function", "SUM"),
            Attribute::ints("nodes_treeids", self.trees),
            Attribute::ints("nodes_nodeids", self.ids),
            Attribute::ints("nodes_featureids", self.features),
            Attribute::floats("nodes_values", self.values),
            Attribute::floats("nodes_hitrates", self.covers),
            Attribute::texts("nodes_modes", &self.modes),
            Attribute::ints("nodes_truenodeids", self.lefts),
            Attribute::ints("nodes_falsenodeids", self.rights),
            Attribute::ints("nodes_missing_value_tracks_true", self.missing_left),
            Attribute::ints("target_treeids", self.leaf_trees),
            Attribute::ints("target_nodeids", self.leaf_ids),
            Attribute::ints("target_ids", vec![0; leaves]),
            Attribute::floats("target_weights", self.weights),
        ]
    }
}
