//! `firstboot peers`: the status of the other nodes; and the service behind it.

use super::exit_codes::{CONFIG, FAILED, INPUT, IO, READY, WORKING};
use super::output::{complain, load_or_complain, open_sinks, print};
use super::root::Root;
use crate::host::Host;
use crate::journal::Journal;
use crate::peer_service;
use crate::peers::keys::load_keys;
use crate::peers::reachability::find_reasons;
use crate::peers::refusal::Refusal;
use crate::peers::summary::{find_obstacle, find_reported_cloud};
use crate::peers::view::{self, View};
use clap::Args;
use contract::peers::places::PORT;
use contract::peers::wire::{PeerState, PeerStatus};
use contract::spec::Spec;
use contract::status::CloudState;
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Debug, Args)]
pub(super) struct Peers {
    /// As JSON.
    #[arg(long)]
    json: bool,
    /// Run the service that announces this node's status to the others, as its unit does.
    #[arg(long, conflicts_with = "json")]
    serve: bool,
    #[command(flatten)]
    root: Root,
}

/// What is shown.
#[derive(Serialize)]
struct Shown {
    node: String,
    peers: Vec<PeerStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cloud: Option<CloudState>,
    refused: BTreeMap<Refusal, u64>,
    /// Why a node does not answer, by its name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    reasons: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

pub(super) fn show_or_serve(args: &Peers) -> u8 {
    let host = args.root.host();
    let Some(spec) = load_or_complain(&host) else { return CONFIG };
    if args.serve { run_service(host, spec) } else { show_peers(&host, &spec, args.json) }
}

fn run_service(host: Host, spec: Spec) -> u8 {
    let pki = match load_keys(&host) {
        Ok(pki) => pki,
        Err(error) => {
            complain(&error.to_string());
            return INPUT;
        }
    };
    let journal = Journal::new(Some(&spec), open_sinks(&host, None));
    match peer_service::serve(host, spec, journal, pki, PORT) {
        Ok(()) => READY,
        Err(error) => {
            complain(&error.to_string());
            IO
        }
    }
}

fn show_peers(host: &Host, spec: &Spec, json: bool) -> u8 {
    if let Err(error) = host.read(view::PATH) {
        complain(&format!("{error}: only root may read the status of the nodes"));
        return IO;
    }
    let view = View::load(host);
    let peers = view.list_peers(host, spec);
    let silent = peers.iter().filter(|peer| host.live() && !peer.reachable);
    let reasons = find_reasons(silent.map(|peer| (peer.node.as_str(), peer.address)));
    let shown = Shown {
        node: spec.node.name.clone(),
        cloud: find_reported_cloud(&peers),
        note: find_obstacle(host, &view),
        refused: view.refused,
        reasons,
        peers,
    };
    if json {
        // Plain values: they can always be written as JSON.
        print(&(serde_json::to_string_pretty(&shown).unwrap_or_default() + "\n"));
    } else {
        print(&to_text(&shown));
    }
    let all = |wanted: &dyn Fn(&PeerStatus) -> bool| shown.peers.iter().all(wanted);
    if !all(&|peer| peer.state != PeerState::Failed) {
        FAILED
    } else if all(&|peer| peer.state == PeerState::Ready && peer.reachable) {
        READY
    } else {
        WORKING
    }
}

/// One line a node, for people.
fn to_text(shown: &Shown) -> String {
    let ready = shown.peers.iter().filter(|peer| peer.state == PeerState::Ready && peer.reachable);
    let (ready, all) = (ready.count(), shown.peers.len());
    let mut lines = vec![format!("{} knows {all} other nodes, {ready} of them ready", shown.node)];
    let width = shown.peers.iter().map(|peer| peer.node.len()).max().unwrap_or_default();
    for peer in &shown.peers {
        lines.push(format!(
            "  {:width$}  {:<10}  {:<15}  {:<7}  {}",
            peer.node,
            peer.role.as_str(),
            peer.address.to_string(),
            peer.state.as_str(),
            describe_peer(peer)
        ));
        lines.extend(shown.reasons.get(&peer.node).map(|why| format!("  {:width$}  {why}", "")));
    }
    lines.extend(shown.cloud.map(|cloud| cloud.describe().to_owned()));
    let refused = shown.refused.iter().map(|(why, count)| format!("{count} {}", why.as_str()));
    let refused: Vec<String> = refused.collect();
    if !refused.is_empty() {
        lines.push(format!("refused: {}", refused.join(", ")));
    }
    lines.extend(shown.note.clone());
    lines.join("\n") + "\n"
}

/// Where a node is, since when, and when it was last seen.
fn describe_peer(peer: &PeerStatus) -> String {
    let (Some(since), Some(silent)) = (&peer.since, peer.silent_seconds) else {
        return "not seen yet".to_owned();
    };
    let at = match (peer.state, peer.step.as_str()) {
        (PeerState::Ready, _) => format!("since {since}"),
        (_, "") => "has not started".to_owned(),
        (PeerState::Failed, step) => format!("step {step} failed at {since}"),
        (_, step) => format!("at step {step} since {since}"),
    };
    let faults = peer.switch.iter().flat_map(|switch| &switch.faults);
    let at = faults.fold(at, |at, fault| format!("{at}; {fault}"));
    let ago = describe_span(silent);
    if peer.reachable {
        format!("{at}; last seen {ago} ago")
    } else {
        format!("{at}; NOT REACHABLE: last seen {ago} ago")
    }
}

/// `seconds` in the unit that suits.
fn describe_span(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3600),
    }
}
