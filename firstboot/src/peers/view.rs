//! What a node has heard of the others, and by which rules it believes it.
//!
//! An announcement is taken when all of this holds:
//!
//! 1. The name in the client's certificate is that of the node it is about, and the spec
//!    knows that node.
//! 2. Its `session` is that of the TLS session in which it comes, so that it was made
//!    after the session began: what was recorded earlier is no use in another session.
//! 3. The session began no more than [`EXPIRY`] ago by the receiver's own monotonic
//!    clock. So no message is older than that, whatever the wall clocks say.
//! 4. Within a boot its `seq` is higher than every one before.
//! 5. Of another boot than the last one it comes in a later session than that one's first,
//!    and no later boot has replaced it: nothing of an earlier boot comes back, neither
//!    late nor from a second machine with the same keys.
//!
//! All times in here are seconds since this node's kernel started: wall clocks step.

use super::LOST_AFTER;
use super::refusal::Refusal;
use crate::host::{Host, clock, files};
use contract::peers::wire::{Announcement, PeerState, PeerStatus};
use contract::spec::{Role, Spec};
use contract::status::CloudState;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

/// Where the view is kept: it is about this boot alone.
pub const PATH: &str = "/run/firstboot/peers.json";
/// The file's format version.
const VERSION: u32 = 1;
/// How long after the beginning of its session an announcement is taken.
pub const EXPIRY: Duration = Duration::from_secs(10);
/// So many replaced boots of a node are remembered.
const OLD_BOOTS: usize = 8;
/// Seconds after which a view that was not written is nobody's: it is written every few.
const STALE: f64 = 30.0;

/// The session in which something is said.
#[derive(Clone, Debug)]
pub struct Session {
    /// The name in the client's certificate.
    pub name: String,
    /// The session's own value, see [`Announcement::session`].
    pub id: String,
    /// Sessions are numbered as they are accepted, from 1.
    pub number: u64,
    /// Since it was accepted.
    pub age: Duration,
}

/// What was heard of a node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Known {
    boot_id: String,
    seq: u64,
    image: String,
    state: PeerState,
    step: String,
    cloud: Option<CloudState>,
    /// Since when it is at that step.
    since: f64,
    /// When it was heard of last.
    heard: f64,
    /// Whether its loss was told.
    lost: bool,
    /// Boots that others have replaced, the latest last.
    old_boots: Vec<String>,
    /// The number of the first session of this boot; none of an earlier service counts.
    #[serde(skip)]
    session: u64,
}

/// What changed by an announcement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was heard of for the first time.
    Joined,
    /// It has become ready.
    Ready,
    /// A step of it has failed.
    Failed,
    /// It was lost, and is heard of again.
    Back,
    /// It has started anew.
    Rebooted,
    /// OpenStack has come up.
    CloudUp,
}

impl Change {
    /// Whether the node has only just begun to listen.
    pub fn came(self) -> bool {
        matches!(self, Change::Joined | Change::Back | Change::Rebooted)
    }
}

/// What this node has heard of the others since it started.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct View {
    version: u32,
    boot_id: Option<String>,
    /// When it was written.
    written: f64,
    peers: BTreeMap<String, Known>,
    /// How often something was refused, by reason.
    pub refused: BTreeMap<Refusal, u64>,
}

impl View {
    /// The view of this boot; an empty one if there is none.
    pub fn load(host: &Host) -> View {
        let boot_id = host.boot_id();
        let text = host.read(PATH).ok().flatten();
        let known = text.and_then(|text| serde_json::from_str::<View>(&text).ok());
        // The others say all of it again within seconds.
        let known = known.filter(|view| view.version == VERSION && view.boot_id == boot_id);
        known.unwrap_or(View { version: VERSION, boot_id, ..View::default() })
    }

    /// Writes the view, for this boot's readers.
    ///
    /// # Errors
    /// As writing a file.
    pub fn save(&mut self, host: &Host) -> io::Result<()> {
        self.written = uptime(host);
        // Not through [`Host::write`]: in /run a file has its folder's label, and this one
        // is written every few seconds.
        files::write_atomic(&host.path(PATH)?, &serde_json::to_vec(self)?, 0o600)
    }

