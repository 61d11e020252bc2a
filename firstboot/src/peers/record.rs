//! The journal's records about the other nodes: transitions, and now and then what was
//! refused.

use super::refusal::Refusal;
use super::view::Change;
use crate::journal::{Event, Journal, id};
use contract::peers::wire::Announcement;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The step field of these records.
pub const PEERS: &str = "peers";
/// For each reason no more than one record in this time.
const PAUSE: Duration = Duration::from_secs(60);

/// Writes one record about `node`.
pub(super) fn record(
    journal: &Journal,
    id: &'static str,
    outcome: &str,
    node: &str,
    message: String,
) {
    let event = Event::new(id, PEERS, message);
    journal.record(&Event { outcome, about: Some(node), ..event });
}

/// Tells what an announcement changed.
pub(super) fn change(journal: &Journal, change: Change, said: &Announcement) {
    let (node, step) = (said.node.as_str(), said.step.as_str());
    let (id, outcome, message) = match change {
        Change::Joined => (id::PEER_JOINED, "joined", format!("{node} is heard of")),
        Change::Ready => (id::PEER_READY, "ready", format!("{node} is ready")),
        Change::Failed => (id::PEER_FAILED, "failed", format!("{node} has failed at step {step}")),
        Change::Back => (id::PEER_BACK, "back", format!("{node} is heard of again")),
        Change::Rebooted => (id::PEER_BACK, "back", format!("{node} has started anew")),
        Change::CloudUp => (id::CLOUD_UP, "up", format!("OpenStack is up, says {node}")),
    };
    record(journal, id, outcome, node, message);
}

/// Tells that nothing was heard of `node` for `seconds`.
pub(super) fn lost(journal: &Journal, node: &str, seconds: f64) {
    let message = format!("nothing was heard of {node} for {seconds:.0} s");
    record(journal, id::PEER_LOST, "lost", node, message);
}

/// What was refused and not told yet.
#[derive(Debug, Default)]
pub(super) struct Untold(BTreeMap<Refusal, (u64, Option<Instant>)>);

impl Untold {
    /// Takes up a refusal of something from `from`, and tells it if the last record about
    /// this reason is long enough ago.
    pub fn add(&mut self, journal: &Journal, reason: Refusal, from: &str, detail: &str) {
        let (count, told) = self.0.entry(reason).or_default();
        *count += 1;
        if told.is_some_and(|told| told.elapsed() < PAUSE) {
            return;
        }
        let more = match *count {
            1 => String::new(),
            more => format!(" ({more} times since the last such record)"),
        };
        let detail = if detail.is_empty() { String::new() } else { format!(": {detail}") };
        let message =
            format!("refused {from}: {}: {}{detail}{more}", reason.as_str(), reason.words());
        (*count, *told) = (0, Some(Instant::now()));
        record(journal, id::PEER_REFUSED, "refused", from, message);
    }
}
