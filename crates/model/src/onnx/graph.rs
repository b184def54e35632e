//! Builds an ONNX graph.

use super::proto::{self, Attribute, Node, Tensor, ValueInfo};

/// The nodes, constants and inputs of a graph. Internal names start with a colon, so that they never
/// collide with a column's name.
#[derive(Default)]
pub(super) struct Builder {
    nodes: Vec<Node>,
    tensors: Vec<Tensor>,
    inputs: Vec<(String, i32)>,
    made: usize,
}

impl Builder {
    /// Adds a node with a new name, and returns the name of its output.
    pub(super) fn node(&mut self, operator: &str, inputs: &[&str]) -> String {
        let output = self.fresh();
        self.named(operator, inputs, &output);
        output
    }

    /// Adds a node whose output has this name.
    pub(super) fn named(&mut self, operator: &str, inputs: &[&str], output: &str) {
        self.nodes.push(Node::new(operator, inputs, output));
    }

    /// Adds an attribute to the last node.
    pub(super) fn attribute(&mut self, attribute: Attribute) {
        if let Some(node) = self.nodes.last_mut() {
            node.attribute.push(attribute);
        }
    }

    /// Makes the last node an operator of machine learning, with these attributes.
    pub(super) fn machine_learning(&mut self, attributes: Vec<Attribute>) {
        if let Some(node) = self.nodes.last_mut() {
            proto::MACHINE_LEARNING.clone_into(&mut node.domain);
            node.attribute.extend(attributes);
        }
    }

    /// Adds a constant called `:<name>`.
    pub(super) fn doubles(&mut self, name: &str, dims: &[i64], values: Vec<f64>) {
        let name = format!(":{name}");
        self.tensors.push(Tensor::doubles(&name, dims, values));
    }

    /// Adds one number.
    pub(super) fn double(&mut self, value: f64) -> String {
        self.list_of_doubles(&[], vec![value])
    }

    /// Adds numbers.
    pub(super) fn list_of_doubles(&mut self, dims: &[i64], values: Vec<f64>) -> String {
        let name = self.fresh();
        self.tensors.push(Tensor::doubles(&name, dims, values));
        name
    }

    /// Adds one whole number.
    pub(super) fn whole(&mut self, value: i64) -> String {
        let name = self.fresh();
        self.tensors.push(Tensor::wholes(&name, &[], vec![value]));
        name
    }

    /// Adds a list of whole numbers.
    pub(super) fn list_of_wholes(&mut self, values: Vec<i64>) -> String {
        let name = self.fresh();
        let length = values.len() as i64;
        self.tensors.push(Tensor::wholes(&name, &[length], values));
        name
    }

    /// Adds an input with one element of a type a row.
    pub(super) fn input(&mut self, name: &str, element: i32) {
        self.inputs.push((name.to_owned(), element));
    }

    /// The nodes, constants and inputs.
    pub(super) fn parts(self) -> (Vec<Node>, Vec<Tensor>, Vec<ValueInfo>) {
        // MLflow passes a single input as the whole table, and several column by column.
        let is_table = self.inputs.len() == 1;
        let inputs = self
            .inputs
            .iter()
            .map(|(name, element)| ValueInfo::column(name, *element, is_table));
        let inputs = inputs.collect();
        (self.nodes, self.tensors, inputs)
    }

    fn fresh(&mut self) -> String {
        self.made += 1;
        format!(":{}", self.made)
    }
}
