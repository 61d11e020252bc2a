//! The two `ifcfg` files of a node whose address is on an Open vSwitch bridge: the
//! bridge's, and that of the interface that is its port.

use super::ifcfg::{ifcfg_differences, netmask};
use super::shell::assignments;
use crate::spec::{Spec, SpecBridge};

/// What makes the bridge forward on its own after a reboot. Neutron leaves it `secure`
/// with a controller that does not exist until its agent runs, and until then the node
/// would be cut off.
fn ovs_extra(bridge: &SpecBridge) -> String {
    let name = &bridge.name;
    let datapath = bridge.datapath.as_ref().filter(|kind| *kind != "system");
    let datapath = datapath.map_or_else(String::new, |kind| format!(" datapath_type={kind}"));
    format!("set bridge {name} fail_mode=standalone{datapath} -- del-controller {name}")
}

/// The content of the bridge's file.
pub fn bridge_ifcfg(spec: &Spec, bridge: &SpecBridge) -> String {
    let (node, network) = (&spec.node, &spec.network);
    let mut text = format!(
        "DEVICE={name}\nNAME={name}\nDEVICETYPE=ovs\nTYPE=OVSBridge\nBOOTPROTO=static\n\
         IPADDR={address}\nPREFIX={prefix}\nNETMASK={mask}\nGATEWAY={gateway}\nDEFROUTE=yes\n",
        name = bridge.name,
        address = node.address,
        prefix = network.prefix,
        mask = netmask(network.prefix),
        gateway = network.gateway,
    );
    for (index, server) in network.dns.iter().enumerate() {
        text += &format!("DNS{}={server}\n", index + 1);
    }
    text + "PEERDNS=no\nIPV6INIT=no\nONBOOT=yes\nNM_CONTROLLED=no\n"
        + &format!("OVS_EXTRA=\"{}\"\n", ovs_extra(bridge))
}

/// The content of the interface's file; `hardware` is the address in the old one.
pub fn port_ifcfg(spec: &Spec, bridge: &SpecBridge, hardware: Option<&str>) -> String {
    let (name, bridge) = (&spec.node.interface, &bridge.name);
    let hardware = hardware.map_or_else(String::new, |address| format!("HWADDR={address}\n"));
    format!(
        "DEVICE={name}\nNAME={name}\nTYPE=OVSPort\nDEVICETYPE=ovs\nOVS_BRIDGE={bridge}\n\
         BOOTPROTO=none\nONBOOT=yes\nNM_CONTROLLED=no\n{hardware}"
    )
}

/// What in the bridge's file is not as the spec wants it; empty if it will do.
pub fn bridge_differences(spec: &Spec, bridge: &SpecBridge, text: &str) -> Vec<String> {
    // It holds what a plain interface's file holds, for another device.
    let mut as_device = spec.clone();
    as_device.node.interface.clone_from(&bridge.name);
    let mut wrong = ifcfg_differences(&as_device, text);
    let found = assignments(text);
    let extra = ovs_extra(bridge);
    for (key, wanted) in
        [("TYPE", "OVSBridge"), ("DEVICETYPE", "ovs"), ("OVS_EXTRA", extra.as_str())]
    {
        if found.get(key).is_none_or(|value| value != wanted) {
            wrong.push(key.to_owned());
        }
    }
    wrong
}

/// What in the interface's file is not as the spec wants it; empty if it will do.
pub fn port_differences(spec: &Spec, bridge: &SpecBridge, text: &str) -> Vec<String> {
    let found = assignments(text);
    let get = |key: &str| found.get(key).map_or("", String::as_str);
    let checks = [
        ("DEVICE", get("DEVICE") == spec.node.interface),
        ("TYPE", get("TYPE") == "OVSPort"),
        ("DEVICETYPE", get("DEVICETYPE") == "ovs"),
        ("OVS_BRIDGE", get("OVS_BRIDGE") == bridge.name),
        ("BOOTPROTO", ["", "none"].contains(&get("BOOTPROTO"))),
        ("ONBOOT", get("ONBOOT").eq_ignore_ascii_case("yes")),
        ("NM_CONTROLLED", get("NM_CONTROLLED").eq_ignore_ascii_case("no")),
        ("IPADDR", get("IPADDR").is_empty() && get("GATEWAY").is_empty()),
    ];
    let wrong = checks.iter().filter(|(_, holds)| !holds);
    wrong.map(|(key, _)| (*key).to_owned()).collect()
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
        let text = bridge_ifcfg(&spec, &bridge);
        assert_eq!(bridge_differences(&spec, &bridge, &text), [""; 0]);
        let cure = "OVS_EXTRA=\"set bridge br-ex fail_mode=standalone -- del-controller br-ex\"\n";
        assert!(text.ends_with(cure), "{text}");
        let without = text.replace("OVS_EXTRA", "OVS_OTHER");
        assert_eq!(bridge_differences(&spec, &bridge, &without), ["OVS_EXTRA"]);
        let port = port_ifcfg(&spec, &bridge, Some("52:54:00:00:00:01"));
        assert_eq!(port_differences(&spec, &bridge, &port), [""; 0]);
        assert!(port.ends_with("HWADDR=52:54:00:00:00:01\n"));
        let plain = super::super::ifcfg::ifcfg(&spec);
        assert_eq!(
            port_differences(&spec, &bridge, &plain),
            ["TYPE", "DEVICETYPE", "OVS_BRIDGE", "IPADDR"]
        );
    }

    /// A real host's files, before the bridge and after: ours have the same content.
    #[test]
    fn a_real_pair_is_reproduced() {
        let shared = std::env::var_os("IMGBUILD_SHARED").map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
            Into::into,
        );
        let directory = shared.join("corpus/ovs/ifcfg-pairs/queens-host1");
        let Ok(before) = std::fs::read_to_string(directory.join("ifcfg-em1.before")) else {
            // Not `eprintln`: what a test that passes prints is not shown.
            let why = format!("not run: {} is absent\n", directory.display());
            let _ = std::io::Write::write_all(&mut std::io::stderr(), why.as_bytes());
            return;
        };
        let (mut spec, bridge) = spec();
        let before = assignments(&before);
        spec.node.interface.clone_from(&before["DEVICE"]);
        spec.node.address = before["IPADDR"].parse().unwrap();
        spec.network.gateway = before["GATEWAY"].parse().unwrap();
        let read =
            |name: &str| assignments(&std::fs::read_to_string(directory.join(name)).unwrap());
        let after = read("ifcfg-br-ex.after");
        spec.network.dns = vec![after["DNS1"].parse().unwrap()];
        let ours = assignments(&bridge_ifcfg(&spec, &bridge));
        assert_eq!(after.iter().find(|(key, value)| ours.get(*key) != Some(value)), None);
        let after = read("ifcfg-em1.after");
        let hardware = after.get("HWADDR").map(String::as_str);
        let ours = assignments(&port_ifcfg(&spec, &bridge, hardware));
        assert_eq!(after.iter().find(|(key, value)| ours.get(*key) != Some(value)), None);
    }
}
