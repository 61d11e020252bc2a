//! Options and arguments of a command, read by the notation of `dialect`.

use super::dialect::{Arguments, Command};
use super::lexer::Word;
use super::merging::Merging;
use crate::base::diagnostic::Diagnostic;
use crate::base::nearest::nearest;
use crate::base::place::Place;

/// A parsed command line.
#[derive(Clone, Debug, Default)]
pub struct Parsed<'a> {
    /// Options by their first name (`--fstype`), in the order of their last use (of those
    /// whose uses add up: of all uses), with their values.
    pub options: Vec<(&'static str, OptionValue<'a>)>,
    /// Arguments.
    pub arguments: Vec<&'a Word>,
}

/// An option's value and the word it stood in.
#[derive(Clone, Copy, Debug)]
pub struct OptionValue<'a> {
    /// The text after `=` or in the next word; empty for a flag.
    pub text: &'a str,
    /// The word, for its column.
    pub word: &'a Word,
}

impl<'a> Parsed<'a> {
    /// Whether the option was given.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// The value of the option; of several the last one counts.
    pub fn get(&self, name: &str) -> Option<&OptionValue<'a>> {
        self.options.iter().rev().find(|(n, _)| *n == name).map(|(_, value)| value)
    }

    /// Whether the option was given with a value that is not empty.
    pub fn filled(&self, name: &str) -> bool {
        self.get(name).is_some_and(|v| !v.text.is_empty())
    }

    /// Whether it is a flag and was given.
    pub fn flag(&self, name: &str) -> bool {
        self.get(name).is_some_and(|v| v.text.is_empty() && v.word.text == name)
    }

    /// What this use of a command means after `earlier` ones.
    pub fn after(mut self, earlier: &Self, merging: &Merging) -> Self {
        let given: Vec<&str> = self.options.iter().map(|(name, _)| *name).collect();
        let stays =
            |name: &str| !given.contains(&name) && merging.stays(name, earlier.flag(name), &given);
        let kept: Vec<_> =
            earlier.options.iter().filter(|(name, _)| stays(name)).copied().collect();
        self.options.extend(kept);
        if self.arguments.is_empty() && !merging.resets_arguments {
            self.arguments.clone_from(&earlier.arguments);
        }
        self
    }

    /// The option's text.
    pub fn text(&self, name: &str) -> Option<String> {
        self.get(name).map(|v| v.text.to_owned())
    }

    /// The option's number; `parse` has checked that it is one.
    pub fn integer(&self, name: &str) -> Option<i64> {
        self.get(name).and_then(|v| v.text.trim().parse().ok())
    }

    /// The items of a comma-separated option, of all its uses, without empty ones.
    pub fn list(&self, name: &str) -> Vec<String> {
        let uses = self.options.iter().filter(|(n, _)| *n == name);
        let items = uses.flat_map(|(_, v)| v.text.split(',').map(str::trim));
        items.filter(|i| !i.is_empty()).map(str::to_owned).collect()
    }
}

/// One option in the notation of `dialect`.
struct Spelling {
    names: Vec<&'static str>,
    required: bool,
    /// Whether its uses add up.
    repeats: bool,
    /// `None` for a flag.
    kind: Option<&'static str>,
}

/// The first names of a command's options, in the dialect's order, and whether each is
/// a flag.
pub fn option_names(command: &Command) -> Vec<(&'static str, bool)> {
    spellings(command).into_iter().map(|s| (s.names[0], s.kind.is_none())).collect()
}

/// The first names of the options that a command must have.
pub fn required_names(command: &Command) -> Vec<&'static str> {
    spellings(command).into_iter().filter(|s| s.required).map(|s| s.names[0]).collect()
}

fn spellings(command: &Command) -> Vec<Spelling> {
    let read = |text: &'static str| {
        let (names, kind) = text.split_once('=').map_or((text, None), |(n, k)| (n, Some(k)));
        let bare = names.trim_end_matches(['!', '*']);
        let marks = &names[bare.len()..];
        let (required, repeats) = (marks.contains('!'), marks.contains('*'));
        Spelling { names: bare.split(',').collect(), required, repeats, kind }
    };
    command.options.split_ascii_whitespace().map(read).collect()
}

/// Reads `words` (those after the command) by the command's notation.
///
/// # Errors
/// Every error on the line; of their places only the column is set.
pub fn parse<'a>(
    command: &Command,
    at: &Word,
    words: &'a [Word],
) -> Result<Parsed<'a>, Vec<Diagnostic>> {
    let mut parsed = Parsed::default();
    if command.arguments == Arguments::Free {
        parsed.arguments = words.iter().collect();
        return Ok(parsed);
    }
    let spellings = spellings(command);
    let mut errors = Vec::new();
    let mut rest = words.iter().peekable();
    while let Some(word) = rest.next() {
        if !is_option(&word.text) {
            parsed.arguments.push(word);
            continue;
        }
        let (name, inline) = match word.text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (word.text.as_str(), None),
        };
        match find(&spellings, name) {
            Err(hint) => {
                let message = format!("{} has no option {name}", command.name);
                errors.push(error_at(word, message, hint));
            }
            Ok(option) => {
                let next = || rest.next_if(|w| !is_option(&w.text)).map(|w| w.text.as_str());
                match read_value(option, word, (name, inline), next) {
                    Ok(text) => {
                        let name = option.names[0];
                        parsed.options.retain(|(n, _)| *n != name || option.repeats);
                        parsed.options.push((name, OptionValue { text, word }));
                    }
                    Err(error) => errors.push(error),
                }
            }
        }
    }
    for option in spellings.iter().filter(|s| s.required && !parsed.has(s.names[0])) {
        if errors.is_empty() {
            let message = format!("{} needs the option {}", command.name, option.names[0]);
            let hint = usage(command, &spellings);
            errors.push(error_at(at, message, hint));
        }
    }
    errors.extend(check_count(command, at, &parsed.arguments, &spellings));
    if errors.is_empty() { Ok(parsed) } else { Err(errors) }
}

