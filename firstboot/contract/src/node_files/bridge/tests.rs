use super::*;
use std::path::Path;

fn spec() -> (Spec, SpecBridge) {
    let spec = Spec::parse(include_str!("../../../../examples/controller.spec.toml")).unwrap();
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
    let shared = std::env::var_os("IMGBUILD_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), Into::into);
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
    let (bridge_file, port_file) = (read_text("ifcfg-br-ex.after"), read_text("ifcfg-em1.after"));
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