    /// Whether whoever writes it has stopped.
    pub fn stale(&self, host: &Host) -> bool {
        uptime(host) - self.written > STALE
    }

    /// Takes an announcement, if the rules allow it; what it changes.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn take(
        &mut self,
        spec: &Spec,
        said: &Announcement,
        by: &Session,
        now: f64,
    ) -> Result<Vec<Change>, Refusal> {
        if said.node != by.name {
            return Err(Refusal::WrongName);
        }
        let expected = spec.hosts.iter().find(|one| one.name == said.node);
        let expected = expected.filter(|one| one.name != spec.node.name);
        let role = expected.ok_or(Refusal::Unexpected)?.role;
        if said.session != by.id {
            return Err(Refusal::Replayed);
        }
        if by.age > EXPIRY {
            return Err(Refusal::Expired);
        }
        let last = self.peers.get(&said.node);
        let mut known = Known::after(last, said, by, now)?;
        // Whether OpenStack is up is not for a compute to say.
        known.cloud = said.cloud.filter(|_| role == Role::Controller);
        let changes = known.changes(last);
        self.peers.insert(said.node.clone(), known);
        Ok(changes)
    }

    /// Which nodes are silent for too long since the last look; nothing is held against
    /// them before `began`, when this node began to listen.
    pub fn lost(&mut self, began: f64, now: f64) -> Vec<(String, f64)> {
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
    pub fn peers(&self, host: &Host, spec: &Spec) -> Vec<PeerStatus> {
        let (now, wall) = (uptime(host), host.clock().wall());
        let date = |at: f64| clock::rfc3339(wall.saturating_sub(seconds(now - at)));
        let others = spec.hosts.iter().filter(|one| one.name != spec.node.name);
        let peer = |one: &contract::spec::LabHost| {
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
            }
        };
        others.map(peer).collect()
    }
}

impl Known {
    /// What is known after `said`, if it may follow `last`.
    fn after(
        last: Option<&Known>,
        said: &Announcement,
        by: &Session,
        now: f64,
    ) -> Result<Known, Refusal> {
        let state = PeerState::from(said.state);
        let mut known = Known {
            boot_id: said.boot_id.clone(),
            seq: said.seq,
            image: said.image.clone(),
            state,
            step: said.step.clone(),
            cloud: None,
            since: now - said.for_seconds,
            heard: now,
            lost: false,
            old_boots: Vec::new(),
            session: by.number,
        };
        let Some(last) = last else { return Ok(known) };
        known.old_boots.clone_from(&last.old_boots);
        if last.boot_id == said.boot_id {
            if said.seq <= last.seq {
                return Err(Refusal::Replayed);
            }
            known.session = last.session;
            if (last.state, &last.step) == (state, &said.step) {
                known.since = last.since;
            }
        } else {
            if last.old_boots.contains(&said.boot_id) || by.number < last.session {
                return Err(Refusal::OlderBoot);
            }
            known.old_boots.push(last.boot_id.clone());
            let more = known.old_boots.len().saturating_sub(OLD_BOOTS);
            known.old_boots.drain(..more);
        }
        Ok(known)
    }

    /// What is told about it, as it was `last` before.
    fn changes(&self, last: Option<&Known>) -> Vec<Change> {
        let booted = last.is_some_and(|last| last.boot_id != self.boot_id);
        let mut changes = Vec::new();
        match last {
            None => changes.push(Change::Joined),
            Some(_) if booted => changes.push(Change::Rebooted),
            Some(last) if last.lost => changes.push(Change::Back),
            Some(_) => {}
        }
        if booted || last.is_none_or(|last| last.state != self.state) {
            changes.extend(match self.state {
                PeerState::Ready => Some(Change::Ready),
                PeerState::Failed => Some(Change::Failed),
                PeerState::Working | PeerState::Unknown => None,
            });
        }
        let up = |known: &Known| known.cloud == Some(CloudState::Up);
        if up(self) && !last.is_some_and(up) {
            changes.push(Change::CloudUp);
        }
        changes
    }
}

/// Seconds since the kernel started; 0 in a folder tree without `/proc`.
pub(super) fn uptime(host: &Host) -> f64 {
    host.uptime().unwrap_or_default()
}

/// `seconds` as a duration; negative, endless and undefined ones are none.
fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}
