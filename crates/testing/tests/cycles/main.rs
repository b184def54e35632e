//! No crate of this workspace and no file of a crate depends on itself, directly or through others.
//!
//! Crates: A depends on B where A's Cargo.toml names B, be it as a dependency, a build-dependency or a
//! dev-dependency.
//!
//! Files: A depends on B where code of A (types, expressions, patterns, macros, `impl`s, private `use`
//! declarations, tests) names an item that B defines. A name is followed through `use` and `pub use` to
//! the file with the definition. Therefore:
//!
//! - `mod child;` is no dependency: it says where the child is, not that it is used.
//! - `pub use child::Item;` is none either: a parent that only passes names on depends on nothing, and
//!   who uses them depends on the file that defines them.
//! - A file may name what the modules around it define (`super::Item`, `crate::Item` of the root), also
//!   where those modules use it: a child is a part of its parent, whose private items it sees, and is how
//!   Rust divides one module over files. Two children that name each other are a cycle, and so are
//!   three in a ring.
//! - A child's `tests` module is a file as any other; nothing but tests depends on it.
//!
//! Not seen are methods, fields and derives: they are reached through values, not by name.

// Clippy knows `#[test]` functions, but not what they share.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod crates;
mod files;
mod graph;

/// This workspace as Cargo describes it.
fn metadata() -> serde_json::Value {
    let output = std::process::Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(tasador_testing::tools::repository())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn crates_have_no_cycles() {
    let cycles = crates::graph(&metadata()).cycles();
    assert!(
        cycles.is_empty(),
        "cycles of crates:\n{}",
        cycles.join("\n")
    );
}

#[test]
fn files_have_no_cycles() {
    let mut all = Vec::new();
    for (target, root) in crates::targets(&metadata()) {
        for cycle in files::graph(&root).cycles() {
            all.push(format!("{target}:\n{cycle}"));
        }
    }
    assert!(all.is_empty(), "cycles of files:\n{}", all.join("\n"));
}
