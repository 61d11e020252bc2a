//! A program that runs for long, and its output so far.

use super::job::Job;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::time::Duration;

/// Of the lines printed, this many are kept.
const KEPT: usize = 200;
/// Bytes of output read at one check.
const PIECE: u64 = 1 << 20;

/// A program under way, or how it ended.
pub struct Followed {
    pub(super) job: Option<Box<dyn Job>>,
    pub(super) log: PathBuf,
    /// Bytes of the log that have been read.
    pub(super) read: u64,
    /// The last bytes, of a line that is not whole yet.
    pub(super) partial: Vec<u8>,
    /// The last lines, repeats and spinning signs left out.
    pub lines: Vec<String>,
    /// Monotonic time of the last news.
    pub(super) news: Duration,
    /// What stood for the state of its log files at the last check.
    pub(super) fingerprint: u64,
    /// How it ended: exit code, `None` for a signal; the outer `None` while it runs.
    pub ended: Option<Option<i32>>,
}

impl Followed {
    /// The running program `job`, whose output is in `log`; `now` is monotonic time.
    pub(super) fn new(job: Box<dyn Job>, log: PathBuf, now: Duration) -> Followed {
        Followed {
            job: Some(job),
            log,
            read: 0,
            partial: Vec::new(),
            lines: Vec::new(),
            news: now,
            fingerprint: 0,
            ended: None,
        }
    }

    /// Ends it with everything it started.
    pub fn kill(&mut self) {
        if self.ended.is_none()
            && let Some(job) = &mut self.job
        {
            job.kill();
        }
        self.job = None;
        self.ended = self.ended.or(Some(None));
    }

    /// Reads what was printed since the last check.
    pub(super) fn new_lines(&mut self) -> io::Result<Vec<String>> {
        let mut file = std::fs::File::open(&self.log)?;
        file.seek(SeekFrom::Start(self.read))?;
        let mut bytes = std::mem::take(&mut self.partial);
        let held = bytes.len();
        file.take(PIECE).read_to_end(&mut bytes)?;
        self.read += (bytes.len() - held) as u64;
        let end = |byte: &u8| *byte == b'\n' || *byte == b'\r';
        let whole = bytes.iter().rposition(end).map_or(0, |at| at + 1);
        self.partial = bytes.split_off(whole);
        if self.ended.is_some() {
            // Nothing follows: the last line is whole as it is.
            bytes.append(&mut self.partial);
        }
        let mut new = plain_lines(&bytes);
        if new.first().is_some_and(|line| self.lines.last() == Some(line)) {
            new.remove(0);
        }
        self.lines.extend(new.iter().cloned());
        let surplus = self.lines.len().saturating_sub(KEPT);
        self.lines.drain(..surplus);
        Ok(new)
    }
}

/// The lines of `bytes` without colours, empty lines and repeats of the line before.
pub fn plain_lines(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let lines = text.split(['\n', '\r']).map(plain);
    let mut lines: Vec<String> = lines.filter(|line| !line.is_empty()).collect();
    lines.dedup();
    lines
}

/// A line without colours and without a sign that spins while something is waited for.
pub fn plain(line: &str) -> String {
    let mut text = String::new();
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            // ECMA-48: a control sequence ends with a letter.
            '\u{1b}' => {
                let _ = chars.by_ref().find(char::is_ascii_alphabetic);
            }
            c if c.is_control() => text.push(' '),
            c => text.push(c),
        }
    }
    let text = text.trim_end();
    let spinning =
        ["[ - ]", "[ \\ ]", "[ | ]", "[ / ]"].iter().find_map(|end| text.strip_suffix(end));
    spinning.unwrap_or(text).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spinning_signs_and_colours_are_not_news() {
        assert_eq!(
            plain("Testing if puppet apply is finished: a.pp   [ | ]"),
            plain("Testing if puppet apply is finished: a.pp   [ / ]")
        );
        assert_eq!(plain("a.pp:    [ \u{1b}[32mDONE\u{1b}[0m ]"), "a.pp:    [ DONE ]");
        assert_eq!(plain("\u{1b}[0;31m"), "");
        assert_eq!(plain("x\u{1b}"), "x");
    }
}
