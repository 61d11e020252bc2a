//! The command line: arguments to options, results and errors to text and exit code.

use crate::build::{self, Options};
use crate::error::{Class, Error, Result};
use crate::interrupt;
use crate::practice;
use crate::progress::{Mode, Progress, Unit};
use clap::{Args, Parser, Subcommand};
use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;

const EXIT_CODES: &str = "Exit codes: 0 done, 1 build failed, 2 usage or input, 3 environment (missing tool, \
permission, space), 4 verification (digest), 130 interrupted.";

/// Makes bootable CentOS 7 images for the nodes of an OpenStack lab.
#[derive(Parser)]
#[command(name = "imgbuild", version, after_help = EXIT_CODES, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    build: BuildArguments,
}

#[derive(Subcommand)]
enum Command {
    /// Builds images (the default).
    #[command(after_help = EXIT_CODES)]
    Build(BuildArguments),
    /// Prints as JSON what a build would do.
    Plan(PlanArguments),
    /// Makes the practice medium: install trees and ISOs laid out like CentOS 7's, from Debian packages.
    Practice(PracticeArguments),
}

#[derive(Args)]
struct Common {
    /// Where downloads, the practice medium and installed trees are kept.
    #[arg(long, env = "IMGBUILD_CACHE", value_name = "DIR")]
    cache: Option<PathBuf>,
    /// How progress is shown on standard error.
    #[arg(long, value_enum, default_value = "auto")]
    progress: Mode,
}

#[derive(Args)]
struct PlanArguments {
    /// Role profile: a name (profiles/NAME.toml, or one of those shipped) or a path.
    #[arg(long, value_name = "NAME|FILE")]
    profile: Option<String>,
    /// The lab file; by default `lab.toml` beside the profile.
    #[arg(long, value_name = "FILE")]
    lab: Option<PathBuf>,
    /// Build this node only.
    #[arg(long, value_name = "NAME")]
    node: Option<String>,
    /// A medium: ISO file, folder, http(s) URL, or `practice`. May be repeated. Without it, the lab file's sources.
    #[arg(long, value_name = "PATH|URL|practice")]
    media: Vec<String>,
    /// Image formats; by default the profile's.
    #[arg(long, value_delimiter = ',', value_name = "raw,qcow2")]
    format: Vec<String>,
    #[command(flatten)]
    common: Common,
}

#[derive(Args)]
struct BuildArguments {
    #[command(flatten)]
    plan: PlanArguments,
    /// Where the images go.
    #[arg(long, default_value = "output", value_name = "DIR")]
    output: PathBuf,
    /// Replace files that are already there.
    #[arg(long)]
    force: bool,
    /// The static firstboot binary to install; by default the one beside imgbuild.
    #[arg(long, value_name = "FILE", env = "IMGBUILD_FIRSTBOOT")]
    firstboot: Option<PathBuf>,
}

#[derive(Args)]
struct PracticeArguments {
    /// Where the trees and ISOs go.
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
    #[command(flatten)]
    common: Common,
}

/// Runs the command line `arguments` (the program's name first) and returns the exit code.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(e) => {
            // Help and version are no errors; clap says so by the code it would exit with.
            let _ = e.print();
            return u8::try_from(e.exit_code()).unwrap_or(Class::Input as u8);
        }
    };
    interrupt::install();
    match execute(arguments) {
        Ok(()) => 0,
        Err(error) => {
            let error = if interrupt::requested() { Error::interrupted() } else { error };
            let _ = writeln!(std::io::stderr(), "imgbuild: error: {error}");
            error.class as u8
        }
    }
}

fn execute(arguments: Arguments) -> Result<()> {
    match (arguments.command, arguments.build) {
        (Some(Command::Build(a)), _) | (None, a) => {
            let mut progress = Progress::new(a.plan.common.progress);
            let options = Options {
                output: a.output,
                force: a.force,
                firstboot: a.firstboot,
                select: select(a.plan)?,
            };
            build::build(&options, &mut progress)
        }
        (Some(Command::Plan(a)), _) => {
            let mut progress = Progress::new(a.common.progress);
            let plan = build::plan(&select(a)?, &mut progress)?;
            print(&format!("{}\n", plan.to_json()))
        }
        (Some(Command::Practice(a)), _) => make_practice(a),
    }
}

fn select(a: PlanArguments) -> Result<build::Select> {
    let profile = a.profile.ok_or_else(|| {
        Error::input("nothing to do: --profile is missing")
            .hint("for example: imgbuild --profile controller --media CentOS7-1804.iso; see imgbuild --help")
    })?;
    Ok(build::Select {
        profile,
        lab: a.lab,
        node: a.node,
        media: a.media,
        formats: a.format,
        cache: cache(a.common.cache)?,
    })
}

fn make_practice(a: PracticeArguments) -> Result<()> {
    let mut progress = Progress::new(a.common.progress);
    progress.stage("practice medium", Unit::Steps);
    let work = cache(a.common.cache)?.join("debs");
    let made = practice::make(&a.output, &work, &mut |stage, done, total| {
        progress.at(done, total, stage.name())
    })?;
    progress.finish();
    let mut text = String::from("Practice media made from Debian packages; this is not CentOS.\n");
    for path in
        [&made.os, &made.extras, &made.osp10, &made.os_iso, &made.extras_iso, &made.osp10_iso]
    {
        text.push_str(&format!("{}\n", path.display()));
    }
    print(&text)
}

/// The cache folder: as given, or by the XDG base directory specification.
fn cache(given: Option<PathBuf>) -> Result<PathBuf> {
    let xdg = || {
        std::env::var_os("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .filter(|p| p.is_absolute())
            .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))
            .map(|p| p.join("imgbuild"))
    };
    given.or_else(xdg).ok_or_else(|| {
        Error::environment(
            "no place for the cache: neither --cache, XDG_CACHE_HOME nor HOME is set",
        )
        .hint("give --cache DIR")
    })
}

fn print(text: &str) -> Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::environment(format!("cannot write to standard output: {e}")))
        }
        _ => Ok(()),
    }
}
