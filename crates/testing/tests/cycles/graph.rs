//! A directed graph whose edges have reasons, and its cycles.

use std::collections::{BTreeMap, BTreeSet};

/// Nodes by name, each with the nodes it depends on and the names by which it does.
#[derive(Debug, Default)]
pub(crate) struct Graph(BTreeMap<String, BTreeMap<String, BTreeSet<String>>>);

impl Graph {
    pub(crate) fn add(&mut self, from: &str, to: &str, reason: &str) {
        self.0.entry(to.to_owned()).or_default();
        let edges = self.0.entry(from.to_owned()).or_default();
        let reasons = edges.entry(to.to_owned()).or_default();
        reasons.insert(reason.to_owned());
    }

    /// Every group of nodes that depend on each other, as lines that say how.
    pub(crate) fn cycles(&self) -> Vec<String> {
        let mut seen = BTreeSet::new();
        let mut cycles = Vec::new();
        for node in self.0.keys() {
            if seen.contains(node) {
                continue;
            }
            let reached = self.reached_from(node);
            let group: BTreeSet<&String> = reached
                .iter()
                .copied()
                .filter(|other| self.reached_from(other).contains(node))
                .collect();
            if group.is_empty() {
                continue;
            }
            seen.extend(group.iter().copied());
            let edges = group.iter().flat_map(|from| {
                let group = &group;
                let within = self.0[*from]
                    .iter()
                    .filter(move |(to, _)| group.contains(to));
                within.map(move |(to, reasons)| {
                    let names: Vec<&str> = reasons.iter().map(String::as_str).collect();
                    format!("  {from} -> {to}: {}", names.join(", "))
                })
            });
            cycles.push(edges.collect::<Vec<_>>().join("\n"));
        }
        cycles
    }

    fn reached_from(&self, node: &str) -> BTreeSet<&String> {
        let mut reached = BTreeSet::new();
        let mut next: Vec<&String> = self.0[node].keys().collect();
        while let Some(node) = next.pop() {
            if reached.insert(node) {
                next.extend(self.0[node].keys());
            }
        }
        reached
    }
}

#[test]
fn a_cycle_is_found_with_its_reasons_and_what_leads_to_it_is_not_part_of_it() {
    let mut graph = Graph::default();
    for (from, to) in [("a", "b"), ("b", "c"), ("c", "b"), ("c", "d"), ("e", "e")] {
        graph.add(from, to, "X");
    }
    assert_eq!(graph.cycles(), ["  b -> c: X\n  c -> b: X", "  e -> e: X"]);
}
