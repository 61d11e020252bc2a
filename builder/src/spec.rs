//! Profiles: the lab file, a role file and the role's kickstart become one
//! [`Spec`], or the list of everything that is wrong with them.

mod files;
mod keys;
mod kickstarts;
mod lab;
mod model;
mod reader;
mod role;
mod units;

pub(crate) use lab::check_name;
pub use model::*;
pub use units::{SIZE_HINT, Subnet, parse_size, show_size};
pub(crate) use units::{check_host_name, parse_mac};

use crate::kickstart::{self, Kickstart};
use crate::problem::{Problem, Problems};
use files::InputFile;
use kickstarts::Kickstarts;
use lab::Lab;
use role::RoleFile;
use sha2::{Digest, Sha256};
use std::path::Path;

/// What the user asked for.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// `--profile`: a name, looked up in `./profiles` and among the built-in ones,
    /// or a path (it has a slash or ends in `.toml`).
    pub profile: &'a str,
    /// `--lab`: the lab file; otherwise `lab.toml` beside the profile, in
    /// `./profiles`, or built in.
    pub lab: Option<&'a Path>,
    /// `--node`: one node of the role in place of all.
    pub node: Option<&'a str>,
    /// The working folder.
    pub directory: &'a Path,
    /// The user's home, for `~`.
    pub home: Option<&'a Path>,
}

/// Reads everything a profile consists of.
///
/// # Errors
/// All problems of all files together, in the order lab, role, kickstart.
pub fn load(request: &Request<'_>) -> Result<Spec, Problems> {
    let mut problems = Vec::new();
    let mut note = |result: Result<InputFile, Problem>| result.map_err(|p| problems.push(p)).ok();
    let role_file = note(files::role(request));
    let lab_file = note(files::lab(request, role_file.as_ref()));
    let (lab, lab_problems) =
        lab_file.as_ref().map(|f| lab::parse(f, request.home)).unwrap_or_default();
    problems.extend(lab_problems);
    let (role, role_problems) = role_file.as_ref().map(role::parse).unwrap_or_default();
    problems.extend(role_problems);
    let (Some(lab_file), Some(role_file)) = (lab_file, role_file) else {
        return Err(Problems(problems));
    };
    let mut warnings = Vec::new();
    let authorized_keys =
        keys::read(&lab.key_patterns, &lab_file, request, &mut problems, &mut warnings);
    let nodes = chosen(&lab, &role, &lab_file, request, &mut problems);
    let kickstarts = match kickstarts::file(&role, &role_file, request) {
        Ok(Some(file)) => {
            kickstarts::read(file, &lab, &role, &nodes, request, &mut problems, &mut warnings)
        }
        Ok(None) => None,
        Err(problem) => {
            problems.push(problem);
            None
        }
    };
    match kickstarts {
        Some(kickstarts) if problems.is_empty() => {
            let files = [&lab_file, &role_file, &kickstarts.file].into_iter();
            let inputs = files.chain(&kickstarts.included).map(input).collect();
            let loaded = Loaded { lab, role, nodes, kickstarts, authorized_keys, inputs, warnings };
            // Whatever makes this `None` has left a problem.
            loaded.spec().ok_or(Problems(problems))
        }
        _ => Err(Problems(problems)),
    }
}

/// A kickstart by itself.
#[derive(Clone, Debug)]
pub struct Alone {
    /// Its meaning.
    pub kickstart: Kickstart,
    /// Whether names in double braces were filled in with the facts of a sample node.
    pub sample: bool,
}

/// Reads a kickstart by itself, without profile and lab; messages show its path as it is
/// below `directory`, or whole.
///
/// # Errors
/// All mistakes of the file and of those that it includes.
pub fn alone(path: &Path, directory: &Path) -> Result<Alone, Problems> {
    let request = Request { profile: "", lab: None, node: None, directory, home: None };
    let file = files::at(path, &request).map_err(|p| Problems(vec![p]))?;
    let kickstart = kickstarts::alone(&file, &request).map_err(Problems)?;
    Ok(Alone { kickstart, sample: kickstart::is_template(&file.text) })
}

fn input(file: &InputFile) -> Input {
    Input { name: file.name.clone(), sha256: hex::encode(Sha256::digest(file.text.as_bytes())) }
}

/// Everything read, without a problem.
struct Loaded {
    lab: Lab,
    role: RoleFile,
    nodes: Vec<Node>,
    kickstarts: Kickstarts,
    authorized_keys: Vec<String>,
    inputs: Vec<Input>,
    warnings: Vec<Problem>,
}

impl Loaded {
    fn spec(self) -> Option<Spec> {
        let Self { lab, role, nodes, kickstarts, authorized_keys, inputs, warnings } = self;
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
            services: kickstarts.kickstart.units(&role.services),
            if_available: role.if_available,
            openstack: role.openstack,
            formats: role.formats,
            kickstart: kickstarts.kickstart,
            rendered: kickstarts.rendered,
            needs: kickstarts.needs,
            networks: kickstarts.networks,
            inputs,
            warnings,
        })
    }
}

/// The nodes to build, ordered by address.
fn chosen(
    lab: &Lab,
    role: &RoleFile,
    lab_file: &InputFile,
    request: &Request<'_>,
    problems: &mut Vec<Problem>,
) -> Vec<Node> {
    let Some(role) = &role.role else { return Vec::new() };
    let mut nodes: Vec<Node> = lab.nodes.iter().filter(|n| n.role == role.value).cloned().collect();
    nodes.sort_by_key(|n| n.address);
    let names: Vec<&str> = nodes.iter().map(|n| n.name.as_str()).collect();
    // A node that could not be read may have been the one of this role.
    if nodes.is_empty() && problems.is_empty() {
        let message = format!("no node of {} has the role {}", lab_file.name, role.value.as_str());
        problems.push(role.problem(message).hint("add a [[node]] with this role to the lab file"));
    } else if let Some(wanted) = request.node
        && !names.contains(&wanted)
        && problems.is_empty()
    {
        let known = lab.nodes.iter().find(|n| n.name == wanted);
        let message = match known {
            Some(node) => {
                format!("{wanted} is a {} node, not {}", node.role.as_str(), role.value.as_str())
            }
            None => format!("there is no node `{wanted}` in {}", lab_file.name),
        };
        let hint = format!("nodes of this profile: {}", names.join(", "));
        problems.push(Problem::whole("", message).key("--node").hint(hint));
    }
    nodes.retain(|n| request.node.is_none_or(|wanted| wanted == n.name));
    nodes
}
