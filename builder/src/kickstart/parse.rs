//! From text to [`Kickstart`].

use super::commands;
use super::dialect::{Arguments, COMMANDS, Command, FOREIGN, Image, SECTIONS};
use super::document::LASTING;
use super::options::{self, Parsed};
use super::render::Lines;
use super::report::{Fate, Line};
use super::sections::{Item, items};
use super::{Kickstart, packages, rules};
use crate::layout::limits;
use crate::problem::{Problem, nearest};
use std::collections::HashMap;

/// A kickstart's text and where it came from.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a> {
    /// The file's name in messages.
    pub file: &'a str,
    /// The text after rendering.
    pub text: &'a str,
    /// Where its lines are in the file.
    pub lines: &'a Lines,
    /// Goes into the salt of passwords given in clear; the lab's name.
    pub salt: &'a str,
}

/// What parsing gathers.
pub struct State<'a> {
    /// The text.
    pub source: Text<'a>,
    /// The result so far.
    pub kickstart: Kickstart,
    problems: Vec<Problem>,
    /// Commands so far, refused ones too.
    seen: Vec<&'static str>,
    /// What commands that a file should have once have said so far.
    once: HashMap<&'static str, Parsed<'a>>,
    /// Of such commands that were given again: where the last time, and how many lines the
    /// report had before it.
    repeated: HashMap<&'static str, (String, usize)>,
    /// The text's lines.
    lines: Vec<&'a str>,
}

impl State<'_> {
    /// File, line and column in what the user wrote.
    fn place(&self, line: usize, column: usize) -> (String, usize, usize) {
        let text = line.checked_sub(1).and_then(|index| self.lines.get(index)).unwrap_or(&"");
        let (file, line, column) = self.source.lines.place(text, line, column);
        (file.unwrap_or(self.source.file).to_owned(), line, column)
    }

    /// The item's line in the file, before rendering.
    pub fn line(&self, item: &Item<'_>) -> usize {
        self.place(item.line, 1).1
    }

    /// The item's file.
    pub fn file(&self, item: &Item<'_>) -> String {
        self.place(item.line, 1).0
    }

    fn problem_at(
        &self,
        line: usize,
        column: usize,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Problem {
        let (file, line, column) = self.place(line, column);
        Problem::at(&file, (line, column), message).hint(hint)
    }

    /// Notes a problem: the dialect does not allow it.
    pub fn problem(
        &mut self,
        line: usize,
        column: usize,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.problems.push(self.problem_at(line, column, message, hint));
    }

    /// Notes something allowed but doubtful.
    pub fn warning(
        &mut self,
        line: usize,
        column: usize,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        let warning = self.problem_at(line, column, message, hint);
        self.kickstart.warnings.push(warning);
    }

    /// Notes what becomes of a command or section.
    pub fn report(&mut self, item: &Item<'_>, fate: Fate, why: impl Into<String>) {
        let column = item.words.first().map_or(1, |w| w.column);
        self.report_at(item, column, fate, why);
    }

    /// Notes that an image cannot have what stands at `column`.
    pub fn refuse(&mut self, item: &Item<'_>, column: usize, why: impl Into<String>) {
        self.report_at(item, column, Fate::Refused, why);
    }

    fn report_at(&mut self, item: &Item<'_>, column: usize, fate: Fate, why: impl Into<String>) {
        let command = item.words.first().map_or_else(String::new, |w| w.text.clone());
        let (file, line, column) = self.place(item.line, column);
        self.kickstart.report.push(Line { file, line, column, command, fate, why: why.into() });
    }

    /// Notes a `%include` or `%ksappend`, which an image cannot follow.
    pub fn inclusion(&mut self, line: usize, column: usize, text: &str) {
        let command = text.split_ascii_whitespace().next().unwrap_or(text).to_owned();
        if text.split_ascii_whitespace().nth(1).is_none() {
            return self.problem(
                line,
                column,
                format!("{command} names no file"),
                "write a path after it",
            );
        }
        let (file, line, column) = self.place(line, column);
        let why = "the file is not beside the kickstart: only an installer's run has it; put \
                   its text here"
            .into();
        let fate = Fate::Refused;
        self.kickstart.report.push(Line { file, line, column, command, fate, why });
    }
}

/// Parses a kickstart.
///
/// # Errors
/// Everything that the RHEL 7 dialect does not allow, in the order of lines. What an
/// image cannot honour is no error here but [`Fate::Refused`] in the report.
pub fn parse(source: &Text<'_>) -> Result<Kickstart, Vec<Problem>> {
    let mut state = State {
        source: *source,
        kickstart: Kickstart::default(),
        problems: Vec::new(),
        seen: Vec::new(),
        once: HashMap::new(),
        repeated: HashMap::new(),
        lines: source.text.lines().collect(),
    };
    let (items, faults) = items(source.text);
    for fault in faults {
        state.problem(fault.line, fault.column, fault.message, fault.hint);
    }
    for item in &items {
        one(&mut state, item);
    }
    let State { mut kickstart, mut problems, repeated, .. } = state;
    note_repeats(&mut kickstart.report, &repeated);
    for (line, why) in limits::refusals(&kickstart.storage) {
        let mut lines = kickstart.report.iter_mut();
        let concerned = |l: &&mut Line| l.is_storage() || l.command == "bootloader";
        if let Some(entry) = lines.find(|l| l.line == line && concerned(l)) {
            (entry.fate, entry.why) = (Fate::Refused, why);
        }
    }
    problems.sort_by_key(|p| (p.line, p.column));
    if problems.is_empty() { Ok(kickstart) } else { Err(problems) }
}

