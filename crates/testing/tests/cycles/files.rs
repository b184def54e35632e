//! The files of one target and which items of which other files each names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Expr, Item, Lit, Meta, UseTree, Visibility};

use crate::graph::Graph;

/// Which files of a target name items of which others. `root` is the target's first file.
pub(crate) fn graph(root: &Path) -> Graph {
    let mut tree = Tree::default();
    tree.read_file(root, None, root.parent().unwrap().to_owned());
    let folder = root.parent().unwrap();
    let name = |module: usize| {
        let file = &tree.modules[module].file;
        let relative = file.strip_prefix(folder).unwrap_or(file);
        relative.display().to_string()
    };
    let mut graph = Graph::default();
    for (index, module) in tree.modules.iter().enumerate() {
        for path in &module.paths {
            let Some(definition) = tree.resolve(index, path) else {
                continue;
            };
            if tree.modules[definition].file != module.file && !tree.is_around(definition, index) {
                graph.add(&name(index), &name(definition), path.last().unwrap());
            }
        }
    }
    graph
}

type Names = Vec<String>;

#[derive(Debug, Default)]
struct Module {
    file: PathBuf,
    parent: Option<usize>,
    children: BTreeMap<String, usize>,
    items: BTreeSet<String>,
    /// What `use` brings in, private or not.
    imports: BTreeMap<String, Names>,
    globs: Vec<Names>,
    /// Every path that code names, and every private import.
    paths: BTreeSet<Names>,
}

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    Module(usize),
    /// An item, by the module that defines it.
    Item(usize),
}

#[derive(Debug, Default)]
struct Tree {
    modules: Vec<Module>,
}

impl Tree {
    /// Reads a module's file and those of its children, which are in `folder`.
    fn read_file(&mut self, file: &Path, parent: Option<usize>, folder: PathBuf) -> usize {
        let text = std::fs::read_to_string(file)
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let parsed =
            syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        self.read(&parsed.items, file, parent, &folder)
    }

    fn read(&mut self, items: &[Item], file: &Path, parent: Option<usize>, folder: &Path) -> usize {
        let index = self.modules.len();
        let mut module = Module {
            file: file.to_owned(),
            parent,
            ..Module::default()
        };
        let mut code = Code(&mut module);
        items.iter().for_each(|item| code.visit_item(item));
        self.modules.push(module);
        for item in items {
            let Item::Mod(child) = item else { continue };
            let name = child.ident.to_string();
            let below = folder.join(&name);
            let child = match &child.content {
                Some((_, items)) => self.read(items, file, Some(index), &below),
                None => {
                    let named = attribute_path(&child.attrs).map(|path| file.with_file_name(path));
                    let found = [
                        named,
                        Some(folder.join(format!("{name}.rs"))),
                        Some(below.join("mod.rs")),
                    ];
                    let found = found.into_iter().flatten().find(|file| file.is_file());
                    let found = found.unwrap_or_else(|| panic!("{}: mod {name}", file.display()));
                    self.read_file(&found, Some(index), below)
                }
            };
            self.modules[index].children.insert(name, child);
        }
        index
    }

    /// Whether a module is the parent of another, or the parent's parent, and so on.
    fn is_around(&self, outer: usize, inner: usize) -> bool {
        let parent = self.modules[inner].parent;
        parent.is_some_and(|parent| parent == outer || self.is_around(outer, parent))
    }

    /// The module that defines what a path in `from` leads to; none where it leads to another crate or
    /// to a module as such.
    fn resolve(&self, from: usize, path: &[String]) -> Option<usize> {
        match self.follow(from, path, &mut BTreeSet::new())? {
            Found::Item(module) => Some(module),
            Found::Module(_) => None,
        }
    }

    fn follow<'a>(
        &'a self,
        from: usize,
        path: &'a [String],
        tried: &mut BTreeSet<(usize, &'a str)>,
    ) -> Option<Found> {
        let (first, rest) = path.split_first()?;
        let mut found = match first.as_str() {
            "crate" => Found::Module(0),
            "self" => Found::Module(from),
            "super" => Found::Module(self.modules[from].parent?),
            name => self.look_up(from, name, tried)?,
        };
        for name in rest {
            let Found::Module(module) = found else {
                // A variant or an associated item is where its type is.
                return Some(found);
            };
            found = match name.as_str() {
                "super" => Found::Module(self.modules[module].parent?),
                name => self.look_up(module, name, tried)?,
            };
        }
        Some(found)
    }