/// An error at a word; its line and file are added by the caller that knows them.
fn error_at(word: &Word, message: String, hint: String) -> Diagnostic {
    Diagnostic::error(Place::new("", 0, word.column), message).hint(hint)
}

/// Words with a leading hyphen are options, except a lone one, negative numbers
/// and words with a blank in the name.
fn is_option(word: &str) -> bool {
    let Some(rest) = word.strip_prefix('-') else { return false };
    let number = rest.chars().all(|c| c.is_ascii_digit() || c == '.');
    let blank = word.split('=').next().is_some_and(|name| name.contains(' '));
    !number && !blank
}

/// The option called `name`, or the only one that starts so.
fn find<'s>(spellings: &'s [Spelling], name: &str) -> Result<&'s Spelling, String> {
    let known = || spellings.iter().flat_map(|s| s.names.iter().copied());
    if let Some(option) = spellings.iter().find(|s| s.names.contains(&name)) {
        return Ok(option);
    }
    let begins = |s: &&Spelling| name.len() > 2 && s.names.iter().any(|n| n.starts_with(name));
    let mut begun = spellings.iter().filter(begins);
    if let (Some(option), None) = (begun.next(), begun.next()) {
        return Ok(option);
    }
    let names: Vec<&str> = known().collect();
    let allowed = match names.is_empty() {
        true => "it takes no options".to_owned(),
        false => format!("allowed: {}", names.join(" ")),
    };
    Err(match nearest(name, known()) {
        Some(similar) => format!("did you mean {similar}? {allowed}"),
        None => allowed,
    })
}

/// The value of an option, checked by its kind.
fn read_value<'a>(
    option: &Spelling,
    word: &Word,
    (name, inline): (&str, Option<&'a str>),
    next: impl FnOnce() -> Option<&'a str>,
) -> Result<&'a str, Diagnostic> {
    let Some(kind) = option.kind else {
        return match inline {
            None => Ok(""),
            Some(value) => {
                let message = format!("{name} takes no value, `{value}` was given");
                Err(error_at(word, message, format!("write {name}")))
            }
        };
    };
    let wanted = match kind {
        "TEXT" => "a value",
        "LIST" => "a comma-separated list",
        "INT" => "a whole number",
        "BOOL" => "yes or no",
        choices => choices,
    };
    let Some(text) = inline.or_else(next) else {
        let hint = format!("write {name}= and {wanted}");
        return Err(error_at(word, format!("{name} needs a value"), hint));
    };
    let fits = match kind {
        "TEXT" | "LIST" => true,
        "INT" => text.trim().parse::<i64>().is_ok(),
        "BOOL" => boolean(text).is_some(),
        choices => match choices.strip_prefix('~') {
            Some(choices) => choices.split('|').any(|c| c.eq_ignore_ascii_case(text)),
            None => choices.split('|').any(|c| c == text),
        },
    };
    if fits {
        return Ok(text);
    }
    let hint = format!("allowed: {}", wanted.trim_start_matches('~').replace('|', ", "));
    Err(error_at(word, format!("{name} does not take `{text}`"), hint))
}

/// The truth values that kickstart knows.
pub fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "true" | "on" | "1" => Some(true),
        "no" | "false" | "off" | "0" => Some(false),
        _ => None,
    }
}

fn usage(command: &Command, spellings: &[Spelling]) -> String {
    let needed = spellings.iter().filter(|s| s.required);
    let mut usage = format!("write {}", command.name);
    for option in needed {
        usage.push_str(&format!(" {}=...", option.names[0]));
    }
    usage
}

fn check_count(
    command: &Command,
    at: &Word,
    given: &[&Word],
    spellings: &[Spelling],
) -> Option<Diagnostic> {
    let max = match command.arguments {
        Arguments::None => 0,
        Arguments::One(_) | Arguments::Optional => 1,
        Arguments::Any | Arguments::Free => return None,
    };
    if let Some(extra) = given.get(max) {
        let message = format!("`{}` is one argument too many for {}", extra.text, command.name);
        let hint = match max {
            0 if spellings.is_empty() => format!("write {} alone", command.name),
            0 => format!("{} takes options only", command.name),
            _ => format!("{} takes one argument; a value with blanks goes in quotes", command.name),
        };
        return Some(error_at(extra, message, hint));
    }
    match command.arguments {
        Arguments::One(what) if given.is_empty() => {
            let message = format!("{} needs an argument", command.name);
            Some(error_at(at, message, format!("{what} after `{}`", command.name)))
        }
        _ => None,
    }
}
