//! What a node knows of the others, and the rules by which it accepts announcements.
//!
//! An announcement is accepted when all of this holds:
//!
//! 1. The name in the client's certificate is that of the node it is about, and the spec
//!    knows that node.
//! 2. Its `session` is that of the TLS session in which it comes, so that it was made
//!    after the session began: what was recorded earlier is useless in another session.
//! 3. The session began no more than [`EXPIRY`] ago by the receiver's own monotonic
//!    clock. So no message is older than that, whatever the wall clocks show.
//! 4. Within a boot its `seq` is higher than every one before.
//! 5. Of another boot than the last one it comes in a later session than that one's first,
//!    and no later boot has replaced it: nothing of an earlier boot comes back, neither
//!    late nor from a second machine with the same keys.
//!
//! All times in here are seconds since this node's kernel started: wall clocks step.

use super::known::{AnnouncerSession, KnownPeer, PeerChange};
use super::refusal::Refusal;
use crate::host::{Host, files};
use contract::overlay::Overlay;
use contract::peers::wire::{Announcement, PeerState, PeerStatus};
use contract::spec::{LabHost, Role, Spec};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

/// Where the view is kept: it is about this boot alone.
pub const PATH: &str = "/run/firstboot/peers.json";
/// The file's format version.
const VERSION: u32 = 1;
/// How long after the beginning of its session an announcement is accepted.
pub const EXPIRY: Duration = Duration::from_secs(10);
/// A node that was not seen for so many seconds is unreachable: three announcements
/// were lost.
pub const LOST_AFTER: f64 = 35.0;
/// Seconds after which a view that was not written is stale: it is written every few.
const STALE: f64 = 30.0;

/// What this node knows of the others since it started.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct View {
    version: u32,
    boot_id: Option<String>,
    /// When it was written.
    written: f64,
    peers: BTreeMap<String, KnownPeer>,
    /// How often something was refused, by reason.
    pub refused: BTreeMap<Refusal, u64>,
}

impl View {
    /// The view of this boot; an empty one if there is none.
    pub fn load(host: &Host) -> View {
        let boot_id = host.boot_id();
        let text = host.read(PATH).ok().flatten();
        let known = text.and_then(|text| serde_json::from_str::<View>(&text).ok());
        // The others announce all of it again within seconds.
        let known = known.filter(|view| view.version == VERSION && view.boot_id == boot_id);
        known.unwrap_or(View { version: VERSION, boot_id, ..View::default() })
    }

    /// Writes the view, for this boot's readers.
    ///
    /// # Errors
    /// As writing a file.
    pub fn save(&mut self, host: &Host) -> io::Result<()> {
        self.written = host.uptime_seconds();
        // Not through [`Host::write`]: in /run a file has its directory's label, and this one
        // is written every few seconds.
        files::write_atomic(&host.path(PATH)?, &serde_json::to_vec(self)?, 0o600)
    }

    /// Whether its writer has stopped.
    pub fn is_stale(&self, host: &Host) -> bool {
        host.uptime_seconds() - self.written > STALE
    }

    /// Records an announcement, if the rules allow it; what it changes.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn record(
        &mut self,
        spec: &Spec,
        announcement: &Announcement,
        by: &AnnouncerSession,
        now: f64,
    ) -> Result<Vec<PeerChange>, Refusal> {
        if announcement.node != by.name {
            return Err(Refusal::WrongName);
        }
        let expected = spec.hosts.iter().find(|one| one.name == announcement.node);
        let expected = expected.filter(|one| one.name != spec.node.name);
        let role = expected.ok_or(Refusal::Unexpected)?.role;
        if announcement.session != by.id {
            return Err(Refusal::Replayed);
        }
        if by.age > EXPIRY {
            return Err(Refusal::Expired);
        }
        let last = self.peers.get(&announcement.node);
        let mut known = KnownPeer::after(last, announcement, by, now)?;
        // Whether OpenStack is up, and what it is to be, is not for a compute to report.
        known.cloud = announcement.cloud.filter(|_| role == Role::Controller);
        if role == Role::Controller {
            known.adopt_overlay(last);
        }
        let changes = known.list_changes(last);
        self.peers.insert(announcement.node.clone(), known);
        Ok(changes)
    }

    /// What Neutron's agents are to make between the nodes, as a controller announces it.
    pub fn find_overlay(&self) -> Option<&Overlay> {
        self.peers.values().find_map(|known| known.overlay.as_ref()).map(|(overlay, _)| overlay)
    }

    /// Which nodes are silent for too long since the last check; nothing is held against
    /// them before `began`, when this node began to listen.
    pub fn find_lost(&mut self, began: f64, now: f64) -> Vec<(String, f64)> {
        let mut found = Vec::new();
        for (name, known) in &mut self.peers {
            let silent = now - known.heard;
            if !known.lost && silent.min(now - began) > LOST_AFTER {
                known.lost = true;
                found.push((name.clone(), silent));
            }
        }
        found
    }

    /// Every other node of the lab, in the spec's order.
    pub fn list_peers(&self, host: &Host, spec: &Spec) -> Vec<PeerStatus> {
        let (now, wall) = (host.uptime_seconds(), host.clock().wall());
        let date = |at: f64| contract::time::rfc3339(wall.saturating_sub(to_duration(now - at)));
        let others = spec.hosts.iter().filter(|one| one.name != spec.node.name);
        let peer = |one: &LabHost| {
            let known = self.peers.get(&one.name);
            let silent = known.map(|known| (now - known.heard).max(0.0));
            PeerStatus {
                node: one.name.clone(),
                role: one.role,
                address: one.address,
                state: known.map_or(PeerState::Unknown, |known| known.state),
                step: known.map(|known| known.step.clone()).unwrap_or_default(),
                since: known.map(|known| date(known.since)),
                reachable: silent.is_some_and(|silent| silent <= LOST_AFTER),
                heard: known.map(|known| date(known.heard)),
                boot_id: known.map(|known| known.boot_id.clone()),
                silent_seconds: silent,
                image: known.map(|known| known.image.clone()),
                cloud: known.and_then(|known| known.cloud),
                switch: known.and_then(|known| known.switch.clone()),
            }
        };
        others.map(peer).collect()
    }
}

/// `seconds` as a duration; negative, endless and undefined ones are none.
fn to_duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}
