//! The model as an ONNX graph, so that anything that runs ONNX can price homes with it.
//!
//! The graph takes a home's columns as they are in a clean batch: one input for each of
//! [`Model::inputs`], under its name and with one value a row (in a table of one column where the
//! model has one input only). Numbers are in double precision, NaN where unknown; dates are days
//! since 1970-01-01, likewise; names are texts, empty where unknown. One output `predicted_price`,
//! double precision, `rows x 1`, in the installation's currency. The encoder is part of the graph (`onnx/encoder.rs`),
//! so nothing has to be done outside of it.

mod encoder;
mod graph;
mod proto;
mod trees;

use prost::Message;

use crate::forest::{self, Forest};
use crate::frame::Frame;
use crate::linear::Linear;
use crate::model::{Model, Scale};
use crate::regressor::Regressor;
use graph::Builder;
use proto::{Attribute, Graph};
use trees::Trees;

/// The name of the graph's output.
pub const OUTPUT: &str = "predicted_price";

/// The encoded features within the graph, `rows x width`, in the order of [`Model::features`], NaN
/// where a value is not known. Not an output, but runtimes can be asked for it.
pub const FEATURES: &str = ":features";

/// The features within the graph as linear models take them: filled and scaled.
const DENSE: &str = ":dense";

impl Model {
    /// The bytes of `model.onnx`: IR version 8, operators of set 15 and of machine learning's set 3,
    /// which onnxruntime knows since 1.10.
    pub fn to_onnx(&self) -> Vec<u8> {
        let mut graph = Builder::default();
        encoder::features(&self.encoder, &mut graph);
        let raw = match &self.regressor {
            Regressor::Linear(linear) => line(&mut graph, linear),
            Regressor::Forest(forest) => sum_of_trees(&mut graph, forest, DENSE),
            Regressor::Blend { linear, forest } => {
                let line = line(&mut graph, linear);
                let trees = sum_of_trees(&mut graph, forest, DENSE);
                graph.node("Add", &[&line, &trees])
            }
            Regressor::Sum { linear, forest } => {
                let line = line(&mut graph, linear);
                let trees = sum_of_trees(&mut graph, forest, FEATURES);
                graph.node("Add", &[&line, &trees])
            }
        };
        let log = match self.scale {
            Scale::Log => raw,
            Scale::Price => {
                let least = graph.double(f64::MIN_POSITIVE);
                let positive = graph.node("Max", &[&raw, &least]);
                graph.node("Log", &[&positive])
            }
        };
        let (low, high) = (graph.double(self.bounds.0), graph.double(self.bounds.1));
        let bounded = graph.node("Clip", &[&log, &low, &high]);
        graph.named("Exp", &[&bounded], OUTPUT);
        let (node, initializer, input) = graph.parts();
        proto::Model::new(Graph {
            node,
            name: "tasador".to_owned(),
            initializer,
            input,
            output: vec![proto::ValueInfo::doubles(OUTPUT, 1)],
        })
        .encode_to_vec()
    }

    /// The features of every home of a frame with NaN where a value is not known, row-major,
    /// `rows x width`: [`FEATURES`] in the graph.
    pub fn encode(&self, frame: &Frame) -> Vec<f64> {
        self.encoder.encode_all(frame)
    }
}

fn line(graph: &mut Builder, linear: &Linear) -> String {
    let rows = linear.weights.len() as i64;
    graph.doubles("weights", &[rows, 1], linear.weights.clone());
    graph.doubles("intercept", &[], vec![linear.intercept]);
    let product = graph.node("MatMul", &[DENSE, ":weights"]);
    graph.node("Add", &[&product, ":intercept"])
}

/// The trees compare in single precision, as they do here, and their sum goes on in double.
fn sum_of_trees(graph: &mut Builder, trees: &Forest, features: &str) -> String {
    graph.doubles("most_compared", &[], vec![forest::MOST]);
    graph.doubles("least_compared", &[], vec![-forest::MOST]);
    let held = graph.node("Clip", &[features, ":least_compared", ":most_compared"]);
    // Runtimes need not keep NaN through a clip, and trees go their own way on it.
    let unknown = graph.node("IsNaN", &[features]);
    let held = graph.node("Where", &[&unknown, features, &held]);
    let single = graph.node("Cast", &[&held]);
    graph.attribute(Attribute::int("to", proto::FLOAT.into()));
    let sum = graph.node("TreeEnsembleRegressor", &[&single]);
    graph.machine_learning(Trees::of(trees).attributes());
    let sum = graph.node("Cast", &[&sum]);
    graph.attribute(Attribute::int("to", proto::DOUBLE.into()));
    graph.doubles("trees_base", &[], vec![trees.base()]);
    graph.node("Add", &[&sum, ":trees_base"])
}
