//! A kickstart's lines as commands and sections.

use super::dialect::{Command, SECTIONS};
use super::lexer::{Word, split};
use crate::problem::nearest;

/// One command, or one section with its body.
#[derive(Debug)]
pub struct Item<'a> {
    /// Line of the command or of the section's header, from 1.
    pub line: usize,
    /// The words; the first is the command or the section's name.
    pub words: Vec<Word>,
    /// A section's lines with their numbers; absent for a command.
    pub body: Option<Vec<(usize, &'a str)>>,
}

/// Something wrong with the file's structure.
#[derive(Debug)]
pub struct Fault {
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: String,
}

fn section(name: &str) -> Option<&'static Command> {
    SECTIONS.iter().find(|s| s.name == name)
}

/// Splits the text. Faulty lines are left out of the items.
pub fn items(text: &str) -> (Vec<Item<'_>>, Vec<Fault>) {
    let mut items: Vec<Item<'_>> = Vec::new();
    let mut faults = Vec::new();
    let mut open: Option<Item<'_>> = None;
    for (line, number) in text.lines().zip(1..) {
        if let Some(section) = &mut open {
            if !ends_section(line) {
                section.body.get_or_insert_default().push((number, line));
                continue;
            }
            let done = open.take();
            if line.split_ascii_whitespace().next() == Some("%end") {
                items.extend(done);
                continue;
            }
            faults.extend(done.map(|item| unended(&item)));
        }
        let words = match split(line, true) {
            Ok(words) => words,
            Err(unbalanced) => {
                let hint = match unbalanced.quote {
                    '\\' => {
                        "a backslash takes the next character literally; there is none".to_owned()
                    }
                    quote => format!("close it with another {quote} on the same line"),
                };
                let message = format!("this {} is not closed", unbalanced.quote);
                faults.push(Fault { line: number, column: unbalanced.column, message, hint });
                continue;
            }
        };
        let Some(first) = words.first() else { continue };
        if !first.text.starts_with('%') || is_inclusion(&first.text) {
            items.push(Item { line: number, words, body: None });
        } else if section(&first.text).is_some() {
            open = Some(Item { line: number, words, body: Some(Vec::new()) });
        } else {
            faults.push(unknown_section(number, first));
        }
    }
    faults.extend(open.map(|item| unended(&item)));
    (items, faults)
}

/// `%include` and `%ksappend` are commands that stand where any line may.
fn is_inclusion(word: &str) -> bool {
    word == "%include" || word == "%ksappend"
}

/// A script's line may start with `%` and be no section of ours.
fn ends_section(line: &str) -> bool {
    let first = line.split_ascii_whitespace().next().unwrap_or("");
    first == "%end" || section(first).is_some()
}

fn unended(item: &Item<'_>) -> Fault {
    let name = item.words.first().map_or("", |w| w.text.as_str());
    Fault {
        line: item.line,
        column: item.words.first().map_or(1, |w| w.column),
        message: format!("the section {name} does not end"),
        hint: "put a line `%end` after its last line".into(),
    }
}

fn unknown_section(line: usize, word: &Word) -> Fault {
    let names: Vec<&str> = SECTIONS.iter().map(|s| s.name).collect();
    let (message, mut hint) = match word.text.as_str() {
        "%end" => ("%end without a section before it".to_owned(), String::new()),
        other => (format!("there is no section {other}"), format!("sections: {}", names.join(" "))),
    };
    if let Some(similar) = nearest(&word.text, names).filter(|_| !hint.is_empty()) {
        hint = format!("did you mean {similar}? {hint}");
    } else if hint.is_empty() {
        hint = "remove it, or name the section that it ends".into();
    }
    Fault { line, column: word.column, message, hint }
}
