//! How a command talks on standard error.

use std::path::PathBuf;

/// The form of what is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Mode {
    /// A live line on a terminal, else `plain`.
    #[default]
    Auto,
    /// A line for each stage, and one every few seconds.
    Plain,
    /// One JSON object a line, at least one a second: `{"schema", "time", "level", "event", …}`.
    Json,
    /// Warnings and errors only.
    None,
}

/// What the user chose.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The form.
    pub mode: Mode,
    /// Whether the output of the programs that run is shown as well.
    pub verbose: bool,
    /// A file that gets everything, with times.
    pub log: Option<PathBuf>,
}

/// What a stage counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Packages.
    Packages,
    /// Bytes.
    Bytes,
    /// Other things, all of about the same size.
    Items,
    /// Steps of unequal size: the time that has passed is shown, never what is left.
    Steps,
}

impl Unit {
    /// Its name in events.
    pub fn word(self) -> &'static str {
        match self {
            Self::Packages => "packages",
            Self::Bytes => "bytes",
            Self::Items => "items",
            Self::Steps => "steps",
        }
    }
}

/// The importance of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Output of programs.
    Debug,
    /// What happens.
    Info,
    /// What the user should see, even when the command succeeds.
    Warning,
    /// Why the command fails.
    Error,
}

impl Level {
    /// Its name in events and in the log.
    pub fn word(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// How a stage ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It did all of its work.
    Done,
    /// An error ended it.
    Failed,
    /// The user did.
    Interrupted,
}

impl Outcome {
    /// Its name in events.
    pub fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
        }
    }
}
