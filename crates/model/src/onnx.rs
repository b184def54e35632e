//! The model as an ONNX graph, so that anything that runs ONNX can price homes with it.
//!
//! The graph takes the encoded features: what ONNX cannot say is the encoder's look-up of a name by
//! its first characters (there is no operator for a part of a text), and a graph that treats
//! unseen zip codes differently would be another model. One input `features`, double precision,
//! `rows x width`, in the order of [`Model::features`], NaN where a feature is unknown; one output
//! `predicted_price`, double precision, `rows x 1`, in US dollars.

mod proto;

use prost::Message;

use crate::forest::{self, Forest, Stored};
use crate::frame::Frame;
use crate::linear::Linear;
use crate::model::{Model, Scale};
use crate::regressor::Regressor;
use proto::{Attribute, Graph, Node, Tensor};

/// The name of the graph's input.
pub const INPUT: &str = "features";

/// The name of the graph's output.
pub const OUTPUT: &str = "predicted_price";

impl Model {
    /// The bytes of `model.onnx`: IR version 8, operators of set 15 and of machine learning's set 3,
    /// which onnxruntime knows since 1.10.
    pub fn to_onnx(&self) -> Vec<u8> {
        let width = self.encoder.width();
        let mut graph = Builder::default();
        let raw = match &self.regressor {
            Regressor::Linear(linear) => graph.linear(linear),
            Regressor::Forest(forest) => graph.forest(forest),
            Regressor::Blend { linear, forest } => {
                let (line, trees) = (graph.linear(linear), graph.forest(forest));
                graph.node("Add", &[&line, &trees], "raw")
            }
        };
        let log = match self.scale {
            Scale::Log => raw,
            Scale::Price => {
                let least = graph.scalar("least", f64::MIN_POSITIVE);
                let positive = graph.node("Max", &[&raw, &least], "positive");
                graph.node("Log", &[&positive], "log")
            }
        };
        let (low, high) = self.bounds;
        let (low, high) = (graph.scalar("low", low), graph.scalar("high", high));
        let bounded = graph.node("Clip", &[&log, &low, &high], "bounded");
        graph.nodes.push(Node::new("Exp", &[&bounded], OUTPUT));
        let graph = Graph {
            node: graph.nodes,
            name: "tasador".to_owned(),
            initializer: graph.tensors,
            input: vec![proto::ValueInfo::doubles(INPUT, width as i64)],
            output: vec![proto::ValueInfo::doubles(OUTPUT, 1)],
        };
        proto::Model::new(graph).encode_to_vec()
    }

    /// The encoded features of every home of a frame, row-major, `rows x width`: what the ONNX graph
    /// takes.
    pub fn encode(&self, frame: &Frame) -> Vec<f64> {
        let columns = self.encoder.cells(frame);
        let mut cells = vec![crate::encoder::Cell::Missing; self.encoder.slots()];
        let width = self.encoder.width();
        let mut features = vec![0.0; columns.rows * width];
        if width > 0 {
            for (row, out) in features.chunks_exact_mut(width).enumerate() {
                columns.fill(row, &mut cells);
                self.encoder.settle(&mut cells);
                self.encoder.encode(&cells, out);
            }
        }
        features
    }
}

#[derive(Default)]
struct Builder {
    nodes: Vec<Node>,
    tensors: Vec<Tensor>,
}

impl Builder {
    fn node(&mut self, operator: &str, inputs: &[&str], output: &str) -> String {
        self.nodes.push(Node::new(operator, inputs, output));
        output.to_owned()
    }

    fn scalar(&mut self, name: &str, value: f64) -> String {
        self.tensors.push(Tensor::doubles(name, &[], vec![value]));
        name.to_owned()
    }

    fn linear(&mut self, linear: &Linear) -> String {
        let rows = linear.weights.len() as i64;
        let weights = Tensor::doubles("weights", &[rows, 1], linear.weights.clone());
        self.tensors.push(weights);
        let intercept = self.scalar("intercept", linear.intercept);
        let product = self.node("MatMul", &[INPUT, "weights"], "product");
        self.node("Add", &[&product, &intercept], "line")
    }

    /// The trees compare in single precision, as they do here, and their sum goes on in double.
    fn forest(&mut self, trees: &Forest) -> String {
        let most = self.scalar("most_compared", forest::MOST);
        let least = self.scalar("least_compared", -forest::MOST);
        let held = self.node("Clip", &[INPUT, &least, &most], "held");
        let single = self.node("Cast", &[&held], "single");
        self.attribute(Attribute::int("to", proto::FLOAT.into()));
        let nodes = Trees::of(trees);
        let mut node = Node::new("TreeEnsembleRegressor", &[&single], "trees_single");
        proto::MACHINE_LEARNING.clone_into(&mut node.domain);
        node.attribute = nodes.attributes();
        self.nodes.push(node);
        let sum = self.node("Cast", &["trees_single"], "trees_sum");
        self.attribute(Attribute::int("to", proto::DOUBLE.into()));
        let base = self.scalar("trees_base", trees.base());
        self.node("Add", &[&sum, &base], "trees")
    }

    /// Adds an attribute to the last node.
    fn attribute(&mut self, attribute: Attribute) {
        if let Some(node) = self.nodes.last_mut() {
            node.attribute.push(attribute);
        }
    }
}

/// Nodes of trees, column by column, as the operator wants them.
#[derive(Default)]
struct Trees {
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
    fn of(forest: &Forest) -> Self {
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

    fn attributes(self) -> Vec<Attribute> {
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
