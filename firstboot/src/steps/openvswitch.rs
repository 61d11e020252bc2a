//! Open vSwitch, on nodes whose services name it: its database and switch answer, and
//! the bridge of the spec has the node's address with the node's interface as its port.
//!
//! The bridge is created before packstack runs: its puppet modules would cut the network
//! off while they move the address.

use super::network::{Answer, answer};
use super::outcome::CheckOutcome;
use super::step::{SWITCH_UNITS, find_switch_unit};
use crate::host::Fault;
use crate::host::{Host, Interface, Program};
use crate::services::ovs;
use crate::services::systemd;
use contract::node_files::{self as files, BridgeSettings};
use contract::spec::{Spec, SpecBridge};
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

/// What the change replaces.
struct Old {
    bridge_file: Option<String>,
    interface_file: Option<String>,
    /// What both say beyond the spec: it stays.
    settings: BridgeSettings,
    /// Addresses of the interface other than the node's own, with their prefix lengths.
    further: Vec<String>,
}

/// What tells how a file differs from what it should be.
type Differences = fn(&Spec, &SpecBridge, &BridgeSettings, &str) -> Vec<String>;

impl Old {
    fn read(host: &Host, spec: &Spec, bridge: &SpecBridge) -> Result<Old, Fault> {
        let device = &spec.node.interface;
        let bridge_file = host.read(&files::ifcfg_path(&bridge.name))?;
        let interface_file = host.read(&files::ifcfg_path(device))?;
        let mut hardware = None;
        let mut further = Vec::new();
        if host.live() {
            hardware = host.read(&format!("/sys/class/net/{device}/address"))?;
            let own = (spec.node.address, spec.network.prefix);
            let interfaces = host.runner().interfaces()?;
            let found = interfaces.iter().filter(|one| one.name == *device);
            let found = found.flat_map(|one| &one.addresses).filter(|address| **address != own);
            further.extend(found.map(|(address, prefix)| format!("{address}/{prefix}")));
        }
        let settings = BridgeSettings::read(
            interface_file.as_deref().unwrap_or_default(),
            bridge_file.as_deref().unwrap_or_default(),
            hardware.as_deref().map(str::trim).filter(|address| !address.is_empty()),
        );
        further.extend(settings.ipv6_addresses().map(str::to_owned));
        Ok(Old { bridge_file, interface_file, settings, further })
    }

    /// Both files, the interface's first: whose, what it holds, and how it is judged. In this
    /// order a power cut between them leaves no two interfaces with the node's address; with
    /// none, the next boot's run gives it back to the interface.
    fn files<'a>(
        &'a self,
        spec: &'a Spec,
        bridge: &'a SpecBridge,
    ) -> [(&'a str, Option<&'a str>, Differences); 2] {
        [
            (&spec.node.interface, self.interface_file.as_deref(), files::port_differences),
            (&bridge.name, self.bridge_file.as_deref(), files::bridge_differences),
        ]
    }

    /// Gives `device` the node's address, the further ones, and the default routes.
    fn give_addresses(&self, host: &Host, spec: &Spec, device: &str) -> Result<(), Fault> {
        let own = format!("{}/{}", spec.node.address, spec.network.prefix);
        ip(host, &["address", "replace", &own, "brd", "+", "dev", device])?;
        for address in &self.further {
            ip(host, &["address", "replace", address, "dev", device])?;
        }
        Ok(())
    }

    fn set_default_routes(&self, host: &Host, spec: &Spec, device: &str) -> Result<(), Fault> {
        let gateway = spec.network.gateway.to_string();
        ip(host, &["route", "replace", "default", "via", &gateway, "dev", device])?;
        match self.settings.ipv6_gateway() {
            Some(gateway) => {
                ip(host, &["-6", "route", "replace", "default", "via", gateway, "dev", device])
            }
            None => Ok(()),
        }
    }

    /// Undoes the change as far as it was made.
    fn put_back(&self, host: &Host, spec: &Spec, bridge: &SpecBridge) -> Result<(), Fault> {
        let device = &spec.node.interface;
        for (name, text) in [(&bridge.name, &self.bridge_file), (device, &self.interface_file)] {
            match text {
                Some(text) => host.write(&files::ifcfg_path(name), text.as_bytes(), 0o644)?,
                None => host.remove(&files::ifcfg_path(name))?,
            }
        }
        ovs::delete_bridge(host, &bridge.name)?;
        ip(host, &["link", "set", "dev", device, "up"])?;
        self.give_addresses(host, spec, device)?;
        self.set_default_routes(host, spec, device)?;
        static_routes(host, device)
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

/// The routes of the device's file, which went with the address of the other one.
fn static_routes(host: &Host, device: &str) -> Result<(), Fault> {
    let text = host.read(&files::route_path(device))?.unwrap_or_default();
    let keys = files::assignments(&text);
    let key = |name: &str, number: usize| keys.get(&format!("{name}{number}"));
    for number in 0.. {
        let (Some(to), Some(mask)) = (key("ADDRESS", number), key("NETMASK", number)) else {
            break;
        };
        let to = format!("{to}/{mask}");
        let via = key("GATEWAY", number).map(|via| ["via", via.as_str()]);
        let words = ["route", "replace", to.as_str()].into_iter().chain(via.into_iter().flatten());
        ip(host, &words.chain(["dev", device]).collect::<Vec<_>>())?;
    }
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

fn ip(host: &Host, args: &[&str]) -> Result<(), Fault> {
    host.run_checked(&Program::new("ip").args(args.iter().copied()))
}
