//! What is to be installed, and who gets the reports.

use crate::base::progress::Unit;
use crate::plan::LeftOut;
use std::path::PathBuf;
use std::time::Duration;

/// A package file with what the installation needs to know of it.
#[derive(Clone, Debug)]
pub struct PackageFile {
    /// The file, already verified.
    pub path: PathBuf,
    /// Whether it is in the closure of `rpm`.
    pub bootstrap: bool,
}

/// What to install, and which units the tree starts.
pub struct Job<'a> {
    /// The packages.
    pub packages: &'a [PackageFile],
    /// What of them is not installed.
    pub left_out: &'a LeftOut,
    /// Units to enable; each must exist.
    pub enable: &'a [String],
    /// Units to disable where they exist.
    pub disable: &'a [String],
    /// The default target.
    pub target: &'a str,
    /// Whether Initial Setup runs, where it is installed.
    pub initial_setup: bool,
    /// Seconds since 1970, for what reads `SOURCE_DATE_EPOCH`.
    pub time: i64,
    /// How long a program, among them each package's scriptlets, may print nothing.
    pub silence: Duration,
}

/// What the installation reports while it runs.
pub trait Listener {
    /// A line for the build log.
    fn log(&mut self, line: &str);
    /// Something that the user should know.
    fn warn(&mut self, text: &str);
    /// Another part of the work begins.
    fn stage(&mut self, name: &str, unit: Unit);
    /// `done` of `total` units of it are done; `what` is being done.
    fn at(&mut self, done: u64, total: u64, what: &str);
}

pub(super) fn environment(time: i64) -> Vec<(String, String)> {
    vec![("SOURCE_DATE_EPOCH".to_owned(), time.to_string())]
}