fn one<'a>(state: &mut State<'a>, item: &'a Item<'a>) {
    let Some((name, rest)) = item.words.split_first() else { return };
    if name.text.starts_with('%') && item.body.is_none() {
        let words: Vec<&str> = item.words.iter().map(|w| w.text.as_str()).collect();
        state.kickstart.document.include(&words);
        return state.inclusion(item.line, name.column, &words.join(" "));
    }
    let table = if item.body.is_some() { SECTIONS } else { COMMANDS };
    let Some(command) = table.iter().find(|c| c.name == name.text) else {
        return unknown(state, item, table);
    };
    let parsed = options::parse(command, name, rest);
    match parsed {
        Ok(parsed) => apply(state, item, command, parsed),
        Err(mistakes) => {
            for mistake in mistakes {
                state.problem(item.line, mistake.column, mistake.message, mistake.hint);
            }
        }
    }
    state.seen.push(command.name);
}

/// What the line means together with earlier ones of the same command, in whose report the
/// later line is told.
fn together<'a>(
    state: &mut State<'a>,
    item: &Item<'_>,
    command: &Command,
    parsed: Parsed<'a>,
) -> Parsed<'a> {
    if command.repeats() || item.body.is_some() {
        return parsed;
    }
    let name = command.canonical();
    let Some(earlier) = state.once.get(name) else {
        state.once.insert(name, parsed.clone());
        return parsed;
    };
    let lasting = LASTING.iter().find(|(n, _)| *n == name).map_or(&[][..], |(_, flags)| *flags);
    let whole = match command.arguments {
        Arguments::Free => parsed,
        _ => parsed.after(earlier, lasting),
    };
    let (file, line, _) = state.place(item.line, 1);
    state.repeated.insert(name, (format!("{file}:{line}"), state.kickstart.report.len()));
    state.once.insert(name, whole.clone());
    whole
}

/// Says of every line before a command's last use that the last one counts.
fn note_repeats(report: &mut [Line], repeated: &HashMap<&'static str, (String, usize)>) {
    for (index, entry) in report.iter_mut().enumerate() {
        let Some(command) = COMMANDS.iter().find(|c| c.name == entry.command) else { continue };
        let name = command.canonical();
        let again = repeated.get(name).filter(|(_, before)| index < *before);
        let Some((place, _)) = again else { continue };
        if [Fate::Honoured, Fate::Translated].contains(&entry.fate) {
            entry.fate = Fate::Translated;
            entry.why = format!("{place} has {name} again: what it says counts instead");
        }
    }
}

fn unknown(state: &mut State<'_>, item: &Item<'_>, table: &[Command]) {
    let word = &item.words[0];
    let hint = match FOREIGN.iter().find(|(name, _)| *name == word.text) {
        Some((_, advice)) => (*advice).to_owned(),
        None => match nearest(&word.text, table.iter().map(|c| c.name)) {
            Some(similar) => format!("did you mean `{similar}`?"),
            None => {
                let names: Vec<&str> = table.iter().map(|c| c.name).collect();
                format!("commands: {}", names.join(" "))
            }
        },
    };
    state.problem(item.line, word.column, format!("RHEL 7 has no command `{}`", word.text), hint);
}

fn apply<'a>(state: &mut State<'a>, item: &Item<'_>, command: &Command, parsed: Parsed<'a>) {
    if let Some((message, hint)) = rules::broken(item, &parsed, &state.seen) {
        return state.problem(item.line, item.words[0].column, message, hint);
    }
    state.kickstart.document.add(command, item, &parsed);
    let parsed = &together(state, item, command, parsed);
    match command.image {
        Image::Honoured if command.name == "%packages" => packages::apply(state, item, parsed),
        Image::Honoured => commands::apply(state, item, parsed),
        Image::NotApplicable(why) => {
            state.report(item, Fate::NotApplicable, why);
        }
        Image::Refused(why) => state.report(item, Fate::Refused, why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kickstart::{Source, expand};
    use std::time::{Duration, Instant};

    #[test]
    fn repeated_commands_take_linear_time() {
        let text = "lang cs_CZ.UTF-8\n".repeat(50_000);
        let lines = Lines::of("x.ks", &text);
        let began = Instant::now();
        let text = Text { file: "x.ks", text: &text, lines: &lines, salt: "lab" };
        let report = parse(&text).unwrap().report;
        // Quadratic time was minutes.
        assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
        assert_eq!((report.len(), report[49_999].fate), (50_000, Fate::Honoured));
        for (entry, line) in report[..49_999].iter().zip(1..) {
            assert_eq!((entry.line, entry.fate), (line, Fate::Translated));
            assert_eq!(entry.why, "x.ks:50000 has lang again: what it says counts instead");
        }
    }

    /// Two files may have a storage line of the same number.
    #[test]
    fn a_refusal_is_at_the_line_of_the_file_that_holds_it() {
        let source = |name: &str, text: &str| Source {
            name: name.into(),
            text: text.into(),
            lines: Lines::of(name, text),
        };
        let main = source("main.ks", "part / --size=999\n%include disk.ks\n");
        let (expanded, _) = expand(&main, &mut |path, _| {
            Ok((path == "disk.ks").then(|| source("disk.ks", "part raid.1 --size=9\n")))
        });
        let text = Text { file: "main.ks", text: &expanded.text, lines: &expanded.lines, salt: "" };
        let report = parse(&text).unwrap().report;
        let found: Vec<_> = report.iter().map(|l| (l.file.as_str(), l.line, l.fate)).collect();
        assert_eq!(found, [("main.ks", 1, Fate::Honoured), ("disk.ks", 1, Fate::Refused)]);
    }
}
