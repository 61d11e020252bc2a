//! Interfaces and addresses that cannot be together: those of a node's `network` lines, of the
//! lab file, and of the role's other nodes.

use super::authority::Authority;
use super::interface_names::{can_coexist, needed_devices};
use crate::base::diagnostic::Diagnostic;
use crate::base::lab::LabNode;
use crate::kickstart::{Ipv6, NetworkCommand};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

/// Checks a node's interfaces; what is only doubtful goes to `warnings`.
pub fn find_clashes(
    authority: &Authority<'_>,
    networks: &[NetworkCommand],
    warnings: &mut Vec<Diagnostic>,
) -> Vec<Diagnostic> {
    let lab = &authority.facts.network.interface;
    let interfaces: Vec<&NetworkCommand> = networks.iter().filter(|n| !n.hostname_only).collect();
    let mut errors = find_shared_ports(authority, &interfaces);
    errors.extend(find_unreachable_gateways(authority, &interfaces));
    errors.extend(find_shared_addresses(authority, &interfaces));
    for network in &interfaces {
        errors.extend(check_name(authority, network));
        if network.interface(lab) != *lab {
            errors.extend(check_address(network));
            warnings.extend(doubt_network(authority, network));
        }
    }
    errors
}

/// Interfaces that are a part of two others, or of one and something by themselves.
fn find_shared_ports(authority: &Authority<'_>, interfaces: &[&NetworkCommand]) -> Vec<Diagnostic> {
    let lab = &authority.facts.network.interface;
    let names: HashMap<String, &NetworkCommand> =
        interfaces.iter().map(|n| (n.interface(lab), *n)).collect();
    let mut ports: HashMap<&str, String> = HashMap::new();
    let mut errors = Vec::new();
    for network in interfaces {
        let master = network.interface(lab);
        for port in network.ports() {
            let at = |message: String| Diagnostic::error(network.place.clone(), message);
            if port == lab {
                let message =
                    format!("{master} takes {port}, which has the node's address in the lab file");
                let hint = format!(
                    "write `interface = \"{master}\"` in the lab file: {master} then has the \
                     address"
                );
                errors.push(at(message).hint(hint));
            } else if let Some(own) = names.get(port) {
                let message = format!("{port} is a port of {master} and has a line of its own");
                let hint = format!("remove the line for {port}, line {}", own.place.line);
                errors.push(at(message).hint(hint));
            }
            if let Some(other) = ports.insert(port, master.clone()) {
                let message = format!("{port} is a port of {other} and of {master}");
                errors.push(at(message).hint("an interface can be a port of one device"));
            }
        }
    }
    errors
}

/// The fixed addresses of an interface.
fn addresses_of(network: &NetworkCommand) -> impl Iterator<Item = IpAddr> {
    let six = match network.ipv6 {
        Some(Ipv6::Static(address, _)) => Some(IpAddr::V6(address)),
        _ => None,
    };
    network.ip.filter(|_| network.is_static()).map(IpAddr::V4).into_iter().chain(six)
}

/// Addresses that something else of the lab or of the node has.
fn find_shared_addresses(
    authority: &Authority<'_>,
    interfaces: &[&NetworkCommand],
) -> Vec<Diagnostic> {
    let lab = authority.facts.network;
    let mut owners: HashMap<IpAddr, String> = HashMap::new();
    let servers = lab.dns.iter().map(|a| (*a, "a name server"));
    for (address, whose) in servers.chain([(lab.gateway, "the gateway")]) {
        owners.insert(address.into(), format!("{whose} of the lab file"));
    }
    for node in authority.nodes {
        owners.insert(node.address.into(), format!("{} in the lab file", node.name));
    }
    let mut errors = Vec::new();
    for network in interfaces {
        let name = network.interface(&lab.interface);
        if name == lab.interface {
            continue;
        }
        for address in addresses_of(network) {
            if let Some(owner) = owners.insert(address, name.clone()) {
                let message = format!("{name} has {address}, which is the address of {owner}");
                let hint = "give it an address of its own, or leave the line out";
                errors.push(Diagnostic::error(network.place.clone(), message).hint(hint));
            }
        }
    }
    errors
}

/// Longest name of an interface (IFNAMSIZ without its end).
const MAX_NAME: usize = 15;

fn check_name(authority: &Authority<'_>, network: &NetworkCommand) -> Option<Diagnostic> {
    let name = network.interface(&authority.facts.network.interface);
    let error = |message: String| Diagnostic::error(network.place.clone(), message);
    if name.len() > MAX_NAME {
        let message = format!("an interface cannot be called {name}, which is longer than 15");
        return Some(error(message).hint("give it a shorter name with --interfacename"));
    }
    let message = format!("{name} is the Open vSwitch bridge of the role's profile");
    let hint = "give this device another name, or change `bridge` in the profile";
    (authority.bridge == Some(name.as_str())).then(|| error(message).hint(hint))
}

