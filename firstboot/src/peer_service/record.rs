//! The journal's records about the other nodes: transitions, and now and then what was
//! refused.

use crate::journal::{Event, Journal, id};
use crate::peers::known::PeerChange;
use crate::peers::refusal::Refusal;
use contract::peers::wire::Announcement;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The step field of these records.
pub const PEERS: &str = "peers";
/// For each reason no more than one record in this time.
const PAUSE: Duration = Duration::from_secs(60);

/// Writes one record about `node`.
pub(super) fn record_peer(
    journal: &Journal,
    id: &'static str,
    outcome: &str,
    node: &str,
    message: String,
) {
    let event = Event::new(id, PEERS, message);
    journal.record(&Event { outcome, about: Some(node), ..event });
}

/// Records what an announcement changed.
pub(super) fn record_change(journal: &Journal, change: PeerChange, announcement: &Announcement) {
    let (node, step) = (announcement.node.as_str(), announcement.step.as_str());
    let (id, outcome, message) = match change {
        PeerChange::Joined => {
            (id::PEER_JOINED, "joined", format!("{node} was seen for the first time"))
        }
        PeerChange::Ready => (id::PEER_READY, "ready", format!("{node} is ready")),
        PeerChange::Failed => {
            (id::PEER_FAILED, "failed", format!("{node} has failed at step {step}"))
        }
        PeerChange::Back => (id::PEER_BACK, "back", format!("{node} was seen again")),
        PeerChange::Rebooted => (id::PEER_BACK, "back", format!("{node} has restarted")),
        PeerChange::CloudUp => (id::CLOUD_UP, "up", format!("{node} reports that OpenStack is up")),
    };
    record_peer(journal, id, outcome, node, message);
}

/// Records that `node` was last seen `seconds` ago.
pub(super) fn record_lost(journal: &Journal, node: &str, seconds: f64) {
    let message = format!("{node} was last seen {seconds:.0} s ago");
    record_peer(journal, id::PEER_LOST, "lost", node, message);
}

/// What was refused and not recorded yet.
#[derive(Debug, Default)]
pub(super) struct PendingRefusals(BTreeMap<Refusal, (u64, Option<Instant>)>);

impl PendingRefusals {
    /// Adds a refusal of something from `from`, and logs it if the last record about this
    /// reason is long enough ago.
    pub fn add(&mut self, journal: &Journal, reason: Refusal, from: &str, detail: &str) {
        let (count, logged) = self.0.entry(reason).or_default();
        *count += 1;
        if logged.is_some_and(|logged| logged.elapsed() < PAUSE) {
            return;
        }
        let more = match *count {
            1 => String::new(),
            more => format!(" ({more} times since the last such record)"),
        };
        let detail = if detail.is_empty() { String::new() } else { format!(": {detail}") };
        let message =
            format!("refused {from}: {}: {}{detail}{more}", reason.as_str(), reason.describe());
        (*count, *logged) = (0, Some(Instant::now()));
        record_peer(journal, id::PEER_REFUSED, "refused", from, message);
    }
}
