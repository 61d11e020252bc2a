//! What is known of the other nodes, as a whole.

use super::keys;
use super::view::View;
use crate::host::Host;
use contract::peers::places::{PKI, UNIT};
use contract::peers::wire::PeerStatus;
use contract::status::CloudState;

/// Why nothing can be known of the others, if so.
pub fn find_obstacle(host: &Host, view: &View) -> Option<String> {
    if !keys::are_present(host) {
        let text = "is not in this image, so the nodes cannot exchange their status";
        return Some(format!("{PKI} {text}: rebuild it with imgbuild"));
    }
    let stopped = host.live() && view.is_stale(host);
    stopped.then(|| format!("{UNIT} does not run: `systemctl status {UNIT}` shows why"))
}

/// OpenStack's status as the others report it: the best of these.
pub fn find_reported_cloud(peers: &[PeerStatus]) -> Option<CloudState> {
    peers.iter().filter_map(|peer| peer.cloud).min()
}
