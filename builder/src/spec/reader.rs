//! Reading a TOML document with the place of every key and value, collecting errors in place
//! of stopping at the first.

use crate::base::diagnostic::{Diagnostic, Diagnostics};
use crate::base::nearest::nearest;
use crate::base::place::{LineIndex, Place};
use std::cell::RefCell;
use std::fmt::Display;
use std::net::Ipv4Addr;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Of a text that is not TOML no more syntax errors than this are reported.
const MAX_SYNTAX_ERRORS: usize = 200;

/// A value and where it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Where it was written.
    pub place: Place,
    /// Key path (`node[1].address`).
    pub key: String,
}

impl<T> At<T> {
    /// An error of this value.
    pub fn error(&self, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(self.place.clone(), message).key(&self.key)
    }

    /// A warning about this value.
    pub fn warning(&self, message: impl Into<String>) -> Diagnostic {
        Diagnostic::warning(self.place.clone(), message).key(&self.key)
    }

    /// The same place with another value.
    pub fn with<U>(&self, value: U) -> At<U> {
        At { value, place: self.place.clone(), key: self.key.clone() }
    }
}

/// One document being read.
pub struct SpecReader<'a> {
    file: &'a str,
    text: &'a str,
    lines: LineIndex<'a>,
    diagnostics: RefCell<Vec<Diagnostic>>,
    syntax: RefCell<Vec<Diagnostic>>,
}

impl<'a> SpecReader<'a> {
    /// A reader of `text`, called `file` in messages.
    pub fn new(file: &'a str, text: &'a str) -> Self {
        let lines = LineIndex::new(text);
        Self { file, text, lines, diagnostics: RefCell::default(), syntax: RefCell::default() }
    }

    /// Parses the document; syntax errors are noted.
    pub fn parse(&self) -> Spanned<DeTable<'a>> {
        let (document, errors) = DeTable::parse_recoverable(self.text);
        for found in errors.into_iter().take(MAX_SYNTAX_ERRORS) {
            let start = found.span().map_or(0, |span| span.start);
            let place = self.place(start);
            // A multi-line message of the parser ends in a list of what it expected.
            let mut lines = found.message().lines();
            let first = lines.next().unwrap_or("not TOML");
            let mut error = Diagnostic::error(place, format!("not valid TOML: {first}"));
            let rest: Vec<&str> = lines.collect();
            if !rest.is_empty() {
                error = error.hint(rest.join("\n"));
            }
            self.syntax.borrow_mut().push(error);
        }
        document
    }

    /// The document's top table.
    pub fn root<'r>(&'r self, document: &'r Spanned<DeTable<'a>>, keys: &[&str]) -> Table<'r, 'a> {
        let top = Table { reader: self, table: document.get_ref(), path: String::new(), start: 0 };
        top.check_keys(keys, &[]);
        top
    }

    /// Notes an error or a warning.
    pub fn push(&self, diagnostic: Diagnostic) {
        self.diagnostics.borrow_mut().push(diagnostic);
    }

    /// Everything noted so far, by place. Of a document that is not TOML only the
    /// syntax errors: what else seems missing or wrong follows from them.
    pub fn into_diagnostics(self) -> Diagnostics {
        let (syntax, mut noted) = (self.syntax.into_inner(), self.diagnostics.into_inner());
        noted.sort_by_key(Diagnostic::position);
        Diagnostics(if syntax.is_empty() { noted } else { syntax })
    }

    fn place(&self, offset: usize) -> Place {
        let (line, column) = self.lines.place(offset);
        Place::new(self.file, line, column)
    }

    fn at<T>(&self, value: T, span: &Range<usize>, key: String) -> At<T> {
        At { value, place: self.place(span.start), key }
    }
}

/// A table of the document.
pub struct Table<'r, 'a> {
    reader: &'r SpecReader<'a>,
    table: &'r DeTable<'a>,
    path: String,
    start: usize,
}

