//! The computes that packstack sets up: which of them are not ready.

use super::host_keys::find_impostors;
use super::keys;
use super::view::View;
use crate::host::Host;
use crate::steps::step::Step;
use contract::peers::places::UNIT;
use contract::peers::wire::{PeerState, PeerStatus};
use contract::spec::{LabHost, Role, Spec};
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

/// ssh's port.
const SSH: u16 = 22;
/// How long a node may take to answer.
const LIMIT: Duration = Duration::from_secs(3);

/// Which of the computes that packstack is to set up are not ready yet, in words; empty
/// when all are. With keys a compute is ready when it has reported so in its present boot and
/// is reachable, and is the machine that ssh finds; without them as soon as its ssh port answers.
pub fn list_unready_computes(host: &Host, spec: &Spec) -> Vec<String> {
    if !keys::are_present(host) {
        return list_silent_computes(host, spec);
    }
    let view = View::load(host);
    if view.is_stale(host) {
        return vec![format!("{UNIT} does not run on this node")];
    }
    let peers = view.list_peers(host, spec);
    let computes = peers.iter().filter(|peer| peer.role == Role::Compute);
    let unready: Vec<String> = computes.filter_map(describe_unready).collect();
    if unready.is_empty() { find_impostors(host, spec) } else { unready }
}

/// What keeps `peer` from being ready, in words.
fn describe_unready(peer: &PeerStatus) -> Option<String> {
    let (name, address) = (&peer.node, peer.address);
    let silent = peer.silent_seconds.unwrap_or_default();
    // What begins with OpenStack does not keep it from being installed.
    let is_of_cloud = Step::OF_CLOUD.iter().any(|step| step.name() == peer.step);
    let why = match peer.state {
        PeerState::Unknown => "has not been seen yet".to_owned(),
        _ if !peer.reachable => format!("was last seen {silent:.0} s ago"),
        PeerState::Ready => return None,
        PeerState::Failed | PeerState::Working if is_of_cloud => return None,
        PeerState::Failed => format!("failed at step {}", peer.step),
        PeerState::Working if peer.step.is_empty() => "has not started".to_owned(),
        PeerState::Working => format!("is at step {}", peer.step),
    };
    Some(format!("{name} ({address}) {why}"))
}

/// Which of the computes do not answer on their ssh port, in words: packstack works
/// through it, and waits indefinitely when one goes away.
pub fn list_silent_computes(host: &Host, spec: &Spec) -> Vec<String> {
    list_silent_hosts(host, spec, |one| one.role == Role::Compute)
}

/// Which of the hosts that `chosen` holds of do not answer on their ssh port, in words.
pub fn list_silent_hosts(
    host: &Host,
    spec: &Spec,
    chosen: impl Fn(&LabHost) -> bool,
) -> Vec<String> {
    let hosts = spec.hosts.iter().filter(|one| chosen(one));
    let silent = hosts.filter(|one| reach_ssh(host, one.address).is_err());
    silent
        .map(|one| format!("{} ({}) does not answer on ssh port 22", one.name, one.address))
        .collect()
}

/// Whether the ssh port of the host at `address` answers.
///
/// # Errors
/// Why it does not, or not in time.
pub fn reach_ssh(host: &Host, address: Ipv4Addr) -> io::Result<()> {
    host.runner().reach(SocketAddrV4::new(address, SSH), LIMIT)
}
