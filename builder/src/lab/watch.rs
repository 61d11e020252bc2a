//! Status of the nodes of a lab, queried over mutual TLS with the key of the user's machine. A
//! node that does not answer is shown as the others last saw it.

use super::secrets::Store;
use crate::base::error::{Error, Result};
use contract::peers::client;
use contract::peers::places::PORT;
use contract::peers::tls::Pki;
use contract::peers::wire::{self, PeerState, PeerStatus};
use contract::status::{Readiness, ServiceState, StepState, find_current};
use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;
use std::time::Duration;

/// Schema number of a [`View`].
pub const SCHEMA: u32 = 1;
/// How long a node may take to answer.
const LIMIT: Duration = Duration::from_secs(4);

/// A node to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchTarget {
    /// Its name, as in its certificate.
    pub name: String,
    /// Its address on the lab network.
    pub address: Ipv4Addr,
}

/// A lab at one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct View {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The lab.
    pub lab: String,
    /// `failed` when one node has failed, `ready` when all that were asked for are ready and
    /// answer, else `working`.
    pub state: PeerState,
    /// Its nodes.
    pub nodes: Vec<Row>,
}

/// One node.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Its name.
    pub node: String,
    /// Its address.
    pub address: Ipv4Addr,
    /// Its status: self-reported, or as last seen by others.
    pub state: PeerState,
    /// The step that it is at, that failed, or that ended last.
    pub step: String,
    /// Since when (RFC 3339, UTC, by the clock of the node that reports it).
    pub since: Option<String>,
    /// Whether it answered.
    pub reachable: bool,
    /// The node that reports this of it, where it did not answer itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub told_by: Option<String>,
    /// What its step found or waits for, or why it did not answer.
    pub message: String,
}

/// A lab at one moment, with all that its nodes report of themselves.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DetailedView {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The lab.
    pub lab: String,
    /// As in [`View`].
    pub state: PeerState,
    /// Whether its nodes are machines that are installed over the network.
    pub installs: bool,
    /// Its nodes.
    pub nodes: Vec<DetailedRow>,
}

/// One node with its steps and services; without them where it did not answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DetailedRow {
    /// The node in short.
    #[serde(flatten)]
    pub row: Row,
    /// Its role.
    pub role: String,
    /// Its steps in order.
    pub steps: Vec<StepState>,
    /// The services of OpenStack, as far as it asked them.
    pub services: Vec<ServiceState>,
    /// What the steps do not show.
    pub note: Option<String>,
}

/// A node's own status, as far as it is used here.
#[derive(Deserialize)]
struct Status {
    #[serde(default)]
    role: String,
    state: Readiness,
    steps: Vec<StepState>,
    peers: Vec<PeerStatus>,
    #[serde(default)]
    services: Vec<ServiceState>,
    #[serde(default)]
    note: Option<String>,
}

/// The key of the user's machine, which nodes answer to, and the nodes of the lab whose secrets
/// `store` has.
///
/// # Errors
/// An input error when there are none, or they are damaged.
pub fn open_lab(store: &Store) -> Result<(Pki, Vec<WatchTarget>)> {
    let nodes = store.nodes()?.into_iter();
    let targets = nodes.map(|(name, address)| WatchTarget { name, address }).collect();
    let (ca, own, known) = store.operator()?;
    let pki = Pki::from_pem(&ca, &own.certificate, own.key.expose(), Some(known))
        .map_err(|e| Error::input(format!("the lab's secrets are damaged: {e}")))?;
    Ok((pki, targets))
}

/// What the nodes of a lab answered, or why they did not.
pub struct NodeAnswers(Vec<Result<Status, String>>);

/// Asks all `targets` at once.
pub fn ask_nodes(pki: &Pki, targets: &[WatchTarget]) -> NodeAnswers {
    NodeAnswers(std::thread::scope(|scope| {
        let asked: Vec<_> = targets.iter().map(|t| scope.spawn(|| ask(pki, t))).collect();
        asked.into_iter().map(|a| a.join().unwrap_or_else(|_| Err("not asked".into()))).collect()
    }))
}

impl NodeAnswers {
    /// The lab as these answers to `targets` show it.
    pub fn view(&self, lab: &str, targets: &[WatchTarget]) -> View {
        view(lab, targets, &self.0)
    }

    /// `view`, which is of these answers, with what else they say.
    pub fn details(self, view: View) -> DetailedView {
        let View { schema, lab, state, nodes } = view;
        let nodes = nodes.into_iter().zip(self.0).map(|(row, answer)| match answer {
            Ok(Status { role, steps, services, note, .. }) => {
                DetailedRow { row, role, steps, services, note }
            }
            Err(_) => DetailedRow {
                row,
                role: String::new(),
                steps: Vec::new(),
                services: Vec::new(),
                note: None,
            },
        });
        DetailedView { schema, lab, state, installs: false, nodes: nodes.collect() }
    }
}

