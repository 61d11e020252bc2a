//! What the user sees while a build runs: a live line on a terminal, plain lines
//! elsewhere, JSON lines for programs, or nothing. Everything goes to standard error.

use crate::base::terminal::printable;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Mode {
    /// `plain` unless standard error is a terminal.
    Auto,
    /// One line per stage and one every few seconds.
    Plain,
    /// One JSON object a line: `{"stage", "done", "total", "unit", "what", "seconds"}`.
    Json,
    /// Nothing.
    None,
}

/// What a stage counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Packages.
    Packages,
    /// Bytes.
    Bytes,
    /// Steps of unequal size; no rate is shown.
    Steps,
}

impl Unit {
    fn word(self) -> &'static str {
        match self {
            Unit::Packages => "packages",
            Unit::Bytes => "bytes",
            Unit::Steps => "steps",
        }
    }

    fn template(self) -> &'static str {
        match self {
            Unit::Packages => "{prefix}  {bar:24} {pos}/{len} packages  ETA {eta}  {wide_msg}",
            Unit::Bytes => {
                "{prefix}  {bar:24} {bytes}/{total_bytes}  {bytes_per_sec}  ETA {eta}  {wide_msg}"
            }
            Unit::Steps => "{prefix}  {spinner} ({elapsed}) {wide_msg}",
        }
    }
}

/// Plain mode prints something at least this often while a stage goes on.
const PLAIN_INTERVAL: Duration = Duration::from_secs(10);

/// Progress of one build.
pub struct Progress {
    mode: Mode,
    bar: Option<ProgressBar>,
    stage: String,
    unit: Unit,
    started: Instant,
    said: Instant,
}

impl Progress {
    /// Resolves [`Mode::Auto`] by looking at standard error.
    pub fn new(mode: Mode) -> Self {
        let mode = match mode {
            Mode::Auto if io::stderr().is_terminal() => Mode::Auto,
            Mode::Auto => Mode::Plain,
            other => other,
        };
        let now = Instant::now();
        Self { mode, bar: None, stage: String::new(), unit: Unit::Steps, started: now, said: now }
    }

    /// Begins a stage; the one before it is over.
    pub fn stage(&mut self, name: &str, unit: Unit) {
        self.finish();
        name.clone_into(&mut self.stage);
        self.unit = unit;
        self.started = Instant::now();
        self.said = self.started;
        match self.mode {
            Mode::Auto => {
                let bar = ProgressBar::new(0);
                if let Ok(style) = ProgressStyle::with_template(unit.template()) {
                    bar.set_style(style);
                }
                bar.set_prefix(printable(name).into_owned());
                bar.enable_steady_tick(Duration::from_millis(200));
                self.bar = Some(bar);
            }
            Mode::Plain => say(&format!("imgbuild: {name} …")),
            Mode::Json => self.json(0, 0, "start"),
            Mode::None => {}
        }
    }

    /// Reports `done` of `total` units; `what` is the item at hand (may be empty).
    pub fn at(&mut self, done: u64, total: u64, what: &str) {
        if let Some(bar) = &self.bar {
            bar.set_length(total);
            bar.set_position(done);
            bar.set_message(printable(what).into_owned());
        } else if self.said.elapsed() >= PLAIN_INTERVAL {
            self.said = Instant::now();
            match self.mode {
                Mode::Plain => say(&self.plain(done, total, what)),
                Mode::Json => self.json(done, total, what),
                Mode::Auto | Mode::None => {}
            }
        }
    }

    fn plain(&self, done: u64, total: u64, what: &str) -> String {
        let stage = &self.stage;
        let amount = match self.unit {
            Unit::Steps => String::new(),
            Unit::Packages => format!(": {done}/{total} packages"),
            Unit::Bytes => format!(": {}/{} MiB", done >> 20, total >> 20),
        };
        let eta = match self.unit {
            Unit::Packages | Unit::Bytes if done > 0 && total > done => {
                let left =
                    self.started.elapsed().as_secs_f64() / done as f64 * (total - done) as f64;
                format!(", about {left:.0} s left")
            }
            _ => String::new(),
        };
        let what = if what.is_empty() { String::new() } else { format!(" ({what})") };
        format!("imgbuild: {stage}{amount}{eta}{what}")
    }

    fn json(&self, done: u64, total: u64, what: &str) {
        let line = serde_json::json!({
            "stage": self.stage, "done": done, "total": total, "unit": self.unit.word(),
            "what": what, "seconds": self.started.elapsed().as_secs_f64(),
        });
        say(&line.to_string());
    }

    /// A line for the user that belongs to no stage (a note, a warning).
    pub fn note(&self, text: &str) {
        match (&self.bar, self.mode) {
            (Some(bar), _) => bar.suspend(|| say(&format!("imgbuild: {text}"))),
            (None, Mode::Auto | Mode::Plain) => say(&format!("imgbuild: {text}")),
            (None, Mode::Json) => say(&serde_json::json!({ "note": text }).to_string()),
            (None, Mode::None) => {}
        }
    }

    /// Ends the current stage, if there is one.
    pub fn finish(&mut self) {
        if self.stage.is_empty() {
            return;
        }
        let seconds = self.started.elapsed().as_secs_f64();
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        match self.mode {
            // A stage that took no time is not worth a line.
            Mode::Auto | Mode::Plain if seconds >= 1.0 => {
                say(&format!("imgbuild: {} done in {seconds:.1} s", self.stage));
            }
            Mode::Json => self.json(0, 0, "end"),
            Mode::Auto | Mode::Plain | Mode::None => {}
        }
        self.stage.clear();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

/// A closed standard error must not end a build.
fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{}", printable(line));
}
