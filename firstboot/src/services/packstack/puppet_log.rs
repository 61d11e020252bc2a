//! A log of `puppet apply` (3.x and 4.x), which packstack copies to the controller when a
//! manifest has ended.

use super::printed::is_noise;
use crate::host::followed::plain_lines;

/// What puppet begins its messages with; other lines continue the message before them.
const LEVELS: [&str; 6] = ["Notice: ", "Warning: ", "Error: ", "Info: ", "Debug: ", "flock: "];
/// yum's advice on a repository that fails stands between lines that begin so.
const ADVICE: [&str; 2] = ["and yum doesn't have enough cached data", "failure: "];

/// The messages of a log, each with its lines.
fn list_messages(text: &str) -> Vec<Vec<String>> {
    let mut messages: Vec<Vec<String>> = Vec::new();
    for line in plain_lines(text.as_bytes()) {
        match messages.last_mut() {
            Some(last) if !LEVELS.iter().any(|level| line.starts_with(level)) => last.push(line),
            _ => messages.push(vec![line]),
        }
    }
    messages
}

/// The lines that tell of the first error: what the failing resource printed, the error,
/// and the resource. None if there is no error.
pub fn list_error_lines(text: &str) -> Vec<String> {
    let messages = list_messages(text);
    let is_error = |message: &&Vec<String>| {
        message[0].starts_with("Error: ") || message[0].starts_with("flock: ")
    };
    let mut errors = messages.iter().filter(is_error);
    let Some(first) = errors.next() else { return Vec::new() };
    let at_resource = |message: &&Vec<String>| message[0].starts_with("Error: /");
    // The one after the first says which resource it was.
    let resource = Some(first).filter(at_resource).or_else(|| errors.find(at_resource));
    let path = resource.and_then(|message| {
        message[0].strip_prefix("Error: ")?.split_once(": change from ").map(|(path, _)| path)
    });
    let printed = |message: &&Vec<String>| {
        path.is_some_and(|path| {
            let text = message[0].strip_prefix("Notice: ").and_then(|text| text.strip_prefix(path));
            text.is_some_and(|text| text.starts_with(": "))
        })
    };
    let mut lines: Vec<String> = messages.iter().filter(printed).flatten().cloned().collect();
    lines.extend(first.iter().cloned());
    lines.extend(resource.filter(|resource| *resource != first).map(|lines| lines[0].clone()));
    drop_advice(&mut lines);
    lines.retain(|line| !is_noise(line));
    lines
}

/// Drops yum's advice.
fn drop_advice(lines: &mut Vec<String>) {
    let mut inside = false;
    lines.retain(|line| {
        let line = line.trim_start();
        if line.starts_with(ADVICE[0]) {
            inside = true;
        } else if line.starts_with(ADVICE[1]) {
            inside = false;
        }
        !inside
    });
}
