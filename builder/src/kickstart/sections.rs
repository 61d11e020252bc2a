//! A kickstart's lines as commands and sections.

use super::dialect::{Command, SECTIONS};
use super::lexer::{Word, split};
use crate::base::diagnostic::Diagnostic;
use crate::base::nearest::nearest;
use crate::base::place::Place;

/// One command, or one section with its body.
#[derive(Debug)]
pub struct KickstartItem<'a> {
    /// Line of the command or of the section's header, from 1.
    pub line: usize,
    /// The words; the first is the command or the section's name.
    pub words: Vec<Word>,
    /// A section's lines with their numbers; absent for a command.
    pub body: Option<Vec<(usize, &'a str)>>,
}

fn find_section(name: &str) -> Option<&'static Command> {
    SECTIONS.iter().find(|s| s.name == name)
}

/// Splits the text. Lines with errors are left out of the items; the errors' places are in the
/// text, without a file.
pub fn split_items(text: &str) -> (Vec<KickstartItem<'_>>, Vec<Diagnostic>) {
    let mut items: Vec<KickstartItem<'_>> = Vec::new();
    let mut errors = Vec::new();
    let mut open: Option<KickstartItem<'_>> = None;
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
            errors.extend(done.map(|item| unended_section(&item)));
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
                let place = Place::new("", number, unbalanced.column);
                errors.push(Diagnostic::error(place, message).hint(hint));
                continue;
            }
        };
        let Some(first) = words.first() else { continue };
        if !first.text.starts_with('%') || is_inclusion(&first.text) {
            items.push(KickstartItem { line: number, words, body: None });
        } else if find_section(&first.text).is_some() {
            open = Some(KickstartItem { line: number, words, body: Some(Vec::new()) });
        } else {
            errors.push(unknown_section(number, first));
        }
    }
    errors.extend(open.map(|item| unended_section(&item)));
    (items, errors)
}

/// `%include` and `%ksappend` are commands that stand where any line may.
fn is_inclusion(word: &str) -> bool {
    word == "%include" || word == "%ksappend"
}

/// A script's line may start with `%` and not be a section of the kickstart.
fn ends_section(line: &str) -> bool {
    let first = line.split_ascii_whitespace().next().unwrap_or("");
    first == "%end" || find_section(first).is_some()
}

fn unended_section(item: &KickstartItem<'_>) -> Diagnostic {
    let name = item.words.first().map_or("", |w| w.text.as_str());
    let place = Place::new("", item.line, item.words.first().map_or(1, |w| w.column));
    Diagnostic::error(place, format!("the section {name} does not end"))
        .hint("put a line `%end` after its last line")
}

fn unknown_section(line: usize, word: &Word) -> Diagnostic {
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
    Diagnostic::error(Place::new("", line, word.column), message).hint(hint)
}
