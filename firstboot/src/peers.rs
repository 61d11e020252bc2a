//! The nodes tell each other how they stand: each runs a service ([`service`]) that serves
//! its own state, announces it to every other node of the spec again and again, and keeps
//! a view of what the others said ([`view`] has the rules) in one small file, from which
//! the rest of firstboot reads it. All of it over mutual TLS ([`keys`]); a state is said
//! whole each time, so that lost messages, late joiners and reboots need no care.

mod answer;
mod connections;
pub mod keys;
mod listen;
pub(crate) mod own;
pub(crate) mod record;
pub mod refusal;
pub mod service;
mod tell;
pub mod view;

use crate::host::Host;
use contract::peers::places::{PKI, UNIT};
use contract::peers::wire::{PeerState, PeerStatus};
use contract::spec::{Role, Spec};
use contract::status::CloudState;
use std::net::SocketAddrV4;
use std::time::Duration;
use view::View;

/// Time between two announcements.
pub const INTERVAL: Duration = Duration::from_secs(10);
/// A node that was not heard of for so many seconds is unreachable: three announcements
/// were lost.
pub const LOST_AFTER: f64 = 35.0;
/// ssh's port.
const SSH: u16 = 22;
/// How long a node may take to answer.
const LIMIT: Duration = Duration::from_secs(3);

/// Which of the computes that packstack is to set up are not ready yet, in words; empty
/// when all are. With keys a compute is ready when it has said so in its present boot and
/// is heard of; without them as soon as its ssh port answers.
pub fn computes_missing(host: &Host, spec: &Spec) -> Vec<String> {
    if !keys::are_present(host) {
        return computes_silent(host, spec);
    }
    let view = View::load(host);
    if view.stale(host) {
        return vec![format!("{UNIT} does not run on this node")];
    }
    let peers = view.peers(host, spec);
    let computes = peers.iter().filter(|peer| peer.role == Role::Compute);
    computes.filter_map(unready).collect()
}

/// What keeps `peer` from being ready, in words.
fn unready(peer: &PeerStatus) -> Option<String> {
    let (name, address) = (&peer.node, peer.address);
    let silent = peer.silent_seconds.unwrap_or_default();
    let why = match peer.state {
        PeerState::Unknown => "has not been heard of yet".to_owned(),
        _ if !peer.reachable => format!("was last heard of {silent:.0} s ago"),
        PeerState::Ready => return None,
        PeerState::Failed => format!("failed at step {}", peer.step),
        PeerState::Working if peer.step.is_empty() => "has not begun".to_owned(),
        PeerState::Working => format!("is at step {}", peer.step),
    };
    Some(format!("{name} ({address}) {why}"))
}

/// Which of the computes do not answer on their ssh port, in words: packstack works
/// through it, and waits for ever when one goes away.
pub fn computes_silent(host: &Host, spec: &Spec) -> Vec<String> {
    let computes = spec.hosts.iter().filter(|one| one.role == Role::Compute);
    let silent = computes.filter(|one| {
        let address = SocketAddrV4::new(one.address, SSH);
        host.runner().reach(address, LIMIT).is_err()
    });
    silent
        .map(|one| format!("{} ({}) does not answer on ssh port 22", one.name, one.address))
        .collect()
}

/// Why nothing can be known of the others, if so.
pub fn obstacle(host: &Host, view: &View) -> Option<String> {
    if !keys::are_present(host) {
        let text = "is not in this image, so the nodes cannot tell each other how they stand";
        return Some(format!("{PKI} {text}: build it anew with imgbuild"));
    }
    let stopped = host.live() && view.stale(host);
    stopped.then(|| format!("{UNIT} does not run: `systemctl status {UNIT}` tells why"))
}

/// How OpenStack stands by the word of the others: the best that one of them says.
pub fn cloud(peers: &[PeerStatus]) -> Option<CloudState> {
    peers.iter().filter_map(|peer| peer.cloud).min()
}
