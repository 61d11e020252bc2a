//! `%include` and `%ksappend` of files beside the kickstart: their text takes the line's
//! place, wherever it stands. Other paths (`/tmp/...`, addresses) exist only while an
//! installer runs; their lines stay.

use super::lexer::split;
use super::render::Lines;
use crate::problem::Problem;

/// Deeper nesting is a mistake.
const MAX_DEPTH: usize = 16;

/// A file's text, ready to be parsed.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its name in messages.
    pub name: String,
    /// Its text, after rendering.
    pub text: String,
    /// Where its lines are in what the user wrote.
    pub lines: Lines,
}

/// Reads what `path`, written in the file called `from`, means; `None` leaves the line.
pub type Read<'r> = dyn FnMut(&str, &str) -> Result<Option<Source>, Vec<Problem>> + 'r;

/// The path that a line includes, if it is one beside the kickstart.
fn beside(line: &str) -> Option<String> {
    let trimmed = line.trim_start();
    if !trimmed.starts_with("%include") && !trimmed.starts_with("%ksappend") {
        return None;
    }
    let mut words = split(line, true).ok()?.into_iter().map(|w| w.text);
    let command = words.next()?;
    let path = words.next().filter(|p| !p.is_empty())?;
    let elsewhere = path.starts_with('/') || path.contains("://");
    (["%include", "%ksappend"].contains(&command.as_str()) && !elsewhere).then_some(path)
}

/// Puts every file included by `source` in its place.
/// Beside it the problems: files that cannot be read, and files that include themselves, with
/// the chain. Their lines stay.
pub fn expand(source: &Source, read: &mut Read<'_>) -> (Source, Vec<Problem>) {
    let mut whole =
        Source { name: source.name.clone(), text: String::new(), lines: Lines::default() };
    let mut problems = Vec::new();
    append(&mut whole, source, &mut vec![source.name.clone()], read, &mut problems);
    (whole, problems)
}

fn append(
    whole: &mut Source,
    source: &Source,
    chain: &mut Vec<String>,
    read: &mut Read<'_>,
    problems: &mut Vec<Problem>,
) {
    for (line, number) in source.text.lines().zip(1..) {
        let included = match beside(line).map(|path| read(&path, &source.name)) {
            Some(Ok(included)) => included,
            Some(Err(found)) => {
                problems.extend(found);
                None
            }
            None => None,
        };
        let Some(included) = included else {
            whole.text.push_str(line);
            whole.text.push('\n');
            whole.lines.push(&source.lines, number);
            continue;
        };
        if chain.contains(&included.name) || chain.len() > MAX_DEPTH {
            chain.push(included.name);
            let (file, line, column) = source.lines.place(line, number, 1);
            let message = format!("files include each other: {}", chain.join(" -> "));
            chain.pop();
            let problem = Problem::at(file.unwrap_or(&source.name), (line, column), message);
            problems.push(problem.hint("take one of these lines out"));
            continue;
        }
        chain.push(included.name.clone());
        append(whole, &included, chain, read, problems);
        chain.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(name: &str, text: &str) -> Source {
        Source { name: name.into(), text: text.into(), lines: Lines::of(name, text) }
    }

    fn files(path: &str, _: &str) -> Result<Option<Source>, Vec<Problem>> {
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
        let (whole, problems) = expand(&main, &mut files);
        assert_eq!(problems, []);
        assert_eq!(whole.text, "text\nlang cs\nskipx\n%include /tmp/x\n%include none\ncdrom\n");
        assert_eq!(whole.lines.place("skipx", 3, 2), (Some("b"), 1, 2));
        assert_eq!(whole.lines.place("cdrom", 6, 1), (Some("main.ks"), 5, 1));
    }

    #[test]
    fn a_circle_is_refused_with_its_chain() {
        let (_, problems) = expand(&source("main.ks", "%include loop\n"), &mut files);
        assert_eq!((problems[0].file.as_str(), problems[0].line), ("loop", 2));
        assert_eq!(problems[0].message, "files include each other: main.ks -> loop -> main.ks");
    }
}
