//! The lines that differ in text files. What not everybody on the node may read is not shown.

use super::subject::SubjectNode;
use crate::base::error::Result;
use crate::image::listing::Record;
use crate::image::{Image, ImageContent};
use crate::provenance::machine_image::open_machine;
use similar::TextDiff;

/// Larger files are data, not configuration.
const MAX_BYTES: u64 = 256 << 10;
/// Lines shown of one file, and files shown at all.
const MAX_LINES: usize = 200;
const MAX_FILES: usize = 100;
/// How much is compared before a file is reported as rewritten.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(2);

/// The images that texts are read from.
pub struct Texts {
    images: Option<(Image, Image)>,
    shown: usize,
}

impl Texts {
    /// Of two nodes; without an image on both sides there are none.
    pub fn new(old: &SubjectNode, new: &SubjectNode) -> Result<Self> {
        let images = match (&old.image, &new.image) {
            (Some(a), Some(b)) => Some((open_machine(a)?, open_machine(b)?)),
            _ => None,
        };
        Ok(Self { images, shown: 0 })
    }

    /// A unified diff of the file at `path`, if it is text that may be shown.
    pub fn of(&mut self, path: &[u8], old: &Record, new: &Record) -> Result<Option<String>> {
        let fits = |r: &Record| r.size <= MAX_BYTES && r.mode & 0o004 != 0;
        let Some((a, b)) = &self.images else { return Ok(None) };
        if self.shown >= MAX_FILES || !fits(old) || !fits(new) {
            return Ok(None);
        }
        let (Some(a), Some(b)) = (read(a, path)?, read(b, path)?) else { return Ok(None) };
        self.shown += 1;
        Ok(Some(unified(&a, &b)))
    }
}

/// Text without a secret in it.
fn read(image: &Image, path: &[u8]) -> Result<Option<String>> {
    let bytes = ImageContent::of(image)?.read(path, MAX_BYTES)?;
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    let plain = |text: &String| !text.contains(|c: char| c.is_control() && !"\n\t".contains(c));
    Ok(text.filter(plain).filter(|text| !text.contains("PRIVATE KEY")))
}

fn unified(old: &str, new: &str) -> String {
    let diff = TextDiff::configure().timeout(PATIENCE).diff_lines(old, new);
    let all = diff.unified_diff().context_radius(2).to_string();
    let lines: Vec<&str> = all.lines().collect();
    let mut text = lines[..lines.len().min(MAX_LINES)].join("\n");
    text.push('\n');
    if lines.len() > MAX_LINES {
        text.push_str(&format!("and {} more lines\n", lines.len() - MAX_LINES));
    }
    text
}
