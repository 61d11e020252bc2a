//! Files that the shell reads.

use std::collections::BTreeMap;

/// The shell assignments of an `ifcfg` file; the last of a key counts.
pub fn assignments(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for line in text.lines() {
        let line = line.trim();
        if let Some((key, value)) = line.split_once('=').filter(|_| !line.starts_with('#')) {
            let key = key.strip_prefix("export ").unwrap_or(key);
            found.insert(key.to_owned(), unquoted(value));
        }
    }
    found
}

/// One shell word: quotes removed, ended by a blank outside of quotes. Expansions
/// stay as they are, so that they differ from every desired value.
fn unquoted(text: &str) -> String {
    let mut value = String::new();
    let mut quote = None;
    for c in text.chars() {
        match quote {
            None if c == '"' || c == '\'' => quote = Some(c),
            Some(open) if c == open => quote = None,
            None if c.is_whitespace() => break,
            _ => value.push(c),
        }
    }
    value
}