impl<'r, 'a> Table<'r, 'a> {
    fn key_path(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Refuses keys that are neither in `keys` nor in `renamed`, which has old names with the
    /// new ones.
    fn check_keys(&self, keys: &[&str], renamed: &[(&str, &str)]) {
        for key in self.table.keys() {
            let name = key.get_ref().as_ref();
            if keys.contains(&name) {
                continue;
            }
            let at = self.reader.at((), &key.span(), self.key_path(name));
            if let Some((old, new)) = renamed.iter().find(|(old, _)| *old == name) {
                self.check_renamed(&at, old, new);
                continue;
            }
            let mut hint = format!("allowed here: {}", keys.join(", "));
            if let Some(similar) = nearest(name, keys.iter().copied()) {
                hint = format!("did you mean `{similar}`? {hint}");
            }
            self.reader.push(at.error("unknown key").hint(hint));
        }
    }

    fn check_renamed(&self, at: &At<()>, old: &str, new: &str) {
        let diagnostic = match self.value(new) {
            None => at.warning("this is an old name").hint(format!("write `{new}`")),
            Some(_) => at
                .error(format!("`{new}` is given as well, and means the same"))
                .hint(format!("leave `{old}` out")),
        };
        self.reader.push(diagnostic);
    }

    /// Optional text whose key had another name once.
    pub fn renamed_text(&self, key: &str, old: &str) -> Option<At<String>> {
        self.text(if self.value(key).is_some() { key } else { old })
    }

    /// Where the table starts, for errors of the whole of it.
    pub fn place(&self) -> At<()> {
        self.reader.at((), &(self.start..self.start), self.path.clone())
    }

    fn value(&self, key: &str) -> Option<&'r Spanned<DeValue<'a>>> {
        self.table.get(key)
    }

    fn wrong_type(&self, found: &At<&DeValue<'a>>, wanted: &str) {
        let found_type = match found.value.type_str() {
            "integer" => "an integer",
            "array" => "a list",
            "table" => "a table",
            "boolean" => "true or false",
            "float" => "a fractional number",
            "string" => "text",
            other => other,
        };
        self.reader.push(found.error(format!("expected {wanted}, found {found_type}")));
    }

    fn spot(&self, key: &str) -> Option<At<&'r DeValue<'a>>> {
        let value = self.value(key)?;
        Some(self.reader.at(value.get_ref(), &value.span(), self.key_path(key)))
    }

    /// Notes that `key` is missing, with an example of it.
    pub fn missing(&self, key: &str, example: &str) {
        let mut at = self.place();
        at.key = self.key_path(key);
        self.reader.push(at.error("missing").hint(format!("for example: {key} = {example}")));
    }

    /// Optional text.
    pub fn text(&self, key: &str) -> Option<At<String>> {
        let found = self.spot(key)?;
        match found.value.as_str() {
            Some("") => {
                self.reader.push(found.error("empty text"));
                None
            }
            Some(text) => Some(found.with(text.to_owned())),
            None => {
                self.wrong_type(&found, "text in quotes");
                None
            }
        }
    }

    /// Text that must be there.
    pub fn need_text(&self, key: &str, example: &str) -> Option<At<String>> {
        if self.value(key).is_none() {
            self.missing(key, example);
        }
        self.text(key)
    }

    /// Text turned into `T`; the error of `parse` is noted with `hint`.
    pub fn parsed<T, E: Display>(
        &self,
        text: Option<At<String>>,
        hint: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<At<T>> {
        let text = text?;
        match parse(&text.value) {
            Ok(value) => Some(text.with(value)),
            Err(message) => {
                let error = text.error(message.to_string());
                self.reader.push(if hint.is_empty() { error } else { error.hint(hint) });
                None
            }
        }
    }

    /// An optional whole number within `range`.
    pub fn integer(&self, key: &str, range: Range<u64>) -> Option<At<u64>> {
        let found = self.spot(key)?;
        let Some(integer) = found.value.as_integer() else {
            self.wrong_type(&found, "an integer");
            return None;
        };
        match u64::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(value) if range.contains(&value) => Some(found.with(value)),
            _ => {
                self.reader.push(
                    found.error(format!("{} is out of range", integer.as_str())).hint(format!(
                        "allowed: {} to {}",
                        range.start,
                        range.end.saturating_sub(1)
                    )),
                );
                None
            }
        }
    }

    /// An optional truth value.
    pub fn boolean(&self, key: &str) -> Option<At<bool>> {
        let found = self.spot(key)?;
        let value = found.value.as_bool();
        if value.is_none() {
            self.wrong_type(&found, "true or false");
        }
        Some(found.with(value?))
    }

    /// A list of texts, empty when absent.
    pub fn texts(&self, key: &str) -> Vec<At<String>> {
        let Some(found) = self.spot(key) else { return Vec::new() };
        let Some(array) = found.value.as_array() else {
            self.wrong_type(&found, "a list of texts");
            return Vec::new();
        };
        let mut texts = Vec::new();
        for (index, item) in array.iter().enumerate() {
            let key = format!("{}[{index}]", self.key_path(key));
            let item = self.reader.at(item.get_ref(), &item.span(), key);
            match item.value.as_str() {
                Some("") => self.reader.push(item.error("empty text")),
                Some(text) => texts.push(item.with(text.to_owned())),
                None => self.wrong_type(&item, "text in quotes"),
            }
        }
        texts
    }

    /// A text or a list of texts, empty when absent.
    pub fn text_or_texts(&self, key: &str) -> Vec<At<String>> {
        match self.value(key).is_some_and(|value| value.get_ref().is_array()) {
            true => self.texts(key),
            false => self.text(key).into_iter().collect(),
        }
    }

    /// Whether `key` is present and not an empty list (its items may be wrong).
    pub fn has_items(&self, key: &str) -> bool {
        let items = |v: &Spanned<DeValue<'_>>| v.get_ref().as_array().is_none_or(|a| !a.is_empty());
        self.value(key).is_some_and(items)
    }

    /// A list of IPv4 addresses, empty when absent.
    pub fn addresses(&self, key: &str) -> Vec<At<Ipv4Addr>> {
        self.texts(key)
            .into_iter()
            .filter_map(|text| self.parsed(Some(text), ADDRESS_HINT, parse_address))
            .collect()
    }

    /// An optional IPv4 address.
    pub fn address(&self, key: &str) -> Option<At<Ipv4Addr>> {
        self.parsed(self.text(key), ADDRESS_HINT, parse_address)
    }

    /// An IPv4 address that must be there.
    pub fn need_address(&self, key: &str, example: &str) -> Option<At<Ipv4Addr>> {
        self.parsed(self.need_text(key, example), ADDRESS_HINT, parse_address)
    }

    /// A sub-table; absent gives an absent table, and with `needed` an error.
    pub fn table(&self, key: &str, keys: &[&str], needed: bool) -> Option<Table<'r, 'a>> {
        let Some(found) = self.spot(key) else {
            if needed {
                let mut at = self.place();
                at.key = self.key_path(key);
                let hint = format!("a table [{key}] with: {}", keys.join(", "));
                self.reader.push(at.error("missing").hint(hint));
            }
            return None;
        };
        let Some(table) = found.value.as_table() else {
            self.wrong_type(&found, &format!("a table [{key}]"));
            return None;
        };
        let start = self.value(key).map_or(0, |v| v.span().start);
        let table = Table { reader: self.reader, table, path: found.key, start };
        table.check_keys(keys, &[]);
        Some(table)
    }

    /// The keys and texts of a sub-table whose keys are free; empty when absent.
    pub fn named_texts(&self, key: &str) -> Vec<(At<String>, At<String>)> {
        let Some(found) = self.spot(key) else { return Vec::new() };
        let Some(table) = found.value.as_table() else {
            self.wrong_type(&found, &format!("a table [{}]", found.key));
            return Vec::new();
        };
        let mut texts = Vec::new();
        for (name, value) in table {
            let path = format!("{}.{}", found.key, name.get_ref());
            let name = self.reader.at(name.get_ref().to_string(), &name.span(), path.clone());
            let value = self.reader.at(value.get_ref(), &value.span(), path);
            match value.value.as_str() {
                Some(text) => texts.push((name, value.with(text.to_owned()))),
                None => self.wrong_type(&value, "text in quotes"),
            }
        }
        texts
    }

    /// The tables of `[[key]]`, empty when absent. `renamed` has old names of keys with the new
    /// ones.
    pub fn tables(&self, key: &str, keys: &[&str], renamed: &[(&str, &str)]) -> Vec<Table<'r, 'a>> {
        let Some(found) = self.spot(key) else { return Vec::new() };
        let Some(array) = found.value.as_array() else {
            self.wrong_type(&found, &format!("a list of tables [[{key}]]"));
            return Vec::new();
        };
        let mut tables = Vec::new();
        for (index, item) in array.iter().enumerate() {
            let path = format!("{}[{index}]", found.key);
            match item.get_ref().as_table() {
                Some(table) => {
                    let start = item.span().start;
                    let table = Table { reader: self.reader, table, path, start };
                    table.check_keys(keys, renamed);
                    tables.push(table);
                }
                None => {
                    let item = self.reader.at(item.get_ref(), &item.span(), path);
                    self.wrong_type(&item, &format!("a table [[{key}]]"));
                }
            }
        }
        tables
    }

    /// Notes an error or a warning.
    pub fn push(&self, diagnostic: Diagnostic) {
        self.reader.push(diagnostic);
    }
}

const ADDRESS_HINT: &str = "an IPv4 address: four numbers from 0 to 255, as in 192.168.1.10";

fn parse_address(text: &str) -> Result<Ipv4Addr, String> {
    text.parse().map_err(|_| format!("`{text}` is not an address"))
}
