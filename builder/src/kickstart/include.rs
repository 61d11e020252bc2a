//! `%include` and `%ksappend` of files next to the kickstart, or that the user names: their text
//! takes the line's place, wherever it stands. Other paths (`/tmp/...`, addresses) exist only
//! while an installer runs; their lines stay.

use super::lexer::split;
use super::source_map::SourceMap;
use crate::base::diagnostic::Diagnostic;

/// Deeper nesting is a mistake.
const MAX_DEPTH: usize = 16;

/// A file's text, ready to be parsed.
#[derive(Clone, Debug)]
pub struct SourceText {
    /// Its name in messages.
    pub name: String,
    /// Its text, after rendering.
    pub text: String,
    /// Where its lines are in what the user wrote.
    pub lines: SourceMap,
}

/// Reads what `path`, written in the file called `from`, means; `None` leaves the line.
pub type Read<'r> = dyn FnMut(&str, &str) -> Result<Option<SourceText>, Vec<Diagnostic>> + 'r;

/// The path that a line includes.
fn find_inclusion(line: &str) -> Option<String> {
    let trimmed = line.trim_start();
    if !trimmed.starts_with("%include") && !trimmed.starts_with("%ksappend") {
        return None;
    }
    let mut words = split(line, true).ok()?.into_iter().map(|w| w.text);
    let command = words.next()?;
    let path = words.next().filter(|p| !p.is_empty())?;
    ["%include", "%ksappend"].contains(&command.as_str()).then_some(path)
}

/// Whether any line of the text includes a file.
pub fn has_inclusion(text: &str) -> bool {
    text.lines().any(|line| find_inclusion(line).is_some())
}

/// Puts every file included by `source` in its place.
/// Returns the errors with it: files that cannot be read, and files that include themselves, with
/// the chain. Their lines stay.
pub fn expand_includes(source: &SourceText, read: &mut Read<'_>) -> (SourceText, Vec<Diagnostic>) {
    let mut whole =
        SourceText { name: source.name.clone(), text: String::new(), lines: SourceMap::default() };
    let mut errors = Vec::new();
    append_expanded(&mut whole, source, &mut vec![source.name.clone()], read, &mut errors);
    (whole, errors)
}

fn append_expanded(
    whole: &mut SourceText,
    source: &SourceText,
    chain: &mut Vec<String>,
    read: &mut Read<'_>,
    errors: &mut Vec<Diagnostic>,
) {
    for (line, number) in source.text.lines().zip(1..) {
        let included = match find_inclusion(line).map(|path| read(&path, &source.name)) {
            Some(Ok(included)) => included,
            Some(Err(found)) => {
                errors.extend(found);
                None
            }
            None => None,
        };
        let Some(included) = included else {
            whole.text.push_str(line);
            whole.text.push('\n');
            whole.lines.push_line(&source.lines, number);
            continue;
        };
        if chain.contains(&included.name) || chain.len() > MAX_DEPTH {
            chain.push(included.name);
            let place = source.lines.place(&source.name, line, number, 1);
            let message = format!("files include each other: {}", chain.join(" -> "));
            chain.pop();
            let error = Diagnostic::error(place, message);
            errors.push(error.hint("remove one of these lines"));
            continue;
        }
        chain.push(included.name.clone());
        append_expanded(whole, &included, chain, read, errors);
        chain.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::place::Place;

    fn source(name: &str, text: &str) -> SourceText {
        SourceText { name: name.into(), text: text.into(), lines: SourceMap::of_file(name, text) }
    }

    fn files(path: &str, _: &str) -> Result<Option<SourceText>, Vec<Diagnostic>> {
        Ok(match path {
            "a" => Some(source("a", "lang cs\n%include b # packages\n")),
            "b" => Some(source("b", "skipx")),
            "loop" => Some(source("loop", "text\n%include 'main.ks'\n")),
            "main.ks" => Some(source("main.ks", "%include loop\n")),
            _ => None,
        })
    }

    #[test]
    fn files_take_their_lines_place_and_keep_their_own() {
        let main = source("main.ks", "text\n%include a\n%include /tmp/x\n%include none\ncdrom\n");
        let (whole, errors) = expand_includes(&main, &mut files);
        assert_eq!(errors, []);
        assert_eq!(whole.text, "text\nlang cs\nskipx\n%include /tmp/x\n%include none\ncdrom\n");
        assert_eq!(whole.lines.place("", "skipx", 3, 2), Place::new("b", 1, 2));
        assert_eq!(whole.lines.place("", "cdrom", 6, 1), Place::new("main.ks", 5, 1));
    }

    #[test]
    fn a_circle_is_refused_with_its_chain() {
        let (_, errors) = expand_includes(&source("main.ks", "%include loop\n"), &mut files);
        assert_eq!(errors[0].place, Place::new("loop", 2, 1));
        assert_eq!(errors[0].message, "files include each other: main.ks -> loop -> main.ks");
    }
}
