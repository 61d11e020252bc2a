//! A stage, and how it reads: as a line of a terminal of any width, as plain text, as an event.

use super::settings::{Outcome, Unit};
use crate::base::terminal::printable;
use serde_json::{Value, json};
use std::time::Instant;

/// An estimate is shown once this share of the work is done: before, it would be a guess.
const LEAST_SHARE: f64 = 0.1;
/// … and this much time has passed, in seconds.
const LEAST_TIME: f64 = 2.0;
/// Cells of the bar, where there is room.
const BAR: usize = 24;
/// A shorter bar shows nothing.
const LEAST_BAR: usize = 8;

/// A stage that goes on.
pub struct Stage {
    name: String,
    /// Its number, from 1, and of how many.
    number: Option<(u64, u64)>,
    unit: Unit,
    done: u64,
    total: u64,
    what: String,
    started: Instant,
}

impl Stage {
    /// One that begins now.
    pub fn new(name: &str, number: Option<(u64, u64)>, unit: Unit) -> Self {
        let (name, what) = (printable(name).into_owned(), String::new());
        Self { name, number, unit, done: 0, total: 0, what, started: Instant::now() }
    }

    /// How far it is; `what` is the item at hand.
    pub fn at(&mut self, done: u64, total: u64, what: &str) {
        (self.done, self.total) = (done.min(total), total);
        // Before it is cut: escaped, it is longer.
        self.what = printable(what).into_owned();
    }

    /// All is done, also what needed no report.
    pub fn complete(&mut self) {
        self.done = self.total;
    }

    /// Seconds since it began.
    pub fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// `[3/14] installing packages`.
    fn title(&self) -> String {
        match self.number {
            Some((number, of)) => format!("[{number}/{of}] {}", self.name),
            None => self.name.clone(),
        }
    }

    /// Its first line.
    pub fn begins(&self) -> String {
        format!("{} …", self.title())
    }

    /// Its last line; none where it took no time and did what it should.
    pub fn ends(&self, outcome: Outcome) -> Option<String> {
        let (title, seconds) = (self.title(), self.seconds());
        match outcome {
            Outcome::Done if seconds < 1.0 => None,
            Outcome::Done => Some(format!("{title} done in {seconds:.1} s")),
            Outcome::Failed => Some(format!("{title} failed after {seconds:.1} s")),
            Outcome::Interrupted => Some(format!("{title} interrupted after {seconds:.1} s")),
        }
    }

    /// Seconds left, where there is an honest estimate.
    fn left(&self) -> Option<f64> {
        estimate(self.unit, self.done, self.total, self.seconds())
    }

    fn amount(&self) -> String {
        match self.unit {
            Unit::Packages if self.total > 0 => format!("{}/{} packages", self.done, self.total),
            Unit::Items if self.total > 0 => format!("{}/{}", self.done, self.total),
            Unit::Bytes if self.total > 0 => {
                format!("{}/{} MiB", self.done >> 20, self.total.div_ceil(1 << 20))
            }
            _ => duration(self.seconds()),
        }
    }

    /// One of the lines in between.
    pub fn goes_on(&self) -> String {
        let left = self.left().map(|s| format!(", {} left", duration(s))).unwrap_or_default();
        let what = match self.what.as_str() {
            "" => String::new(),
            what => format!(" ({what})"),
        };
        format!("{}: {}{left}{what}", self.title(), self.amount())
    }

    /// One line of at most `width` cells. What matters most keeps its place where room is
    /// short: the title, the amount, the estimate, a bar, the item at hand.
    pub fn line(&self, width: usize) -> String {
        let mut line = shortened(&self.title(), width);
        let mut room = width - cells(&line);
        let mut rest = vec![self.amount()];
        rest.extend(self.left().map(|s| format!("{} left", duration(s))));
        let mut after = String::new();
        let mut whole = true;
        for part in rest {
            let part = format!("  {part}");
            if cells(&part) > room {
                whole = false;
                break;
            }
            room -= cells(&part);
            after.push_str(&part);
        }
        if self.unit != Unit::Steps && self.total > 0 && room >= LEAST_BAR + 2 {
            let bar = BAR.min(room - 2);
            let full = (self.done as f64 / self.total as f64 * bar as f64) as usize;
            line.push_str(&format!("  {}{}", "█".repeat(full), "░".repeat(bar - full)));
            room -= bar + 2;
        }
        line.push_str(&after);
        if whole && !self.what.is_empty() && room > 6 {
            line.push_str("  ");
            line.push_str(&shortened(&self.what, room - 2));
        }
        line
    }

    /// What an event tells of it.
    pub fn event(&self) -> Value {
        let mut event = json!({
            "stage": self.name, "unit": self.unit.word(), "seconds": rounded(self.seconds()),
        });
        if let Some((number, of)) = self.number {
            event["index"] = number.into();
            event["of"] = of.into();
        }
        if self.total > 0 {
            event["done"] = self.done.into();
            event["total"] = self.total.into();
        }
        if !self.what.is_empty() {
            event["what"] = self.what.as_str().into();
        }
        if let Some(left) = self.left() {
            event["left"] = rounded(left).into();
        }
        event
    }
}

