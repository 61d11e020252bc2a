//! The paths that a module's code names.

use std::collections::BTreeMap;

/// Paths of `use` declarations and of expressions, each `use` tree's leaves apart. A path that
/// begins with a name which a declaration brings in begins with what that stands for.
pub fn paths_of(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = String::new();
    let mut left = code;
    while let Some((before, tree, after)) = next_use(left) {
        rest.push_str(before);
        expand("", tree, &mut found);
        left = after;
    }
    rest.push_str(left);
    let names: BTreeMap<String, String> =
        found.iter().map(|leaf| (leaf.name(), leaf.path())).collect();
    let mut paths: Vec<String> = found.iter().map(Leaf::path).collect();
    paths.extend(expressions(&rest).into_iter().map(|path| {
        let (head, tail) = path.split_once("::").unwrap_or((&path, ""));
        names.get(head).map_or_else(|| path.clone(), |stands_for| format!("{stands_for}::{tail}"))
    }));
    paths
}

/// A leaf of a `use` tree: its path as written, and its other name.
struct Leaf {
    written: String,
    alias: Option<String>,
}

impl Leaf {
    fn path(&self) -> String {
        self.written.strip_suffix("::self").unwrap_or(&self.written).to_owned()
    }

    /// The name that it brings in.
    fn name(&self) -> String {
        let path = self.path();
        let last = path.rsplit("::").next().unwrap_or_default();
        self.alias.clone().unwrap_or_else(|| last.to_owned())
    }
}

/// The first `use` declaration: what is before it, its tree, what is after it.
fn next_use(code: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    loop {
        let at = from + code[from..].find("use ")?;
        let starts_word = !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        if starts_word && let Some(end) = code[at..].find(';') {
            return Some((&code[..at], &code[at + 4..at + end], &code[at + end + 1..]));
        }
        from = at + 4;
    }
}

fn expand(prefix: &str, tree: &str, found: &mut Vec<Leaf>) {
    let tree = tree.trim();
    let Some((head, inner)) = tree.split_once('{') else {
        let (path, alias) = tree.split_once(" as ").map_or((tree, None), |(p, a)| (p, Some(a)));
        let written = format!("{prefix}{}", path.trim());
        found.push(Leaf { written, alias: alias.map(|alias| alias.trim().to_owned()) });
        return;
    };
    let inner = inner.rsplit_once('}').map_or(inner, |(inner, _)| inner);
    let prefix = format!("{prefix}{}", head.trim());
    let (mut depth, mut from) = (0, 0);
    for (at, c) in inner.char_indices().chain([(inner.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                let leaf = &inner[from..at];
                if !leaf.trim().is_empty() {
                    expand(&prefix, leaf, found);
                }
                from = at + 1;
            }
            _ => {}
        }
    }
}

/// Words joined by `::` in code that is no `use` declaration.
fn expressions(code: &str) -> Vec<String> {
    let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    code.split(|c| !is_path(c))
        .map(|word| word.trim_matches(':'))
        .filter(|word| word.contains("::"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn trees_of_use_are_expanded() {
    let code = "pub use a::{self, b::{C, D as E}, f};\nfn g() { super::h::<T>(crate::i::J) }\n";
    assert_eq!(paths_of(code), ["a", "a::b::C", "a::b::D", "a::f", "super::h", "crate::i::J"]);
}

#[test]
fn a_name_that_use_brings_in_is_followed() {
    let code = "use crate::a::{self, b as c};\nfn f() { a::g(c::h(E::i)) }\n";
    let expected = ["crate::a", "crate::a::b", "crate::a::g", "crate::a::b::h", "E::i"];
    assert_eq!(paths_of(code), expected);
}
