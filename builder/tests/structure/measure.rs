//! How long functions are, and which types a module defines.

use super::text::{code_of, end_of_item};

/// A function's name and its number of lines, from its first to its closing brace.
pub fn functions(text: &str) -> Vec<(String, usize)> {
    let code = code_of(text);
    let mut found = Vec::new();
    let mut offset = 0;
    for line in code.split_inclusive('\n') {
        let start = line.trim_start();
        let words: Vec<&str> = start.split([' ', '(', '<']).collect();
        let modifiers = |word: &&&str| {
            matches!(**word, "pub" | "async" | "const" | "unsafe" | "extern") || word.ends_with(')')
        };
        let skipped = words.iter().take_while(modifiers).count();
        if words.get(skipped) == Some(&"fn") || start.starts_with("pub(") && words.contains(&"fn") {
            let name = words.iter().skip_while(|w| **w != "fn").nth(1).unwrap_or(&"");
            let body = &code[offset..];
            let lines = body[..end_of_item(body)].lines().count();
            found.push(((*name).to_owned(), lines));
        }
        offset += line.len();
    }
    found
}

/// The types that code without tests defines outside of functions.
pub fn types(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in code.lines().filter(|line| !line.starts_with([' ', '/', '#'])) {
        let words: Vec<&str> = line.split([' ', '<', '(', '{', ';', '=']).collect();
        let at = words.iter().position(|w| matches!(*w, "struct" | "enum" | "trait" | "type"));
        let is_item = line.starts_with("pub") || at == Some(0);
        if let Some(at) = at.filter(|_| is_item) {
            found.extend(words.get(at + 1).map(|name| (*name).to_owned()));
        }
    }
    found
}

/// The signatures of public functions, each in one line.
pub fn public_functions(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut offset = 0;
    for line in code.split_inclusive('\n') {
        let start = line.trim_start();
        if start.starts_with("pub ") && start.contains("fn ") {
            let rest = &code[offset..];
            let signature = &rest[..end_of_signature(rest)];
            found.push(signature.split_whitespace().collect::<Vec<_>>().join(" "));
        }
        offset += line.len();
    }
    found
}

/// Where a function's signature ends: at its body or its semicolon, not at those of an array.
fn end_of_signature(code: &str) -> usize {
    let mut depth = 0;
    let ends = |(_, c): &(usize, char)| {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            _ => {}
        }
        depth == 0 && matches!(c, '{' | ';')
    };
    code.char_indices().find(ends).map_or(code.len(), |(at, _)| at)
}

#[test]
fn signatures_are_found() {
    let code = "    pub fn a(\n        b: [u8; 4],\n    ) -> Result<u8, String> {\n}\nfn c() {}\n";
    assert_eq!(public_functions(code), ["pub fn a( b: [u8; 4], ) -> Result<u8, String>"]);
}

#[test]
fn functions_are_measured() {
    let text = "pub(super) fn a(\n    b: u8,\n) -> [u8; 2] {\n    let c = \"}\";\n}\n\nfn d();\n";
    assert_eq!(functions(text), [("a".to_owned(), 5), ("d".to_owned(), 1)]);
}

#[test]
fn types_are_found() {
    let code =
        "pub(crate) struct A<'a>(u8);\nenum B {\n    C,\n}\npub type D = u8;\nfn e(type_: u8) {}\n";
    assert_eq!(types(code), ["A", "B", "D"]);
}
