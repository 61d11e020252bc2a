//! Editing packstack's answer file so that every byte stays that does not belong to a
//! changed value.
//!
//! The form is that of Python's `ConfigParser`, with which packstack reads it: a
//! section heading, `KEY = value` or `KEY: value`, names in any case, comments that
//! begin with `#` or `;`, and indented lines that continue a value.

use contract::answers::{AnswerKind, find_kind};
use std::collections::BTreeMap;
use std::ops::Range;

/// An answer file, line by line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerFile {
    /// Each with its line end, if it has one.
    lines: Vec<Vec<u8>>,
}

/// The bytes of a line before its end.
fn content(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Whether the line is a comment to Python 2, which also knows `rem`.
fn is_comment(text: &[u8]) -> bool {
    let word = text.split(u8::is_ascii_whitespace).next().unwrap_or_default();
    text.first().is_some_and(|first| b"#;".contains(first)) || word.eq_ignore_ascii_case(b"rem")
}

/// A `KEY = value` line: the name, and where the value is in it.
fn entry(line: &[u8]) -> Option<(&[u8], Range<usize>)> {
    let text = content(line);
    let first = *text.first()?;
    if first.is_ascii_whitespace() || first == b'[' || is_comment(text) {
        return None;
    }
    let sign = text.iter().position(|byte| *byte == b'=' || *byte == b':')?;
    let name = text[..sign].trim_ascii_end();
    let start = sign + 1 + text[sign + 1..].len() - text[sign + 1..].trim_ascii_start().len();
    let end = start + before_comment(&line[start.min(line.len())..]).trim_ascii().len();
    (!name.is_empty()).then_some((name, start..end))
}

/// What Python 2 takes of `value`, which goes on to the line's end: a `;` after a blank begins
/// a comment. It looks at the first one only, and at what is before it: before the first
/// character is the last one.
fn before_comment(value: &[u8]) -> &[u8] {
    let value = value.strip_suffix(b"\n").unwrap_or(value);
    let Some(sign) = value.iter().position(|byte| *byte == b';') else { return value };
    let before = if sign == 0 { value.last() } else { value.get(sign - 1) };
    if before.is_some_and(u8::is_ascii_whitespace) { &value[..sign] } else { value }
}

/// A value as packstack gets it: `""` stands for none.
fn text(value: &[u8]) -> String {
    let value = if value == b"\"\"" { b"" } else { value };
    String::from_utf8_lossy(value).into_owned()
}

impl AnswerFile {
    /// Takes any bytes; lines that are none of an answer file are kept as they are.
    pub fn parse(bytes: &[u8]) -> AnswerFile {
        AnswerFile {
            lines: bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect(),
        }
    }

    /// Why packstack cannot read the file, with the number of the line if there is one.
    ///
    /// # Errors
    /// What Python's `ConfigParser` refuses, a file without settings, or without `[general]`.
    pub fn check_readable(&self) -> Result<(), String> {
        let mut section: Option<&[u8]> = None;
        let (mut general, mut after_entry) = (false, false);
        for (line, number) in self.lines.iter().zip(1..) {
            let text = content(line);
            if text.trim_ascii().is_empty() || is_comment(text) {
                continue;
            }
            if text[0].is_ascii_whitespace() && section.is_some() && after_entry {
                continue;
            }
            let heading =
                text.strip_prefix(b"[").and_then(|rest| rest.split(|b| *b == b']').next());
            if let Some(name) = heading.filter(|name| !name.is_empty() && text.contains(&b']')) {
                (section, after_entry) = (Some(name), false);
                general |= name == b"general";
            } else if section.is_none() {
                return Err(format!("line {number} stands before the [general] section"));
            } else if let Some((name, at)) = entry(line) {
                after_entry = true;
                if line[at].windows(2).any(|pair| pair == b"%(") {
                    let name = String::from_utf8_lossy(name);
                    let why = "begins a reference to another value";
                    return Err(format!("line {number}: `%(` in the value of {name} {why}"));
                }
            } else {
                return Err(format!("line {number} is not a setting (KEY=value)"));
            }
        }
        match (general, self.entries().is_empty()) {
            (false, _) => Err("it has no [general] section".to_owned()),
            (true, true) => Err("it has no KEY=value line".to_owned()),
            (true, false) => Ok(()),
        }
    }

    /// What packstack reads otherwise than it looks, with the number of the line.
    pub fn list_oddities(&self) -> Vec<String> {
        let mut oddities = Vec::new();
        let mut last = None;
        for (line, number) in self.lines.iter().zip(1..) {
            let bytes = content(line);
            if bytes.trim_ascii().is_empty() || is_comment(bytes) {
                continue;
            }
            if let (true, Some(name)) = (bytes[0].is_ascii_whitespace(), &last) {
                oddities
                    .push(format!("line {number} is indented: it continues the value of {name}"));
                continue;
            }
            last = entry(line).map(|(name, _)| String::from_utf8_lossy(name).into_owned());
            let Some((name, at)) = entry(line) else { continue };
            let cut = bytes[at.end..].trim_ascii_start().starts_with(b";");
            let name = String::from_utf8_lossy(name);
            if cut && is_secret(&name) {
                oddities.push(format!("line {number}: the value of {name} ends before the `;`"));
            }
        }
        oddities
    }

    /// The file's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.lines.concat()
    }

    /// Indices of the lines that set `key`.
    fn places(&self, key: &str) -> Vec<usize> {
        let sets = |line: &[u8]| {
            entry(line).is_some_and(|(name, _)| name.eq_ignore_ascii_case(key.as_bytes()))
        };
        (0..self.lines.len()).filter(|index| sets(&self.lines[*index])).collect()
    }

    /// Every key with its value, in order, repeats included.
    pub fn entries(&self) -> Vec<(String, String)> {
        let entries = self.lines.iter().filter_map(|line| {
            entry(line)
                .map(|(name, at)| (String::from_utf8_lossy(name).into_owned(), text(&line[at])))
        });
        entries.collect()
    }

    /// The value of `key`; of several the last, as packstack takes it.
    pub fn get(&self, key: &str) -> Option<String> {
        let line = &self.lines[*self.places(key).last()?];
        entry(line).map(|(_, at)| text(&line[at]))
    }

    /// Gives `key` the value `value` on each line that sets it, or on a new line at the
    /// section's end; whether anything had to be changed.
    pub fn set(&mut self, key: &str, value: &str) -> bool {
        let places = self.places(key);
        if places.is_empty() {
            self.append(key, value);
            return true;
        }
        let mut changed = false;
        // From the end, so that removed lines do not move what is still to come.
        for index in places.into_iter().rev() {
            changed |= self.drop_continuation(index);
            let line = &mut self.lines[index];
            let Some((_, at)) = entry(line) else { continue };
            if line[at.clone()] != *value.as_bytes() {
                line.splice(at, value.bytes());
                changed = true;
            }
        }
        changed
    }

    /// Removes the indented lines that continue the value of line `index`.
    fn drop_continuation(&mut self, index: usize) -> bool {
        let before = self.lines.len();
        let mut next = index + 1;
        while let Some(line) = self.lines.get(next).map(|line| content(line)) {
            let blank = line.trim_ascii().is_empty();
            if blank || is_comment(line) {
                next += 1;
            } else if line[0].is_ascii_whitespace() {
                self.lines.remove(next);
            } else {
                break;
            }
        }
        self.lines.len() != before
    }

    fn append(&mut self, key: &str, value: &str) {
        let crlf = self.lines.first().is_some_and(|line| line.ends_with(b"\r\n"));
        let end: &[u8] = if crlf { b"\r\n" } else { b"\n" };
        let heading = |line: &Vec<u8>| line.starts_with(b"[");
        let first = self.lines.iter().position(heading);
        let next = first
            .and_then(|first| Some(first + 1 + self.lines[first + 1..].iter().position(heading)?));
        let at = next.unwrap_or(self.lines.len());
        let mut line = format!("{key}={value}").into_bytes();
        let unended = at > 0 && !self.lines[at - 1].ends_with(b"\n");
        if unended {
            // The file ends without a line end, and goes on doing so.
            self.lines[at - 1].extend_from_slice(end);
        } else {
            line.extend_from_slice(end);
        }
        self.lines.insert(at, line);
    }

    /// Gives every key of `wanted` its value; the keys that had another.
    pub fn apply(&mut self, wanted: &BTreeMap<String, String>) -> Vec<String> {
        let changed = wanted.iter().filter(|(key, value)| self.set(key, value));
        changed.map(|(key, _)| key.clone()).collect()
    }

    /// Whether every key of `wanted` has its value.
    pub fn holds(&self, wanted: &BTreeMap<String, String>) -> bool {
        wanted.iter().all(|(key, value)| self.get(key).as_ref() == Some(value))
    }

    /// The values that must not be shown: passwords, tokens, secret keys.
    pub fn secrets(&self) -> Vec<String> {
        let values =
            self.entries().into_iter().filter(|(key, value)| is_secret(key) && !value.is_empty());
        values.map(|(_, value)| value).collect()
    }
}

/// Whether the values of `key` must not be shown.
fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_uppercase();
    let by_name = || ["_PW", "PASSWORD", "_SECRET", "_TOKEN"].iter().any(|end| key.ends_with(end));
    find_kind(&key).map_or_else(by_name, |kind| kind == AnswerKind::Secret)
}

#[cfg(test)]
mod tests;
