//! LVM's text metadata: `key = value` and `name { … }`, in the grammar of lvm.conf(5).

use std::collections::BTreeMap;
use thiserror::Error;

/// Sections deeper than this are not metadata.
const MAX_DEPTH: usize = 16;

/// What is wrong with metadata.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TextError {
    /// A key is not there or not a number.
    #[error("the metadata has no number {0}")]
    NoNumber(String),
    /// A key is not there or not a string.
    #[error("the metadata has no text {0}")]
    NoText(String),
    /// The text is not in the grammar.
    #[error("the metadata has {what} at byte {at}")]
    Syntax {
        /// What is there, or missing.
        what: String,
        /// Byte of the text.
        at: usize,
    },
}

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextValue {
    /// A whole number.
    Number(u64),
    /// A string.
    Text(String),
    /// `[a, b]`.
    List(Vec<TextValue>),
    /// `name { … }`.
    Section(Section),
}

/// What is between braces, or the whole text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Section(pub BTreeMap<String, TextValue>);

impl Section {
    /// The number of this key.
    ///
    /// # Errors
    /// [`TextError::NoNumber`] when it does not exist or is not a number.
    pub fn number(&self, key: &str) -> Result<u64, TextError> {
        match self.0.get(key) {
            Some(TextValue::Number(number)) => Ok(*number),
            _ => Err(TextError::NoNumber(key.to_owned())),
        }
    }

    /// The string of this key.
    ///
    /// # Errors
    /// [`TextError::NoText`] when it does not exist or is not a string.
    pub fn text(&self, key: &str) -> Result<&str, TextError> {
        match self.0.get(key) {
            Some(TextValue::Text(text)) => Ok(text),
            _ => Err(TextError::NoText(key.to_owned())),
        }
    }

    /// The sections in this one.
    pub fn all(&self) -> impl Iterator<Item = (&str, &Section)> {
        self.0.iter().filter_map(|(key, value)| match value {
            TextValue::Section(section) => Some((key.as_str(), section)),
            _ => None,
        })
    }

    /// The sections in the section `key`, if there is one.
    pub fn sections(&self, key: &str) -> impl Iterator<Item = (&str, &Section)> {
        let section = match self.0.get(key) {
            Some(TextValue::Section(section)) => Some(section),
            _ => None,
        };
        section.into_iter().flat_map(Section::all)
    }
}

/// Reads a whole text.
///
/// # Errors
/// [`TextError::Syntax`] with the byte at which it is not what it should be.
pub fn parse(text: &str) -> Result<Section, TextError> {
    let mut reader = TextReader { text, at: 0 };
    let section = reader.section(0)?;
    match reader.peek() {
        None => Ok(section),
        Some(_) => Err(reader.wrong("a closing brace too many")),
    }
}

struct TextReader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> TextReader<'a> {
    fn wrong(&self, what: &str) -> TextError {
        TextError::Syntax { what: what.to_owned(), at: self.at }
    }

    /// The next byte that is not blank or in a comment.
    fn peek(&mut self) -> Option<u8> {
        loop {
            let rest = &self.text[self.at..];
            let blank = rest.len() - rest.trim_start().len();
            self.at += blank;
            match self.text.as_bytes().get(self.at)? {
                b'#' => self.at += rest[blank..].find('\n').unwrap_or(rest.len() - blank),
                byte => return Some(*byte),
            }
        }
    }

    fn word(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        let plain = |c: char| c.is_ascii_alphanumeric() || "_-.+".contains(c);
        let end = rest.find(|c| !plain(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    /// Up to the closing brace, which stays, or the end.
    fn section(&mut self, depth: usize) -> Result<Section, TextError> {
        let mut section = Section::default();
        if depth > MAX_DEPTH {
            return Err(self.wrong("sections too deep"));
        }
        while self.peek().is_some_and(|byte| byte != b'}') {
            let key = self.word();
            if key.is_empty() {
                return Err(self.wrong("no name"));
            }
            let value = match self.peek() {
                Some(b'{') => {
                    self.at += 1;
                    let inner = self.section(depth + 1)?;
                    self.expect(b'}')?;
                    TextValue::Section(inner)
                }
                _ => {
                    self.expect(b'=')?;
                    self.value()?
                }
            };
            section.0.insert(key.to_owned(), value);
        }
        Ok(section)
    }

    fn expect(&mut self, byte: u8) -> Result<(), TextError> {
        if self.peek() != Some(byte) {
            return Err(self.wrong(&format!("no `{}`", char::from(byte))));
        }
        self.at += 1;
        Ok(())
    }

    fn value(&mut self) -> Result<TextValue, TextError> {
        match self.peek() {
            Some(b'[') => {
                self.at += 1;
                let mut list = Vec::new();
                while self.peek() != Some(b']') {
                    // Lists have no lists in them.
                    list.push(self.scalar()?);
                    if self.peek() == Some(b',') {
                        self.at += 1;
                    }
                }
                self.expect(b']').map(|()| TextValue::List(list))
            }
            _ => self.scalar(),
        }
    }

    fn scalar(&mut self) -> Result<TextValue, TextError> {
        if self.peek() == Some(b'"') {
            let rest = &self.text[self.at + 1..];
            let mut plain = String::new();
            let mut letters = rest.char_indices();
            while let Some((at, letter)) = letters.next() {
                match letter {
                    '"' => {
                        self.at += at + 2;
                        return Ok(TextValue::Text(plain));
                    }
                    '\\' => plain.extend(letters.next().map(|(_, c)| c)),
                    letter => plain.push(letter),
                }
            }
            return Err(self.wrong("a string without end"));
        }
        let at = self.at;
        self.word().parse().map(TextValue::Number).map_err(|_| {
            self.at = at;
            self.wrong("no number")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_lists_strings_and_comments() {
        let text = "a-b { # note\n n = 12\n s = \"x \\\"y\\\"\"\n l = [\"p\", 3]\n e = []\n c {\n}\n}\n# end";
        let root = parse(text).unwrap();
        let (name, section) = root.all().next().unwrap();
        assert_eq!(name, "a-b");
        assert_eq!(section.number("n"), Ok(12));
        assert_eq!(section.text("s"), Ok("x \"y\""));
        assert_eq!(
            section.0["l"],
            TextValue::List(vec![TextValue::Text("p".into()), TextValue::Number(3)])
        );
        assert_eq!(section.0["e"], TextValue::List(Vec::new()));
        assert_eq!(section.all().count(), 1);
    }

    #[test]
    fn wrong_texts_are_refused() {
        let deep = "a {".repeat(100);
        for text in ["a", "a =", "a = x", "a = \"x", "a {", "}", "= 1", "a = [1", &deep] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
