//! What goes over the wire between the nodes and to the user's machine, as JSON.
//!
//! | request | answer |
//! |---|---|
//! | `GET /v1/state` | the node's status, as `firstboot status --json` prints it |
//! | `GET /v1/peers` | an array of [`PeerStatus`], one for each other node of the lab |
//! | `GET /v1/host-keys` | an array of the node's ssh host keys, each as `TYPE KEY` |
//! | `POST /v1/announce` | takes an [`Announcement`]; 204, or a [`Refused`] |
//!
//! Fields may be added; readers ignore unknown ones.

use crate::overlay::{Overlay, SwitchState};
use crate::spec::Role;
use crate::status::{CloudState, Outcome, Readiness};
use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;

/// The path of a node's ssh host keys.
pub const HOST_KEYS: &str = "/v1/host-keys";
/// The path of a node's own status.
pub const STATE: &str = "/v1/state";
/// The path of a node's view of the others.
pub const PEERS: &str = "/v1/peers";
/// The path that takes announcements.
pub const ANNOUNCE: &str = "/v1/announce";

/// The maximum number of faults of a switch that are announced, the length of each (bytes), and
/// the maximum number of nodes of a cloud.
const MAX_FAULTS: usize = 16;
const MAX_FAULT: usize = 255;
const MAX_HOSTS: usize = 1024;
/// No step takes longer (seconds; thirty years).
const LONGEST: f64 = 1e9;

/// The known status of another node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PeerState {
    /// It reported that it is ready.
    Ready,
    /// It reported that it is at work.
    Working,
    /// It reported that a step failed.
    Failed,
    /// It was never seen.
    #[default]
    Unknown,
}

impl PeerState {
    /// The name in JSON and in texts.
    pub fn as_str(self) -> &'static str {
        match self {
            PeerState::Ready => "ready",
            PeerState::Working => "working",
            PeerState::Failed => "failed",
            PeerState::Unknown => "unknown",
        }
    }
}

impl From<Readiness> for PeerState {
    fn from(state: Readiness) -> PeerState {
        match state {
            Readiness::Ready => PeerState::Ready,
            Readiness::Working => PeerState::Working,
            Readiness::Failed => PeerState::Failed,
        }
    }
}

/// Another node of the lab, as one node sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PeerStatus {
    /// Its name.
    pub node: String,
    /// Its role.
    pub role: Role,
    /// Its address on the lab network.
    pub address: Ipv4Addr,
    /// Its last self-reported state.
    pub state: PeerState,
    /// The step that it is at, that failed, or that ended last; empty while unknown.
    pub step: String,
    /// Since when it is at that step (RFC 3339, UTC, by the clock of the node that reports it).
    pub since: Option<String>,
    /// Whether it was seen lately.
    pub reachable: bool,
    /// When it was last seen (RFC 3339, UTC, by the clock of the node that reports it).
    pub heard: Option<String>,
    /// The kernel's identifier of its boot.
    pub boot_id: Option<String>,
    /// Seconds since it was last seen, whatever the clocks did meanwhile.
    #[serde(default)]
    pub silent_seconds: Option<f64>,
    /// The image that it runs, as in its spec.
    #[serde(default)]
    pub image: Option<String>,
    /// OpenStack's status, if this node installs it.
    #[serde(default)]
    pub cloud: Option<CloudState>,
    /// Its switch, once OpenStack is installed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub switch: Option<SwitchState>,
}

/// A step in an announcement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnnouncedStep {
    /// Its name.
    pub name: String,
    /// Its status.
    pub outcome: Outcome,
}

/// The status that a node announces to the others, again and again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Announcement {
    /// Its name; that of its certificate.
    pub node: String,
    /// The kernel's identifier of its boot.
    pub boot_id: String,
    /// Rises with every announcement of a boot to the same node.
    pub seq: u64,
    /// Made from the TLS session that carries the announcement: the receiver knows that it
    /// is not older than the session. Hexadecimal.
    pub session: String,
    /// The image that it runs, as in its spec.
    pub image: String,
    /// Its status.
    pub state: Readiness,
    /// Its steps in order.
    pub steps: Vec<AnnouncedStep>,
    /// The step that it is at, that failed, or that ended last.
    pub step: String,
    /// For how long it is at that step, in seconds: clocks differ, and step.
    pub for_seconds: f64,
    /// OpenStack's status, if this node installs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cloud: Option<CloudState>,
    /// Its switch, once OpenStack is installed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub switch: Option<SwitchState>,
}

/// `switch` as it is announced: what other nodes report is theirs to announce, and what is
/// wrong is shortened to what a receiver takes.
pub fn to_announced(switch: &SwitchState) -> SwitchState {
    let plain = |c: char| if c == ' ' || c.is_ascii_graphic() { c } else { '?' };
    let fault = |fault: &String| fault.chars().map(plain).take(MAX_FAULT).collect();
    let faults = switch.faults.iter().take(MAX_FAULTS).map(fault).collect();
    SwitchState { overlay: switch.overlay.clone(), faults, others: Vec::new() }
}

fn is_sensible_overlay(overlay: &Overlay) -> bool {
    let word = |kind: &String| kind.len() <= 16 && kind.bytes().all(|b| b.is_ascii_lowercase());
    overlay.hosts.len() <= MAX_HOSTS
        && overlay.tunnels.len() <= MAX_FAULTS
        && overlay.tunnels.iter().all(word)
}

fn is_sensible_switch(switch: &SwitchState) -> bool {
    let line = |text: &String| {
        text.len() <= MAX_FAULT && text.bytes().all(|b| b == b' ' || b.is_ascii_graphic())
    };
    switch.others.is_empty()
        && switch.faults.len() <= MAX_FAULTS
        && switch.faults.iter().all(line)
        && switch.overlay.as_ref().is_none_or(is_sensible_overlay)
}

impl Announcement {
    /// Whether its values are such as a node sends: short, without anything that does not
    /// belong on a terminal.
    pub fn is_sensible(&self) -> bool {
        let plain = |text: &str, max: usize| {
            text.len() <= max && text.bytes().all(|byte| byte.is_ascii_graphic())
        };
        let names = [&self.node, &self.image, &self.step, &self.session];
        names.iter().all(|name| plain(name, 255))
            && self.steps.iter().all(|step| plain(&step.name, 255))
            && plain(&self.boot_id, 64)
            && !self.boot_id.is_empty()
            && (0.0..=LONGEST).contains(&self.for_seconds)
            && self.switch.as_ref().is_none_or(is_sensible_switch)
    }
}

/// Why an announcement was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The reason's name, as it is counted under.
    pub reason: String,
    /// In words.
    pub message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switch_is_announced_as_it_is_taken() {
        let faults = vec!["no tunnel to \u{1b}[31mnova01 \u{e9}".to_owned() + &"x".repeat(500); 40];
        let hosts = (0..1000).map(Ipv4Addr::from).collect();
        let tunnels = vec!["vxlan".to_owned()];
        let overlay = Some(Overlay { hosts, tunnels, ..Overlay::default() });
        let switch = SwitchState { overlay, faults, others: vec!["nova02: x".to_owned()] };
        assert!(!is_sensible_switch(&switch));
        let announced = to_announced(&switch);
        assert!(is_sensible_switch(&announced), "{announced:?}");
        assert!(announced.faults[0].starts_with("no tunnel to ?[31mnova01 ?xx"), "{announced:?}");
        let odd = Overlay { tunnels: vec!["vx lan".to_owned()], ..Overlay::default() };
        let odd = SwitchState { overlay: Some(odd), ..SwitchState::default() };
        assert!(!is_sensible_switch(&odd));
    }
}
