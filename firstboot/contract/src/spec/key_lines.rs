//! Where the keys of a spec are in its text.

use std::collections::BTreeMap;

/// The line of each table and key, by key path. It knows the plain TOML that specs
/// are written in; keys it misses are reported without a line.
pub(super) fn key_lines(text: &str) -> BTreeMap<String, usize> {
    let mut lines = BTreeMap::new();
    let mut arrays: BTreeMap<String, usize> = BTreeMap::new();
    let mut table = String::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(name) = line.strip_prefix("[[").and_then(|rest| rest.split_once("]]")) {
            let count = arrays.entry(name.0.trim().to_owned()).or_default();
            table = format!("{}[{count}]", name.0.trim());
            *count += 1;
            lines.entry(table.clone()).or_insert(index + 1);
        } else if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            table = name.0.trim().to_owned();
            lines.entry(table.clone()).or_insert(index + 1);
        } else if let Some((key, _)) = line.split_once('=') {
            let key = key.trim();
            if key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
                let path = if table.is_empty() { key.to_owned() } else { format!("{table}.{key}") };
                lines.entry(path).or_insert(index + 1);
            }
        }
    }
    lines
}
