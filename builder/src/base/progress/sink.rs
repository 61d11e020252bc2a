//! Where messages go: standard error in one of three forms, and a log file.

use super::settings::{Level, Mode, Settings};
use crate::base::error::{Context, Error, Result};
use crate::base::terminal::{self, printable};
use anstyle::{AnsiColor, Style};
use contract::time::rfc3339;
use serde_json::Value;
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

/// Schema number of the events.
const SCHEMA: u32 = 1;

/// The sink of the command that runs, for the error that ends it.
static OF_COMMAND: OnceLock<Arc<Sink>> = OnceLock::new();

/// A receiver of messages.
pub struct Sink {
    /// Never [`Mode::Auto`] unless standard error is a terminal.
    pub mode: Mode,
    least: Level,
    coloured: bool,
    log: Option<Mutex<File>>,
}

impl Sink {
    /// By the user's choice, and by what standard error is.
    ///
    /// # Errors
    /// An environment error when the log file cannot be written.
    pub fn new(settings: &Settings) -> Result<Self> {
        let mode = match settings.mode {
            Mode::Auto if !io::stderr().is_terminal() || terminal::is_dumb() => Mode::Plain,
            mode => mode,
        };
        let least = match (mode, settings.verbose) {
            (Mode::None, _) => Level::Warning,
            (_, true) => Level::Debug,
            (_, false) => Level::Info,
        };
        let open = |path: &std::path::PathBuf| {
            // It has what scripts print, as the build log.
            let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path);
            file.or_environment(|| format!("cannot write the log {}", path.display()))
        };
        let log = settings.log.as_ref().map(open).transpose()?.map(Mutex::new);
        Ok(Self { mode, least, coloured: terminal::has_colour(&io::stderr()), log })
    }

    /// The one of a command that has none of its own.
    fn plain() -> Self {
        let coloured = terminal::has_colour(&io::stderr());
        Self { mode: Mode::Plain, least: Level::Info, coloured, log: None }
    }

    /// From now on the one that gets the command's error.
    pub fn register(self: &Arc<Self>) {
        let _ = OF_COMMAND.set(Arc::clone(self));
    }

    /// Whether anybody gets messages of this level.
    pub fn wants(&self, level: Level) -> bool {
        level >= self.least || self.log.is_some()
    }

    /// A message: as text, and as an event with what else it tells.
    pub fn send(&self, level: Level, event: &str, text: &str, more: Value) {
        if level >= self.least {
            let shown = match self.mode {
                Mode::Json => self.event(level, event, more),
                _ => self.line(level, text),
            };
            say(&shown);
        }
        self.log(level, text);
    }

    /// Adds a line to the log file; one that cannot be written is not a reason to fail.
    pub fn log(&self, level: Level, text: &str) {
        let Some(file) = &self.log else { return };
        let line = format!("{} {:<7} {}\n", now(), level.word(), printable(text));
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = file.write_all(line.as_bytes());
    }

    fn event(&self, level: Level, event: &str, more: Value) -> String {
        let mut line = serde_json::json!({
            "schema": SCHEMA, "time": now(), "level": level.word(), "event": event,
        });
        if let (Some(line), Value::Object(more)) = (line.as_object_mut(), more) {
            line.extend(more);
        }
        // Other tools take lines apart before they read them.
        line.to_string()
    }

    fn line(&self, level: Level, text: &str) -> String {
        let text = printable(text);
        match level {
            Level::Debug => format!("  {text}"),
            Level::Info => format!("imgbuild: {text}"),
            Level::Warning => format!("imgbuild: {} {text}", self.marked("warning:", level)),
            Level::Error => format!("imgbuild: {} {text}", self.marked("error:", level)),
        }
    }

    fn marked(&self, word: &str, level: Level) -> String {
        let colour = if level == Level::Error { AnsiColor::Red } else { AnsiColor::Yellow };
        terminal::styled(word, Style::new().bold().fg_color(Some(colour.into())), self.coloured)
    }
}

/// Reports the error that ends the command, wherever its messages went.
pub fn report(error: &Error) {
    let plain = Sink::plain();
    let sink = OF_COMMAND.get().map_or(&plain, |sink| &**sink);
    let mut more = serde_json::json!({ "message": error.message, "code": error.class as u8 });
    if let Some(hint) = &error.hint {
        more["hint"] = hint.as_str().into();
    }
    sink.send(Level::Error, "error", &error.to_string(), more);
}

/// Tells a program that the command has done its work; people see that it ends.
pub fn report_done() {
    if let Some(sink) = OF_COMMAND.get().filter(|sink| sink.mode == Mode::Json) {
        sink.send(Level::Info, "result", "done", serde_json::json!({ "code": 0 }));
    }
}

fn now() -> String {
    rfc3339(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())
}

/// A closed standard error must not end a build.
fn say(line: &str) {
    let _ = io::stderr().write_all(format!("{line}\n").as_bytes());
}
