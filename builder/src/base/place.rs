//! Places in input files: file, line and column, as messages show them.

use std::fmt;

/// Where a value was written.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file as the user named it; empty for the command line.
    pub file: String,
    /// Line, from 1; 0 for what no line shows (a missing file).
    pub line: usize,
    /// Column in characters, from 1; 0 where there is no line.
    pub column: usize,
}

impl Place {
    /// A line and column of a file.
    pub fn new(file: impl Into<String>, line: usize, column: usize) -> Self {
        Self { file: file.into(), line, column }
    }

    /// A file as a whole.
    pub fn of_file(file: impl Into<String>) -> Self {
        Self::new(file, 0, 0)
    }
}

impl fmt::Display for Place {
    /// `FILE:LINE:COLUMN`, or the file alone; nothing for the command line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        match self.file.is_empty() || self.line == 0 {
            true => Ok(()),
            false => write!(f, ":{}:{}", self.line, self.column),
        }
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
    fn a_file_as_a_whole_shows_no_line() {
        assert_eq!(Place::new("a.ks", 3, 7).to_string(), "a.ks:3:7");
        assert_eq!(Place::of_file("a.ks").to_string(), "a.ks");
        assert_eq!(Place::default().to_string(), "");
    }
}
