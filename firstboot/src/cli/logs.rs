//! `firstboot logs`: the records of this node, and puppet's own log while it runs here.

use super::exit_codes::{IO, READY};
use super::inspect::refuse_step;
use super::output::{complain, print};
use super::root::Root;
use crate::host::{Host, process};
use crate::journal::RUN;
use crate::peer_service::record::PEERS;
use crate::services::answer_file::AnswerFile;
use crate::services::packstack::running::{ANSWERS, RunningLog, list_running};
use crate::steps::Step;
use clap::Args;
use std::io;
use std::process::Child;
use std::time::Duration;

/// Of puppet's log so many lines are shown at first.
const TAIL: usize = 20;
/// Time between two looks at puppet's logs.
const POLL: Duration = Duration::from_secs(1);

#[derive(Debug, Args)]
pub(super) struct Logs {
    /// Of this step only; `run` for the run as a whole, `peers` for the other nodes.
    #[arg(value_name = "STEP")]
    step: Option<String>,
    /// Follow: print new records as they come.
    #[arg(long, short)]
    follow: bool,
    /// Of every boot, not only of this one.
    #[arg(long)]
    all: bool,
    /// With the catalogue's explanations.
    #[arg(long, short = 'x')]
    explain: bool,
    #[command(flatten)]
    root: Root,
}

impl Logs {
    /// What journalctl is asked for.
    fn arguments(&self, host: &Host) -> Vec<String> {
        let mut list = vec!["--no-pager".to_owned(), "-t".to_owned(), "firstboot".to_owned()];
        if host.live() {
            list.extend((!self.all).then(|| "-b".to_owned()));
        } else {
            let directory = self.root.root.join("var/log/journal");
            list.extend(["-D".to_owned(), directory.display().to_string()]);
        }
        list.extend(self.follow.then(|| "-f".to_owned()));
        list.extend(self.explain.then(|| "-x".to_owned()));
        list.extend(self.step.as_ref().map(|name| format!("FIRSTBOOT_STEP={name}")));
        list
    }
}

/// Runs journalctl to its end, and shows puppet's log after it, or along with it.
pub(super) fn show(args: &Logs) -> u8 {
    if let Some(name) = &args.step
        && Step::named(name).is_none()
        && ![RUN, PEERS].contains(&name.as_str())
    {
        return refuse_step(name);
    }
    let host = args.root.host();
    keep_secrets(&host);
    let with_puppet = args.step.as_ref().is_none_or(|name| name == Step::Packstack.name());
    let journal = process::start_attached("journalctl", &args.arguments(&host));
    let ended = journal.and_then(|mut child| {
        let mut shown = Vec::new();
        while args.follow && with_puppet && child.try_wait()?.is_none() {
            show_puppet(&host, &mut shown)?;
            host.clock().sleep(POLL);
        }
        let code = end_of(&mut child)?;
        if with_puppet && !args.follow {
            show_puppet(&host, &mut shown)?;
        }
        Ok(code)
    });
    ended.unwrap_or_else(|error| {
        complain(&format!("cannot run journalctl: {error}"));
        IO
    })
}

/// Keeps the passwords of packstack's answers from being shown, where there are any.
fn keep_secrets(host: &Host) {
    if let Ok(Some(text)) = host.read(ANSWERS) {
        let answers = AnswerFile::parse(text.as_bytes());
        answers.secrets().iter().for_each(|secret| host.keep_secret(secret));
    }
}

/// journalctl's exit code.
fn end_of(child: &mut Child) -> io::Result<u8> {
    let code = child.wait()?.code().and_then(|code| code.try_into().ok());
    Ok(code.unwrap_or(READY))
}

/// Prints what puppet has logged since the last look; of a log that is new, its end.
fn show_puppet(host: &Host, shown: &mut Vec<RunningLog>) -> io::Result<()> {
    for log in list_running(host)? {
        let known = shown.iter().position(|one| one.path == log.path);
        let at = known.unwrap_or_else(|| {
            print(&format!("puppet applies {}; its own log:\n", log.manifest));
            shown.push(log);
            shown.len() - 1
        });
        // It may have been renamed meanwhile, as puppet has ended.
        let Ok(lines) = shown[at].new_lines() else { continue };
        let skipped = if known.is_some() { 0 } else { lines.len().saturating_sub(TAIL) };
        for line in &lines[skipped..] {
            print(&format!("puppet: {}\n", host.redact(line)));
        }
    }
    Ok(())
}
