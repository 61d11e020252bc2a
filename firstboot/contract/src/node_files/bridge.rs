//! The two `ifcfg` files of a node whose address is on an Open vSwitch bridge: the
//! bridge's, and that of the interface that is its port.

use super::ifcfg::{ifcfg_differences, netmask};
use super::shell::{assign, assignments, with_assignments};
use crate::spec::{Spec, SpecBridge};
use std::collections::BTreeMap;

/// What makes the bridge forward on its own after a reboot. Neutron leaves it `secure`
/// with a controller that does not exist until its agent runs, and until then the node
/// would be cut off.
fn ovs_extra(bridge: &SpecBridge) -> String {
    let name = &bridge.name;
    let datapath = bridge.datapath.as_ref().filter(|kind| *kind != "system");
    let datapath = datapath.map_or_else(String::new, |kind| format!(" datapath_type={kind}"));
    format!("set bridge {name} fail_mode=standalone{datapath} -- del-controller {name}")
}

/// Keys that are about addresses and not the link; with a number after it for more of a kind.
/// They go with the address to the bridge (EL7's `sysconfig.txt`).
const ADDRESS_KEYS: [&str; 15] = [
    "IPADDR",
    "PREFIX",
    "NETMASK",
    "GATEWAY",
    "GATEWAYDEV",
    "BROADCAST",
    "NETWORK",
    "DEFROUTE",
    "METRIC",
    "ARPCHECK",
    "ARPUPDATE",
    "SRCADDR",
    "SCOPE",
    "NOZEROCONF",
    "ZONE",
];
/// The same by how they begin.
const ADDRESS_PREFIXES: [&str; 6] = ["IPV6", "IPV4_", "DHCP", "DNS", "PEER", "DOMAIN"];
/// Keys of the bridge that the spec alone decides.
const SPEC_KEYS: [&str; 13] = [
    "DEVICE",
    "NAME",
    "TYPE",
    "DEVICETYPE",
    "BOOTPROTO",
    "OVSBOOTPROTO",
    "IPADDR",
    "PREFIX",
    "NETMASK",
    "GATEWAY",
    "DEFROUTE",
    "PEERDNS",
    "DOMAIN",
];

fn is_about_addresses(key: &str) -> bool {
    let kind = key.trim_end_matches(|c: char| c.is_ascii_digit());
    ADDRESS_KEYS.contains(&kind) || ADDRESS_PREFIXES.iter().any(|start| key.starts_with(start))
}

/// What the files of the interface and the bridge say beyond the spec, by the file that keeps
/// it once the interface is the bridge's port.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BridgeSettings {
    /// Of the interface: its link, and what else it is (a bond, a VLAN).
    port: BTreeMap<String, String>,
    /// Of the bridge: MTU, hardware address, further addresses, IPv6.
    bridge: BTreeMap<String, String>,
}

impl BridgeSettings {
    /// Reads the texts of the interface's file, of a plain interface or a port, and of the
    /// bridge's; each empty if there is none. `hardware` is the interface's hardware address
    /// as the kernel has it, if it is known.
    pub fn read(interface: &str, bridge: &str, hardware: Option<&str>) -> Self {
        let mut settings = Self::default();
        let decided = |key: &str| {
            SPEC_KEYS.contains(&key)
                || key.starts_with("DNS")
                || ["ONBOOT", "NM_CONTROLLED", "OVS_BRIDGE", "OVS_EXTRA"].contains(&key)
        };
        let free = |text| assignments(text).into_iter().filter(|(key, _)| !decided(key));
        settings.bridge.extend(free(bridge));
        for (key, value) in free(interface) {
            let place = match is_about_addresses(&key) {
                true => &mut settings.bridge,
                false => &mut settings.port,
            };
            place.insert(key, value);
        }
        let port = |key: &str| settings.port.get(key).map(String::as_str);
        // The bridge takes over the interface's hardware address with its others: the peers
        // know it, and a hypervisor that checks source addresses lets no other one pass.
        let hardware = hardware.or_else(|| port("MACADDR")).or_else(|| port("HWADDR"));
        let shared = [
            ("MACADDR", hardware.map(str::to_ascii_lowercase)),
            ("MTU", port("MTU").map(str::to_owned)),
        ];
        for (key, value) in shared {
            settings.bridge.extend(value.map(|value| (key.to_owned(), value)));
        }
        settings
    }

    /// The hardware address of both, if it is known.
    pub fn hardware(&self) -> Option<&str> {
        self.bridge.get("MACADDR").map(String::as_str)
    }

    /// The further IPv6 addresses, each with its prefix length.
    pub fn ipv6_addresses(&self) -> impl Iterator<Item = &str> {
        let keys = ["IPV6ADDR", "IPV6ADDR_SECONDARIES"];
        let values = keys.into_iter().filter_map(|key| self.bridge.get(key));
        values.flat_map(|value| value.split_whitespace())
    }

    /// The gateway of IPv6, without the interface's name that may follow it.
    pub fn ipv6_gateway(&self) -> Option<&str> {
        self.bridge.get("IPV6_DEFAULTGW")?.split('%').next()
    }
}

/// The keys of `settings` that `found` lacks, or has with another value.
fn missing_keys(
    settings: &BTreeMap<String, String>,
    found: &BTreeMap<String, String>,
) -> Vec<String> {
    let missing = settings.iter().filter(|(key, value)| found.get(*key) != Some(value));
    missing.map(|(key, _)| key.clone()).collect()
}

