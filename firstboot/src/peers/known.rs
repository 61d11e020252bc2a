//! What is known of one node by its announcements. All times are seconds since this node's kernel
//! started.

use super::refusal::Refusal;
use contract::overlay::{Overlay, SwitchState};
use contract::peers::wire::{Announcement, PeerState};
use contract::status::CloudState;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// So many replaced boots of a node are remembered.
const OLD_BOOTS: usize = 8;

/// The session in which an announcement comes.
#[derive(Clone, Debug)]
pub struct AnnouncerSession {
    /// The name in the client's certificate.
    pub name: String,
    /// The session's own value, see [`Announcement::session`].
    pub id: String,
    /// Sessions are numbered as they are accepted, from 1.
    pub number: u64,
    /// Since it was accepted.
    pub age: Duration,
}

/// What is known of a node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KnownPeer {
    pub(super) boot_id: String,
    pub(super) seq: u64,
    pub(super) image: String,
    pub(super) state: PeerState,
    pub(super) step: String,
    pub(super) cloud: Option<CloudState>,
    #[serde(default)]
    pub(super) switch: Option<SwitchState>,
    /// On a controller: what Neutron's agents are to make, and in which boot it said so.
    #[serde(default)]
    pub(super) overlay: Option<(Overlay, String)>,
    /// Since when it is at that step.
    pub(super) since: f64,
    /// When it was last seen.
    pub(super) heard: f64,
    /// Whether its loss was reported.
    pub(super) lost: bool,
    /// Boots that others have replaced, the latest last.
    old_boots: Vec<String>,
    /// The number of the first session of this boot; none of an earlier service counts.
    #[serde(skip)]
    session: u64,
}

/// What changed by an announcement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerChange {
    /// It was seen for the first time.
    Joined,
    /// It has become ready.
    Ready,
    /// A step of it has failed.
    Failed,
    /// It was lost, and was seen again.
    Back,
    /// It has restarted.
    Rebooted,
    /// OpenStack has come up.
    CloudUp,
}

impl PeerChange {
    /// Whether the node has only just begun to listen.
    pub fn is_arrival(self) -> bool {
        matches!(self, PeerChange::Joined | PeerChange::Back | PeerChange::Rebooted)
    }
}

impl KnownPeer {
    /// What is known after `announcement`, if it may follow `last`.
    pub(super) fn after(
        last: Option<&KnownPeer>,
        announcement: &Announcement,
        by: &AnnouncerSession,
        now: f64,
    ) -> Result<KnownPeer, Refusal> {
        let state = PeerState::from(announcement.state);
        let mut known = KnownPeer {
            boot_id: announcement.boot_id.clone(),
            seq: announcement.seq,
            image: announcement.image.clone(),
            state,
            step: announcement.step.clone(),
            cloud: None,
            switch: announcement.switch.clone(),
            overlay: None,
            since: now - announcement.for_seconds,
            heard: now,
            lost: false,
            old_boots: Vec::new(),
            session: by.number,
        };
        let Some(last) = last else { return Ok(known) };
        known.old_boots.clone_from(&last.old_boots);
        if last.boot_id == announcement.boot_id {
            if announcement.seq <= last.seq {
                return Err(Refusal::Replayed);
            }
            known.session = last.session;
            if (last.state, &last.step) == (state, &announcement.step) {
                known.since = last.since;
            }
        } else {
            if last.old_boots.contains(&announcement.boot_id) || by.number < last.session {
                return Err(Refusal::OlderBoot);
            }
            known.old_boots.push(last.boot_id.clone());
            let more = known.old_boots.len().saturating_sub(OLD_BOOTS);
            known.old_boots.drain(..more);
        }
        Ok(known)
    }

    /// What it wants of the switches, if it is a controller, which was `last` before. One that
    /// has booted comes to it only after its other steps, and OpenStack is there meanwhile.
    pub(super) fn adopt_overlay(&mut self, last: Option<&KnownPeer>) {
        let announced = self.switch.as_ref().and_then(|switch| switch.overlay.clone());
        let is_booting = self.cloud == Some(CloudState::Working);
        let before = last.and_then(|last| last.overlay.clone());
        self.overlay = announced
            .map(|overlay| (overlay, self.boot_id.clone()))
            .or(before.filter(|(_, boot)| is_booting && *boot != self.boot_id));
    }

    /// What is reported about it, as it was `last` before.
    pub(super) fn list_changes(&self, last: Option<&KnownPeer>) -> Vec<PeerChange> {
        let booted = last.is_some_and(|last| last.boot_id != self.boot_id);
        let mut changes = Vec::new();
        match last {
            None => changes.push(PeerChange::Joined),
            Some(_) if booted => changes.push(PeerChange::Rebooted),
            Some(last) if last.lost => changes.push(PeerChange::Back),
            Some(_) => {}
        }
        if booted || last.is_none_or(|last| last.state != self.state) {
            changes.extend(match self.state {
                PeerState::Ready => Some(PeerChange::Ready),
                PeerState::Failed => Some(PeerChange::Failed),
                PeerState::Working | PeerState::Unknown => None,
            });
        }
        let up = |known: &KnownPeer| known.cloud == Some(CloudState::Up);
        if up(self) && !last.is_some_and(up) {
            changes.push(PeerChange::CloudUp);
        }
        changes
    }
}
