//! What comes out of the sandbox: lines, bounded in length, in number and in the time between
//! them.

use super::running;
use crate::base::error::{Context, Error, Result};
use crate::base::interrupt;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::collections::VecDeque;
use std::io::{ErrorKind, PipeReader, Read};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// How often a running sandbox polls for an interrupt, in milliseconds.
const TICK: u16 = 200;
/// Silence is noted after this long, and then each time as long again.
const NOTED: Duration = Duration::from_secs(5 * 60);
/// What a line that notes silence begins with.
pub const SILENT: &str = "imgbuild: nothing printed for";
/// What stands where output was left out.
const CUT: &str = "[imgbuild: the rest of the line is left out]";
const ENOUGH: &str = "[imgbuild: the rest of the output is left out]";

/// How much of a program's output is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes of a line.
    pub line: usize,
    /// Bytes altogether.
    pub total: u64,
    /// Whether it fails to go beyond them, as what is left out is needed.
    pub exact: bool,
}

/// For a log: longer lines and longer logs are nothing that anybody reads.
pub const LOG: Bounds = Bounds { line: 64 << 10, total: 64 << 20, exact: false };
/// For a program whose output is taken apart: rpm's headers (16 MiB, twice that in digits).
pub const DATA: Bounds = Bounds { line: 64 << 20, total: 16 << 30, exact: true };

/// How long it may take.
#[derive(Clone, Copy, Debug, Default)]
pub struct Patience {
    /// Altogether.
    pub whole: Option<Duration>,
    /// Without a line.
    pub silence: Option<Duration>,
}

/// Hands on lines until every writer has closed the pipe, a signal has arrived or the time is
/// over. `first` is the sandbox's first process.
///
/// # Errors
/// The interrupt; a build error when the time is over or exact bounds are passed.
pub fn pump(
    output: &mut PipeReader,
    first: u32,
    bounds: Bounds,
    patience: Patience,
    line: &mut dyn FnMut(&str),
) -> Result<()> {
    let mut lines = Lines::new(bounds);
    let mut clock = Clock::new(patience);
    let mut buffer = vec![0; 1 << 16];
    loop {
        interrupt::check()?;
        clock.check(first, line)?;
        let mut descriptors = [PollFd::new(output.as_fd(), PollFlags::POLLIN)];
        match poll(&mut descriptors, PollTimeout::from(TICK)) {
            Ok(0) | Err(nix::errno::Errno::EINTR) => continue,
            Ok(_) => {}
            Err(e) => return Err(Error::environment(format!("cannot wait for the sandbox: {e}"))),
        }
        let n = match output.read(&mut buffer) {
            Err(e) if e.kind() == ErrorKind::Interrupted => continue,
            result => result.or_environment(|| "cannot read from the sandbox".to_owned())?,
        };
        if n == 0 {
            lines.finish(line);
            return Ok(());
        }
        if lines.feed(&buffer[..n], line) {
            clock.heard();
        }
        if lines.over && bounds.exact {
            return Err(Error::build("printed more than its output limit"));
        }
    }
}

/// Cuts output into lines. What a line has beyond its bound is dropped as it comes.
struct Lines {
    bounds: Bounds,
    pending: Vec<u8>,
    /// Whether the pending line is cut.
    cut: bool,
    total: u64,
    /// Whether a bound was passed.
    over: bool,
}

impl Lines {
    fn new(bounds: Bounds) -> Self {
        Self { bounds, pending: Vec::new(), cut: false, total: 0, over: false }
    }

    /// Whether anything of the piece was taken.
    fn feed(&mut self, piece: &[u8], line: &mut dyn FnMut(&str)) -> bool {
        let before = self.total;
        for part in piece.split_inclusive(|&b| b == b'\n') {
            let (text, ended) = match part.split_last() {
                Some((b'\n', text)) => (text, true),
                _ => (part, false),
            };
            let room = (self.bounds.line - self.pending.len()).min(text.len());
            self.cut |= room < text.len();
            self.over |= self.cut;
            self.total += room as u64 + u64::from(ended);
            self.pending.extend_from_slice(&text[..room]);
            if ended {
                self.end(line);
            }
        }
        // What is over the bound is as good as silence.
        self.total > before && self.total <= self.bounds.total
    }

    fn end(&mut self, line: &mut dyn FnMut(&str)) {
        let size = self.pending.len() as u64 + 1;
        let text = String::from_utf8_lossy(&self.pending);
        match self.total {
            total if total <= self.bounds.total => match self.cut {
                true => line(&format!("{text} {CUT}")),
                false => line(text.trim_end()),
            },
            total if total - size <= self.bounds.total => {
                self.over = true;
                line(ENOUGH);
            }
            _ => {}
        }
        self.pending.clear();
        self.cut = false;
    }

