//! `network` lines against the lab file, which decides on the lab's interface, the node's name,
//! the default route, name servers and time servers.

use super::authority::Authority;
use super::clashes::find_clashes;
use super::interface_names::{can_coexist, is_kernel_name, needed_devices};
use crate::base::diagnostic::Diagnostic;
use crate::base::lab::{LabNetwork, LabNode};
use crate::base::place::Place;
use crate::kickstart::{Fate, InterfaceKind, Ipv6, Kickstart, NetworkCommand};
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

/// What a line says otherwise than the lab file: the option, its value, the lab file's.
type Difference = (&'static str, String, String);

/// Makes the `network` lines of `kickstart` what the node gets, and adds to the kernel's
/// arguments what the lab's interface needs for its name. Returns what cannot be.
pub fn settle_interfaces(
    authority: &Authority<'_>,
    kickstart: &mut Kickstart,
    file: &str,
) -> Vec<Diagnostic> {
    let mut errors = Vec::new();
    let (lab, node) = (authority.facts.network, authority.facts.node);
    let mut networks = std::mem::take(&mut kickstart.networks);
    let claimed = claim_own(&networks, lab, node);
    for (index, network) in networks.iter_mut().enumerate() {
        let is_own = network.interface(&lab.interface) == lab.interface;
        let differences = match is_own || claimed == Some(index) {
            true => differences_of_own(network, lab, node),
            false => differences_of_other(network, node, lab),
        };
        if authority.strict {
            let error = |difference: &Difference| strict_error(network, node, difference);
            errors.extend(differences.iter().map(error));
        }
        let (fate, why) = match is_own || claimed == Some(index) || network.hostname_only {
            true => settle_own(network, &differences, lab, node),
            false if network.fault.is_some() => continue,
            false => settle_other(network, &differences, lab),
        };
        kickstart.report_again(network.entry, fate, why);
    }
    networks.retain(|network| network.fault.is_none());
    drop_replaced(kickstart, &mut networks, &lab.interface);
    leave_absent_down(kickstart, &mut networks, &lab.interface);
    raise_mtus(kickstart, &mut networks, &lab.interface);
    errors.extend(find_clashes(authority, &networks, &mut kickstart.warnings));
    kickstart.networks = networks;
    name_interface(kickstart, file, lab, node);
    errors
}

/// The line that means the lab's interface by another name, where none has the right one: it has
/// the node's address; or it is the first that starts at boot, of a name that no machine has
/// next to the lab's interface; or it is the only line, and no other interface of the kernel's
/// count.
fn claim_own(networks: &[NetworkCommand], lab: &LabNetwork, node: &LabNode) -> Option<usize> {
    let lines: Vec<(usize, &NetworkCommand)> =
        networks.iter().enumerate().filter(|(_, n)| !n.hostname_only).collect();
    if lines.iter().any(|(_, n)| n.interface(&lab.interface) == lab.interface) {
        return None;
    }
    let plain = || lines.iter().filter(|(_, n)| n.kind == InterfaceKind::Ethernet);
    let device = |network: &NetworkCommand| network.device.clone().unwrap_or_default();
    let of_node = plain()
        .find(|(_, n)| n.ip == Some(node.address) || n.device.is_some() && n.device == node.mac);
    let first = plain().find(|(_, n)| !n.off_at_boot && !can_coexist(&device(n), &lab.interface));
    let only = plain().next().filter(|(_, n)| {
        lines.len() == 1 && !(is_kernel_name(&device(n)) && is_kernel_name(&lab.interface))
    });
    of_node.or(first).or(only).map(|(index, _)| *index)
}

fn list<T: ToString>(servers: &[T]) -> String {
    servers.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

fn name_difference(network: &NetworkCommand, node: &LabNode) -> Option<Difference> {
    let name = network.hostname.as_ref().filter(|name| **name != node.name)?;
    Some(("--hostname", name.clone(), node.name.clone()))
}

/// What a line about the lab's interface says otherwise.
fn differences_of_own(
    network: &NetworkCommand,
    lab: &LabNetwork,
    node: &LabNode,
) -> Vec<Difference> {
    let mut found: Vec<Difference> = name_difference(network, node).into_iter().collect();
    if network.hostname_only {
        return found;
    }
    let mut differ = |option: &'static str, here: &str, there: &str| {
        found.push((option, here.to_owned(), there.to_owned()));
    };
    if let Some(device) = network.device.as_ref().filter(|device| **device != lab.interface) {
        differ("--device", device, &lab.interface);
    }
    if network.no_ipv4 {
        differ("--noipv4", "given", "a static address");
    }
    if network.off_at_boot {
        differ("--onboot", "no", "an interface that starts at boot");
    }
    if network.no_default_route {
        differ("--nodefroute", "given", "the default route by this interface");
    }
    if network.bootproto != "static" {
        differ("--bootproto", &network.bootproto, "a static address");
        return found;
    }
    for (option, here, there) in [
        ("--ip", network.ip, node.address),
        ("--netmask", network.netmask, lab.subnet.netmask()),
        ("--gateway", network.gateway, lab.gateway),
    ] {
        match here {
            Some(here) if here != there => differ(option, &here.to_string(), &there.to_string()),
            None if option == "--ip" => differ(option, "missing", &there.to_string()),
            _ => {}
        }
    }
    let are_labs = network.nameservers.iter().copied().eq(lab.dns.iter().copied().map(IpAddr::V4));
    if !network.nameservers.is_empty() && !are_labs {
        differ("--nameserver", &list(&network.nameservers), &list(&lab.dns));
    }
    found
}

/// What a line about another interface says of what the lab file decides: the node's name and
/// the default route.
fn differences_of_other(
    network: &NetworkCommand,
    node: &LabNode,
    lab: &LabNetwork,
) -> Vec<Difference> {
    let mut found: Vec<Difference> = name_difference(network, node).into_iter().collect();
    let gateway = network.gateway.filter(|g| network.is_static() && !g.is_unspecified());
    if (gateway.is_some() || network.asks_dhcp())
        && !network.no_default_route
        && !network.hostname_only
    {
        let there = format!("the default route by {}", lab.interface);
        found.push(("--nodefroute", "missing".into(), there));
    }
    found
}

fn strict_error(network: &NetworkCommand, node: &LabNode, difference: &Difference) -> Diagnostic {
    let (option, here, there) = difference;
    let message = format!("network {option} is {here}, the lab file has {there} for {}", node.name);
    let hint = match *option == "--nodefroute" && here == "missing" {
        true => "the lab file decides: add --nodefroute",
        false => "the lab file decides: use the names in double braces, or change it there",
    };
    Diagnostic::error(network.place.clone(), message).hint(hint)
}

/// A difference in the words of the line.
fn quote_difference((option, here, _): &Difference) -> String {
    match here.as_str() {
        "given" => (*option).to_owned(),
        "missing" => format!("without {option}"),
        _ => format!("{option}={here}"),
    }
}

/// Gives a line about the lab's interface, or about the name alone, what the lab file says.
fn settle_own(
    network: &mut NetworkCommand,
    differences: &[Difference],
    lab: &LabNetwork,
    node: &LabNode,
) -> (Fate, String) {
    let fault = network.fault.take();
    let mut said: Vec<String> = differences.iter().map(quote_difference).collect();
    if let Some((option, _)) = fault
        && !differences.iter().any(|(o, ..)| *o == option)
    {
        said.push(option.to_owned());
    }
    let mut gets = Vec::new();
    if !network.hostname_only {
        let address = format!("{}/{}", node.address, lab.subnet.prefix);
        let (gateway, dns) = (lab.gateway, list(&lab.dns));
        gets.push(format!("{} has {address}, gateway {gateway}, DNS {dns}", lab.interface));
        network.device = None;
        (network.bootproto, network.ip) = ("static".into(), Some(node.address));
        (network.netmask, network.gateway) = (Some(lab.subnet.netmask()), Some(lab.gateway));
        network.nameservers = lab.dns.iter().map(|server| (*server).into()).collect();
        (network.no_ipv4, network.off_at_boot, network.no_default_route) = (false, false, false);
    }
    if network.hostname.is_some() {
        gets.push(format!("the node's name is {}", node.name));
        network.hostname = Some(node.name.clone());
    }
    match said.is_empty() {
        true => (Fate::Honoured, format!("as in the lab file: {}", gets.join("; "))),
        false => {
            let (gets, said) = (gets.join("; "), said.join(" "));
            (Fate::Translated, format!("the lab file decides: {gets}; not {said}"))
        }
    }
}

/// Takes from another interface's line what the lab file decides.
fn settle_other(
    network: &mut NetworkCommand,
    differences: &[Difference],
    lab: &LabNetwork,
) -> (Fate, String) {
    let name = network.interface(&lab.interface);
    let mut kept: Vec<&str> = Vec::new();
    for (option, ..) in differences {
        kept.push(match *option {
            "--hostname" => "the node's name",
            _ => "the default route",
        });
    }
    if network.asks_dhcp() && !network.no_dns || !network.nameservers.is_empty() {
        kept.push("name servers");
    }
    if network.asks_dhcp() {
        kept.push("time servers");
    }
    network.no_default_route = true;
    network.gateway = network.gateway.filter(|g| !g.is_unspecified());
    (network.no_dns, network.hostname) = (true, None);
    network.nameservers.clear();
    let file = format!("the ifcfg file of {name}");
    match kept.is_empty() {
        true => (Fate::Honoured, file),
        false => {
            let kept = kept.join(", ");
            (Fate::Translated, format!("{file}; the lab file decides on: {kept}"))
        }
    }
}

/// Of two lines for an interface the later one counts.
fn drop_replaced(kickstart: &mut Kickstart, networks: &mut Vec<NetworkCommand>, lab: &str) {
    let name = |network: &NetworkCommand| network.interface(lab);
    let mut last: HashMap<String, (usize, Place)> = HashMap::new();
    for (index, network) in networks.iter().enumerate().filter(|(_, n)| !n.hostname_only) {
        last.insert(name(network), (index, network.place.clone()));
    }
    let counts = |index: usize, network: &NetworkCommand| {
        network.hostname_only || last.get(&name(network)).is_some_and(|(last, _)| *last == index)
    };
    let kept = |(index, network): &(usize, &NetworkCommand)| counts(*index, network);
    let entries: HashSet<usize> =
        networks.iter().enumerate().filter(kept).map(|(_, n)| n.entry).collect();
    for network in networks.iter().filter(|n| !entries.contains(&n.entry)) {
        let name = name(network);
        let Some((_, place)) = last.get(&name) else { continue };
        let why = format!("{}:{} has {name} again, which counts instead", place.file, place.line);
        kickstart.report_again(network.entry, Fate::Translated, why);
    }
    let mut index = 0;
    networks.retain(|network| {
        index += 1;
        counts(index - 1, network)
    });
}

/// An interface that no machine has next to the lab's does not start at boot, nor does what is
/// made of it: EL7's network.service fails as a whole where one does not come up.
fn leave_absent_down(kickstart: &mut Kickstart, networks: &mut [NetworkCommand], lab: &str) {
    let mut down: Vec<(String, String)> = Vec::new();
    let absent = |down: &[(String, String)], network: &NetworkCommand| {
        let below = |name: &str| down.iter().find(|(n, _)| n == name).map(|(_, device)| device);
        needed_devices(network).find_map(|name| match can_coexist(name, lab) {
            true => below(name).cloned(),
            false => Some(name.to_owned()),
        })
    };
    // What is made of another may stand before it.
    loop {
        let known = down.len();
        for network in networks.iter_mut().filter(|n| !n.hostname_only && !n.off_at_boot) {
            let name = network.interface(lab);
            let Some(device) = absent(&down, network).filter(|_| name != lab) else { continue };
            network.off_at_boot = true;
            let why = format!("; it does not start at boot: no machine has {device} next to {lab}");
            // A line with `--bondslaves` and `--vlanid` is about two interfaces.
            if let Some(line) = kickstart.report.get_mut(network.entry)
                && !line.why.ends_with(&why)
            {
                line.fate = Fate::Translated;
                line.why.push_str(&why);
            }
            down.push((name, device));
        }
        if down.len() == known {
            return;
        }
    }
}

/// Gives what is under a VLAN at least the VLAN's MTU, without which the kernel refuses it.
fn raise_mtus(kickstart: &mut Kickstart, networks: &mut Vec<NetworkCommand>, lab: &str) {
    let vlans: Vec<(NetworkCommand, u32)> = networks
        .iter()
        .filter(|n| matches!(n.kind, InterfaceKind::Vlan { .. }))
        .filter_map(|n| Some((n.clone(), n.mtu?)))
        .collect();
    for (vlan, mtu) in vlans {
        let Some(parent) = &vlan.device else { continue };
        match networks.iter_mut().find(|n| !n.hostname_only && n.interface(lab) == *parent) {
            Some(under) if under.mtu >= Some(mtu) => continue,
            Some(under) => under.mtu = Some(mtu),
            None => {
                let under = NetworkCommand {
                    device: vlan.device.clone(),
                    kind: InterfaceKind::Ethernet,
                    ip: None,
                    netmask: None,
                    gateway: None,
                    bootproto: "static".into(),
                    ipv6: Some(Ipv6::Off),
                    ipv6_gateway: None,
                    ethtool: None,
                    ..vlan.clone()
                };
                networks.insert(0, under);
            }
        }
        if let Some(line) = kickstart.report.get_mut(vlan.entry) {
            line.why.push_str(&format!("; {parent} under it gets MTU {mtu} as well"));
        }
    }
}

/// The lab's interface has the kernel's own name only where udev is told to leave it.
fn name_interface(kickstart: &mut Kickstart, file: &str, lab: &LabNetwork, node: &LabNode) {
    let append = &kickstart.bootloader.append;
    let last = append.split_whitespace().rfind(|word| word.starts_with("net.ifnames="));
    let keeps = last == Some("net.ifnames=0");
    let name = &lab.interface;
    if is_kernel_name(name) && !keeps {
        let why = format!("the lab's interface is {name}");
        kickstart.add_arguments(file, "net.ifnames=0 biosdevname=0", &why);
    } else if keeps && !can_coexist("eth0", name) && node.mac.is_none() {
        let message = format!("with net.ifnames=0 no interface is called {name}");
        let hint = "leave it out of `bootloader --append`, or give the node's `mac` in the lab \
                    file, by which the interface gets its name";
        let warning = Diagnostic::warning(Place::of_file(file), message).hint(hint);
        kickstart.warnings.push(warning);
    }
}
