//! Which module of a crate imports which, and the circles among them.

use super::paths::paths_of;
use super::text::{code_of, without_tests};
use std::collections::{BTreeMap, BTreeSet};

/// The modules that each module imports.
pub type Graph = BTreeMap<String, BTreeSet<String>>;

/// The imports of a crate's modules. To declare a module is not to import it.
pub fn graph_of(modules: &BTreeMap<String, String>) -> Graph {
    let mut graph = Graph::new();
    for (name, text) in modules {
        let paths = paths_of(&without_tests(&code_of(text)));
        let targets = paths.iter().filter_map(|path| resolve(modules, name, path));
        let others = targets.filter(|target| target != name).collect();
        graph.insert(name.clone(), others);
    }
    graph
}

/// The innermost module that a path in the module `from` leads through.
fn resolve(modules: &BTreeMap<String, String>, from: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = path.split("::").collect();
    let mut at: Vec<&str> = from.split("::").filter(|part| !part.is_empty()).collect();
    match parts[0] {
        "crate" => at.clear(),
        "self" => {}
        "super" => {
            while parts.first() == Some(&"super") {
                at.pop();
                parts.remove(0);
            }
            parts.insert(0, "super");
        }
        first => {
            let child = at.iter().copied().chain([first]).collect::<Vec<_>>().join("::");
            modules.get(&child)?;
            parts.insert(0, "self");
        }
    }
    for part in &parts[1..] {
        at.push(part);
        if !modules.contains_key(&at.join("::")) {
            at.pop();
            break;
        }
    }
    Some(at.join("::"))
}

/// Sets of modules that import each other, directly or through others.
pub fn circles(graph: &Graph) -> Vec<BTreeSet<String>> {
    let reach: BTreeMap<&String, BTreeSet<&String>> =
        graph.keys().map(|name| (name, reachable(graph, name))).collect();
    let mut found: Vec<BTreeSet<String>> = Vec::new();
    for name in graph.keys() {
        if reach[name].contains(name) && !found.iter().any(|circle| circle.contains(name)) {
            let same = reach[name].iter().filter(|other| reach[*other].contains(name));
            found.push(same.map(|other| (*other).clone()).collect());
        }
    }
    found
}

fn reachable<'g>(graph: &'g Graph, from: &str) -> BTreeSet<&'g String> {
    let mut found = BTreeSet::new();
    let mut pending: Vec<&String> = graph[from].iter().collect();
    while let Some(name) = pending.pop() {
        if found.insert(name) {
            pending.extend(graph.get(name).into_iter().flatten());
        }
    }
    found
}

#[cfg(test)]
fn made(files: &[(&str, &str)]) -> BTreeMap<String, String> {
    files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

#[test]
fn a_made_circle_is_found() {
    let straight = made(&[
        ("", "pub mod a; pub mod b;"),
        ("a", "mod child;\npub use child::Thing;"),
        ("a::child", "use crate::b::Other; // super::a\n"),
        ("b", "#[cfg(test)]\nmod tests { use crate::a::Thing; }"),
    ]);
    assert_eq!(circles(&graph_of(&straight)), []);
    let mut round = straight.clone();
    round.insert("b".to_owned(), "fn f() { crate::a::Thing::new() }".to_owned());
    let names = ["a", "a::child", "b"].map(str::to_owned);
    assert_eq!(circles(&graph_of(&round)), [BTreeSet::from(names)]);
}

#[test]
fn a_circle_through_the_name_of_a_module_is_found() {
    let files = made(&[
        ("", ""),
        ("a", "use crate::b; pub struct X; fn f() { b::c::g() }"),
        ("b", "pub mod c;"),
        ("b::c", "use crate::a::X;"),
    ]);
    let names = ["a", "b::c"].map(str::to_owned);
    assert_eq!(circles(&graph_of(&files)), [BTreeSet::from(names)]);
}

#[test]
fn a_child_that_imports_its_face_is_a_circle() {
    let files = made(&[
        ("", ""),
        ("face", "mod child; pub struct Value; fn f() { child::g() }"),
        ("face::child", "use super::Value;"),
    ]);
    let names = ["face", "face::child"].map(str::to_owned);
    assert_eq!(circles(&graph_of(&files)), [BTreeSet::from(names)]);
}
