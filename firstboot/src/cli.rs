//! The command line: arguments in, text and exit code out.

mod answers;
mod exit_codes;
mod inspect;
mod lease;
mod logs;
mod output;
mod peers;
mod prove;
mod root;
mod run;
mod status;
mod watch;

use crate::steps::Step;
use clap::{Parser, Subcommand};
use exit_codes::{READY, USAGE};
use root::Root;
use std::ffi::OsString;
use std::time::Duration;

/// Completes, checks and announces an OpenStack lab node when it boots.
#[derive(Debug, Parser)]
#[command(name = "firstboot", version, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 ready, 1 a step failed, 2 still working (status, peers), \
    64 wrong arguments, 65 an input file is missing or wrong, 74 the state cannot be read or \
    written, 75 another run is in progress, 78 the node spec is missing or wrong.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Bring every step to the desired state; a second run changes nothing.
    Run {
        /// Also write each record as a line to this terminal device.
        #[arg(long, value_name = "DEVICE")]
        console: Option<String>,
        #[command(flatten)]
        root: Root,
    },
    /// Check again and again, as its unit does, what begins with OpenStack: the tunnels.
    Watch {
        /// Also write each record as a line to this terminal device.
        #[arg(long, value_name = "DEVICE")]
        console: Option<String>,
        #[command(flatten)]
        root: Root,
    },
    /// Show the node's status: 0 ready, 1 failed, 2 still working.
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
    /// Check the seven things that a node must have before OpenStack is installed.
    Check(inspect::Check),
    /// Show where the time of this boot's run went.
    Analyze(inspect::Analyze),
    /// Show this boot's records (journalctl), and puppet's own log while it runs here.
    Logs(logs::Logs),
    /// Show the status of the other nodes: 0 all ready, 1 one failed, 2 otherwise.
    Peers(peers::Peers),
    /// Prove that the cloud works, with a project of its own: 0 all lines well, 1 one failed.
    Prove(prove::Prove),
    /// Ask for a DHCP lease on an interface, and show it: address/prefix, router, MTU, server.
    #[command(hide = true)]
    Lease(lease::Lease),
    /// Edit an answer file that packstack generated: the spec's keys, nothing else.
    Answers(answers::Answers),
}

/// Runs the command line `args` (the program's name first) and returns the exit code.
pub fn main(args: impl IntoIterator<Item = OsString>) -> u8 {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            let wrong = error.use_stderr();
            // A closed pipe is not an error.
            let _ = error.print();
            return if wrong { USAGE } else { READY };
        }
    };
    match cli.command {
        Command::Run { console, root } => run::run_steps(&root.host(), console, None),
        Command::Watch { console, root } => watch::watch_node(&root.host(), console),
        Command::Retry { step, root } => match Step::named(&step) {
            Some(step) => run::run_steps(&root.host(), None, Some(step)),
            None => inspect::refuse_step(&step),
        },
        Command::Check(args) => inspect::check(&args),
        Command::Analyze(args) => inspect::analyze(&args),
        Command::Logs(args) => logs::show(&args),
        Command::Status { json, wait, timeout, root } => {
            status::show_status(&root.host(), json, wait, timeout.map(Duration::from_secs))
        }
        Command::Peers(args) => peers::show_or_serve(&args),
        Command::Prove(args) => prove::prove_cloud(&args),
        Command::Lease(args) => lease::show(&args),
        Command::Answers(args) => answers::edit_file(&args),
    }
}
