//! The typed result of loading a profile.

use crate::base::diagnostic::Diagnostic;
use crate::base::lab::{
    ImageFormat, LabMachine, LabNetwork, LabNode, LabRepository, OpenStack, Services,
};
use crate::kickstart::{Kickstart, NetworkCommand};
use crate::layout::Arrangement;
use contract::spec::Role;
use std::collections::BTreeMap;
use std::fmt;

/// Everything asked for, checked.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The lab's name.
    pub lab: String,
    /// The lab network.
    pub network: LabNetwork,
    /// The role being built.
    pub role: Role,
    /// The nodes to build, ordered by address; at least one.
    pub nodes: Vec<LabNode>,
    /// Every node of the lab, ordered by address.
    pub all_nodes: Vec<LabNode>,
    /// The lab's repositories, in the lab file's order.
    pub repositories: Vec<LabRepository>,
    /// How many packages all repositories hold together, when the lab file says.
    pub expected_packages: Option<u64>,
    /// Lines of root's `authorized_keys`, without repeats.
    pub authorized_keys: Vec<String>,
    /// The (virtual) machine.
    pub machine: LabMachine,
    /// Units and their wanted state: the role file's and the kickstart's.
    pub services: Services,
    /// Packages that the role needs, also where `%packages` excludes them.
    pub install: Vec<String>,
    /// Packages installed where a repository has them.
    pub if_available: Vec<String>,
    /// The bridge and packstack.
    pub openstack: OpenStack,
    /// Output formats, at least one.
    pub formats: Vec<ImageFormat>,
    /// The kickstart; its `network` lines are the first node's, all else is the
    /// same for every node of the role.
    pub kickstart: Kickstart,
    /// Where everything is on the machine's disk, by the kickstart's storage commands.
    pub arrangement: Arrangement,
    /// Packages that its commands need in addition to `%packages`, for any node of the role.
    pub needs: Vec<&'static str>,
    /// The kickstart's `network` lines for each node to build, by name.
    pub networks: BTreeMap<String, Vec<NetworkCommand>>,
    /// The kickstart's text for each node to build, by name.
    pub rendered: BTreeMap<String, Rendered>,
    /// The files it was read from.
    pub inputs: Vec<Input>,
    /// What is allowed but worth a note.
    pub warnings: Vec<Diagnostic>,
}

/// A kickstart's text after rendering. It may hold a password in clear, so
/// `Debug` shows only its length.
#[derive(Clone, PartialEq, Eq)]
pub struct Rendered(pub String);

impl fmt::Debug for Rendered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rendered({} bytes)", self.0.len())
    }
}

/// A file that the spec was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Its name in messages.
    pub name: String,
    /// SHA-256 of its bytes, lower-case hexadecimal.
    pub sha256: String,
}

impl Spec {
    /// The node called `name`, if it is one of the nodes to build.
    pub fn node(&self, name: &str) -> Option<&LabNode> {
        self.nodes.iter().find(|n| n.name == name)
    }
}
