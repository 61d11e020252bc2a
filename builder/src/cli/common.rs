//! Arguments and output that several commands share.

use crate::base::error::{Error, Result};
use crate::base::files::STDIN;
use crate::base::malformed::Malformed;
use crate::base::progress::{Mode, Progress, Settings};
use crate::base::terminal::printable;
use crate::spec::{SIZE_HINT, parse_size};
use clap::Args;
use serde::Serialize;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::time::Duration;

/// Where builds leave their images, in a directory for each role, and `up` finds them.
pub const OUTPUT: &str = "output";

/// What every command that works for a while takes.
#[derive(Args)]
pub struct Common {
    /// Where downloads, the practice medium and installed trees are kept.
    #[arg(long, env = "IMGBUILD_CACHE", value_name = "DIR")]
    cache: Option<PathBuf>,
    #[command(flatten)]
    pub messages: MessageArguments,
}

impl Common {
    /// The cache directory: as given, or by the XDG base directory specification.
    pub fn cache(&self) -> Result<PathBuf> {
        self.cache.clone().or_else(|| xdg("XDG_CACHE_HOME", ".cache")).ok_or_else(|| {
            Error::environment(
                "no place for the cache: neither --cache, XDG_CACHE_HOME nor HOME is set",
            )
            .hint("give --cache DIR")
        })
    }
}

/// imgbuild's directory below the one that `variable` names, or that is `usual` in the home
/// directory (XDG base directory specification, in which relative paths do not count).
fn xdg(variable: &str, usual: &str) -> Option<PathBuf> {
    std::env::var_os(variable)
        .map(PathBuf::from)
        .filter(|p| p.is_absolute())
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(usual)))
        .map(|p| p.join("imgbuild"))
}

/// How a command talks while it works, on standard error.
#[derive(Args)]
#[command(next_help_heading = "Messages")]
pub struct MessageArguments {
    /// Form of the progress.
    #[arg(long, value_enum, default_value = "auto")]
    progress: Mode,
    /// Show warnings and errors only.
    #[arg(short, long, conflicts_with_all = ["progress", "verbose"])]
    quiet: bool,
    /// Show the output of the programs that run in the image, too.
    #[arg(short, long)]
    verbose: bool,
    /// Append all messages to this file, with times.
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
}

impl MessageArguments {
    /// The receiver of a command's messages.
    pub fn progress(&self) -> Result<Progress> {
        let mode = if self.quiet { Mode::None } else { self.progress };
        Progress::new(&Settings { mode, verbose: self.verbose, log: self.log.clone() })
    }
}

/// Where labs are remembered.
#[derive(Args)]
pub struct StateArguments {
    /// Where the labs' secrets, and their machines' overlays and consoles' logs are; by default
    /// $XDG_STATE_HOME/imgbuild.
    #[arg(long, env = "IMGBUILD_STATE", value_name = "DIR")]
    state: Option<PathBuf>,
}

impl StateArguments {
    /// The directory: as given, or by the XDG base directory specification.
    pub fn directory(&self) -> Result<PathBuf> {
        self.state.clone().or_else(|| xdg("XDG_STATE_HOME", ".local/state")).ok_or_else(|| {
            Error::environment(
                "no place for the labs' secrets and machines: neither --state, XDG_STATE_HOME nor HOME is set",
            )
            .hint("give --state DIR")
        })
    }
}

/// What every command that reports something takes.
#[derive(Args)]
pub struct OutputArguments {
    /// Print the result as JSON, with a schema number.
    #[arg(short, long)]
    pub json: bool,
    #[command(flatten)]
    pub messages: MessageArguments,
}

/// A result as indented JSON.
pub fn json(value: &impl Serialize) -> String {
    // Maps with non-string keys are what JSON cannot hold; no result has one.
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}

/// A file on the command line; `-` is standard input.
pub fn file_or_stdin(text: &str) -> Result<PathBuf, Malformed> {
    Ok(if text == "-" { STDIN.into() } else { text.into() })
}

/// Bytes of a size on the command line; `0` needs no unit.
pub fn size(text: &str) -> Result<u64, Malformed> {
    if text == "0" {
        return Ok(0);
    }
    parse_size(text).map_err(|e| format!("{e}; {SIZE_HINT}").into())
}

/// A time on the command line: a number of seconds, minutes or hours.
pub fn duration(text: &str) -> Result<Duration, Malformed> {
    let wrong = || format!("`{text}` is not a time: a number above 0 and s, m or h, as in 30m");
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wrong)?;
    let seconds: u64 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err(wrong().into()),
    };
    let number: u64 = number.parse().ok().filter(|n| *n > 0).ok_or_else(wrong)?;
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(|| wrong().into())
}

/// A time limit on the command line: as [`duration`], or a number of seconds.
pub fn limit(text: &str) -> Result<Duration, Malformed> {
    match text.parse() {
        Ok(seconds) => Ok(Duration::from_secs(seconds)),
        Err(_) => duration(text),
    }
}

/// The working directory.
pub fn working_directory() -> Result<PathBuf> {
    std::env::current_dir()
        .map_err(|e| Error::environment(format!("the working directory is unknown: {e}")))
}

/// Writes a result to standard output; a reader that has gone is not an error.
pub fn print(text: &str) -> Result<()> {
    let mut to = std::io::stdout();
    // A program gets the text as it is.
    let text = if to.is_terminal() { printable(text) } else { text.into() };
    match to.write_all(text.as_bytes()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::environment(format!("cannot write to standard output: {e}")))
        }
        _ => Ok(()),
    }
}