/// Whether the bridge's file gives the node's address to the bridge.
pub fn bridge_has_address(spec: &Spec, text: &str) -> bool {
    let found = assignments(text);
    let own = spec.node.address.to_string();
    let is_address = |key: &str| {
        let number = key.strip_prefix("IPADDR");
        number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    found.get("TYPE").is_some_and(|kind| kind == "OVSBridge")
        && found.iter().any(|(key, value)| is_address(key) && *value == own)
}

/// The content of the bridge's file.
pub fn bridge_ifcfg(spec: &Spec, bridge: &SpecBridge, settings: &BridgeSettings) -> String {
    let (node, network) = (&spec.node, &spec.network);
    let mut text = format!(
        "DEVICE={name}\nNAME={name}\nDEVICETYPE=ovs\nTYPE=OVSBridge\n\
         BOOTPROTO=static\nOVSBOOTPROTO=static\nIPADDR={address}\nPREFIX={prefix}\nNETMASK={mask}\nGATEWAY={gateway}\nDEFROUTE=yes\n",
        name = bridge.name,
        address = node.address,
        prefix = network.prefix,
        mask = netmask(network.prefix),
        gateway = network.gateway,
    );
    for (index, server) in network.dns.iter().enumerate() {
        text += &format!("DNS{}={server}\n", index + 1);
    }
    text += "PEERDNS=no\nIPV6INIT=no\nONBOOT=yes\nNM_CONTROLLED=no\n";
    with_assignments(&text, &settings.bridge) + &assign("OVS_EXTRA", &ovs_extra(bridge))
}

/// The content of the interface's file.
pub fn port_ifcfg(spec: &Spec, bridge: &SpecBridge, settings: &BridgeSettings) -> String {
    let (name, bridge) = (&spec.node.interface, &bridge.name);
    let text = format!(
        "DEVICE={name}\nNAME={name}\nTYPE=OVSPort\nDEVICETYPE=ovs\nOVS_BRIDGE={bridge}\n\
         BOOTPROTO=none\nONBOOT=yes\nNM_CONTROLLED=no\n"
    );
    with_assignments(&text, &settings.port)
}

/// What in the bridge's file is not as the spec and the settings want it; empty if it will do.
pub fn bridge_differences(
    spec: &Spec,
    bridge: &SpecBridge,
    settings: &BridgeSettings,
    text: &str,
) -> Vec<String> {
    // It holds what a plain interface's file holds, for another device.
    let mut as_device = spec.clone();
    as_device.node.interface.clone_from(&bridge.name);
    let found = assignments(text);
    let get = |key: &str| found.get(key).map(String::as_str);
    let mut wrong = ifcfg_differences(&as_device, text);
    wrong.retain(|key| get(key).is_some() || !is_implied(key, &found));
    let checks = [
        ("TYPE", get("TYPE") == Some("OVSBridge")),
        ("DEVICETYPE", get("DEVICETYPE") == Some("ovs")),
        ("OVSBOOTPROTO", get("OVSBOOTPROTO").is_none_or(is_static)),
        ("OVS_EXTRA", holds_extra(bridge, get("OVS_EXTRA"))),
    ];
    let differing = checks.iter().filter(|(_, holds)| !holds);
    wrong.extend(differing.map(|(key, _)| (*key).to_owned()));
    let mut missing = missing_keys(&settings.bridge, &found);
    // Without it the bridge has what its database says, which outlives a reboot.
    missing.retain(|key| key != "MACADDR" || get(key).is_some());
    wrong.extend(missing);
    wrong
}

/// Whether the bridge's file that says `found` need not say `key`: puppet-vswitch writes
/// `OVSBOOTPROTO` alone, and EL7's NetworkManager leaves what is Open vSwitch's to its scripts.
fn is_implied(key: &str, found: &BTreeMap<String, String>) -> bool {
    match key {
        "BOOTPROTO" => found.get("OVSBOOTPROTO").is_some_and(|value| is_static(value)),
        "NM_CONTROLLED" => true,
        _ => false,
    }
}

fn is_static(value: &str) -> bool {
    ["none", "static"].contains(&value.to_ascii_lowercase().as_str())
}

/// Whether `extra` leaves the bridge able to forward: the one that we write, none, or
/// puppet-vswitch's, as long as the bridge needs no datapath of its own.
fn holds_extra(bridge: &SpecBridge, extra: Option<&str>) -> bool {
    let has_datapath = bridge.datapath.as_ref().is_some_and(|kind| *kind != "system");
    match extra {
        None => !has_datapath,
        Some(extra) => {
            extra == ovs_extra(bridge)
                || !has_datapath && extra.contains(&format!("{} fail_mode=standalone", bridge.name))
        }
    }
}

/// What in the interface's file is not as the spec and the settings want it; empty if it will
/// do.
pub fn port_differences(
    spec: &Spec,
    bridge: &SpecBridge,
    settings: &BridgeSettings,
    text: &str,
) -> Vec<String> {
    let found = assignments(text);
    let get = |key: &str| found.get(key).map_or("", String::as_str);
    let checks = [
        ("DEVICE", get("DEVICE") == spec.node.interface),
        ("TYPE", get("TYPE") == "OVSPort"),
        ("DEVICETYPE", get("DEVICETYPE") == "ovs"),
        ("OVS_BRIDGE", get("OVS_BRIDGE") == bridge.name),
        ("BOOTPROTO", ["", "none"].contains(&get("BOOTPROTO"))),
        ("ONBOOT", get("ONBOOT").eq_ignore_ascii_case("yes")),
        ("NM_CONTROLLED", ["", "no"].contains(&get("NM_CONTROLLED").to_ascii_lowercase().as_str())),
        ("IPADDR", get("IPADDR").is_empty() && get("GATEWAY").is_empty()),
    ];
    let wrong = checks.iter().filter(|(_, holds)| !holds);
    let wrong = wrong.map(|(key, _)| (*key).to_owned());
    wrong.chain(missing_keys(&settings.port, &found)).collect()
}

#[cfg(test)]
mod tests;
