//! Arguments and output that several commands share.

use crate::base::diagnostic::{Diagnostic, Diagnostics};
use crate::base::error::{Error, Result};
use crate::base::files::STDIN;
use crate::base::home;
use crate::base::malformed::Malformed;
use crate::base::progress::{Mode, Progress, Settings};
use crate::base::terminal::printable;
use crate::pipeline::Select;
use crate::plan::Plan;
use crate::spec::{self, SIZE_HINT, Spec, parse_size};
use clap::Args;
use serde::Serialize;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
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

/// What is to be built from what.
#[derive(Args)]
pub struct SelectArguments {
    /// Role profile: a name (profiles/NAME.toml, or one of those shipped) or a path. May be
    /// repeated; without it, every role of the lab: the profiles next to the lab file.
    #[arg(short, long, value_name = "NAME|FILE")]
    pub profile: Vec<String>,
    /// The lab file; by default `lab.toml` next to the profile, in `profiles` here or in a directory
    /// above, in ~/.config/imgbuild or /etc/imgbuild, or the built-in one.
    #[arg(long = "lab-file", alias = "lab", value_name = "FILE")]
    lab: Option<PathBuf>,
    /// This node only.
    #[arg(short, long, value_name = "NAME")]
    node: Option<String>,
    /// Create without encryption what the kickstart wants encrypted.
    #[arg(long, hide_short_help = true)]
    ignore_encryption: bool,
    /// A kickstart that says otherwise than the lab file (addresses, host name, name and time
    /// servers) or the profile's [services] is an error, and not translated.
    #[arg(long, hide_short_help = true)]
    strict_lab: bool,
    /// A medium: ISO file, directory, http(s) URL, yum `.repo` file, `mirrorlist=URL`,
    /// `metalink=URL`, or `practice`. May be repeated. Without it, the lab file's sources.
    #[arg(short, long, value_name = "PATH|URL|practice")]
    media: Vec<String>,
    /// Fetch nothing: everything has to come from local media and the cache.
    #[arg(long)]
    offline: bool,
    /// What `$releasever` stands for in `.repo` files; by default 7.
    #[arg(long, hide_short_help = true, value_name = "VERSION")]
    releasever: Option<String>,
    /// Image formats: raw, qcow2, qcow2-plain, qcow2-zstd, qcow2-overlay, vmdk, vhd, tar; by default the profile's.
    #[arg(long, value_delimiter = ',', value_name = "raw,qcow2,…")]
    format: Vec<String>,
    /// A file of public keys that packages may be signed by, in addition to those that the lab file
    /// names or the media bring. May be repeated.
    #[arg(long, hide_short_help = true, value_name = "FILE")]
    gpgkey: Vec<PathBuf>,
    /// Install packages of this repository without checking their signatures. May be repeated.
    #[arg(long, hide_short_help = true, value_name = "REPOSITORY")]
    no_gpgcheck: Vec<String>,
    /// Go on without the packages and groups of the kickstart and the profile that no medium has,
    /// and name them.
    #[arg(long, hide_short_help = true)]
    ignore_missing_packages: bool,
    #[command(flatten)]
    includes: IncludeArguments,
    #[command(flatten)]
    pub common: Common,
}

impl SelectArguments {
    /// What a plan names, found where it or these arguments point.
    pub fn of_plan(self, plan: &Plan) -> Result<Select> {
        let mut select =
            Select::of_plan(plan, working_directory()?, self.common.cache()?, self.offline);
        match self.profile.as_slice() {
            [] => {}
            [_] => select.profiles = self.profile,
            _ => return Err(Error::input("--profile: a plan is of one role")),
        }
        select.lab = self.lab.or(select.lab);
        select.ignore_encryption |= self.ignore_encryption;
        if !self.media.is_empty() {
            select.media = self.media;
        }
        if !self.includes.includes.is_empty() {
            select.includes = self.includes.includes;
        }
        select.strict_lab = self.strict_lab;
        select.gpgkeys = self.gpgkey;
        select.no_gpgcheck = self.no_gpgcheck;
        Ok(select)
    }

    /// As the build wants it.
    pub fn select(self) -> Result<Select> {
        Ok(Select {
            directory: working_directory()?,
            cache: self.common.cache()?,
            profiles: self.profile,
            lab: self.lab,
            node: self.node,
            ignore_encryption: self.ignore_encryption,
            includes: self.includes.includes,
            strict_lab: self.strict_lab,
            media: self.media,
            formats: self.format,
            gpgkeys: self.gpgkey,
            no_gpgcheck: self.no_gpgcheck,
            ignore_missing_packages: self.ignore_missing_packages,
            offline: self.offline,
            releasever: self.releasever,
        })
    }
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

/// Files for `%include` lines.
#[derive(Args)]
pub struct IncludeArguments {
    /// The file that a `%include NAME` of the kickstart means, where NAME is a path that only an
    /// installer has. May be repeated.
    #[arg(long = "include", hide_short_help = true, value_name = "NAME=FILE", value_parser = include)]
    pub includes: Vec<(String, PathBuf)>,
}

/// NAME=FILE; the name has no `=`, unless it is an address.
fn include(text: &str) -> Result<(String, PathBuf), Malformed> {
    let parts = match text.contains("://") {
        true => text.rsplit_once('='),
        false => text.split_once('='),
    };
    match parts {
        Some((name, file)) if !name.is_empty() && !file.is_empty() => {
            Ok((name.to_owned(), PathBuf::from(file)))
        }
        _ => Err(format!("`{text}` is not NAME=FILE, as in /tmp/part-include=disk.ks").into()),
    }
}

/// A profile without media.
#[derive(Args)]
pub struct SpecArguments {
    /// Role profile: a name (profiles/NAME.toml, or one of those shipped) or a path.
    #[arg(short, long, value_name = "NAME|FILE")]
    pub profile: Option<String>,
    /// The lab file; by default `lab.toml` next to the profile.
    #[arg(long = "lab-file", alias = "lab", value_name = "FILE")]
    lab: Option<PathBuf>,
    /// This node only.
    #[arg(short, long, value_name = "NAME")]
    node: Option<String>,
    /// Create without encryption what the kickstart wants encrypted.
    #[arg(long, hide_short_help = true)]
    ignore_encryption: bool,
    #[command(flatten)]
    pub includes: IncludeArguments,
    /// A kickstart that says otherwise than the lab file (addresses, host name, name and time
    /// servers) or the profile's [services] is an error, and not translated.
    #[arg(long, hide_short_help = true)]
    strict_lab: bool,
}

impl SpecArguments {
    /// Loads the profile, looked up from `directory`.
    ///
    /// # Errors
    /// Everything that is wrong with its files.
    pub fn load(&self, directory: &Path) -> std::result::Result<Spec, Diagnostics> {
        let missing =
            || Diagnostic::of_file("", "--profile is missing").hint("give --profile NAME");
        let (home, sudo_home) = (home::own(), home::of_sudo_user());
        spec::load(&spec::Request {
            profile: self.profile.as_deref().ok_or_else(missing)?,
            lab: self.lab.as_deref(),
            node: self.node.as_deref(),
            ignore_encryption: self.ignore_encryption,
            includes: &self.includes.includes,
            strict_lab: self.strict_lab,
            directory,
            config: &home::configurations(),
            home: home.as_deref(),
            sudo_home: sudo_home.as_deref(),
        })
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
