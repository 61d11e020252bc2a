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

/// The line that assigns `value` to `key`, quoted for the shell where that is needed.
pub fn assign(key: &str, value: &str) -> String {
    let word = |b: u8| b.is_ascii_alphanumeric() || b"-_.:,/=+@".contains(&b);
    if value.bytes().all(word) {
        return format!("{key}={value}\n");
    }
    let mut quoted = String::new();
    for c in value.chars() {
        if ['"', '\\', '$', '`'].contains(&c) {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    format!("{key}=\"{quoted}\"\n")
}

/// `text` with the assignments of `settings`: in place of those that it has, else at its end.
pub fn with_assignments(text: &str, settings: &BTreeMap<String, String>) -> String {
    let mut rest = settings.clone();
    let mut new = String::new();
    for line in text.lines() {
        match line.split_once('=').and_then(|(key, _)| rest.remove_entry(key)) {
            Some((key, value)) => new += &assign(&key, &value),
            None => new += &format!("{line}\n"),
        }
    }
    for (key, value) in rest {
        new += &assign(&key, &value);
    }
    new
}

/// One shell word: quotes and backslashes removed, ended by a blank outside of quotes.
/// Expansions stay as they are, so that they differ from every desired value.
fn unquoted(text: &str) -> String {
    let mut value = String::new();
    let mut quote = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let escapes = |next: char| quote.is_none() || "\"\\$`".contains(next);
        match quote {
            None if c == '"' || c == '\'' => quote = Some(c),
            Some(open) if c == open => quote = None,
            None | Some('"') if c == '\\' && chars.peek().copied().is_some_and(escapes) => {
                value.extend(chars.next());
            }
            None if c.is_whitespace() => break,
            _ => value.push(c),
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// The shell is the judge of both.
    #[test]
    fn what_is_assigned_is_read_again() {
        for value in ["9000", "-K eth0 tso off", "a \"b\" `c` $d \\ e", "it's", ""] {
            let line = assign("X", value);
            assert_eq!(assignments(&line).get("X").map(String::as_str), Some(value), "{line}");
            let script = format!("{line}printf %s \"$X\"");
            let shell = Command::new("sh").args(["-c", &script]).output().unwrap();
            assert_eq!(String::from_utf8(shell.stdout).unwrap(), value, "{line}");
        }
        let read = |text: &str| assignments(text).remove("X").unwrap();
        assert_eq!(read(r"X=a\ b"), "a b");
        assert_eq!(read(r#"X="a\nb""#), r"a\nb");
        assert_eq!(read(r"X='a\$b'"), r"a\$b");
    }
}
