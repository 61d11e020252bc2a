//! A kickstart by itself, without profile and lab.

use super::files;
use super::fill::{Filling, fill_in};
use super::request::Request;
use crate::base::diagnostic::{Diagnostic, Diagnostics};
use crate::base::lab::{LabNetwork, LabNode, Services, Subnet};
use crate::base::place::Place;
use crate::kickstart::{Fate, Kickstart, Line, TemplateFacts};
use crate::layout::find_shortcomings;
use contract::spec::Role;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

/// A kickstart by itself.
#[derive(Clone, Debug)]
pub struct StandaloneKickstart {
    /// Its meaning.
    pub kickstart: Kickstart,
    /// Whether names in double braces were filled in with the facts of a sample node.
    pub sample: bool,
}

/// Reads a kickstart by itself, without profile and lab; messages show its path as it is
/// below `directory`, or whole. `includes` are as in [`Request::includes`].
///
/// # Errors
/// All errors of the file and of those that it includes.
pub fn load_kickstart(
    path: &Path,
    directory: &Path,
    includes: &[(String, PathBuf)],
) -> Result<StandaloneKickstart, Diagnostics> {
    let request = Request { includes, ..Request::new("", directory) };
    let file = files::read_path(path, &request)?;
    let (network, node) = sample_lab();
    let services =
        Services { enabled: vec!["sshd".to_owned()], disabled: vec!["postfix".to_owned()] };
    let facts = TemplateFacts { lab: "lab", node: &node, network: &network, services: &services };
    let filling = Filling { request: &request, facts: &facts, machine: None, repositories: &[] };
    let filled = fill_in(&file, &filling).map_err(Diagnostics)?;
    let mut kickstart = filled.kickstart;
    kickstart.report.extend(find_gaps(&kickstart, &file.name));
    if filled.is_template {
        let message = "names in double braces are filled in with the facts of a sample node";
        let hint = "imgbuild validate --profile checks it for the lab's nodes";
        let warning = Diagnostic::warning(Place::of_file(&file.name), message);
        kickstart.warnings.push(warning.hint(hint));
    }
    Ok(StandaloneKickstart { kickstart, sample: filled.is_template })
}

/// What the file as a whole lacks, so that a build stops.
fn find_gaps(kickstart: &Kickstart, file: &str) -> Vec<Line> {
    // A refused layout has been reported; do not ask for its parts as well.
    if kickstart.report.iter().any(|l| l.fate == Fate::Refused && l.is_storage()) {
        return Vec::new();
    }
    let line = |gap: Diagnostic| Line {
        place: gap.place,
        command: "part".to_owned(),
        fate: Fate::Refused,
        why: gap.hint.map_or(gap.message.clone(), |hint| format!("{}: {hint}", gap.message)),
    };
    find_shortcomings(&kickstart.storage, file).into_iter().map(line).collect()
}

/// A stand-in for a lab that is not there or could not be read.
pub fn sample_lab() -> (LabNetwork, LabNode) {
    let host = |last| Ipv4Addr::new(192, 168, 1, last);
    let network = LabNetwork {
        subnet: Subnet { address: host(0), prefix: 24 },
        interface: "eth0".into(),
        gateway: host(254),
        dns: vec![host(254)],
        ntp: vec![host(254).into()],
        routes: Vec::new(),
    };
    let node = LabNode { name: "node".into(), role: Role::Compute, address: host(10), mac: None };
    (network, node)
}
