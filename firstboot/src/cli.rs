//! The command line: arguments in, text and exit code out.

mod answers;
mod look;
mod peers;

use crate::host::Host;
use crate::host::files::Lock;
use crate::journal::{Event, Journal, Lines, RUN, id};
use crate::report::{self, Status};
use crate::run;
use crate::state::FOLDER;
use crate::steps::Step;
use clap::{Args, Parser, Subcommand};
use contract::status::Readiness;
use log::Log;
use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::time::Duration;

/// Exit code: the node is ready; for `run` in a folder tree: nothing failed.
pub const READY: u8 = 0;
/// Exit code: a step failed.
pub const FAILED: u8 = 1;
/// Exit code of `status`: still at work.
pub const WORKING: u8 = 2;
/// Exit code: wrong arguments (`EX_USAGE`; 2 means "still working" here).
pub const USAGE: u8 = 64;
/// Exit code: an input file is missing or is not what it should be (`EX_DATAERR`).
pub const INPUT: u8 = 65;
/// Exit code: the state cannot be read or written (`EX_IOERR`).
pub const IO: u8 = 74;
/// Exit code: another run is at work (`EX_TEMPFAIL`).
pub const BUSY: u8 = 75;
/// Exit code: the node spec is missing or wrong (`EX_CONFIG`).
pub const CONFIG: u8 = 78;

/// Time between two looks of `status --wait`.
const POLL: Duration = Duration::from_secs(1);

/// Completes, checks and announces an OpenStack lab node when it boots.
#[derive(Debug, Parser)]
#[command(name = "firstboot", version, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 ready, 1 a step failed, 2 still working (status, peers), \
    64 wrong arguments, 65 an input file is missing or wrong, 74 the state cannot be read or written, 75 another run is at work, \
    78 the node spec is missing or wrong.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Do every step that is not as it should be; a second run changes nothing.
    Run {
        /// Also write each record as a line to this terminal device.
        #[arg(long, value_name = "DEVICE")]
        console: Option<String>,
        #[command(flatten)]
        root: Root,
    },
    /// Show how the node stands: 0 ready, 1 failed, 2 still working.
    Status {
        /// As JSON.
        #[arg(long)]
        json: bool,
        /// Wait until it is ready or has failed.
        #[arg(long)]
        wait: bool,
        /// Seconds after which waiting ends; without it, waiting has no end.
        #[arg(long, value_name = "SECONDS", requires = "wait")]
        timeout: Option<u64>,
        #[command(flatten)]
        root: Root,
    },
    /// Do one step again, with everything that depends on it.
    Retry {
        /// The step's name, as `status` shows it.
        step: String,
        #[command(flatten)]
        root: Root,
    },
    /// Look at the seven things that a node must have before OpenStack is installed.
    Check(look::Check),
    /// Show where the time of this boot's run went.
    Analyze(look::Analyze),
    /// Show this boot's records (journalctl).
    Logs(look::Logs),
    /// Show how the other nodes stand: 0 all ready, 1 one failed, 2 otherwise.
    Peers(peers::Peers),
    /// Edit an answer file that packstack generated: the spec's keys, nothing else.
    Answers(answers::Answers),
}

#[derive(Debug, Args)]
struct Root {
    /// The node's root folder; with another one than / only files are looked at and
    /// written, below it.
    #[arg(long, value_name = "DIR", default_value = "/")]
    root: PathBuf,
}

impl Root {
    fn host(&self) -> Host {
        // A relative folder, or `//`, is made plain; one that is not there stays.
        let root = self.root.canonicalize().unwrap_or_else(|_| self.root.clone());
        Host::open(&root)
    }
}

/// Runs the command line `args` (the program's name first) and returns the exit code.
pub fn main(args: impl IntoIterator<Item = OsString>) -> u8 {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            let wrong = error.use_stderr();
            // A closed pipe is no reason to say anything else.
            let _ = error.print();
            return if wrong { USAGE } else { READY };
        }
    };
    match cli.command {
        Command::Run { console, root } => run_steps(&root.host(), console, None),
        Command::Retry { step, root } => match Step::named(&step) {
            Some(step) => run_steps(&root.host(), None, Some(step)),
            None => look::unknown(&step),
        },
        Command::Check(args) => look::check(&args),
        Command::Analyze(args) => look::analyze(&args),
        Command::Logs(args) => look::logs(&args),
        Command::Status { json, wait, timeout, root } => {
            status(&root.host(), json, wait, timeout.map(Duration::from_secs))
        }
        Command::Peers(args) => peers::run(&args),
        Command::Answers(args) => answers::run(&args),
    }
}

