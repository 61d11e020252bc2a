//! `firstboot check`, `analyze` and `logs`: they show, and change nothing.

use super::exit_codes::{CONFIG, FAILED, IO, READY, USAGE};
use super::output::{complain, load_or_complain, print};
use super::root::Root;
use crate::host::{files, process};
use crate::journal::RUN;
use crate::peer_service::record::PEERS;
use crate::state::RunState;
use crate::steps::Step;
use crate::{analyze, environment};
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct Check {
    /// As JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    root: Root,
}

pub(super) fn check(args: &Check) -> u8 {
    let host = args.root.host();
    let Some(spec) = load_or_complain(&host) else { return CONFIG };
    let checks = environment::check_environment(&host, &spec);
    if args.json {
        // Plain values: they can always be written as JSON.
        print(&(serde_json::to_string_pretty(&checks).unwrap_or_default() + "\n"));
    } else {
        for one in &checks {
            let mark = if one.ok { "ok  " } else { "FAIL" };
            print(&format!("{mark}  {}: {}\n", one.check, one.evidence));
            if !one.ok {
                print(&format!("      hint: {}\n", one.hint));
            }
        }
    }
    if checks.iter().all(|one| one.ok) { READY } else { FAILED }
}

#[derive(Debug, Args)]
pub(super) struct Analyze {
    /// Also draw it into this file (SVG).
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    #[command(flatten)]
    root: Root,
}

pub(super) fn analyze(args: &Analyze) -> u8 {
    let state = match RunState::load(&args.root.host()) {
        Ok(Some(state)) => state,
        Ok(None) => {
            complain("firstboot has not run on this node yet");
            return IO;
        }
        Err(error) => {
            complain(&error.to_string());
            return IO;
        }
    };
    if let Some(path) = &args.svg
        && let Err(error) = files::write_atomic(path, analyze::draw_svg(&state).as_bytes(), 0o644)
    {
        complain(&format!("{}: {error}", path.display()));
        return IO;
    }
    print(&analyze::draw_text(&state));
    READY
}

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

/// Becomes journalctl; comes back only when that cannot be started.
pub(super) fn logs(args: &Logs) -> u8 {
    let host = args.root.host();
    let mut list = vec!["--no-pager".to_owned(), "-t".to_owned(), "firstboot".to_owned()];
    if host.live() {
        list.extend((!args.all).then(|| "-b".to_owned()));
    } else {
        list.extend([
            "-D".to_owned(),
            args.root.root.join("var/log/journal").display().to_string(),
        ]);
    }
    list.extend(args.follow.then(|| "-f".to_owned()));
    list.extend(args.explain.then(|| "-x".to_owned()));
    if let Some(name) = &args.step {
        if Step::named(name).is_none() && ![RUN, PEERS].contains(&name.as_str()) {
            return refuse_step(name);
        }
        list.push(format!("FIRSTBOOT_STEP={name}"));
    }
    let error = process::become_program("journalctl", &list);
    complain(&format!("cannot run journalctl: {error}"));
    IO
}

/// Refuses a step's name.
pub(super) fn refuse_step(name: &str) -> u8 {
    let names: Vec<&str> = Step::ALL.iter().map(|step| step.name()).collect();
    complain(&format!("there is no step `{name}`; the steps are: {}", names.join(", ")));
    USAGE
}
