//! `firstboot check` and `analyze`: they show, and change nothing.

use super::exit_codes::{CONFIG, FAILED, IO, READY, USAGE};
use super::output::{complain, load_or_complain, print};
use super::root::Root;
use crate::host::files;
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

/// Refuses a step's name.
pub(super) fn refuse_step(name: &str) -> u8 {
    let names: Vec<&str> = Step::ALL.iter().map(|step| step.name()).collect();
    complain(&format!("there is no step `{name}`; the steps are: {}", names.join(", ")));
    USAGE
}
