//! Nodes that boot by the network as a lab's status: what the servers saw of each, until its
//! firstboot answers by itself.

use super::boot_progress::{BootEvent, BootState};
use crate::lab::watch::{DetailedRow, DetailedView, Row, SCHEMA, judge_lab};
use crate::plan::install::{NetworkNode, NetworkPlan};
use contract::peers::wire::PeerState;
use contract::status::{Outcome, StepState};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

/// What a node that is installed does, in this order.
const STEPS: [BootState; 6] = [
    BootState::Address,
    BootState::Loader,
    BootState::Kernel,
    BootState::Kickstart,
    BootState::Packages,
    BootState::Files,
];

/// What the servers saw of a lab's nodes.
pub struct BootView {
    plan: NetworkPlan,
    seen: Mutex<HashMap<String, SeenNode>>,
}

/// A node's boot.
struct SeenNode {
    state: BootState,
    detail: String,
    /// When each state began (RFC 3339, UTC).
    times: BTreeMap<BootState, String>,
}

impl BootView {
    /// Of a lab of whose nodes nothing was seen.
    pub fn new(plan: &NetworkPlan) -> Self {
        Self { plan: plan.clone(), seen: Mutex::default() }
    }

    /// Records a change at the time `now` (RFC 3339, UTC).
    pub fn note(&self, event: &BootEvent, now: String) {
        let BootEvent { node, state, detail } = event;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = seen.entry(node.clone()).or_insert_with(|| SeenNode {
            state: *state,
            detail: String::new(),
            times: BTreeMap::new(),
        });
        // A machine that asks for an address boots again.
        if *state <= BootState::Address {
            entry.times.clear();
        }
        (entry.state, entry.detail) = (*state, detail.clone());
        entry.times.entry(*state).or_insert(now);
    }

    /// The lab: nodes that answer as they report themselves, the others as they were seen here.
    pub fn combine(&self, answered: Option<DetailedView>) -> DetailedView {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let own = answered.into_iter().flat_map(|view| view.nodes);
        let mut own: HashMap<String, DetailedRow> =
            own.filter(|n| n.row.reachable).map(|node| (node.row.node.clone(), node)).collect();
        let nodes: Vec<DetailedRow> = self
            .plan
            .nodes
            .iter()
            .map(|node| {
                let name = &node.install.name;
                own.remove(name).unwrap_or_else(|| describe(node, seen.get(name)))
            })
            .collect();
        let state = judge_lab(nodes.iter().map(|node| &node.row));
        DetailedView { schema: SCHEMA, lab: self.plan.lab.clone(), state, installs: true, nodes }
    }
}

/// A node that does not answer by itself.
fn describe(node: &NetworkNode, seen: Option<&SeenNode>) -> DetailedRow {
    let begun = seen.filter(|seen| seen.state != BootState::Armed);
    let message = match seen {
        None => "it has not booted by the network since this server was started".to_owned(),
        Some(SeenNode { state: BootState::Armed, .. }) => {
            "armed: its next boot by the network installs it".to_owned()
        }
        Some(SeenNode { state: BootState::Files, .. }) => {
            "installed: it powers off; switch it on to start its disk".to_owned()
        }
        Some(seen) => seen.detail.clone(),
    };
    let row = Row {
        node: node.install.name.clone(),
        address: node.address,
        state: if begun.is_some() { PeerState::Working } else { PeerState::Unknown },
        step: begun.map(|seen| seen.state.as_str().to_owned()).unwrap_or_default(),
        since: seen.and_then(|seen| seen.times.get(&seen.state).cloned()),
        reachable: begun.is_some(),
        told_by: None,
        message,
    };
    let steps = begun.map(list_steps).unwrap_or_default();
    DetailedRow { row, role: String::new(), steps, services: Vec::new(), note: None }
}

fn list_steps(seen: &SeenNode) -> Vec<StepState> {
    let step = |state: BootState| {
        let outcome = match state.cmp(&seen.state) {
            std::cmp::Ordering::Less => Outcome::Changed,
            std::cmp::Ordering::Equal if state == BootState::Files => Outcome::Changed,
            std::cmp::Ordering::Equal => Outcome::Working,
            std::cmp::Ordering::Greater => Outcome::Pending,
        };
        let since = seen.times.get(&state).cloned().unwrap_or_default();
        let message = if state == seen.state { seen.detail.clone() } else { String::new() };
        StepState { outcome, since, message, ..StepState::pending(state.as_str()) }
    };
    STEPS.map(step).into()
}
