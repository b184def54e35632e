//! The packages of the workspace and what they depend on.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::graph::Graph;

/// Which package of the workspace names which others, of whatever kind the dependency is.
pub(crate) fn graph(metadata: &Value) -> Graph {
    let mut graph = Graph::default();
    for package in metadata["packages"].as_array().unwrap() {
        for dependency in package["dependencies"].as_array().unwrap() {
            if dependency["path"].is_string() {
                graph.add(
                    package["name"].as_str().unwrap(),
                    dependency["name"].as_str().unwrap(),
                    dependency["kind"].as_str().unwrap_or("normal"),
                );
            }
        }
    }
    graph
}

/// Every library, binary and test: what it is, and its first file.
pub(crate) fn targets(metadata: &Value) -> Vec<(String, PathBuf)> {
    let mut targets = Vec::new();
    for package in metadata["packages"].as_array().unwrap() {
        for target in package["targets"].as_array().unwrap() {
            let (package, name) = (&package["name"], &target["name"]);
            let kind = &target["kind"][0];
            let what = [package, kind, name].map(|word| word.as_str().unwrap());
            let path = Path::new(target["src_path"].as_str().unwrap());
            targets.push((what.join(" "), path.to_owned()));
        }
    }
    targets
}

#[test]
fn a_dev_dependency_counts() {
    let package = |name: &str, kind: &str, on: &str| json!({"name": name, "dependencies": [{"name": on, "kind": kind, "path": "/"}]});
    let metadata = json!({"packages": [package("a", "dev", "b"), package("b", "normal", "a")]});
    assert_eq!(
        graph(&metadata).cycles(),
        ["  a -> b: dev\n  b -> a: normal"]
    );
}
