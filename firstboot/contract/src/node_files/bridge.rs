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
mod tests {
    use super::*;
    use std::path::Path;

    fn spec() -> (Spec, SpecBridge) {
        let spec = Spec::parse(include_str!("../../../examples/controller.spec.toml")).unwrap();
        let bridge = spec.bridge.clone().unwrap();
        (spec, bridge)
    }

    #[test]
    fn the_files_hold_what_they_are_made_from() {
        let (spec, bridge) = spec();
        let plain = super::super::ifcfg::ifcfg(&spec);
        let old = plain.clone() + "HWADDR=52:54:00:00:00:01\n";
        let settings = BridgeSettings::read(&old, "", None);
        let text = bridge_ifcfg(&spec, &bridge, &settings);
        assert_eq!(bridge_differences(&spec, &bridge, &settings, &text), [""; 0]);
        let cure = "OVS_EXTRA=\"set bridge br-ex fail_mode=standalone -- del-controller br-ex\"\n";
        assert!(text.ends_with(cure), "{text}");
        let secure = text.replace("=standalone", "=secure");
        assert_eq!(bridge_differences(&spec, &bridge, &settings, &secure), ["OVS_EXTRA"]);
        let in_user_space = SpecBridge { datapath: Some("netdev".to_owned()), ..bridge.clone() };
        let wrong = bridge_differences(&spec, &in_user_space, &settings, &text);
        assert_eq!(wrong, ["OVS_EXTRA"], "it needs its datapath");
        let port = port_ifcfg(&spec, &bridge, &settings);
        assert_eq!(port_differences(&spec, &bridge, &settings, &port), [""; 0]);
        assert!(port.ends_with("HWADDR=52:54:00:00:00:01\n"));
        assert_eq!(
            port_differences(&spec, &bridge, &settings, &old),
            ["TYPE", "DEVICETYPE", "OVS_BRIDGE", "IPADDR"]
        );
    }

    /// The lab notes' pair, made by puppet-vswitch, is right as it stands.
    #[test]
    fn the_lab_notes_files_are_right() {
        let (spec, bridge) = spec();
        let notes = "ONBOOT=yes\nNM_CONTROLLED=\"no\"\nIPADDR=192.168.1.10\n\
                     NETMASK=255.255.255.0\nGATEWAY=192.168.1.254\nDEVICE=br-ex\nNAME=br-ex\n\
                     DEVICETYPE=ovs\nOVSBOOTPROTO=static\nTYPE=OVSBridge\n";
        let port = "DEVICE=eth0\nNAME=eth0\nDEVICETYPE=ovs\nTYPE=OVSPort\nOVS_BRIDGE=br-ex\n\
                    ONBOOT=yes\nBOOTPROTO=none\n";
        let settings = BridgeSettings::read(port, notes, Some("52:54:00:00:00:10"));
        let wrong = |text: &str| bridge_differences(&spec, &bridge, &settings, text);
        assert_eq!(wrong(notes), [""; 0]);
        assert_eq!(port_differences(&spec, &bridge, &settings, port), [""; 0]);
        let extra = "OVS_EXTRA=\"set bridge br-ex fail_mode=standalone\"\n";
        assert_eq!(wrong(&(notes.to_owned() + extra)), [""; 0]);
        assert_eq!(wrong(&notes.replace("OVSBOOTPROTO=static", "BOOTPROTO=static")), [""; 0]);
        assert_eq!(wrong(&notes.replace("OVSBOOTPROTO=static\n", "")), ["BOOTPROTO"]);
        assert_eq!(
            wrong(&notes.replace("OVSBOOTPROTO=static", "OVSBOOTPROTO=dhcp")),
            ["BOOTPROTO", "OVSBOOTPROTO"]
        );
        assert_eq!(wrong(&notes.replace("\"no\"", "yes")), ["NM_CONTROLLED"]);
        assert!(bridge_has_address(&spec, notes));
        assert!(bridge_has_address(&spec, &notes.replace("IPADDR", "IPADDR0")));
        assert!(!bridge_has_address(&spec, &notes.replace("1.10", "1.100")));
    }

