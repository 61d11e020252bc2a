//! Parser state: the kickstart so far, its report and its diagnostics.

use super::model::{Kickstart, Script};
use super::options::Parsed;
use super::report::{Fate, Line};
use super::rules::Seen;
use super::sections::KickstartItem;
use super::selection::Entries;
use super::source_map::SourceMap;
use crate::base::diagnostic::Diagnostic;
use crate::base::place::Place;
use std::collections::HashMap;

/// A kickstart's text and where it came from.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a> {
    /// The file's name in messages.
    pub file: &'a str,
    /// The text after rendering.
    pub text: &'a str,
    /// Where its lines are in the file.
    pub lines: &'a SourceMap,
    /// Goes into the salt of passwords given in clear; the lab's name.
    pub salt: &'a str,
    /// Whether `%pre` has run, and what it wrote is in the place of its `%include` lines.
    pub pre_has_run: bool,
}

impl<'a> Text<'a> {
    /// The text of a file of which no `%pre` has run.
    pub fn new(file: &'a str, text: &'a str, lines: &'a SourceMap, salt: &'a str) -> Self {
        Self { file, text, lines, salt, pre_has_run: false }
    }
}

/// The last use of a command that was given before.
#[derive(Clone, Debug)]
pub struct Repeat {
    /// `file:line`.
    pub place: String,
    /// How many lines the report had before it.
    pub before: usize,
    /// Options of earlier uses that count as well.
    pub kept: Vec<&'static str>,
}

/// What parsing gathers.
pub struct State<'a> {
    /// The text.
    pub source: Text<'a>,
    /// The result so far.
    pub kickstart: Kickstart,
    /// What the dialect does not allow.
    pub errors: Vec<Diagnostic>,
    /// The entries of `%packages` so far.
    pub entries: Entries,
    /// What rules need to know of the lines so far, refused ones too.
    pub seen: Seen,
    /// What commands that a file should have once have set so far.
    pub once: HashMap<&'static str, Parsed<'a>>,
    /// Of such commands that were given again: the last time.
    pub repeated: HashMap<&'static str, Repeat>,
    /// Included files that are missing: their path, and which line of the report says so.
    missing: Vec<(String, usize)>,
    /// What runs in the installer before it reads the included files, by `%pre`.
    pub pre: Vec<Script>,
    /// The text's lines.
    lines: Vec<&'a str>,
}

impl<'a> State<'a> {
    /// Nothing of `source` read yet.
    pub fn new(source: &Text<'a>) -> Self {
        Self {
            source: *source,
            kickstart: Kickstart::default(),
            errors: Vec::new(),
            entries: Entries::default(),
            seen: Seen::default(),
            once: HashMap::new(),
            repeated: HashMap::new(),
            missing: Vec::new(),
            pre: Vec::new(),
            lines: source.text.lines().collect(),
        }
    }
}

impl State<'_> {
    /// File, line and column in what the user wrote.
    pub fn place(&self, line: usize, column: usize) -> Place {
        let text = line.checked_sub(1).and_then(|index| self.lines.get(index)).unwrap_or(&"");
        self.source.lines.place(self.source.file, text, line, column)
    }

    /// Where the user wrote the command or section.
    pub fn place_of(&self, item: &KickstartItem<'_>) -> Place {
        self.place(item.line, item.words.first().map_or(1, |w| w.column))
    }

    /// Notes an error whose column is one of line `line` of the text.
    pub fn push_error(&mut self, line: usize, mut error: Diagnostic) {
        error.place = self.place(line, error.place.column);
        self.errors.push(error);
    }

    /// Notes an error: the dialect does not allow it.
    pub fn error(
        &mut self,
        line: usize,
        column: usize,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.errors.push(Diagnostic::error(self.place(line, column), message).hint(hint));
    }

    /// Notes something allowed but doubtful.
    pub fn warning(
        &mut self,
        line: usize,
        column: usize,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        let warning = Diagnostic::warning(self.place(line, column), message).hint(hint);
        self.kickstart.warnings.push(warning);
    }

    /// Notes what becomes of a command or section.
    pub fn report(&mut self, item: &KickstartItem<'_>, fate: Fate, why: impl Into<String>) {
        let column = item.words.first().map_or(1, |w| w.column);
        self.report_at(item, column, fate, why);
    }

    /// Notes that an image cannot have what is at `column`.
    pub fn refuse(&mut self, item: &KickstartItem<'_>, column: usize, why: impl Into<String>) {
        self.report_at(item, column, Fate::Refused, why);
    }

    fn report_at(
        &mut self,
        item: &KickstartItem<'_>,
        column: usize,
        fate: Fate,
        why: impl Into<String>,
    ) {
        let command = item.words.first().map_or_else(String::new, |w| w.text.clone());
        let place = self.place(item.line, column);
        self.kickstart.report.push(Line { place, command, fate, why: why.into() });
    }

    /// Notes a `%include` or `%ksappend` of a file that is missing.
    pub fn refuse_inclusion(&mut self, line: usize, column: usize, text: &str) {
        let mut words = text.split_ascii_whitespace();
        let command = words.next().unwrap_or(text).to_owned();
        let Some(path) = words.next() else {
            let message = format!("{command} names no file");
            return self.error(line, column, message, "write a path after it");
        };
        let place = self.place(line, column);
        self.missing.push((path.to_owned(), self.kickstart.report.len()));
        let why = String::new();
        self.kickstart.report.push(Line { place, command, fate: Fate::Refused, why });
    }

    /// A script as its header and lines have it.
    pub fn script(&self, item: &KickstartItem<'_>, parsed: &Parsed<'_>) -> Script {
        Script {
            place: self.place_of(item),
            interpreter: parsed.text("--interpreter").unwrap_or_else(|| "/bin/sh".into()),
            error_on_fail: parsed.has("--erroronfail"),
            nochroot: parsed.has("--nochroot"),
            log: parsed.text("--log"),
            body: item.body.iter().flatten().map(|(_, line)| format!("{line}\n")).collect(),
            authconfig: false,
        }
    }

    /// Keeps a `%pre`, which may write files that are included.
    pub fn push_pre(&mut self, item: &KickstartItem<'_>, parsed: &Parsed<'_>) {
        let script = self.script(item, parsed);
        self.pre.push(script);
    }

    /// Says of each file that is missing where it would come from.
    pub fn explain_missing(&mut self) {
        for (path, index) in &self.missing {
            let writer = self.pre.iter().find(|script| script.body.contains(path.as_str()));
            let place = writer.map(|script| &script.place);
            let place = place.map(|place| format!("the %pre at {}:{}", place.file, place.line));
            let (from, way) = match (place, self.source.pre_has_run) {
                (Some(pre), false) => (
                    format!("{path} is what {pre} writes, which has not run"),
                    "have it run with --run-pre, or give",
                ),
                (Some(pre), true) => {
                    (format!("{path} is what {pre} would write, but it has not"), "give")
                }
                (None, true) => (format!("{path} is not what a %pre has written"), "give"),
                (None, false) => (format!("{path} is not next to the kickstart"), "give"),
            };
            if let Some(line) = self.kickstart.report.get_mut(*index) {
                line.why = format!("{from}: {way} the file with --include {path}=FILE");
            }
        }
    }
}