/// Milliseconds are as exact as anything here.
fn rounded(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

/// Seconds left; none before a tenth is done, none when all is, none of steps of unequal size.
fn estimate(unit: Unit, done: u64, total: u64, seconds: f64) -> Option<f64> {
    if unit == Unit::Steps || total == 0 || done >= total || seconds < LEAST_TIME {
        return None;
    }
    let share = done as f64 / total as f64;
    (share >= LEAST_SHARE).then(|| seconds / share - seconds)
}

/// `12 s`, `3 min 5 s`, `2 h 4 min`.
fn duration(seconds: f64) -> String {
    match seconds.round() as u64 {
        s @ 0..60 => format!("{s} s"),
        s @ 60..3600 => format!("{} min {} s", s / 60, s % 60),
        s => format!("{} h {} min", s / 3600, s / 60 % 60),
    }
}

/// Cells that a character takes on a terminal, at most: East Asian ones are wide.
fn cell(c: char) -> usize {
    if c < '\u{1100}' || ('\u{2000}'..'\u{2600}').contains(&c) { 1 } else { 2 }
}

fn cells(text: &str) -> usize {
    text.chars().map(cell).sum()
}

/// The beginning of a text that fits into `width` cells, with `…` for the rest.
fn shortened(text: &str, width: usize) -> String {
    if cells(text) <= width {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut room = width.saturating_sub(1);
    for c in text.chars() {
        match room.checked_sub(cell(c)) {
            Some(left) => room = left,
            None => break,
        }
        out.push(c);
    }
    if width > 0 {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn stage(unit: Unit, done: u64, total: u64, seconds: u64) -> Stage {
        let mut stage = Stage::new("installing packages", Some((3, 14)), unit);
        stage.at(done, total, "glibc-common-2.17-222.el7.x86_64 包装");
        stage.started -= Duration::from_secs(seconds);
        stage
    }

    #[test]
    fn a_line_fits_any_width() {
        for unit in [Unit::Packages, Unit::Bytes, Unit::Items, Unit::Steps] {
            for width in 0..200 {
                let line = stage(unit, 125 << 20, 203 << 20, 20).line(width);
                assert!(cells(&line) <= width, "{width}: {line}");
            }
        }
        let line = |width| stage(Unit::Packages, 125, 203, 20).line(width);
        assert_eq!(line(35), "[3/14] installing packages");
        assert_eq!(line(39), "[3/14] installing packages  ██████░░░░░");
        assert_eq!(line(45), "[3/14] installing packages  125/203 packages");
        let of_79 =
            "[3/14] installing packages  █████████████░░░░░░░░░  125/203 packages  12 s left";
        assert_eq!(line(79), of_79);
        let of_119 = "[3/14] installing packages  ██████████████░░░░░░░░░░  125/203 packages  12 s left  \
                      glibc-common-2.17-222.el7.x86_64 包…";
        assert_eq!(line(119), of_119);
    }

    #[test]
    fn an_estimate_is_one() {
        let left = |done, seconds| estimate(Unit::Packages, done, 200, seconds).map(f64::round);
        assert_eq!(left(19, 100.0), None, "too early");
        assert_eq!(left(20, 1.0), None, "too early");
        assert_eq!(left(20, 10.0), Some(90.0));
        assert_eq!(left(200, 30.0), None, "nothing is left");
        assert_eq!(estimate(Unit::Steps, 1, 2, 10.0), None);
        assert_eq!(estimate(Unit::Bytes, 0, 0, 10.0), None);
    }

    #[test]
    fn the_end_is_what_it_was() {
        let ends = |outcome| stage(Unit::Packages, 1, 2, 3).ends(outcome).unwrap();
        assert_eq!(ends(Outcome::Done), "[3/14] installing packages done in 3.0 s");
        assert_eq!(ends(Outcome::Failed), "[3/14] installing packages failed after 3.0 s");
        let interrupted = "[3/14] installing packages interrupted after 3.0 s";
        assert_eq!(ends(Outcome::Interrupted), interrupted);
        let quick = Stage::new("x", None, Unit::Steps);
        assert_eq!(quick.ends(Outcome::Done), None);
        assert_eq!(quick.ends(Outcome::Failed).unwrap(), "x failed after 0.0 s");
    }

    #[test]
    fn events_have_totals_once_there_are_any() {
        let event = stage(Unit::Packages, 125, 203, 20).event();
        let has = |key: &str| event[key].as_u64();
        assert_eq!(
            [has("index"), has("of"), has("done"), has("total")].map(Option::unwrap),
            [3, 14, 125, 203]
        );
        assert!(event["left"].as_f64().is_some_and(|left| left > 12.0), "{event}");
        let event = Stage::new("x", None, Unit::Bytes).event();
        for key in ["index", "of", "done", "total", "left", "what"] {
            assert!(event.get(key).is_none(), "{key}: {event}");
        }
    }
}
