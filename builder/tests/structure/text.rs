//! Rust source without what only looks like code.

/// The text with comments and the content of literals blanked; every line stays a line.
pub fn code_of(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = end_of_blank(&chars, at);
        if end == at {
            out.push(chars[at]);
            at += 1;
            continue;
        }
        out.extend(chars[at..end].iter().map(|&c| if c == '\n' { '\n' } else { ' ' }));
        at = end;
    }
    out
}

/// Where the comment or literal that begins at `at` ends; `at` where none begins.
fn end_of_blank(chars: &[char], at: usize) -> usize {
    let next = chars.get(at + 1).copied().unwrap_or(' ');
    match chars[at] {
        '/' if next == '/' => find(chars, at, "\n"),
        '/' if next == '*' => find(chars, at, "*/") + 2,
        '"' => end_of_string(chars, at + 1),
        'r' if is_raw(chars, at) => {
            let hashes = chars[at + 1..].iter().take_while(|&&c| c == '#').count();
            let closing = format!("\"{}", "#".repeat(hashes));
            find(chars, at + hashes + 2, &closing) + hashes + 1
        }
        '\'' if next == '\\' => find(chars, at + 3, "'") + 1,
        // A lifetime has no second quote.
        '\'' if chars.get(at + 2) == Some(&'\'') => at + 3,
        _ => at,
    }
}

fn is_raw(chars: &[char], at: usize) -> bool {
    let word_before = at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_');
    let quote = chars[at + 1..].iter().find(|&&c| c != '#');
    let is_byte = at > 0 && chars[at - 1] == 'b';
    (!word_before || is_byte) && quote == Some(&'"')
}

fn end_of_string(chars: &[char], mut at: usize) -> usize {
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

fn find(chars: &[char], from: usize, what: &str) -> usize {
    let what: Vec<char> = what.chars().collect();
    (from..chars.len()).find(|&at| chars[at..].starts_with(&what)).unwrap_or(chars.len())
}

/// Code without its `#[cfg(test)]` items.
pub fn without_tests(code: &str) -> String {
    let mut out = String::new();
    let mut rest = code;
    while let Some(at) = rest.find("#[cfg(test)]").or_else(|| rest.find("#[cfg(all(test")) {
        out.push_str(&rest[..at]);
        rest = &rest[at + end_of_item(&rest[at..])..];
    }
    out + rest
}

/// How long the item is that the text begins with: to its semicolon, or its last brace.
pub fn end_of_item(code: &str) -> usize {
    let mut depth = 0usize;
    for (at, c) in code.char_indices() {
        match c {
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 && matches!(c, ';' | '}') {
            return at + 1;
        }
    }
    code.len()
}

#[test]
fn comments_and_literals_are_no_code() {
    let text = "a /* { */ b // }\nc \"{\\\"\" d '{' e r#\"}\"# f<'a> b'\\'' g";
    let code = code_of(text);
    assert!(!code.contains(['{', '}', '"']), "{code}");
    let words: Vec<&str> = code.split_whitespace().collect();
    assert_eq!(words, ["a", "b", "c", "d", "e", "f<'a>", "b", "g"]);
    assert_eq!(code.lines().count(), text.lines().count());
}

#[test]
fn test_items_are_left_out() {
    let code = "use a;\n#[cfg(test)]\nmod tests {\n    fn f() { [1; 2]; }\n}\nuse b;\n";
    let left = without_tests(code);
    assert!(left.contains("use a;") && left.contains("use b;") && !left.contains("fn f"), "{left}");
}
