//! `firstboot prove`.

use super::exit_codes::{BUSY, CONFIG, FAILED, INPUT, IO, READY};
use super::output::{complain, load_or_complain, print};
use super::root::Root;
use super::run::take_lock;
use crate::prove::{Options, prove};
use crate::steps::find_installed;
use clap::Args;
use contract::proof::Line;
use contract::spec::{Role, Spec};

/// Held while a proof runs.
const DIRECTORY: &str = "/var/lib/firstboot/prove";

#[derive(Debug, Args)]
pub(super) struct Prove {
    /// As JSON, one line each when it is known.
    #[arg(long)]
    json: bool,
    /// Leave what was made.
    #[arg(long)]
    keep: bool,
    /// Only remove what earlier proofs have left.
    #[arg(long, conflicts_with = "keep")]
    remove: bool,
    #[command(flatten)]
    root: Root,
}

pub(super) fn prove_cloud(args: &Prove) -> u8 {
    let host = args.root.host();
    let Some(spec) = load_or_complain(&host) else { return CONFIG };
    if let Some(why) = refuse(&spec, host.live()) {
        complain(&why);
        return INPUT;
    }
    let answers = match find_installed(&host) {
        Ok(Some(answers)) => answers,
        Ok(None) => {
            complain("packstack has not installed a cloud here, so nothing can be proven");
            return INPUT;
        }
        Err(fault) => {
            complain(&fault.to_string());
            return IO;
        }
    };
    let _lock = match take_lock(&host, DIRECTORY) {
        Ok(Some(lock)) => lock,
        Ok(None) => {
            complain("another proof is under way");
            return BUSY;
        }
        Err(error) => {
            complain(&error.to_string());
            return IO;
        }
    };
    let options = Options { keep: args.keep, remove: args.remove };
    let all_well = prove(&host, &spec, &answers, options, &mut |line| show(line, args.json));
    if all_well { READY } else { FAILED }
}

/// Why this is not the place for it.
fn refuse(spec: &Spec, live: bool) -> Option<String> {
    if !live {
        return Some("a directory tree has no cloud".to_owned());
    }
    if spec.node.role == Role::Controller {
        return None;
    }
    let controller = spec.hosts.iter().find(|one| one.role == Role::Controller);
    let place = controller.map_or_else(
        || "a controller".to_owned(),
        |one| format!("the controller, {} ({})", one.name, one.address),
    );
    Some(format!("the cloud is proven on {place}"))
}

fn show(line: &Line, json: bool) {
    if json {
        // Plain values: they can always be written as JSON.
        print(&(serde_json::to_string(line).unwrap_or_default() + "\n"));
    } else {
        print(&line.to_text());
    }
}
