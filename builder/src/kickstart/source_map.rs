//! From the lines of a text that was filled in, or composed of several files, back to what the
//! user wrote.

use crate::base::place::Place;

/// Where the lines of a text that was rendered, or put together of several files, are
/// in what the user wrote. The empty value stands for a text as it was written.
#[derive(Clone, Debug, Default)]
pub struct SourceMap {
    /// File and line (from 1) of each line; empty when nothing was changed.
    places: Vec<(usize, usize)>,
    files: Vec<WrittenFile>,
}

/// A file as the user wrote it.
#[derive(Clone, Debug)]
struct WrittenFile {
    name: String,
    lines: Vec<String>,
}

impl SourceMap {
    /// The map of `text`, the unchanged content of a file.
    pub fn of_file(name: &str, text: &str) -> Self {
        Self::of_rendered(name, text, &(1..=text.lines().count()).collect::<Vec<_>>())
    }

    /// The map of a text rendered from `template`, with the template's line of each.
    pub fn of_rendered(name: &str, template: &str, numbers: &[usize]) -> Self {
        let lines = template.lines().map(str::to_owned).collect();
        let places = numbers.iter().map(|n| (0, *n)).collect();
        Self { places, files: vec![WrittenFile { name: name.to_owned(), lines }] }
    }

    /// Adds line `number` (from 1) of the text that `other` describes.
    pub fn push_line(&mut self, other: &Self, number: usize) {
        let Some((file, line)) = number.checked_sub(1).and_then(|n| other.places.get(n)) else {
            return;
        };
        let Some(written) = other.files.get(*file) else { return };
        let known = self.files.iter().position(|f| f.name == written.name);
        let index = known.unwrap_or_else(|| {
            self.files.push(written.clone());
            self.files.len() - 1
        });
        self.places.push((index, *line));
    }

    /// File, line and column in what the user wrote of a place in line `line` of the text,
    /// which is `rendered` and comes from `file` where the map does not say. Within a filled-in
    /// part it is the place of the braces.
    pub fn place(&self, file: &str, rendered: &str, line: usize, column: usize) -> Place {
        let origin = line.checked_sub(1).and_then(|l| self.places.get(l));
        let Some((written, number)) = origin.and_then(|(f, n)| Some((self.files.get(*f)?, *n)))
        else {
            return Place::new(file, line, column);
        };
        let template = written.lines.get(number - 1).map_or("", String::as_str);
        if template == rendered {
            return Place::new(&written.name, number, column);
        }
        let same = template.chars().zip(rendered.chars()).take_while(|(a, b)| a == b).count();
        Place::new(&written.name, number, column.min(same + 1))
    }
}
