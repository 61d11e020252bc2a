//! How far nodes are that boot by the network, as the servers see it.

use crate::plan::install::{NetworkNode, NetworkPlan};
use serde::Serialize;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Mutex, PoisonError};

/// What a node does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum BootState {
    /// Its next boot installs it.
    Armed,
    /// It has been given an address.
    Address,
    /// It loads what loads the rest.
    Loader,
    /// It loads the installer's kernel.
    Kernel,
    /// Its installer reads the kickstart.
    Kickstart,
    /// It loads packages.
    Packages,
    /// It has fetched firstboot and its own files, which is the last thing that it does.
    Files,
}

impl BootState {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Armed => "armed",
            Self::Address => "address",
            Self::Loader => "loader",
            Self::Kernel => "kernel",
            Self::Kickstart => "kickstart",
            Self::Packages => "packages",
            Self::Files => "files",
        }
    }
}

/// A change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BootEvent {
    /// The node.
    pub node: String,
    /// What it does now.
    pub state: BootState,
    /// More about it: an address, a file.
    pub detail: String,
}

/// What the nodes do.
pub struct BootProgress {
    now: Mutex<Seen>,
    show: Box<dyn Fn(&BootEvent) + Send + Sync>,
}

#[derive(Default)]
struct Seen {
    states: HashMap<String, BootState>,
    /// Who has which address, beside the lab's own: other servers give others.
    addresses: HashMap<Ipv4Addr, String>,
}

impl BootProgress {
    /// Of nodes of which nothing is known; each change goes to `show`.
    pub fn new(show: impl Fn(&BootEvent) + Send + Sync + 'static) -> Self {
        Self { now: Mutex::default(), show: Box::new(show) }
    }

    /// A node does something; what it did already is not shown again.
    pub fn note(&self, node: &NetworkNode, state: BootState, detail: &str) {
        let name = &node.install.name;
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        if now.states.insert(name.clone(), state) == Some(state) {
            return;
        }
        let detail = detail.to_owned();
        (self.show)(&BootEvent { node: name.clone(), state, detail });
    }

    /// A file was asked for by TFTP or HTTP, whose path there is given.
    pub fn asked(&self, plan: &NetworkPlan, client: IpAddr, path: &str, found: bool) {
        let IpAddr::V4(client) = client else { return };
        let named = plan.nodes.iter().find(|node| is_of(path, node));
        let node = match named {
            Some(node) => {
                let name = node.install.name.clone();
                let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
                now.addresses.insert(client, name);
                Some(node)
            }
            None => self.node_at(plan, client),
        };
        if let (Some(node), Some(state), true) = (node, state_of(plan, path), found) {
            self.note(node, state, path);
        }
    }

    fn node_at<'a>(&self, plan: &'a NetworkPlan, client: Ipv4Addr) -> Option<&'a NetworkNode> {
        let now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let name = now.addresses.get(&client);
        let is_it = |node: &&NetworkNode| match name {
            Some(name) => node.install.name == *name,
            None => node.address == client,
        };
        plan.nodes.iter().find(is_it)
    }
}

/// Whether only one node asks for a file.
fn is_of(path: &str, node: &NetworkNode) -> bool {
    let hyphens = node.mac.replace(':', "-");
    path.contains(&node.mac) || path.contains(&hyphens) || path.starts_with(&node.directory)
}

/// What a node does that loads a file.
fn state_of(plan: &NetworkPlan, path: &str) -> Option<BootState> {
    let tree = path.strip_prefix(plan.tree.path.as_str()).map(|rest| rest.trim_start_matches('/'));
    let is_own = plan.nodes.iter().any(|node| path.starts_with(&node.directory));
    match tree.unwrap_or(path) {
        _ if is_own && path.ends_with("/ks.cfg") => Some(BootState::Kickstart),
        _ if is_own => Some(BootState::Files),
        inside if inside.starts_with("images/pxeboot/") => Some(BootState::Kernel),
        inside if inside.ends_with(".rpm") => Some(BootState::Packages),
        inside if inside.starts_with("boot/") => Some(BootState::Loader),
        _ if plan.has_loader(path) || path.contains("cfg") => Some(BootState::Loader),
        _ => None,
    }
}
