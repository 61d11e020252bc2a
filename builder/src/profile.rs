//! Profiles: the lab file, a role file and the role's kickstart become one
//! [`Spec`], or the list of everything that is wrong with them.

mod files;
mod keys;
mod lab;
mod reader;
mod role;
mod spec;
mod units;

pub use spec::*;
pub use units::{Subnet, show_size};

use crate::kickstart::{self, Kickstart};
use crate::problem::{Problem, Problems};
use files::InputFile;
use lab::Lab;
use role::RoleFile;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
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
    problems.extend(sorted(lab_problems));
    let (role, role_problems) = role_file.as_ref().map(role::parse).unwrap_or_default();
    problems.extend(sorted(role_problems));
    let (Some(lab_file), Some(role_file)) = (lab_file, role_file) else {
        return Err(Problems(problems));
    };
    let mut warnings = Vec::new();
    let authorized_keys =
        keys::read(&lab.key_patterns, &lab_file, request, &mut problems, &mut warnings);
    let nodes = chosen(&lab, &role, &lab_file, request, &mut problems);
    let kickstart = read_kickstart(&role, &role_file, request, &mut problems);
    let rendered = kickstart
        .as_ref()
        .map(|file| render_all(file, &lab, &role, &nodes, &mut problems, &mut warnings))
        .unwrap_or_default();
    let first = rendered.values().next().map(|(_, kickstart)| kickstart.clone());
    let (Some(network), Some(role_name), Some(machine)) = (lab.network, role.role, role.machine)
    else {
        return Err(Problems(problems));
    };
    let (Some(kickstart_file), Some(kickstart), true) = (kickstart, first, problems.is_empty())
    else {
        return Err(Problems(problems));
    };
    let mut all_nodes = lab.nodes;
    all_nodes.sort_by_key(|n| n.address);
    Ok(Spec {
        lab: lab.name,
        network,
        role: role_name.value,
        nodes,
        all_nodes,
        repositories: lab.repositories,
        expected_packages: lab.packages,
        authorized_keys,
        machine,
        services: kickstart.units(&role.services),
        if_available: role.if_available,
        formats: role.formats,
        kickstart,
        rendered: rendered.into_iter().map(|(name, (text, _))| (name, text)).collect(),
        inputs: [&lab_file, &role_file, &kickstart_file]
            .map(|f| Input {
                name: f.name.clone(),
                sha256: hex::encode(Sha256::digest(f.text.as_bytes())),
            })
            .into(),
        warnings,
    })
}

fn sorted(mut problems: Vec<Problem>) -> Vec<Problem> {
    problems.sort_by_key(|p| (p.line, p.column));
    problems
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

fn read_kickstart(
    role: &RoleFile,
    role_file: &InputFile,
    request: &Request<'_>,
    problems: &mut Vec<Problem>,
) -> Option<InputFile> {
    let path = role.kickstart.as_ref()?;
    role_file
        .sibling(&path.value, request)
        .map_err(|cause| {
            let message = format!("the kickstart {}: {}", cause.file, cause.message);
            problems
                .push(path.problem(message).hint("the path starts at the folder of this profile"));
        })
        .ok()
}

/// Renders and parses the kickstart for each node. The nodes of a role share one
/// installed tree, so apart from `network` all must say the same.
fn render_all(
    file: &InputFile,
    lab: &Lab,
    role: &RoleFile,
    nodes: &[Node],
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
) -> BTreeMap<String, (Rendered, Kickstart)> {
    let mut rendered: BTreeMap<String, (Rendered, Kickstart)> = BTreeMap::new();
    let Some(network) = &lab.network else { return rendered };
    for node in nodes {
        let facts = kickstart::Facts { lab: &lab.name, node, network, services: &role.services };
        let (text, lines) = match kickstart::render(&file.name, &file.text, &facts) {
            Ok(done) => done,
            Err(problem) => {
                push_new(problems, [problem]);
                continue;
            }
        };
        let source =
            kickstart::Text { file: &file.name, text: &text, lines: &lines, salt: &lab.name };
        let parsed = match kickstart::parse(&source) {
            Ok(parsed) => parsed,
            Err(found) => {
                push_new(problems, found);
                continue;
            }
        };
        push_new(warnings, parsed.warnings.clone());
        push_new(problems, kickstart::check(&parsed, &source, &facts, role.machine.as_ref()));
        if let Some((_, other)) = rendered.values().next()
            && !other.same_tree(&parsed)
        {
            let message = format!(
                "the kickstart of {} differs from the others' in more than `network`",
                node.name
            );
            let hint = "nodes of a role share one installed system; what differs belongs to lab.toml or to first boot";
            push_new(problems, [Problem::whole(&file.name, message).hint(hint)]);
        }
        rendered.insert(node.name.clone(), (Rendered(text), parsed));
    }
    rendered
}

/// Adds problems that another node's rendering has not shown already.
fn push_new(problems: &mut Vec<Problem>, new: impl IntoIterator<Item = Problem>) {
    for problem in new {
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }
}
