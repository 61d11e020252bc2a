//! The `ifcfg` file of an interface that has the node's address.

use super::shell::{assignments, with_assignments};
use crate::spec::Spec;
use std::net::Ipv4Addr;

/// Where the interface's configuration is.
pub fn ifcfg_path(interface: &str) -> String {
    format!("/etc/sysconfig/network-scripts/ifcfg-{interface}")
}

/// Where the interface's static routes are.
pub fn route_path(interface: &str) -> String {
    format!("/etc/sysconfig/network-scripts/route-{interface}")
}

/// The netmask of a prefix length of 0 to 32 bits.
pub fn netmask(prefix: u8) -> Ipv4Addr {
    let host_bits = 32 - u32::from(prefix.min(32));
    Ipv4Addr::from(u32::MAX.checked_shl(host_bits).unwrap_or(0))
}

/// The content of the interface's `ifcfg` file: the static address of the spec.
pub fn ifcfg(spec: &Spec) -> String {
    let (node, network) = (&spec.node, &spec.network);
    format!(
        "DEVICE={interface}\nNAME={interface}\nTYPE=Ethernet\nBOOTPROTO=none\nONBOOT=yes\n\
         NM_CONTROLLED=no\nIPADDR={address}\nPREFIX={prefix}\nNETMASK={mask}\nGATEWAY={gateway}\n\
         DEFROUTE=yes\nPEERDNS=no\nIPV6INIT=no\n",
        interface = node.interface,
        address = node.address,
        prefix = network.prefix,
        mask = netmask(network.prefix),
        gateway = network.gateway,
    )
}

/// The same in place of the file `old`: what that says beyond the spec stays, an MTU for instance.
pub fn renewed_ifcfg(spec: &Spec, old: &str) -> String {
    let new = ifcfg(spec);
    let decided = assignments(&new);
    let mut kept = assignments(old);
    let is_ovs = |value: &String| value.to_ascii_uppercase().starts_with("OVS");
    kept.retain(|key, value| {
        let other_type = key == "TYPE" && !is_ovs(value);
        let of_bridge = key.starts_with("OVS") || key == "DEVICETYPE" && is_ovs(value);
        let free = !decided.contains_key(key) || key == "IPV6INIT" || other_type;
        free && !of_bridge && key != "DOMAIN"
    });
    with_assignments(&new, &kept)
}

/// What in the `ifcfg` text `text` is not as the spec wants it, in words; empty if
/// it will do. Keys that do not matter here are free.
pub fn ifcfg_differences(spec: &Spec, text: &str) -> Vec<String> {
    let found = assignments(text);
    let get = |key: &str| found.get(key).map_or("", String::as_str);
    let is = |key: &str, wanted: &[&str]| wanted.contains(&get(key).to_ascii_lowercase().as_str());
    let (node, network) = (&spec.node, &spec.network);
    let (prefix, mask) = (network.prefix.to_string(), netmask(network.prefix).to_string());
    // initscripts take PREFIX before NETMASK.
    let width =
        if get("PREFIX").is_empty() { is("NETMASK", &[&mask]) } else { is("PREFIX", &[&prefix]) };
    let checks = [
        ("DEVICE", get("DEVICE") == node.interface),
        ("BOOTPROTO", is("BOOTPROTO", &["none", "static"])),
        ("ONBOOT", is("ONBOOT", &["yes"])),
        ("IPADDR", is("IPADDR", &[&node.address.to_string()])),
        ("PREFIX/NETMASK", width),
        ("GATEWAY", is("GATEWAY", &[&network.gateway.to_string()])),
        ("NM_CONTROLLED", is("NM_CONTROLLED", &["no"])),
        // With it, ifup puts a search line into resolv.conf.
        ("DOMAIN", get("DOMAIN").is_empty()),
    ];
    let wrong = checks.iter().filter(|(_, holds)| !holds);
    wrong.map(|(key, _)| (*key).to_owned()).collect()
}