/// The places where a run's records go: the journal, and lines where people look.
fn sinks(host: &Host, console: Option<String>) -> Vec<Box<dyn Log>> {
    if !host.live() {
        return vec![Box::new(Lines::Stderr)];
    }
    let mut sinks = vec![Journal::system_sink()];
    if io::stderr().is_terminal() {
        sinks.push(Box::new(Lines::Stderr));
    }
    if let Some(device) = console {
        sinks.push(Box::new(Lines::Device(device)));
    }
    sinks
}

/// Runs every step, or one again with what depends on it.
fn run_steps(host: &Host, console: Option<String>, again: Option<Step>) -> u8 {
    let sinks = sinks(host, console);
    let spec = match report::load_spec(host) {
        Ok(spec) => spec,
        Err(message) => {
            let hint = Some("put the node's spec right, then `systemctl restart firstboot`");
            refuse(&Journal::new(None, sinks), message, hint);
            return CONFIG;
        }
    };
    let journal = Journal::new(Some(&spec), sinks);
    let _lock = match lock(host) {
        Ok(Some(lock)) => lock,
        Ok(None) => {
            refuse(&journal, "another firstboot is at work".to_owned(), None);
            return BUSY;
        }
        Err(error) => {
            refuse(&journal, error.to_string(), None);
            return IO;
        }
    };
    if let Some(step) = again.filter(|step| !Step::of(&spec).contains(step)) {
        refuse(&journal, format!("this node has no step {}", step.name()), None);
        return USAGE;
    }
    let done = match again {
        Some(step) => run::retry(host, &spec, &journal, &Step::bounds, step),
        None => run::run(host, &spec, &journal, &Step::bounds),
    };
    match done {
        Ok(state) if state.readiness() == Readiness::Failed => FAILED,
        Ok(_) => READY,
        Err(error) => {
            refuse(&journal, format!("the state file: {error}"), None);
            IO
        }
    }
}

/// Takes the lock on the state's folder. Whoever looks at a run's state holds it for a
/// moment, and is waited for.
fn lock(host: &Host) -> io::Result<Option<Lock>> {
    for _ in 0..10 {
        if let Some(lock) = host.lock(FOLDER)? {
            return Ok(Some(lock));
        }
        host.clock().sleep(Duration::from_millis(50));
    }
    host.lock(FOLDER)
}

/// Records why a run did not begin or end as it should.
fn refuse(journal: &Journal, message: String, hint: Option<&str>) {
    let event = Event::new(id::NODE_FAILED, RUN, message);
    journal.record(&Event { outcome: "failed", hint, ..event });
}

fn status(host: &Host, json: bool, wait: bool, timeout: Option<Duration>) -> u8 {
    let began = host.clock().monotonic();
    loop {
        let status = report::status(host);
        let over = timeout.is_some_and(|limit| host.clock().monotonic() - began >= limit);
        let working = status.as_ref().is_ok_and(|status| status.state == Readiness::Working);
        if wait && working && !over {
            host.clock().sleep(POLL);
            continue;
        }
        return match status {
            Ok(status) => show(&status, json),
            Err(message) => {
                complain(&message);
                if report::load_spec(host).is_err() { CONFIG } else { IO }
            }
        };
    }
}

fn show(status: &Status, json: bool) -> u8 {
    let text = if json {
        serde_json::to_string_pretty(status).map(|text| text + "\n")
    } else {
        Ok(status.text())
    };
    // Only maps with odd keys cannot be written as JSON; a status has none.
    let written = text.map(|text| io::stdout().write_all(text.as_bytes()));
    match (written, status.state) {
        (Ok(Ok(())), Readiness::Ready) => READY,
        (Ok(Ok(())), Readiness::Failed) => FAILED,
        (Ok(Ok(())), Readiness::Working) => WORKING,
        _ => IO,
    }
}

fn complain(message: &str) {
    // Standard error is all there is.
    let _ = writeln!(io::stderr(), "firstboot: {message}");
}