fn view(lab: &str, targets: &[WatchTarget], answers: &[Result<Status, String>]) -> View {
    let nodes: Vec<Row> = targets
        .iter()
        .zip(answers)
        .map(|(target, answer)| match answer {
            Ok(status) => own(target, status),
            Err(why) => told(target, why, targets, answers),
        })
        .collect();
    let state = judge_lab(nodes.iter());
    View { schema: SCHEMA, lab: lab.to_owned(), state, nodes }
}

/// The status of a lab as a whole, as in [`View`].
pub fn judge_lab<'a>(nodes: impl Iterator<Item = &'a Row> + Clone) -> PeerState {
    let is_ready = |node: &Row| node.reachable && node.state == PeerState::Ready;
    match () {
        () if nodes.clone().any(|node| node.state == PeerState::Failed) => PeerState::Failed,
        () if nodes.clone().all(is_ready) => PeerState::Ready,
        () => PeerState::Working,
    }
}

fn ask(pki: &Pki, target: &WatchTarget) -> Result<Status, String> {
    let at = (target.address, PORT).into();
    let body = client::ask_once(pki, at, &target.name, wire::STATE, LIMIT)
        .map_err(|e| client::describe_revoked(&e, &target.name).unwrap_or_else(|| e.to_string()))?;
    serde_json::from_slice(&body).map_err(|e| format!("its answer is not understood: {e}"))
}

/// Self-reported.
fn own(target: &WatchTarget, status: &Status) -> Row {
    let step = find_current(&status.steps);
    Row {
        node: target.name.clone(),
        address: target.address,
        state: status.state.into(),
        step: step.map(|s| s.name.clone()).unwrap_or_default(),
        since: step.map(|s| s.since.clone()).filter(|since| !since.is_empty()),
        reachable: true,
        told_by: None,
        message: step.map(|s| s.message.clone()).unwrap_or_default(),
    }
}

/// As reported by the node that saw it last.
fn told(
    target: &WatchTarget,
    why: &str,
    targets: &[WatchTarget],
    answers: &[Result<Status, String>],
) -> Row {
    let heard = targets.iter().zip(answers).filter_map(|(by, answer)| {
        let peers = &answer.as_ref().ok()?.peers;
        let peer = peers.iter().find(|p| p.node == target.name)?;
        Some((peer.silent_seconds?, by, peer))
    });
    let latest = heard.min_by(|a, b| a.0.total_cmp(&b.0));
    let (state, step, since) = latest
        .map_or((PeerState::Unknown, String::new(), None), |(_, _, p)| {
            (p.state, p.step.clone(), p.since.clone())
        });
    Row {
        node: target.name.clone(),
        address: target.address,
        state,
        step,
        since,
        reachable: false,
        told_by: latest.map(|(_, by, _)| by.name.clone()),
        message: why.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(name: &str, last: u8) -> WatchTarget {
        WatchTarget { name: name.into(), address: [192, 168, 1, last].into() }
    }

    fn answer(peers: &str) -> Result<Status, String> {
        let text = format!("{{\"state\":\"ready\",\"steps\":[],\"peers\":{peers},\"new\":1}}");
        serde_json::from_str(&text).map_err(|e| e.to_string())
    }

    #[test]
    fn who_heard_last_is_believed() {
        let peer = |silent: u32, state: &str| {
            format!(
                "[{{\"node\":\"c\",\"role\":\"compute\",\"address\":\"192.168.1.12\",\"state\":\"{state}\",\
                 \"step\":\"chrony\",\"since\":null,\"reachable\":false,\"heard\":null,\
                 \"boot_id\":null,\"silent_seconds\":{silent}}}]"
            )
        };
        let targets = [target("a", 10), target("b", 11), target("c", 12)];
        let answers =
            [answer(&peer(90, "working")), answer(&peer(30, "failed")), Err("no route".to_owned())];
        let row = told(&targets[2], "no route", &targets, &answers);
        assert_eq!(row.told_by.as_deref(), Some("b"));
        assert_eq!((row.state, row.step.as_str()), (PeerState::Failed, "chrony"));
        assert!(!row.reachable && row.message == "no route");
        let nobody = [answer("[]"), answer("[]"), Err(String::new())];
        assert_eq!(told(&targets[2], "", &targets, &nobody).state, PeerState::Unknown);
    }
}
