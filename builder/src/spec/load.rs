//! From a request to a [`Spec`].

use super::files::{self, InputFile};
use super::keys::read_keys;
use super::kickstarts::{KickstartReader, Kickstarts, find_kickstart};
use super::lab::{LabFile, read_lab};
use super::model::{Input, Spec};
use super::request::Request;
use super::role::{RoleFile, read_role};
use crate::base::diagnostic::{Diagnostic, Diagnostics};
use crate::base::lab::{LabNode, LabRepository, Subnet};
use crate::base::place::Place;
use sha2::{Digest, Sha256};

/// Reads everything a profile consists of.
///
/// # Errors
/// All errors of all files together, in the order lab, role, kickstart.
pub fn load(request: &Request<'_>) -> Result<Spec, Diagnostics> {
    let mut diagnostics = Diagnostics::default();
    let mut note = |file: Result<InputFile, Diagnostic>| file.map_err(|d| diagnostics.push(d)).ok();
    let role_file = note(files::find_role(request));
    let lab_file = note(files::find_lab(request, role_file.as_ref()));
    let (lab, of_lab) = lab_file.as_ref().map(|f| read_lab(f, request.home)).unwrap_or_default();
    let (role, of_role) = role_file.as_ref().map(read_role).unwrap_or_default();
    diagnostics.extend(of_lab.into_iter().chain(of_role));
    let (Some(lab_file), Some(role_file)) = (lab_file, role_file) else {
        return Err(diagnostics.into_errors());
    };
    let authorized_keys = read_keys(&lab.key_patterns, &lab_file, request, &mut diagnostics);
    let nodes = choose_nodes(&lab, &role, &lab_file, request, &mut diagnostics);
    let kickstarts = match find_kickstart(&role, &role_file, request) {
        Ok(file) => file.and_then(|file| {
            let reader = KickstartReader { lab: &lab, role: &role, request };
            reader.read(file, &nodes, &mut diagnostics)
        }),
        Err(error) => {
            diagnostics.push(error);
            None
        }
    };
    let warnings = diagnostics.into_warnings()?;
    let loaded = kickstarts.and_then(|kickstarts| {
        let files = [&lab_file, &role_file, &kickstarts.file].into_iter();
        let inputs = files.chain(&kickstarts.included).map(digest_input).collect();
        let loaded = Loaded { lab, role, nodes, kickstarts, authorized_keys, inputs, warnings };
        loaded.into_spec()
    });
    // What makes this `None` has left an error, so this is not reached; it must not pass as good.
    loaded.ok_or_else(|| Diagnostic::of_file(&role_file.name, "this profile is incomplete").into())
}

/// What there is to say of a lab before it is built.
#[derive(Clone, Debug)]
pub struct LabSummary {
    /// Its file.
    pub file: String,
    /// Its name.
    pub name: String,
    /// Its network.
    pub network: Subnet,
    /// How many public keys may log in.
    pub keys: usize,
}

/// Reads the lab file, which is found without a role's profile.
///
/// # Errors
/// All errors of the lab file.
pub fn load_lab(request: &Request<'_>) -> Result<LabSummary, Diagnostics> {
    let file = files::find_lab(request, None)?;
    let (lab, mut diagnostics) = read_lab(&file, request.home);
    let keys = read_keys(&lab.key_patterns, &file, request, &mut diagnostics).len();
    diagnostics.into_warnings()?;
    // A file without one has an error.
    let none = || Diagnostic::of_file(&file.name, "the lab has no network");
    let network = lab.network.ok_or_else(none)?.subnet;
    Ok(LabSummary { file: file.name.clone(), name: lab.name, network, keys })
}

/// Reads the repositories of the lab file, which is found without a role's profile.
///
/// # Errors
/// All errors of the lab file.
pub fn load_repositories(request: &Request<'_>) -> Result<Vec<LabRepository>, Diagnostics> {
    let file = files::find_lab(request, None)?;
    let (lab, diagnostics) = read_lab(&file, request.home);
    diagnostics.into_warnings()?;
    Ok(lab.repositories)
}

fn digest_input(file: &InputFile) -> Input {
    Input { name: file.name.clone(), sha256: hex::encode(Sha256::digest(file.text.as_bytes())) }
}

/// Everything read, without an error.
struct Loaded {
    lab: LabFile,
    role: RoleFile,
    nodes: Vec<LabNode>,
    kickstarts: Kickstarts,
    authorized_keys: Vec<String>,
    inputs: Vec<Input>,
    warnings: Vec<Diagnostic>,
}

impl Loaded {
    fn into_spec(self) -> Option<Spec> {
        let Self { lab, role, nodes, kickstarts, authorized_keys, inputs, mut warnings } = self;
        let excluded = &kickstarts.kickstart.packages.excluded;
        for name in role.install.iter().filter(|name| excluded.contains(name)) {
            let message = format!("-{name} in %packages does not count: the profile installs it");
            let hint = "look at `install` in [packages] of the role's profile";
            let place = Place::of_file(&kickstarts.file.name);
            warnings.push(Diagnostic::warning(place, message).hint(hint));
        }
        let mut all_nodes = lab.nodes;
        all_nodes.sort_by_key(|n| n.address);
        Some(Spec {
            lab: lab.name,
            network: lab.network?,
            role: role.role?.value,
            nodes,
            all_nodes,
            repositories: lab.repositories,
            expected_packages: lab.packages,
            authorized_keys,
            machine: role.machine?,
            services: kickstarts.kickstart.merge_units(&role.services),
            install: role.install,
            if_available: role.if_available,
            openstack: role.openstack,
            formats: role.formats,
            kickstart: kickstarts.kickstart,
            arrangement: kickstarts.arrangement?,
            rendered: kickstarts.rendered,
            needs: kickstarts.needs,
            networks: kickstarts.networks,
            inputs,
            warnings,
        })
    }
}

/// The nodes to build, ordered by address.
fn choose_nodes(
    lab: &LabFile,
    role: &RoleFile,
    lab_file: &InputFile,
    request: &Request<'_>,
    diagnostics: &mut Diagnostics,
) -> Vec<LabNode> {
    let Some(role) = &role.role else { return Vec::new() };
    let of_role = lab.nodes.iter().filter(|n| n.role == role.value);
    let mut nodes: Vec<LabNode> = of_role.cloned().collect();
    nodes.sort_by_key(|n| n.address);
    let names: Vec<&str> = nodes.iter().map(|n| n.name.as_str()).collect();
    // A node that could not be read may have been the one of this role.
    if nodes.is_empty() && !diagnostics.has_errors() {
        let message = format!("no node of {} has the role {}", lab_file.name, role.value.as_str());
        let hint = "add a [[node]] with this role to the lab file";
        diagnostics.push(role.error(message).hint(hint));
    } else if let Some(wanted) = request.node
        && !names.contains(&wanted)
        && !diagnostics.has_errors()
    {
        let known = lab.nodes.iter().find(|n| n.name == wanted);
        let message = match known {
            Some(node) => {
                format!("{wanted} is a {} node, not {}", node.role.as_str(), role.value.as_str())
            }
            None => format!("there is no node `{wanted}` in {}", lab_file.name),
        };
        let hint = format!("nodes of this profile: {}", names.join(", "));
        diagnostics.push(Diagnostic::of_file("", message).key("--node").hint(hint));
    }
    nodes.retain(|n| request.node.is_none_or(|wanted| wanted == n.name));
    nodes
}