/// The network of a fixed address: its first and last address.
fn range_of(network: &NetworkCommand) -> Option<(Ipv4Addr, Ipv4Addr, Ipv4Addr)> {
    let (ip, mask) = (network.ip.filter(|_| network.is_static())?, network.netmask?);
    let mask = u32::from(mask);
    let first = u32::from(ip) & mask;
    Some((ip, Ipv4Addr::from(first), Ipv4Addr::from(first | !mask)))
}

/// An address that no host can have.
fn check_address(network: &NetworkCommand) -> Option<Diagnostic> {
    let (ip, first, last) = range_of(network)?;
    // RFC 3021: of two addresses both are hosts'; a single one is its own network.
    let has_hosts = u32::from(last) - u32::from(first) > 1;
    let what = match ip {
        _ if !has_hosts => return None,
        ip if ip == first => "the network's own address",
        ip if ip == last => "the broadcast address",
        _ => return None,
    };
    let message = format!("network --ip: {ip} is {what}");
    let hint = format!("an address between {first} and {last}");
    Some(Diagnostic::error(network.place.clone(), message).hint(hint))
}

/// Gateways of the lab file's routes that the kickstart's interface does not lead to.
fn find_unreachable_gateways(
    authority: &Authority<'_>,
    interfaces: &[&NetworkCommand],
) -> Vec<Diagnostic> {
    let lab = authority.facts.network;
    let mut errors = Vec::new();
    for route in lab.routes.iter().filter(|route| route.interface != lab.interface) {
        let named = |n: &&&NetworkCommand| n.interface(&lab.interface) == route.interface;
        let network = interfaces.iter().find(named);
        if let (Some(via), Some((network, (_, first, last)))) =
            (route.via, network.and_then(|n| Some((n, range_of(n)?))))
            && !(first..=last).contains(&via)
        {
            let (to, name) = (route.to, &route.interface);
            let message = format!(
                "the lab file's route to {to} by {via}: that is outside the network of {name}"
            );
            let hint = "change the [[route]] in the lab file, or the addresses here";
            errors.push(Diagnostic::error(network.place.clone(), message).hint(hint));
        }
    }
    errors
}

/// What may be meant, and hardly works.
fn doubt_network(authority: &Authority<'_>, network: &NetworkCommand) -> Vec<Diagnostic> {
    let lab = authority.facts.network;
    let name = network.interface(&lab.interface);
    let mut found = Vec::new();
    let mut warn = |message: String, hint: &str| {
        found.push(Diagnostic::warning(network.place.clone(), message).hint(hint));
    };
    let absent = |other: &&str| !can_coexist(other, &lab.interface);
    if let Some(other) = needed_devices(network).find(absent) {
        let message = format!(
            "{name} does not start at boot: no machine has {other} next to {}, the lab file's interface",
            lab.interface
        );
        let hint = format!(
            "leave the line out, or name both one way: `interface` of the lab file is {name} \
             where that is to have the node's address"
        );
        warn(message, &hint);
    }
    let Some((ip, first, last)) = range_of(network) else { return found };
    if lab.subnet.contains(ip) {
        let message = format!("{name} is in the lab's network {} as well", lab.subnet);
        warn(message, "what comes in by one interface may be answered by the other");
    }
    if let Some(gateway) = network.gateway.filter(|g| !(first..=last).contains(g)) {
        let message = format!("the gateway {gateway} is outside the network of {name}");
        warn(message, "it is not used: the default route is the lab file's");
    }
    found
}

/// Addresses that a line gives to more than one node of a role.
pub fn find_repeated_addresses<'a>(
    nodes: impl Iterator<Item = (&'a LabNode, &'a [NetworkCommand])>,
    lab: &str,
) -> Vec<Diagnostic> {
    let mut owners: HashMap<IpAddr, (&str, String)> = HashMap::new();
    let mut errors = Vec::new();
    for (node, networks) in nodes {
        let others = networks.iter().filter(|n| !n.hostname_only && n.interface(lab) != *lab);
        for network in others {
            for address in addresses_of(network) {
                let name = network.interface(lab);
                let Some((first, _)) = owners.get(&address).filter(|(n, _)| *n != node.name) else {
                    owners.entry(address).or_insert((&node.name, name));
                    continue;
                };
                let message = format!("{address} would be on {first} and on {}", node.name);
                let hint = "all nodes of a role have this kickstart: use names in double braces, \
                            as in {% if node.name == \"nova01\" %}, or DHCP";
                errors.push(Diagnostic::error(network.place.clone(), message).hint(hint));
            }
        }
    }
    errors
}