    /// MTU, driver options, further addresses and IPv6 outlive the change, and the bridge has
    /// the interface's hardware address.
    #[test]
    fn what_the_interface_had_is_kept() {
        let (spec, bridge) = spec();
        let old = super::super::ifcfg::ifcfg(&spec)
            + "MTU=9000\nETHTOOL_OPTS=\"-K eth0 tso off\"\nHWADDR=52:54:00:AA:BB:CC\n\
               IPADDR1=10.0.0.2\nPREFIX1=24\nIPV6INIT=yes\nIPV6ADDR=2001:db8::10/64\n\
               IPV6_DEFAULTGW=2001:db8::1%eth0\nBONDING_OPTS=\"mode=1 miimon=100\"\n";
        let settings = BridgeSettings::read(&old, "", None);
        let ours = bridge_ifcfg(&spec, &bridge, &settings);
        let found = assignments(&ours);
        for (key, value) in [
            ("MTU", "9000"),
            ("MACADDR", "52:54:00:aa:bb:cc"),
            ("IPADDR", "192.168.1.10"),
            ("IPADDR1", "10.0.0.2"),
            ("PREFIX1", "24"),
            ("IPV6INIT", "yes"),
            ("IPV6ADDR", "2001:db8::10/64"),
        ] {
            assert_eq!(found.get(key).map(String::as_str), Some(value), "{key} in:\n{ours}");
        }
        assert!(!ours.contains("HWADDR") && !ours.contains("ETHTOOL"), "{ours}");
        let port = port_ifcfg(&spec, &bridge, &settings);
        for line in [
            "MTU=9000",
            "ETHTOOL_OPTS=\"-K eth0 tso off\"",
            "HWADDR=52:54:00:AA:BB:CC",
            "BONDING_OPTS=\"mode=1 miimon=100\"",
        ] {
            assert!(port.lines().any(|l| l == line), "{line} in:\n{port}");
        }
        assert!(!port.contains("IP"), "{port}");
        assert_eq!(settings.ipv6_addresses().collect::<Vec<_>>(), ["2001:db8::10/64"]);
        assert_eq!(settings.ipv6_gateway(), Some("2001:db8::1"));
        // Nothing of it is lost when both are read again.
        assert_eq!(BridgeSettings::read(&port, &ours, None), settings);
        assert_eq!(bridge_differences(&spec, &bridge, &settings, &ours), [""; 0]);
        let without = ours.replace("MTU=9000\n", "");
        assert_eq!(bridge_differences(&spec, &bridge, &settings, &without), ["MTU"]);
        // Another network card.
        let other = BridgeSettings::read(&port, &ours, Some("52:54:00:00:00:02"));
        assert_eq!(other.hardware(), Some("52:54:00:00:00:02"));
        assert_eq!(bridge_differences(&spec, &bridge, &other, &ours), ["MACADDR"]);
    }

    /// A real host's files, before the bridge and after: ours have the same content.
    #[test]
    fn a_real_pair_is_reproduced() {
        let shared = std::env::var_os("IMGBUILD_SHARED").map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
            Into::into,
        );
        let directory = shared.join("corpus/ovs/ifcfg-pairs/queens-host1");
        let Ok(interface) = std::fs::read_to_string(directory.join("ifcfg-em1.before")) else {
            // Not `eprintln`: what a test that passes prints is not shown.
            let why = format!("not run: {} is absent\n", directory.display());
            let _ = std::io::Write::write_all(&mut std::io::stderr(), why.as_bytes());
            return;
        };
        let (mut spec, bridge) = spec();
        let before = assignments(&interface);
        spec.node.interface.clone_from(&before["DEVICE"]);
        spec.node.address = before["IPADDR"].parse().unwrap();
        spec.network.gateway = before["GATEWAY"].parse().unwrap();
        let read_text = |name: &str| std::fs::read_to_string(directory.join(name)).unwrap();
        let read = |name: &str| assignments(&read_text(name));
        let after = read("ifcfg-br-ex.after");
        spec.network.dns = vec![after["DNS1"].parse().unwrap()];
        let hardware = &assignments(&read_text("ifcfg-em1.after"))["HWADDR"];
        let interface = format!("{interface}\nHWADDR={hardware}\n");
        let (bridge_file, port_file) =
            (read_text("ifcfg-br-ex.after"), read_text("ifcfg-em1.after"));
        let settings = BridgeSettings::read(&port_file, &bridge_file, Some(hardware));
        assert_eq!(bridge_differences(&spec, &bridge, &settings, &bridge_file), [""; 0]);
        assert_eq!(port_differences(&spec, &bridge, &settings, &port_file), [""; 0]);
        let settings = BridgeSettings::read(&interface, "", None);
        let ours = assignments(&bridge_ifcfg(&spec, &bridge, &settings));
        assert_eq!(after.iter().find(|(key, value)| ours.get(*key) != Some(value)), None);
        let after = read("ifcfg-em1.after");
        let ours = assignments(&port_ifcfg(&spec, &bridge, &settings));
        assert_eq!(after.iter().find(|(key, value)| ours.get(*key) != Some(value)), None);
    }
}
