//! The receivers of a build's reports: the user, and the log.

use super::log::Log;
use crate::base::progress::{Progress, Unit};
use crate::tree::install::Listener;

/// The user's terminal and the build log.
pub struct Reporter<'a> {
    pub progress: &'a mut Progress,
    pub log: &'a mut Log,
}

impl Reporter<'_> {
    /// Tells both.
    pub fn report(&mut self, text: &str) {
        self.progress.note(text);
        self.log.line(text);
    }
}

impl Listener for Reporter<'_> {
    fn log(&mut self, line: &str) {
        self.log.line(line);
        self.progress.detail(line);
    }

    fn warn(&mut self, text: &str) {
        self.progress.warn(text);
    }

    fn stage(&mut self, name: &str, unit: Unit) {
        self.progress.stage(name, unit);
    }

    fn at(&mut self, done: u64, total: u64, what: &str) {
        self.progress.at(done, total, what);
    }
}

/// Where no build keeps a log.
impl Listener for Progress {
    fn log(&mut self, line: &str) {
        self.detail(line);
    }

    fn warn(&mut self, text: &str) {
        Self::warn(self, text);
    }

    fn stage(&mut self, name: &str, unit: Unit) {
        Self::stage(self, name, unit);
    }

    fn at(&mut self, done: u64, total: u64, what: &str) {
        Self::at(self, done, total, what);
    }
}
