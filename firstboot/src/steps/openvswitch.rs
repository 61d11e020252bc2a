//! Open vSwitch, on nodes whose services name it: its database and switch answer, and
//! the bridge of the spec has the node's address with the node's interface as its port.
//!
//! The bridge is created before packstack runs: its puppet modules would cut the network
//! off while they move the address.

mod before;
mod routing;

use super::network::{Answer, answer};
use super::outcome::CheckOutcome;
use super::step::{SWITCH_UNITS, find_switch_unit};
use crate::host::Fault;
use crate::host::{Host, Interface, Program};
use crate::services::ovs;
use crate::services::systemd;
use before::Old;
use contract::node_files as files;
use contract::spec::{Spec, SpecBridge};
use routing::{ip, static_routes};
use std::time::Duration;

/// How often the gateway is asked after the change, and the pause between.
const ASKED: (u32, Duration) = (10, Duration::from_secs(1));

pub(super) fn check(host: &Host, spec: &Spec) -> Result<CheckOutcome, Fault> {
    let bridge = spec.bridge.as_ref();
    let bridge = bridge.map(|b| Ok::<_, Fault>((b, Old::read(host, spec, b)?))).transpose()?;
    let mut wrong = bridge.as_ref().map_or_else(Vec::new, |(b, old)| wrong_files(spec, b, old));
    if !host.live() {
        return Ok(if wrong.is_empty() {
            CheckOutcome::Skipped("Open vSwitch runs on the running node".to_owned())
        } else {
            CheckOutcome::Unmet(wrong.join("; "))
        });
    }
    let switch = match ovs::read_switch(host) {
        Ok(switch) => switch,
        Err(fault) => {
            let unit = systemd::show_one(host, find_switch_unit(spec).unwrap_or(SWITCH_UNITS[0]))?;
            return Ok(if unit.running() || unit.changing() {
                CheckOutcome::Waiting(format!("the OVS database to answer ({fault})"))
            } else {
                CheckOutcome::Unmet(format!("{} is {}", unit.name, unit.state()))
            });
        }
    };
    let answer = ovs::ask_daemon(host)?;
    if !answer.ok() {
        return Ok(CheckOutcome::Waiting(format!("ovs-vswitchd to answer ({})", answer.summary())));
    }
    if let Some((bridge, old)) = &bridge {
        if let Some(other) =
            switch.bridge_of(&spec.node.interface).filter(|b| b.name != bridge.name)
        {
            let (name, other) = (&spec.node.interface, &other.name);
            return Ok(CheckOutcome::Impossible(
                Fault::new(format!("{name} is a port of the bridge {other}"))
                    .hint(format!("`ovs-vsctl del-port {other} {name}` if it has no use there")),
            ));
        }
        wrong.extend(
            wrong_bridge(host, spec, bridge, &switch)?
                .into_iter()
                .chain(wrong_hardware(bridge, old, &switch)),
        );
    }
    if !wrong.is_empty() {
        return Ok(CheckOutcome::Unmet(wrong.join("; ")));
    }
    let version = answer.stdout.lines().next().unwrap_or("ovs-vswitchd");
    let names: Vec<&str> = switch.bridges.iter().map(|bridge| bridge.name.as_str()).collect();
    let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    let carries = spec.bridge.as_ref().map_or_else(String::new, |bridge| {
        format!("; {} has {} and port {}", bridge.name, spec.node.address, spec.node.interface)
    });
    Ok(CheckOutcome::Met(format!("{version} answers, bridges: {names}{carries}")))
}

/// What is wrong with the two files that create the bridge at the next boot.
fn wrong_files(spec: &Spec, bridge: &SpecBridge, old: &Old) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, text, differences) in old.files(spec, bridge) {
        let path = files::ifcfg_path(name);
        match text {
            None => wrong.push(format!("{path} does not exist")),
            Some(text) => {
                let differences = differences(spec, bridge, &old.settings, text);
                if !differences.is_empty() {
                    wrong.push(format!("{path}: wrong: {}", differences.join(", ")));
                }
            }
        }
    }
    wrong
}

/// Whether the bridge has another hardware address than its port.
fn wrong_hardware(bridge: &SpecBridge, old: &Old, switch: &ovs::Switch) -> Option<String> {
    let (wanted, found) = (old.settings.hardware()?, switch.bridge(&bridge.name)?);
    let differs = found.hardware.as_deref() != Some(wanted);
    differs.then(|| format!("the hardware address of {} is not set to {wanted}", bridge.name))
}

/// What is wrong with the running bridge.
fn wrong_bridge(
    host: &Host,
    spec: &Spec,
    bridge: &SpecBridge,
    switch: &ovs::Switch,
) -> Result<Vec<String>, Fault> {
    let (name, device) = (&bridge.name, &spec.node.interface);
    let mut wrong = Vec::new();
    match switch.bridge(name) {
        None => wrong.push(format!("there is no bridge {name}")),
        Some(found) if found.ports.iter().all(|port| port.name != *device) => {
            wrong.push(format!("{device} is not a port of {name}"));
        }
        Some(_) => {}
    }
    let (address, prefix) = (spec.node.address, spec.network.prefix);
    for interface in host.runner().interfaces()? {
        let has = has_own_address(spec, &interface);
        if interface.name == *name && !(has && interface.up) {
            wrong.push(format!("{name} lacks {address}/{prefix}"));
        }
        if interface.name == *device && has {
            wrong.push(format!("{device} has {address} itself"));
        }
    }
    Ok(wrong)
}

