//! Databases of real hosts' Open vSwitch, and what `ovs-vsctl show` printed of some.

use crate::bridge::{Quick, RealNetwork};
use crate::double::{FakeRunner, Node};
use crate::namespace::{Daemon, until};
use crate::tunnels::spec;
use contract::overlay::Overlay;
use firstboot::host::Host;
use firstboot::services::neutron_switch::judge_switch;
use firstboot::services::{ovs, ovsdb};
use serde_json::Value;
use std::cell::RefCell;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where they are, if they are at hand.
fn corpus() -> Option<PathBuf> {
    let shared = std::env::var_os("IMGBUILD_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from);
    let corpus = shared.join("corpus/ovs");
    if !corpus.exists() {
        // Not `eprintln`: what a test that passes prints is not shown.
        let why = format!("not run: {} is absent\n", corpus.display());
        let _ = io::Write::write_all(&mut io::stderr(), why.as_bytes());
    }
    Some(corpus).filter(|corpus| corpus.exists())
}

/// Bridges, ports and interfaces with what else `ovs-vsctl show` prints, one a line.
fn shown(switch: &ovs::Switch) -> Vec<String> {
    let mut lines = vec![format!("{:?}", switch.managers)];
    for bridge in &switch.bridges {
        let name = &bridge.name;
        lines.push(format!("{name} {:?} {:?}", bridge.fail_mode, bridge.controllers));
        for port in &bridge.ports {
            for interface in &port.interfaces {
                lines.push(format!(
                    "{name} {} {:?} {} {} {:?}",
                    port.name, port.tag, interface.name, interface.kind, interface.options
                ));
            }
        }
    }
    lines.sort();
    lines
}

/// A connection, which is down as long as nothing else is said of it.
fn connection(target: String) -> ovs::Connection {
    ovs::Connection { target, is_connected: false }
}

/// The same out of `ovs-vsctl show`'s text.
fn parsed(text: &str) -> ovs::Switch {
    let mut switch = ovs::Switch::default();
    for line in text.lines() {
        let (word, rest) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
        let rest = rest.trim_matches('"').to_owned();
        let bridge = switch.bridges.last_mut();
        match (word, bridge) {
            ("Bridge", _) => {
                switch.bridges.push(ovs::Bridge { name: rest, ..ovs::Bridge::default() });
            }
            ("Manager", None) => switch.managers.push(connection(rest)),
            ("Controller", Some(bridge)) => bridge.controllers.push(connection(rest)),
            ("is_connected:", None) => switch.managers.last_mut().unwrap().is_connected = true,
            ("is_connected:", Some(bridge)) => {
                bridge.controllers.last_mut().unwrap().is_connected = true;
            }
            ("fail_mode:", Some(bridge)) => bridge.fail_mode = Some(rest),
            ("Port", Some(bridge)) => {
                bridge.ports.push(ovs::Port { name: rest, ..ovs::Port::default() });
            }
            ("tag:", Some(bridge)) => bridge.ports.last_mut().unwrap().tag = rest.parse().ok(),
            ("Interface", Some(bridge)) => {
                let interface = ovs::Interface { name: rest, ..ovs::Interface::default() };
                bridge.ports.last_mut().unwrap().interfaces.push(interface);
            }
            (word, Some(bridge)) if word == "type:" || word == "options:" => {
                let port = bridge.ports.last_mut().unwrap();
                let interface = port.interfaces.last_mut().unwrap();
                if word == "type:" {
                    interface.kind = rest;
                } else {
                    let pairs = rest.trim_matches(['{', '}']).split(", ");
                    let pairs = pairs.filter_map(|pair| pair.split_once('='));
                    interface.options = pairs
                        .map(|(k, v)| (k.to_owned(), v.trim_matches('"').to_owned()))
                        .collect();
                }
            }
            ("ovs_version:", _) => switch.version = Some(rest),
            _ => {}
        }
    }
    switch
}

/// Real hosts' databases: read here they give what ovs-vsctl printed of them.
#[test]
fn real_databases_are_read_as_ovs_vsctl_reads_them() {
    let Some(corpus) = corpus() else { return };
    let hosts = std::fs::read_dir(corpus).unwrap();
    let databases =
        hosts.map(|host| host.unwrap().path()).filter(|path| path.join("conf.db").exists());
    let mut read = 0;
    for directory in databases {
        let node = Node::plain();
        let run = node.root.path().join("var/run/openvswitch");
        std::fs::create_dir_all(&run).unwrap();
        let file = run.join("conf.db");
        std::fs::write(&file, std::fs::read(directory.join("conf.db")).unwrap()).unwrap();
        let mut server = Command::new("ovsdb-server");
        server.arg(format!("--remote=punix:{}", run.join("db.sock").display()));
        server
            .arg(format!("--unixctl={}", run.join("ctl").display()))
            .args(["-vconsole:err"])
            .arg(&file);
        let _server = Daemon::start(&mut server, "Debian package openvswitch-switch");
        until("the OVS database", || run.join("db.sock").exists());
        let rest = FakeRunner(node.world.clone());
        let runner = RealNetwork { rest, hook: RefCell::new(Box::new(|_| {})) };
        let host = Host::with(node.root.path(), Box::new(runner), Box::new(Quick::default()));
        let text = |name: &str| std::fs::read_to_string(directory.join(name)).unwrap();
        let switch = ovs::read_switch(&host).unwrap();
        let printed = parsed(&text("show.txt"));
        assert_eq!(shown(&switch), shown(&printed), "{}", directory.display());
        assert_eq!(switch.version, printed.version);
        for table in ["Open_vSwitch", "Bridge", "Port", "Interface", "Controller", "Manager"] {
            let list: Value = serde_json::from_str(&text(&format!("list-{table}.json"))).unwrap();
            let headings: Vec<&str> = list["headings"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| one.as_str().unwrap())
                .collect();
            let [rows] = ovsdb::rows(&host, [(table, &headings[..])]).unwrap();
            let mut ours: Vec<String> = rows
                .iter()
                .map(|row| {
                    Value::from_iter(headings.iter().map(|name| row[*name].clone())).to_string()
                })
                .collect();
            let mut theirs: Vec<String> =
                list["data"].as_array().unwrap().iter().map(Value::to_string).collect();
            ours.sort();
            theirs.sort();
            assert_eq!(ours, theirs, "{table} of {}", directory.display());
        }
        read += 1;
    }
    assert!(read >= 3, "only {read} databases");
}

/// What notes on a Newton installation show of a network host and its one compute is right.
#[test]
fn what_installation_notes_show_is_right() {
    let Some(corpus) = corpus() else { return };
    let path = corpus.join("from-docs/newton-centos7-training/ovs-vsctl-show-004.txt");
    let mut switch = parsed(&std::fs::read_to_string(path).unwrap());
    // `show` has no numbers.
    let ports = switch.bridges.iter_mut().flat_map(|bridge| &mut bridge.ports);
    ports.flat_map(|port| &mut port.interfaces).for_each(|one| one.number = Some(1));
    let mut spec = spec("openstack");
    spec.node.address = [192, 168, 178, 94].into();
    let hosts = vec![spec.node.address, [192, 168, 178, 95].into()];
    let overlay = Overlay {
        open_vswitch: true,
        hosts,
        tunnels: vec!["vxlan".to_owned()],
        ..Overlay::default()
    };
    assert_eq!(judge_switch(&switch, &spec, &overlay), [""; 0]);
}
