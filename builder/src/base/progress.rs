//! What the user sees while a command works: a live line on a terminal, plain lines elsewhere,
//! events for programs, or warnings alone. Everything goes to standard error, and to a log file
//! where there is one.

mod live;
mod settings;
mod sink;
mod view;

pub use settings::{Mode, Settings, Unit};
pub use sink::{report as report_error, report_done};

use crate::base::error::Result;
use crate::base::interrupt;
use live::Live;
use serde_json::json;
use settings::{Level, Outcome};
use sink::Sink;
use std::path::Path;
use std::sync::Arc;
use view::Stage;

/// What the text of a warning begins with.
const WARNING: &str = "warning: ";

/// Progress of one command.
pub struct Progress {
    sink: Arc<Sink>,
    stage: Option<Live>,
    /// Stages begun or skipped, of those that were announced.
    number: u64,
    count: u64,
}

impl Progress {
    /// As the user chose.
    ///
    /// # Errors
    /// An environment error when the log file cannot be written.
    pub fn new(settings: &Settings) -> Result<Self> {
        let sink = Arc::new(Sink::new(settings)?);
        sink.register();
        Ok(Self { sink, stage: None, number: 0, count: 0 })
    }

    /// Numbers the next `count` stages.
    pub fn count_stages(&mut self, count: u64) {
        (self.number, self.count) = (0, count);
    }

    /// Some of the stages that were announced have nothing to do.
    pub fn skip(&mut self, count: u64) {
        self.number += count;
    }

    /// Begins a stage; the one before it did its work.
    pub fn stage(&mut self, name: &str, unit: Unit) {
        self.finish();
        let number = (self.number < self.count).then(|| {
            self.number += 1;
            (self.number, self.count)
        });
        self.stage = Some(Live::begin(Stage::new(name, number, unit), &self.sink));
    }

    /// Reports `done` of `total` units; `what` is the item at hand (may be empty).
    pub fn at(&mut self, done: u64, total: u64, what: &str) {
        if let Some(live) = &self.stage {
            live.at(done, total, what);
        }
    }

    /// A line for the user that belongs to no stage; a warning where the text begins so.
    pub fn note(&self, text: &str) {
        match text.strip_prefix(WARNING) {
            Some(text) => self.send(Level::Warning, "warning", text),
            None => self.send(Level::Info, "note", text),
        }
    }

    /// What the user has to see even where nothing else is shown.
    pub fn warn(&self, text: &str) {
        self.send(Level::Warning, "warning", text);
    }

    /// A line that a program printed.
    pub fn detail(&self, line: &str) {
        if self.sink.wants(Level::Debug) {
            self.send(Level::Debug, "output", line);
        }
    }

    /// A file that was made, of `size` bytes; people see it in the command's result.
    pub fn artifact(&self, path: &Path, size: u64) {
        if self.sink.mode == Mode::Json {
            let path = path.display().to_string();
            let more = json!({ "path": path, "size": size });
            self.sink.send(Level::Info, "artifact", &format!("made {path}"), more);
        }
    }

    fn send(&self, level: Level, event: &str, text: &str) {
        let send = || self.sink.send(level, event, text, json!({ "message": text }));
        match &self.stage {
            Some(live) => live.aside(send),
            None => send(),
        }
    }

    /// Ends the current stage, if there is one, which did its work.
    pub fn finish(&mut self) {
        if let Some(live) = self.stage.take() {
            live.end(Outcome::Done);
        }
    }

    /// Ends the current stage, if there is one, which did not.
    pub fn stop(&mut self) {
        let outcome = match interrupt::requested() {
            true => Outcome::Interrupted,
            false => Outcome::Failed,
        };
        if let Some(live) = self.stage.take() {
            live.end(outcome);
        }
    }
}

impl Drop for Progress {
    /// A stage that nobody ended was ended by an error.
    fn drop(&mut self) {
        self.stop();
    }
}
