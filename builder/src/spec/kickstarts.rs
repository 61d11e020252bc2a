//! The role's kickstart, filled in and parsed for each node.

use super::authority::Authority;
use super::clashes::find_repeated_addresses;
use super::consistency::check_consistency;
use super::files::InputFile;
use super::fill::{FilledKickstart, Filling, fill_in};
use super::lab::LabFile;
use super::model::Rendered;
use super::request::Request;
use super::role::RoleFile;
use super::settle::settle_kickstart;
use super::standalone::sample_lab;
use crate::base::diagnostic::{Diagnostic, Diagnostics};
use crate::base::lab::{LabNetwork, LabNode};
use crate::base::place::Place;
use crate::kickstart::{Kickstart, NetworkCommand, TemplateFacts};
use crate::layout::Arrangement;
use std::collections::BTreeMap;

/// The kickstart of a role.
pub struct Kickstarts {
    /// Where it came from.
    pub file: InputFile,
    /// Its text for each node, by name.
    pub rendered: BTreeMap<String, Rendered>,
    /// Its meaning; `network` is the first node's.
    pub kickstart: Kickstart,
    /// Where it puts everything on the disk; absent after an error.
    pub arrangement: Option<Arrangement>,
    /// Packages that its commands need for any node of the role, as all share one tree.
    pub needs: Vec<&'static str>,
    /// `network` for each node, by name.
    pub networks: BTreeMap<String, Vec<NetworkCommand>>,
    /// Files that it includes, in the order of their first use.
    pub included: Vec<InputFile>,
}

/// Finds the kickstart that the role file names, if it names one.
///
/// # Errors
/// When it cannot be read, at the place that names it.
pub fn find_kickstart(
    role: &RoleFile,
    role_file: &InputFile,
    request: &Request<'_>,
) -> Result<Option<InputFile>, Diagnostic> {
    let Some(path) = &role.kickstart else { return Ok(None) };
    let found = role_file.sibling(&path.value, request).map_err(|cause| {
        if cause.place.line > 0 {
            return cause;
        }
        let message = format!("the kickstart {}: {}", cause.place.file, cause.message);
        path.error(message).hint("the path starts at the directory of this profile")
    });
    found.map(Some)
}

/// Reads the kickstart of a role for the nodes of a lab.
pub struct KickstartReader<'a> {
    /// The lab.
    pub lab: &'a LabFile,
    /// The role.
    pub role: &'a RoleFile,
    /// What the user asked for.
    pub request: &'a Request<'a>,
}

