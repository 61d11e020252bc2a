//! The role's kickstart, filled in and parsed for each node.

use super::files::InputFile;
use super::lab::Lab;
use super::role::RoleFile;
use super::{Network, Node, Rendered, Request, Subnet};
use crate::kickstart::{self, Facts, Kickstart, Lines, Source, Text};
use crate::problem::Problem;
use contract::spec::Role;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// The kickstart of a role.
pub struct Kickstarts {
    /// Where it came from.
    pub file: InputFile,
    /// Its text for each node, by name.
    pub rendered: BTreeMap<String, Rendered>,
    /// Its meaning; `network` is the first node's.
    pub kickstart: Kickstart,
    /// Packages that its commands need for any node of the role, as all share one tree.
    pub needs: Vec<&'static str>,
    /// `network` for each node, by name.
    pub networks: BTreeMap<String, Vec<kickstart::Network>>,
    /// Files that it includes, in the order of their first use.
    pub included: Vec<InputFile>,
}

/// Finds the kickstart that the role file names, if it names one.
///
/// # Errors
/// When it cannot be read, at the place that names it.
pub fn file(
    role: &RoleFile,
    role_file: &InputFile,
    request: &Request<'_>,
) -> Result<Option<InputFile>, Problem> {
    let Some(path) = &role.kickstart else { return Ok(None) };
    let found = role_file.sibling(&path.value, request).map_err(|cause| {
        let message = format!("the kickstart {}: {}", cause.file, cause.message);
        path.problem(message).hint("the path starts at the folder of this profile")
    });
    found.map(Some)
}

/// One node's kickstart.
struct Filled {
    text: String,
    lines: Lines,
    kickstart: Kickstart,
    included: Vec<InputFile>,
}

/// Fills in, parses and checks the kickstart for each node. With a lab file too
/// broken for that, only the language of the kickstart is checked.
pub fn read(
    file: InputFile,
    lab: &Lab,
    role: &RoleFile,
    nodes: &[Node],
    request: &Request<'_>,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
) -> Option<Kickstarts> {
    let mut found = Vec::new();
    let mut filled: Vec<(&Node, Filled)> = Vec::new();
    let (Some(network), false) = (&lab.network, nodes.is_empty()) else {
        let (network, node) = sample();
        let facts = Facts { lab: "lab", node: &node, network: &network, services: &role.services };
        problems.extend(fill(&file, request, &facts).err().into_iter().flatten());
        return None;
    };
    for node in nodes {
        let facts = Facts { lab: &lab.name, node, network, services: &role.services };
        match fill(&file, request, &facts) {
            Ok(one) => {
                push_new(warnings, one.kickstart.warnings.clone());
                let machine = role.machine.as_ref();
                push_new(&mut found, kickstart::check(&one.kickstart, &file.name, &facts, machine));
                filled.push((node, one));
            }
            Err(mistakes) => push_new(&mut found, mistakes),
        }
    }
    push_new(&mut found, differences(&file.name, &filled));
    found.sort_by_key(|p| (p.line, p.column));
    problems.extend(found);
    let needs = needs(&file, lab, role, &filled, request);
    let first = &filled.first()?.1;
    let (kickstart, included) = (first.kickstart.clone(), first.included.clone());
    let networks = |f: &Filled| f.kickstart.networks.clone();
    let networks = filled.iter().map(|(n, f)| (n.name.clone(), networks(f))).collect();
    let rendered = filled.into_iter().map(|(n, f)| (n.name.clone(), Rendered(f.text))).collect();
    Some(Kickstarts { file, rendered, kickstart, needs, networks, included })
}

/// Packages that any node of the role needs. Those that are not built now count as well, as
/// the tree would be another one otherwise; their mistakes are for when they are built.
fn needs(
    file: &InputFile,
    lab: &Lab,
    role: &RoleFile,
    filled: &[(&Node, Filled)],
    request: &Request<'_>,
) -> Vec<&'static str> {
    let built = |node: &&Node| filled.iter().any(|(n, _)| n.name == node.name);
    let of_role = |node: &&Node| filled.first().is_some_and(|(n, _)| n.role == node.role);
    let others = lab.nodes.iter().filter(of_role).filter(|n| !built(n)).filter_map(|node| {
        let network = lab.network.as_ref()?;
        let facts = Facts { lab: &lab.name, node, network, services: &role.services };
        Some(fill(file, request, &facts).ok()?.kickstart)
    });
    let mut all: Vec<&'static str> = Vec::new();
    for kickstart in filled.iter().map(|(_, one)| one.kickstart.clone()).chain(others) {
        for name in kickstart.needs() {
            if !all.contains(&name) {
                all.push(name);
            }
        }
    }
    all
}