    fn look_up<'a>(
        &'a self,
        module: usize,
        name: &'a str,
        tried: &mut BTreeSet<(usize, &'a str)>,
    ) -> Option<Found> {
        if !tried.insert((module, name)) {
            return None;
        }
        let here = &self.modules[module];
        let found = if here.items.contains(name) {
            Some(Found::Item(module))
        } else if let Some(path) = here.imports.get(name) {
            self.follow(module, path, tried)
        } else if let Some(child) = here.children.get(name) {
            Some(Found::Module(*child))
        } else {
            here.globs
                .iter()
                .find_map(|path| match self.follow(module, path, tried)? {
                    Found::Module(other) => self.look_up(other, name, tried),
                    Found::Item(other) => Some(Found::Item(other)),
                })
        };
        tried.remove(&(module, name));
        found
    }
}

fn attribute_path(attributes: &[Attribute]) -> Option<String> {
    attributes
        .iter()
        .find_map(|attribute| match &attribute.meta {
            Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
                Expr::Lit(literal) => match &literal.lit {
                    Lit::Str(text) => Some(text.value()),
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        })
}

/// Collects what the code of one module defines, imports and names.
struct Code<'a>(&'a mut Module);

impl Code<'_> {
    fn import(&mut self, tree: &UseTree, prefix: &mut Names, is_private: bool) {
        match tree {
            UseTree::Path(path) => {
                prefix.push(path.ident.to_string());
                self.import(&path.tree, prefix, is_private);
                prefix.pop();
            }
            UseTree::Name(name) => {
                let name = name.ident.to_string();
                self.import_as(&name, &name, prefix, is_private);
            }
            UseTree::Rename(name) => {
                let (name, own) = (name.ident.to_string(), name.rename.to_string());
                self.import_as(&name, &own, prefix, is_private);
            }
            UseTree::Glob(_) => self.0.globs.push(prefix.clone()),
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.import(tree, prefix, is_private);
                }
            }
        }
    }

    fn import_as(&mut self, name: &str, own: &str, prefix: &Names, is_private: bool) {
        let mut path = prefix.clone();
        if name != "self" {
            path.push(name.to_owned());
        }
        let own = match own {
            "self" => path.last().cloned().unwrap_or_default(),
            own => own.to_owned(),
        };
        if is_private {
            self.0.paths.insert(path.clone());
        }
        // `use x;` of a crate or a child of that name says nothing new.
        if path != [own.as_str()] {
            self.0.imports.insert(own, path);
        }
    }

    /// Paths in what a macro or an attribute is given.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path = Names::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(name) => {
                    if colons != 2 {
                        self.path(&mut path);
                    }
                    path.push(name.to_string());
                    colons = 0;
                }
                TokenTree::Punct(mark) if mark.as_char() == ':' => colons += 1,
                TokenTree::Group(group) => {
                    self.path(&mut path);
                    self.tokens(group.stream());
                    colons = 0;
                }
                TokenTree::Literal(text) => {
                    // As in `#[serde(with = "super::number")]`.
                    let text = text.to_string();
                    let text = text.trim_matches('"');
                    if text.contains("::")
                        && let Ok(path) = syn::parse_str::<syn::Path>(text)
                    {
                        self.visit_path(&path);
                    }
                    self.path(&mut path);
                    colons = 0;
                }
                TokenTree::Punct(_) => {
                    self.path(&mut path);
                    colons = 0;
                }
            }
        }
        self.path(&mut path);
    }

    fn path(&mut self, path: &mut Names) {
        if !path.is_empty() {
            self.0.paths.insert(std::mem::take(path));
        }
    }
}

