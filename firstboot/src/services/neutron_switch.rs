//! Whether a node's switch is as Neutron's agent makes it: what one looks for in
//! `ovs-vsctl show`.

use crate::host::{Fault, Host};
use crate::services::answer_file::AnswerFile;
use crate::services::ovs::{self, Bridge, Connection, Interface, Switch};
use contract::overlay::Overlay;
use contract::spec::Spec;
use std::net::Ipv4Addr;

/// The bridge with every guest.
const INTEGRATION: &str = "br-int";
/// The bridge with every tunnel.
const TUNNELS: &str = "br-tun";
/// The kinds of tunnels that packstack knows.
const KINDS: [&str; 2] = ["gre", "vxlan"];

/// What Neutron's agents are to make between the nodes.
pub fn read_overlay(answers: &AnswerFile, spec: &Spec) -> Overlay {
    let list = |key: &str| -> Vec<String> {
        let value = answers.get(key).unwrap_or_default();
        value.split(',').map(|word| word.trim().to_owned()).filter(|w| !w.is_empty()).collect()
    };
    let is_set = |key: &str| !list(key).is_empty();
    // A key that the file lacks has packstack's default, which these are.
    let is = |key: &str, value: &str| answers.get(key).is_none_or(|found| found == value);
    let address = |name: &String| {
        let known = spec.hosts.iter().find(|host| host.name == *name).map(|host| host.address);
        known.or_else(|| name.parse().ok())
    };
    let named = ["CONFIG_NETWORK_HOSTS", "CONFIG_COMPUTE_HOSTS"].map(list).concat();
    let mut hosts: Vec<Ipv4Addr> = named.iter().filter_map(address).collect();
    hosts.sort_unstable();
    hosts.dedup();
    let mut tunnels = list("CONFIG_NEUTRON_ML2_TYPE_DRIVERS");
    tunnels.retain(|kind| KINDS.contains(&kind.as_str()));
    let mechanisms = list("CONFIG_NEUTRON_ML2_MECHANISM_DRIVERS");
    Overlay {
        open_vswitch: is("CONFIG_NEUTRON_INSTALL", "y")
            && is("CONFIG_NEUTRON_L2_AGENT", "openvswitch"),
        tunnels,
        hosts,
        elsewhere: is_set("CONFIG_NEUTRON_OVS_TUNNEL_IF")
            || is_set("CONFIG_NEUTRON_OVS_TUNNEL_SUBNETS"),
        on_demand: mechanisms.iter().any(|mechanism| mechanism == "l2population"),
    }
}

/// What is wrong with the running switch, in words; empty if nothing is.
///
/// # Errors
/// When the program that asks the switch cannot be started.
pub fn find_faults(host: &Host, spec: &Spec, overlay: &Overlay) -> Result<Vec<String>, Fault> {
    // The database keeps the last state of a switch that has died: that one is asked first.
    let answer = ovs::ask_daemon(host)?;
    if !answer.ok() {
        return Ok(vec![format!("ovs-vswitchd does not answer ({})", answer.summary())]);
    }
    Ok(match ovs::read_switch(host) {
        Ok(switch) => judge_switch(&switch, spec, overlay),
        Err(fault) => vec![format!("the OVS database does not answer ({fault})")],
    })
}

/// What is wrong with the switch as its database has it; empty if nothing is.
pub fn judge_switch(switch: &Switch, spec: &Spec, overlay: &Overlay) -> Vec<String> {
    let needs_tunnels = !overlay.tunnels.is_empty();
    let needed = [Some(INTEGRATION), needs_tunnels.then_some(TUNNELS)];
    let needed: Vec<&str> = needed.into_iter().flatten().collect();
    let mut faults = Vec::new();
    for name in &needed {
        match switch.bridge(name) {
            None => faults.push(format!("{name} is missing")),
            Some(bridge) => faults.extend(judge_bridge(bridge)),
        }
    }
    for bridge in switch.bridges.iter().filter(|bridge| !needed.contains(&bridge.name.as_str())) {
        faults.extend(judge_controllers(bridge));
    }
    for manager in find_down(&switch.managers) {
        faults.push(format!("the manager {} is not connected", manager.target));
    }
    // Without one of the bridges every patch between them lacks its end.
    if needed.iter().all(|name| switch.bridge(name).is_some()) {
        faults.extend(judge_patches(switch, &needed));
    }
    if let Some(bridge) = switch.bridge(TUNNELS).filter(|_| needs_tunnels) {
        faults.extend(judge_tunnels(bridge, spec, overlay));
    }
    faults
}