fn fill(
    file: &InputFile,
    request: &Request<'_>,
    facts: &Facts<'_>,
) -> Result<Filled, Vec<Problem>> {
    let mut included: Vec<InputFile> = Vec::new();
    let (whole, problems) = whole(file, request, Some(facts), &mut included)?;
    let kickstart = parse(file, &whole, facts.lab, problems)?;
    let Source { text, lines, .. } = whole;
    Ok(Filled { text, lines, kickstart, included })
}

/// Parses the whole; its problems come after those of putting it together.
fn parse(
    file: &InputFile,
    whole: &Source,
    salt: &str,
    mut problems: Vec<Problem>,
) -> Result<Kickstart, Vec<Problem>> {
    let text = Text { file: &file.name, text: &whole.text, lines: &whole.lines, salt };
    match kickstart::parse(&text) {
        Ok(kickstart) if problems.is_empty() => Ok(kickstart),
        parsed => {
            problems.extend(parsed.err().into_iter().flatten());
            Err(problems)
        }
    }
}

/// The file with everything that it includes, filled in if there are facts.
fn whole(
    file: &InputFile,
    request: &Request<'_>,
    facts: Option<&Facts<'_>>,
    included: &mut Vec<InputFile>,
) -> Result<(Source, Vec<Problem>), Vec<Problem>> {
    let source = |file: &InputFile| {
        let name = file.name.clone();
        let (text, lines) = match facts {
            Some(facts) => kickstart::render(&name, &file.text, facts).map_err(|p| vec![p])?,
            None => (file.text.clone(), Lines::of(&name, &file.text)),
        };
        Ok::<_, Vec<Problem>>(Source { name, text, lines })
    };
    Ok(kickstart::expand(&source(file)?, &mut |path, from| {
        let origin = included.iter().find(|f| f.name == from).unwrap_or(file);
        let Some(next) = origin.included(path, request).map_err(|p| vec![p])? else {
            return Ok(None);
        };
        if !included.iter().any(|f| f.name == next.name) {
            included.push(next.clone());
        }
        source(&next).map(Some)
    }))
}

/// A kickstart by itself, without profile and lab. Names in double braces get the facts
/// of a sample node.
///
/// # Errors
/// All mistakes of the file and of those that it includes.
pub fn alone(file: &InputFile, request: &Request<'_>) -> Result<Kickstart, Vec<Problem>> {
    let (network, node) = sample();
    let services = super::Services::default();
    let facts = Facts { lab: "lab", node: &node, network: &network, services: &services };
    let facts = kickstart::is_template(&file.text).then_some(&facts);
    let (whole, problems) = whole(file, request, facts, &mut Vec::new())?;
    let mut kickstart = parse(file, &whole, "lab", problems)?;
    if facts.is_some() {
        let message = "names in double braces are filled in with the facts of a sample node";
        let hint = "imgbuild validate --profile checks it for the lab's nodes";
        kickstart.warnings.push(Problem::whole(&file.name, message).hint(hint));
    }
    Ok(kickstart)
}

/// The nodes of a role share one installed tree, so apart from `network` all their
/// kickstarts must mean the same.
fn differences(file: &str, filled: &[(&Node, Filled)]) -> Option<Problem> {
    let ((_, first), others) = filled.split_first()?;
    let (node, other) = others.iter().find(|(_, o)| !o.kickstart.same_tree(&first.kickstart))?;
    let pairs = first.text.lines().zip(other.text.lines()).zip(1..);
    let mut differing =
        pairs.filter(|((a, b), _)| a != b && !a.trim_start().starts_with("network"));
    let place = differing.next().map(|((_, line), n)| other.lines.place(line, n, 1));
    let (file, line, column) =
        place.map_or((file, 0, 0), |(name, line, _)| (name.unwrap_or(file), line, 1));
    let message = format!("for {} this is not what it is for the other nodes", node.name);
    let hint = "nodes of a role share one installed system; only `network` may differ, \
                and first boot may do the rest";
    Some(Problem::at(file, (line, column), message).hint(hint))
}

/// A stand-in for a lab that could not be read.
fn sample() -> (Network, Node) {
    let host = |last| Ipv4Addr::new(192, 168, 1, last);
    let network = Network {
        subnet: Subnet { address: host(0), prefix: 24 },
        interface: "eth0".into(),
        gateway: host(254),
        dns: vec![host(254)],
        ntp: vec![host(254)],
    };
    let node = Node { name: "node".into(), role: Role::Compute, address: host(10), mac: None };
    (network, node)
}

/// Adds problems that another node has not shown already.
fn push_new(problems: &mut Vec<Problem>, new: impl IntoIterator<Item = Problem>) {
    for problem in new {
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }
}