impl<'a> Visit<'a> for Code<'_> {
    fn visit_item(&mut self, item: &'a Item) {
        let name = match item {
            Item::Const(item) => Some(&item.ident),
            Item::Enum(item) => Some(&item.ident),
            Item::Fn(item) => Some(&item.sig.ident),
            Item::Static(item) => Some(&item.ident),
            Item::Struct(item) => Some(&item.ident),
            Item::Trait(item) => Some(&item.ident),
            Item::Type(item) => Some(&item.ident),
            Item::Union(item) => Some(&item.ident),
            Item::Macro(item) => item.ident.as_ref(),
            // A separate module.
            Item::Mod(_) => return,
            _ => None,
        };
        if let Some(name) = name {
            self.0.items.insert(name.to_string());
        }
        visit::visit_item(self, item);
    }

    fn visit_item_use(&mut self, item: &'a syn::ItemUse) {
        let is_private = matches!(item.vis, Visibility::Inherited);
        if item.leading_colon.is_none() {
            self.import(&item.tree, &mut Names::new(), is_private);
        }
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        if path.leading_colon.is_none() {
            let names = path.segments.iter().map(|part| part.ident.to_string());
            self.0.paths.insert(names.collect());
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, mac: &'a syn::Macro) {
        self.visit_path(&mac.path);
        self.tokens(mac.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'a Attribute) {
        if let Meta::List(list) = &attribute.meta {
            self.tokens(list.tokens.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cycles of a target with these files.
    fn cycles(files: &[(&str, &str)]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let file = folder.path().join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        }
        graph(&folder.path().join("lib.rs")).cycles()
    }

    #[test]
    fn two_files_that_name_each_others_items_are_a_cycle() {
        for (a, b) in [
            (
                "use crate::b::B; pub struct A(B);",
                "pub struct B; fn f(_: crate::a::A) {}",
            ),
            (
                "pub fn a() { super::b::b() }",
                "use super::a; pub fn b() { a::a() }",
            ),
            (
                "use super::*; pub fn a() { b::b() }",
                "pub fn b() { println!(\"{}\", crate::a::a()) }",
            ),
            (
                "pub mod with {} pub fn a() { use crate::b::B as C; C::new(); }",
                "#[derive(X)] pub struct B { #[x(with = \"crate::a::a\")] y: u8 }",
            ),
            (
                "pub struct A; #[cfg(test)] mod tests { use crate::b::b; }",
                "pub fn b() -> crate::a::A { todo!() }",
            ),
        ] {
            let found = cycles(&[("lib.rs", "mod a; mod b;"), ("a.rs", a), ("b.rs", b)]);
            assert_eq!(found.len(), 1, "{a} | {b}: {found:?}");
            assert!(
                found[0].contains("a.rs -> b.rs") && found[0].contains("b.rs -> a.rs"),
                "{found:?}"
            );
        }
    }

    #[test]
    fn names_are_followed_through_re_exports_to_their_definition() {
        let lib = ("lib.rs", "mod a; mod b; pub use a::A; pub use b::*;");
        let a = ("a.rs", "pub struct A;");
        // `b` uses the crate's root, but nothing that is defined there.
        assert_eq!(
            cycles(&[lib, a, ("b.rs", "pub struct B(crate::A);")]),
            [""; 0]
        );
        let a = ("a.rs", "pub struct A; fn f() -> crate::B { crate::B(A) }");
        assert_eq!(
            cycles(&[lib, a, ("b.rs", "pub struct B(pub crate::A);")]).len(),
            1
        );
    }

    #[test]
    fn a_child_may_name_what_its_parent_defines_and_siblings_may_not_name_each_other() {
        let (lib, parent) = (
            ("lib.rs", "mod a;"),
            "mod one; mod two; pub struct A; fn f() { one::g(A) }",
        );
        let of = |one, two| cycles(&[lib, ("a.rs", parent), ("a/one.rs", one), ("a/two.rs", two)]);
        let one = "use super::A; pub fn g(_: A) {}";
        assert_eq!(of(one, "pub fn h() { super::one::g(super::A) }"), [""; 0]);
        let found = of(
            "use super::{A, two}; pub fn g(_: A) { two::h() }",
            "pub fn h() { super::one::g(super::A) }",
        );
        assert_eq!(
            found,
            ["  a/one.rs -> a/two.rs: h\n  a/two.rs -> a/one.rs: g"]
        );
    }

    #[test]
    fn inline_modules_belong_to_their_file() {
        let a =
            "pub struct A; mod inner { use super::A; pub fn f(_: A) {} } fn g() { inner::f(A) }";
        assert_eq!(cycles(&[("lib.rs", "mod a;"), ("a.rs", a)]), [""; 0]);
    }
}