    fn finish(&mut self, line: &mut dyn FnMut(&str)) {
        if !self.pending.is_empty() {
            self.total += 1;
            self.end(line);
        }
    }
}

/// How long the program has run, and been silent.
struct Clock {
    patience: Patience,
    start: Instant,
    heard: Instant,
    /// How long a silence has to be for the next note.
    noted: Duration,
}

impl Clock {
    fn new(patience: Patience) -> Self {
        let now = Instant::now();
        let mut clock = Self { patience, start: now, heard: now, noted: NOTED };
        clock.noted = clock.interval();
        clock
    }

    /// Half the silence that is allowed, where that is sooner.
    fn interval(&self) -> Duration {
        self.patience.silence.map_or(NOTED, |most| NOTED.min(most / 2))
    }

    fn heard(&mut self) {
        self.heard = Instant::now();
        self.noted = self.interval();
    }

    fn check(&mut self, first: u32, line: &mut dyn FnMut(&str)) -> Result<()> {
        if let Some(limit) = self.patience.whole.filter(|&most| self.start.elapsed() >= most) {
            let seconds = limit.as_secs();
            return Err(Error::build(format!("did not end within {seconds} seconds")));
        }
        let silence = self.heard.elapsed();
        let now = || match running::newest(first) {
            Some(command) => format!("; `{command}` is running"),
            None => String::new(),
        };
        if let Some(limit) = self.patience.silence.filter(|&most| silence >= most) {
            let seconds = limit.as_secs();
            return Err(Error::build(format!("printed nothing for {seconds} seconds{}", now()))
                .hint("a scriptlet may wait for something that never comes; --post-timeout allows more"));
        }
        if silence >= self.noted {
            self.noted += self.interval();
            line(&format!("{SILENT} {} seconds{}", silence.as_secs(), now()));
        }
        Ok(())
    }
}

/// The end of a program's output, as an error shows it.
#[derive(Default)]
pub struct Tail(VecDeque<String>);

impl Tail {
    /// Lines kept.
    const LINES: usize = 12;
    /// Characters kept of each.
    const WIDTH: usize = 500;

    /// Takes the next line.
    pub fn push(&mut self, line: &str) {
        if self.0.len() == Self::LINES {
            self.0.pop_front();
        }
        let text: String = line.chars().take(Self::WIDTH).collect();
        let more = if text.len() < line.len() { " …" } else { "" };
        self.0.push_back(format!("  | {text}{more}"));
    }

    /// Whether there was none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::fmt::Display for Tail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let lines: Vec<&str> = self.0.iter().map(String::as_str).collect();
        f.write_str(&lines.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::cpu_time;

    fn lines(bounds: Bounds, pieces: &[&[u8]]) -> Vec<String> {
        let (mut found, mut lines) = (Vec::new(), Lines::new(bounds));
        for piece in pieces {
            lines.feed(piece, &mut |line| found.push(line.to_owned()));
        }
        lines.finish(&mut |line| found.push(line.to_owned()));
        found
    }

    #[test]
    fn lines_across_pieces() {
        assert_eq!(lines(LOG, &[b"a\nb", b"c\r\n", b"\nd"]), ["a", "bc", "", "d"]);
        assert_eq!(lines(LOG, &[]), Vec::<String>::new());
    }

    #[test]
    fn bounds() {
        let small = Bounds { line: 4, total: 12, exact: false };
        let cut = format!("abcd {CUT}");
        assert_eq!(lines(small, &[b"abc", b"defg", b"h\nxy\n"]), [cut.as_str(), "xy"]);
        assert_eq!(lines(small, &[b"abcd\nabcd\nabcd\nx\ny\n"]), ["abcd", "abcd", ENOUGH]);
    }

    #[test]
    fn a_long_line_takes_neither_time_nor_memory() {
        let piece = vec![b'x'; 1 << 16];
        let (mut found, mut lines) = (Vec::new(), Lines::new(LOG));
        let start = cpu_time::of_this_thread();
        for _ in 0..200_000_000 / piece.len() {
            lines.feed(&piece, &mut |_| panic!("no line has ended"));
            assert!(lines.pending.capacity() <= 2 * LOG.line);
        }
        lines.finish(&mut |line| found.push(line.len()));
        assert_eq!(found, [LOG.line + 1 + CUT.len()]);
        let used = cpu_time::of_this_thread() - start;
        assert!(used < Duration::from_secs(20), "{used:?}");
    }

    #[test]
    fn tails_are_short() {
        let mut tail = Tail::default();
        (0..20).for_each(|n| tail.push(&format!("{n}{}", "x".repeat(10_000))));
        let text = tail.to_string();
        assert!(text.starts_with("  | 8x") && text.lines().count() == 12 && text.len() < 7000);
    }
}
