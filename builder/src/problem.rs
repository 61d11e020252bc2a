//! Problems of input files: where, what, and what is allowed. All of them are
//! collected and shown together.

use crate::base::error::Error;
use serde::Serialize;
use std::fmt;

/// One thing wrong with an input file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Problem {
    /// The file as the user named it; empty for the command line.
    pub file: String,
    /// Line, from 1; 0 when the problem has no line (a missing file).
    pub line: usize,
    /// Column in characters, from 1; 0 when there is none.
    pub column: usize,
    /// Key path in a TOML file (`node[1].address`); absent elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What is wrong.
    pub message: String,
    /// What is allowed or what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Problem {
    /// A problem at a place of a file.
    pub fn at(file: &str, (line, column): (usize, usize), message: impl Into<String>) -> Self {
        let file = file.to_owned();
        Self { file, line, column, key: None, message: message.into(), hint: None }
    }

    /// A problem that no line of a file shows.
    pub fn whole(file: &str, message: impl Into<String>) -> Self {
        Self::at(file, (0, 0), message)
    }

    /// Adds the key path.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Adds what is allowed or what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.file.is_empty() {
            f.write_str(&self.file)?;
            if self.line > 0 {
                write!(f, ":{}:{}", self.line, self.column)?;
            }
            f.write_str(": ")?;
        }
        if let Some(key) = &self.key {
            write!(f, "{key}: ")?;
        }
        f.write_str(&self.message)?;
        for line in self.hint.iter().flat_map(|h| h.lines()) {
            write!(f, "\n  {line}")?;
        }
        Ok(())
    }
}

/// Every problem found, in the order of files and lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

impl From<Problems> for Error {
    fn from(problems: Problems) -> Self {
        Error::input(problems.to_string())
    }
}

/// Line and column (both from 1, columns in characters) of a byte offset.
/// An offset past the end or inside a character counts as the place before it.
pub fn line_column(text: &str, offset: usize) -> (usize, usize) {
    LineIndex::new(text).place(offset)
}

/// Where the lines of a text start: finds the places of many offsets without reading the text
/// for each of them.
#[derive(Debug)]
pub struct LineIndex<'t> {
    text: &'t str,
    /// Offset of each line's first byte.
    starts: Vec<usize>,
}

impl<'t> LineIndex<'t> {
    /// Of a text.
    pub fn new(text: &'t str) -> Self {
        let ends = text.match_indices('\n').map(|(end, _)| end + 1);
        Self { text, starts: std::iter::once(0).chain(ends).collect() }
    }

    /// As [`line_column`].
    pub fn place(&self, offset: usize) -> (usize, usize) {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = self.starts[line - 1];
        (line, self.text[start..offset].chars().count() + 1)
    }
}

/// The candidate most like `word`, if one is like it at all: at most a third of
/// its characters (and never all of them) inserted, removed, changed or swapped.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = word.chars().count();
    let limit = (length / 3).max(1);
    candidates
        .into_iter()
        // Words differ by their lengths at least; a long word is not worth comparing.
        .filter(|c| c.chars().count().abs_diff(length) <= limit)
        .map(|c| (distance(word, c), c))
        .filter(|(d, c)| *d <= limit && *d < c.chars().count())
        .min_by_key(|(d, c)| (*d, *c))
        .map(|(_, c)| c)
}

/// Damerau-Levenshtein distance (optimal string alignment), ignoring ASCII case.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().map(|c| c.to_ascii_lowercase()).collect();
    let b: Vec<char> = b.chars().map(|c| c.to_ascii_lowercase()).collect();
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    for (j, cell) in rows[0].iter_mut().enumerate() {
        *cell = j;
    }
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let change = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = change.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_in_characters_from_one() {
        assert_eq!(line_column("", 0), (1, 1));
        assert_eq!(line_column("a\nbü=x", 5), (2, 3));
        assert_eq!(line_column("a\nbü=x", 4), (2, 2));
        assert_eq!(line_column("a\n", 99), (2, 1));
    }

    #[test]
    fn nearest_finds_typos_and_nothing_else() {
        let keys = ["gateway", "dns", "ntp", "interface"];
        assert_eq!(nearest("gatway", keys), Some("gateway"));
        assert_eq!(nearest("interfcae", keys), Some("interface"));
        assert_eq!(nearest("DNS", keys), Some("dns"));
        assert_eq!(nearest("colour", keys), None);
        assert_eq!(nearest("x", ["y"]), None);
    }

    #[test]
    fn display_shows_place_key_and_hint() {
        let problem = Problem::at("lab.toml", (3, 7), "not an address")
            .key("network.gateway")
            .hint("four numbers");
        assert_eq!(
            Problems(vec![problem, Problem::whole("x.ks", "not found")]).to_string(),
            "lab.toml:3:7: network.gateway: not an address\n  four numbers\nx.ks: not found"
        );
    }
}