impl KickstartReader<'_> {
    /// Fills in, parses and checks the kickstart for each node. With a lab file too
    /// broken for that, only the language of the kickstart is checked.
    pub fn read(
        &self,
        file: InputFile,
        nodes: &[LabNode],
        diagnostics: &mut Diagnostics,
    ) -> Option<Kickstarts> {
        let Some(network) = self.lab.network.as_ref().filter(|_| !nodes.is_empty()) else {
            let (network, node) = sample_lab();
            let services = &self.role.services;
            let facts = TemplateFacts { lab: "lab", node: &node, network: &network, services };
            let filled = fill_in(&file, &self.filling(&facts));
            diagnostics.extend(filled.err().into_iter().flatten());
            return None;
        };
        let mut found = Diagnostics::default();
        let mut filled: Vec<(&LabNode, FilledKickstart)> = Vec::new();
        let mut arrangement = None;
        for node in nodes {
            match self.settle(&file, node, network) {
                Ok((one, errors)) => {
                    diagnostics.extend_new(one.kickstart.warnings.clone());
                    found.extend_new(errors);
                    let machine = self.role.machine.as_ref();
                    match check_consistency(&one.kickstart, &file.name, machine) {
                        Ok(arranged) => arrangement = arrangement.or(arranged),
                        Err(errors) => found.extend_new(errors),
                    }
                    filled.push((node, one));
                }
                Err(errors) => found.extend_new(errors),
            }
        }
        let others = self.settle_others(&file, &filled);
        let all = filled.iter().chain(&others);
        let all = all.map(|(node, one)| (*node, &one.kickstart.networks[..]));
        found.extend_new(find_repeated_addresses(all, &network.interface));
        found.extend_new(find_difference(&file.name, &filled));
        found.0.sort_by_key(Diagnostic::position);
        diagnostics.extend(found);
        let needs = required_packages(filled.iter().chain(&others));
        let first = &filled.first()?.1;
        let (kickstart, included) = (first.kickstart.clone(), first.included.clone());
        let networks = |f: &FilledKickstart| f.kickstart.networks.clone();
        let networks = filled.iter().map(|(n, f)| (n.name.clone(), networks(f))).collect();
        let rendered = filled.into_iter().map(|(n, f)| (n.name.clone(), Rendered(f.text)));
        let rendered = rendered.collect();
        Some(Kickstarts { file, rendered, kickstart, arrangement, needs, networks, included })
    }

    fn filling<'f>(&'f self, facts: &'f TemplateFacts<'f>) -> Filling<'f> {
        Filling {
            request: self.request,
            facts,
            machine: self.role.machine.as_ref(),
            repositories: &self.lab.repositories,
        }
    }

    /// A node's kickstart as the lab file and the profile leave it, and what it may not say.
    fn settle(
        &self,
        file: &InputFile,
        node: &LabNode,
        network: &LabNetwork,
    ) -> Result<(FilledKickstart, Vec<Diagnostic>), Vec<Diagnostic>> {
        let services = &self.role.services;
        let facts = TemplateFacts { lab: &self.lab.name, node, network, services };
        let mut one = fill_in(file, &self.filling(&facts))?;
        let authority = Authority {
            facts: &facts,
            nodes: &self.lab.nodes,
            bridge: self.role.openstack.bridge.as_deref(),
            strict: self.request.strict_lab,
        };
        let errors = settle_kickstart(&authority, &mut one.kickstart, &file.name);
        Ok((one, errors))
    }

    /// The kickstarts of the role's nodes that are not built now: their packages are in the
    /// tree, which would be another one otherwise. Their errors are for when they are built.
    fn settle_others(
        &self,
        file: &InputFile,
        filled: &[(&LabNode, FilledKickstart)],
    ) -> Vec<(&LabNode, FilledKickstart)> {
        let built = |node: &&LabNode| filled.iter().any(|(n, _)| n.name == node.name);
        let of_role = |node: &&LabNode| filled.first().is_some_and(|(n, _)| n.role == node.role);
        let others = self.lab.nodes.iter().filter(of_role).filter(|n| !built(n));
        let settled = others.filter_map(|node| {
            let network = self.lab.network.as_ref()?;
            Some((node, self.settle(file, node, network).ok()?.0))
        });
        settled.collect()
    }
}

/// Packages that any node of the role needs.
fn required_packages<'a>(
    all: impl Iterator<Item = &'a (&'a LabNode, FilledKickstart)>,
) -> Vec<&'static str> {
    let mut found: Vec<&'static str> = Vec::new();
    for (_, one) in all {
        let excluded = &one.kickstart.packages.excluded;
        for name in one.kickstart.required_packages() {
            if !found.contains(&name) && !excluded.iter().any(|e| e == name) {
                found.push(name);
            }
        }
    }
    found
}

/// The nodes of a role share one installed tree, so apart from `network` all their
/// kickstarts must mean the same.
fn find_difference(file: &str, filled: &[(&LabNode, FilledKickstart)]) -> Option<Diagnostic> {
    let ((_, first), others) = filled.split_first()?;
    let (node, other) = others.iter().find(|(_, o)| !o.kickstart.same_tree(&first.kickstart))?;
    let pairs = first.text.lines().zip(other.text.lines()).zip(1..);
    let mut differing =
        pairs.filter(|((a, b), _)| a != b && !a.trim_start().starts_with("network"));
    let place = differing.next().map(|((_, line), n)| other.lines.place(file, line, n, 1));
    let place = place.unwrap_or_else(|| Place::of_file(file));
    let message = format!("this differs for {} from the other nodes", node.name);
    let hint = "nodes of a role share one installed system; only `network` may differ, \
                and first boot may do the rest";
    Some(Diagnostic::error(place, message).hint(hint))
}
