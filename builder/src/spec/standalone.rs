//! A kickstart by itself, without profile and lab.

use super::files;
use super::fill::fill_in;
use super::request::Request;
use crate::base::diagnostic::{Diagnostic, Diagnostics};
use crate::base::lab::{LabNetwork, LabNode, Services, Subnet};
use crate::base::place::Place;
use crate::kickstart::{Kickstart, TemplateFacts, is_template};
use contract::spec::Role;
use std::net::Ipv4Addr;
use std::path::Path;

/// A kickstart by itself.
#[derive(Clone, Debug)]
pub struct StandaloneKickstart {
    /// Its meaning.
    pub kickstart: Kickstart,
    /// Whether names in double braces were filled in with the facts of a sample node.
    pub sample: bool,
}

/// Reads a kickstart by itself, without profile and lab; messages show its path as it is
/// below `directory`, or whole.
///
/// # Errors
/// All errors of the file and of those that it includes.
pub fn load_kickstart(path: &Path, directory: &Path) -> Result<StandaloneKickstart, Diagnostics> {
    let request =
        Request { profile: "", lab: None, node: None, strict_lab: false, directory, home: None };
    let file = files::read_path(path, &request)?;
    let (network, node) = sample_lab();
    let services = Services::default();
    let facts = TemplateFacts { lab: "lab", node: &node, network: &network, services: &services };
    let sample = is_template(&file.text);
    let filled = fill_in(&file, &request, sample.then_some(&facts)).map_err(Diagnostics)?;
    let mut kickstart = filled.kickstart;
    if sample {
        let message = "names in double braces are filled in with the facts of a sample node";
        let hint = "imgbuild validate --profile checks it for the lab's nodes";
        let warning = Diagnostic::warning(Place::of_file(&file.name), message);
        kickstart.warnings.push(warning.hint(hint));
    }
    Ok(StandaloneKickstart { kickstart, sample })
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
