//! Tunnels: on every node that OpenStack is installed on, the switch is as Neutron's agent
//! makes it, with a tunnel to each other node. Each node checks its own; the controller is
//! ready when all are, as their announcements say.

use super::outcome::CheckOutcome;
use super::packstack;
use crate::host::{Fault, Host, Note};
use crate::peers::keys;
use crate::peers::view::View;
use crate::services::neutron_switch::{find_faults, read_overlay};
use contract::overlay::{Overlay, SwitchState};
use contract::spec::{Role, Spec};

/// What Neutron's agents are to make between the nodes, if OpenStack is installed: by the
/// answer file, or as the controller announces it.
pub(super) fn find_overlay(host: &Host, spec: &Spec) -> Result<Option<Overlay>, Fault> {
    if spec.packstack.is_some() {
        let answers = packstack::installed(host)?;
        return Ok(answers.map(|answers| read_overlay(&answers, spec)));
    }
    Ok(View::load(host).find_overlay().cloned())
}

pub(super) fn check(host: &Host, spec: &Spec) -> Result<CheckOutcome, Fault> {
    let overlay = if host.live() { find_overlay(host, spec)? } else { None };
    let Some(overlay) = overlay else {
        host.note(Note::Switch(None));
        return Ok(CheckOutcome::Skipped("OpenStack is not installed yet".to_owned()));
    };
    let mut state = SwitchState::default();
    let is_host = overlay.hosts.contains(&spec.node.address);
    if spec.node.role == Role::Controller {
        state.overlay = Some(overlay.clone());
    }
    if !overlay.open_vswitch {
        host.note(Note::Switch(Some(state)));
        return Ok(CheckOutcome::Skipped("Neutron does not use Open vSwitch here".to_owned()));
    }
    if is_host {
        state.faults = find_faults(host, spec, &overlay)?;
    }
    if spec.node.role == Role::Controller {
        state.others = list_others(host, spec, &overlay);
    }
    let own = state.faults.iter().map(|fault| format!("{}: {fault}", spec.node.name));
    let wrong: Vec<String> = own.chain(state.others.iter().cloned()).collect();
    host.note(Note::Switch(Some(state)));
    Ok(if !wrong.is_empty() {
        CheckOutcome::Waiting(wrong.join("; "))
    } else if is_host {
        CheckOutcome::Met(describe(spec, &overlay))
    } else {
        CheckOutcome::Met("this node has neither networks nor guests".to_owned())
    })
}

/// What is wrong on the other nodes of the cloud, each named.
fn list_others(host: &Host, spec: &Spec, overlay: &Overlay) -> Vec<String> {
    if !keys::are_present(host) {
        // Without keys the nodes cannot report anything.
        return Vec::new();
    }
    let peers = View::load(host).list_peers(host, spec);
    let mut wrong = Vec::new();
    for peer in peers.into_iter().filter(|peer| overlay.hosts.contains(&peer.address)) {
        let (name, address) = (&peer.node, peer.address);
        match peer.switch {
            _ if !peer.reachable => wrong.push(format!("{name} ({address}) is not reachable")),
            None => wrong.push(format!("{name} ({address}) has not checked its tunnels yet")),
            Some(switch) => {
                wrong.extend(switch.faults.iter().map(|fault| format!("{name}: {fault}")));
            }
        }
    }
    wrong
}

/// A switch without faults, in words.
fn describe(spec: &Spec, overlay: &Overlay) -> String {
    let others = spec.hosts.iter().filter(|one| one.address != spec.node.address);
    let others: Vec<&str> = others
        .filter(|one| overlay.hosts.contains(&one.address))
        .map(|one| one.name.as_str())
        .collect();
    let kinds = overlay.tunnels.join(" and ");
    let all = if spec.node.role == Role::Controller { "; so have these" } else { "" };
    match (kinds.as_str(), others.is_empty()) {
        ("", _) => "br-int follows Neutron's agent; the networks have no tunnels".to_owned(),
        (_, true) => "br-int and br-tun follow Neutron's agent; there is no other node".to_owned(),
        (_, _) if overlay.on_demand => format!(
            "br-int and br-tun follow Neutron's agent, which makes {kinds} tunnels on demand"
        ),
        (_, false) => format!(
            "br-int and br-tun follow Neutron's agent, {kinds} tunnels to {} are there{all}",
            others.join(", ")
        ),
    }
}