pub(super) fn apply(host: &Host, spec: &Spec) -> Result<Vec<String>, Fault> {
    let mut changes = Vec::new();
    if host.live() && ovs::read_switch(host).is_err() {
        let unit = find_switch_unit(spec).unwrap_or(SWITCH_UNITS[0]);
        if !systemd::show_one(host, unit)?.running() {
            changes.push(systemd::change(host, "start", unit)?);
        }
    }
    let Some(bridge) = &spec.bridge else { return Ok(changes) };
    let old = Old::read(host, spec, bridge)?;
    if !host.live() {
        write_files(host, spec, bridge, &old, &mut changes)?;
        return Ok(changes);
    }
    let switch = ovs::read_switch(host)?;
    let answered = answer(host, spec.network.gateway)?;
    let begun = switch.bridge(&bridge.name).is_some();
    if answered == Answer::None && !begun {
        return Err(Fault::new(format!(
            "the gateway {} does not answer, so nothing would show whether moving the address to \
             {} cut this node off: not done",
            spec.network.gateway, bridge.name
        ))
        .hint("see that the gateway is on and answers, then `firstboot retry openvswitch`"));
    }
    // The files go first: after a power cut the next boot creates the bridge from them.
    let done = write_files(host, spec, bridge, &old, &mut changes)
        .and_then(|()| move_address(host, spec, bridge, &old, &mut changes))
        .and_then(|()| still_answers(host, spec, answered));
    match done {
        Ok(()) => Ok(changes),
        Err(fault) if begun => Err(fault),
        Err(fault) => {
            let back = old.put_back(host, spec, bridge);
            let end = match back {
                Ok(()) => "everything was put back".to_owned(),
                Err(other) => format!("putting everything back failed: {other}"),
            };
            Err(Fault { message: format!("{}; {end}", fault.message), ..fault })
        }
    }
}

/// Writes both files where they differ from the spec, in the order of [`Old::files`].
fn write_files(
    host: &Host,
    spec: &Spec,
    bridge: &SpecBridge,
    old: &Old,
    changes: &mut Vec<String>,
) -> Result<(), Fault> {
    let contents = [
        files::port_ifcfg(spec, bridge, &old.settings),
        files::bridge_ifcfg(spec, bridge, &old.settings),
    ];
    for ((name, before, differences), content) in old.files(spec, bridge).into_iter().zip(contents)
    {
        let holds =
            before.is_some_and(|text| differences(spec, bridge, &old.settings, text).is_empty());
        if !holds {
            let path = files::ifcfg_path(name);
            host.write(&path, content.as_bytes(), 0o644)?;
            changes.push(path);
        }
    }
    Ok(())
}

/// Whether `interface` has the node's address.
fn has_own_address(spec: &Spec, interface: &Interface) -> bool {
    interface.addresses.contains(&(spec.node.address, spec.network.prefix))
}

/// Creates the bridge and moves the node's addresses and default routes to it, as far as they
/// are not there.
fn move_address(
    host: &Host,
    spec: &Spec,
    bridge: &SpecBridge,
    old: &Old,
    changes: &mut Vec<String>,
) -> Result<(), Fault> {
    let (name, device) = (&bridge.name, &spec.node.interface);
    let interfaces = host.runner().interfaces()?;
    let named = |name: &str| interfaces.iter().find(|one| one.name == name);
    let on_device = named(device).is_some_and(|device| has_own_address(spec, device));
    let on_bridge = named(name).is_some_and(|bridge| bridge.up && has_own_address(spec, bridge));
    changes.extend(ovs::create_bridge(host, bridge, device, old.settings.hardware())?);
    if on_bridge && !on_device {
        return Ok(());
    }
    ip(host, &["link", "set", "dev", device, "up"])?;
    ip(host, &["link", "set", "dev", name, "up"])?;
    old.give_addresses(host, spec, name)?;
    ip(host, &["-4", "address", "flush", "dev", device])?;
    for address in old.settings.ipv6_addresses() {
        // It may have gone already.
        host.run(&Program::new("ip").args(["address", "delete", address, "dev", device]))?;
    }
    old.set_default_routes(host, spec, name)?;
    static_routes(host, name)?;
    let own = format!("{}/{}", spec.node.address, spec.network.prefix);
    changes.push(match on_device {
        true => format!("{own} moved from {device} to {name}"),
        false => format!("{own} given to {name}"),
    });
    Ok(())
}

/// Asks the gateway until it answers as it did before, or at all where it did not.
fn still_answers(host: &Host, spec: &Spec, before: Answer) -> Result<(), Fault> {
    let (times, pause) = ASKED;
    for _ in 0..times {
        if answer(host, spec.network.gateway)? >= before.max(Answer::Arp) {
            return Ok(());
        }
        host.clock().sleep(pause);
    }
    let gateway = spec.network.gateway;
    let when = match before {
        Answer::None => "does not answer, also not after",
        Answer::Arp | Answer::Ip => "stopped answering after",
    };
    Err(Fault::new(format!("the gateway {gateway} {when} the move to the bridge"))
        .hint("see `ovs-vsctl show`, `ip address` and whether the gateway is on"))
}
