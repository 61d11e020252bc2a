//! The paths that a module's code names.

/// Paths of `use` declarations and of expressions, as written, each `use` tree's leaves apart.
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
    found.extend(expressions(&rest));
    found
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

fn expand(prefix: &str, tree: &str, found: &mut Vec<String>) {
    let tree = tree.trim();
    let Some((head, inner)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or(tree).trim();
        found.push(format!("{prefix}{path}"));
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
    assert_eq!(
        paths_of(code),
        ["a::self", "a::b::C", "a::b::D", "a::f", "super::h", "crate::i::J"]
    );
}