fn find_down(connections: &[Connection]) -> impl Iterator<Item = &Connection> {
    connections.iter().filter(|connection| !connection.is_connected)
}

/// What is wrong with a bridge of the agent's.
fn judge_bridge(bridge: &Bridge) -> Vec<String> {
    let name = &bridge.name;
    let mut faults = Vec::new();
    if bridge.controllers.is_empty() {
        faults.push(format!("{name} has no controller"));
    }
    faults.extend(judge_controllers(bridge));
    if bridge.fail_mode.as_deref() != Some("secure") {
        let mode = bridge.fail_mode.as_deref().unwrap_or("not set");
        faults.push(format!("{name}'s fail_mode is {mode} in place of secure"));
    }
    faults
}

/// Which of a bridge's controllers, Neutron's agent, does not answer it.
fn judge_controllers(bridge: &Bridge) -> Vec<String> {
    let name = &bridge.name;
    let down = find_down(&bridge.controllers);
    down.map(|down| format!("{name}'s controller is not connected ({})", down.target)).collect()
}

/// What is wrong with the patches of the agent's bridges, which lead to other bridges.
fn judge_patches(switch: &Switch, needed: &[&str]) -> Vec<String> {
    let mut faults = Vec::new();
    let bridges = || needed.iter().filter_map(|name| switch.bridge(name));
    let patches = |bridge: &'_ Bridge| -> Vec<Interface> {
        bridge.interfaces().filter(|one| one.kind == "patch").cloned().collect()
    };
    for bridge in bridges() {
        for patch in patches(bridge) {
            let (name, peer) = (&patch.name, patch.option("peer").unwrap_or_default());
            let others = switch.bridges.iter().filter(|other| other.name != bridge.name);
            let end = others.flat_map(Bridge::interfaces).find(|other| other.name == peer);
            if end.is_none_or(|end| end.option("peer") != Some(name)) {
                faults.push(format!("{}'s patch {name} has no end {peer}", bridge.name));
            }
        }
    }
    if let [first, second] = bridges().collect::<Vec<_>>()[..] {
        let leads = |patch: &Interface| {
            second.interfaces().any(|end| patch.option("peer") == Some(end.name.as_str()))
        };
        if !patches(first).iter().any(leads) {
            faults.push(format!("no patch joins {} and {}", first.name, second.name));
        }
    }
    faults
}

/// What is wrong with the tunnels to the other nodes.
fn judge_tunnels(bridge: &Bridge, spec: &Spec, overlay: &Overlay) -> Vec<String> {
    let own = spec.node.address;
    let mut faults = Vec::new();
    for kind in &overlay.tunnels {
        let tunnels: Vec<&Interface> =
            bridge.interfaces().filter(|one| one.kind == *kind).collect();
        let word =
            if overlay.tunnels.len() > 1 { format!("{kind} tunnel") } else { "tunnel".into() };
        faults.extend(tunnels.iter().filter_map(|tunnel| judge_tunnel(tunnel, &word)));
        if overlay.on_demand {
            continue;
        }
        let others = overlay.hosts.iter().filter(|address| **address != own);
        if overlay.elsewhere {
            let (found, wanted) = (tunnels.len(), others.count());
            if found < wanted {
                faults.push(format!("{found} of {wanted} {word}s to other nodes"));
            }
            continue;
        }
        for other in others {
            let (address, local) = (other.to_string(), own.to_string());
            let known = spec.hosts.iter().find(|host| host.address == *other);
            let name = known.map_or(address.clone(), |host| format!("{} ({address})", host.name));
            let found = tunnels.iter().find(|one| one.option("remote_ip") == Some(&address));
            match found.map(|tunnel| tunnel.option("local_ip").unwrap_or("any address")) {
                None => faults.push(format!("no {word} to {name}")),
                Some(from) if from != local => {
                    faults.push(format!("the {word} to {name} begins at {from}, not at {local}"));
                }
                Some(_) => {}
            }
        }
    }
    faults
}

/// Why a tunnel does not work, if the switch could not make it.
fn judge_tunnel(tunnel: &Interface, word: &str) -> Option<String> {
    let name = &tunnel.name;
    if let Some(error) = &tunnel.error {
        return Some(format!("the {word} {name} has an error: {error}"));
    }
    let is_made = tunnel.number.is_some_and(|number| number > 0);
    (!is_made).then(|| format!("the {word} {name} could not be made"))
}
