//! The switches of a cloud's nodes: recorded ones of three nodes with Neutron's agents, and a
//! node that hears that OpenStack is installed, loses a tunnel and gets it back.

use crate::double::{COMPUTE, CONTROLLER, Node, printed};
use crate::peer_lab::announcement;
use contract::overlay::{Overlay, SwitchState};
use contract::peers::wire::Announcement;
use contract::spec::Spec;
use contract::status::{CloudState, Outcome, Readiness};
use firstboot::analyze;
use firstboot::engine;
use firstboot::host::Host;
use firstboot::journal::Journal;
use firstboot::peer_service::MAX_BODY;
use firstboot::peers::computes::list_unready_computes;
use firstboot::peers::known::AnnouncerSession;
use firstboot::peers::view::View;
use firstboot::services::answer_file::AnswerFile;
use firstboot::services::neutron_switch::{find_faults, read_overlay};
use firstboot::state::RunState;
use firstboot::steps::{CheckOutcome, Step};
use serde_json::Value;
use std::time::Duration;

/// Open vSwitch 2.5.0 of EL7 under real agents, on three nodes in five states.
const RECORDED: &str = include_str!("../recorded/neutron-3nodes.json");

/// Gives the double of a node the switch that `name` had in `state`.
fn put_recorded(node: &Node, state: &str, name: &str) {
    let recorded: Value = serde_json::from_str(RECORDED).unwrap();
    let recorded = &recorded[state][name];
    let (code, text) = (&recorded["vswitchd"]["code"], &recorded["vswitchd"]["text"]);
    let code = i32::try_from(code.as_i64().unwrap()).unwrap();
    let mut answer = printed(code, text.as_str().unwrap());
    if code != 0 {
        std::mem::swap(&mut answer.stdout, &mut answer.stderr);
    }
    let mut world = node.world.borrow_mut();
    world.answers.insert("ovs-appctl", vec![answer]);
    world.tables = Some(recorded.clone());
}

/// The spec of the example's node `name`.
pub fn spec(name: &str) -> Spec {
    let mut spec = Spec::parse(if name == "openstack" { CONTROLLER } else { COMPUTE }).unwrap();
    let host = spec.hosts.iter().find(|host| host.name == name).unwrap();
    (spec.node.name, spec.node.address) = (host.name.clone(), host.address);
    spec
}

fn overlay(tunnels: &[&str]) -> Overlay {
    let hosts = [10, 11, 12].map(|last| [192, 168, 1, last].into()).to_vec();
    Overlay {
        open_vswitch: true,
        tunnels: tunnels.iter().map(|&kind| kind.into()).collect(),
        hosts,
        ..Overlay::default()
    }
}

fn faults(state: &str, name: &str, overlay: &Overlay) -> Vec<String> {
    let node = Node::new(&spec(name).to_toml().unwrap());
    put_recorded(&node, state, name);
    find_faults(&node.host(), &node.spec, overlay).unwrap()
}

#[test]
fn each_recorded_switch_is_judged() {
    let names = ["openstack", "nova01", "nova02"];
    let broken: [(&str, &str, &[&str]); 4] = [
        (
            "agent-dead-nova01",
            "nova01",
            &[
                "br-int's controller is not connected (tcp:127.0.0.1:6633)",
                "br-tun's controller is not connected (tcp:127.0.0.1:6633)",
                "the manager ptcp:6640:127.0.0.1 is not connected",
            ],
        ),
        ("br-int-missing-nova02", "nova02", &["br-int is missing"]),
        (
            "vswitchd-dead-nova02",
            "nova02",
            &["ovs-vswitchd does not answer (exit code 1: ovs-appctl: cannot read pidfile \
               \"/var/run/openvswitch/ovs-vswitchd.pid\" (No such process))"],
        ),
        ("vxlan-port-deleted", "openstack", &["no tunnel to nova02 (192.168.1.12)"]),
    ];
    for name in names {
        assert_eq!(faults("healthy", name, &overlay(&["vxlan"])), [""; 0], "{name}");
        for (state, bad, wanted) in broken {
            let wanted = if bad == name { wanted } else { &[] };
            assert_eq!(faults(state, name, &overlay(&["vxlan"])), wanted, "{state} {name}");
        }
    }
}

#[test]
fn other_networks_want_other_tunnels() {
    let found = |overlay: &Overlay| faults("vxlan-port-deleted", "openstack", overlay);
    assert_eq!(found(&overlay(&[])), [""; 0], "networks of VLANs have no tunnels");
    assert_eq!(
        found(&overlay(&["gre", "vxlan"])),
        [
            "no gre tunnel to nova01 (192.168.1.11)",
            "no gre tunnel to nova02 (192.168.1.12)",
            "no vxlan tunnel to nova02 (192.168.1.12)",
        ]
    );
    let elsewhere = Overlay { elsewhere: true, ..overlay(&["vxlan"]) };
    assert_eq!(found(&elsewhere), ["1 of 2 tunnels to other nodes"]);
    let on_demand = Overlay { on_demand: true, ..overlay(&["vxlan"]) };
    assert_eq!(found(&on_demand), [""; 0]);
}

#[test]
fn a_switch_that_is_otherwise_is_named() {
    let node = Node::new(&spec("nova01").to_toml().unwrap());
    put_recorded(&node, "healthy", "nova01");
    let found = |from: &str, to: &str| {
        let text = serde_json::to_string(node.world.borrow().tables.as_ref().unwrap()).unwrap();
        assert!(text.contains(from), "{from} in {text}");
        let healthy = node
            .world
            .borrow_mut()
            .tables
            .replace(serde_json::from_str(&text.replace(from, to)).unwrap());
        let found = find_faults(&node.host(), &node.spec, &overlay(&["vxlan"])).unwrap();
        node.world.borrow_mut().tables = healthy;
        found
    };
    let local = r#"["local_ip","192.168.1.11"],["out_key","flow"],["remote_ip","192.168.1.12"]"#;
    assert_eq!(
        found(local, &local.replace("1.11", "1.99")),
        ["the tunnel to nova02 (192.168.1.12) begins at 192.168.1.99, not at 192.168.1.11"]
    );
    assert_eq!(
        found(r#"["peer","patch-int"]"#, r#"["peer","patch-other"]"#),
        [
            "br-int's patch patch-tun has no end patch-other",
            "br-tun's patch patch-int has no end patch-tun",
            "no patch joins br-int and br-tun",
        ]
    );
    let secure = found(r#""secure""#, r#""standalone""#);
    assert_eq!(secure.len(), 2);
    assert!(secure[0].ends_with("'s fail_mode is standalone in place of secure"), "{secure:?}");
    let made = r#""name":"vxlan-c0a8010c","ofport":3"#;
    assert_eq!(
        found(made, &made.replace(":3", ":-1")),
        ["the tunnel vxlan-c0a8010c could not be made"]
    );
    let error = r#""error":["set",[]],"name":"vxlan-c0a8010c""#;
    assert_eq!(
        found(error, &error.replace(r#"["set",[]]"#, r#""no device""#)),
        ["the tunnel vxlan-c0a8010c has an error: no device"]
    );
}

#[test]
fn the_answers_say_what_is_to_be_there() {
    let spec = spec("openstack");
    let read = |text: &str| read_overlay(&AnswerFile::parse(text.as_bytes()), &spec);
    let base = "[general]\nCONFIG_NETWORK_HOSTS=192.168.1.10\n\
                CONFIG_COMPUTE_HOSTS=nova02,192.168.1.11\nCONFIG_NEUTRON_ML2_TYPE_DRIVERS=vxlan,flat\n";
    assert_eq!(read(base), overlay(&["vxlan"]));
    let with = |line: &str| read(&format!("{base}{line}\n"));
    assert!(!with("CONFIG_NEUTRON_L2_AGENT=linuxbridge").open_vswitch);
    assert!(with("CONFIG_NEUTRON_OVS_TUNNEL_IF=eth1").elsewhere);
    assert!(with("CONFIG_NEUTRON_ML2_MECHANISM_DRIVERS=openvswitch,l2population").on_demand);
    assert_eq!(read(&base.replace("vxlan,flat", "vlan")).tunnels, [""; 0]);
}

/// Has `node` hear `announcement`.
fn hear(node: &Node, announcement: Announcement) {
    let mut view = View::load(&node.host());
    let (name, id) = (announcement.node.clone(), announcement.session.clone());
    let session = AnnouncerSession { name, id, number: 1, age: Duration::ZERO };
    let now = node.host().uptime_seconds();
    view.record(&node.spec, &announcement, &session, now).unwrap();
    view.save(&node.host()).unwrap();
}

/// A node with keys in its first boot.
fn booted(name: &str) -> Node {
    let node = Node::new(&spec(name).to_toml().unwrap());
    for directory in ["etc/firstboot/pki", "proc/sys/kernel/random", "etc/sysconfig"] {
        std::fs::create_dir_all(node.root.path().join(directory)).unwrap();
    }
    node.write("/proc/sys/kernel/random/boot_id", "this-boot\n");
    node.write("/proc/uptime", "1000.00 1.00\n");
    node
}

#[test]
fn a_thousand_nodes_fit_into_an_announcement() {
    let hosts = (0..1000).map(|last: u32| (0xc0a8_6464 + last).into()).collect();
    let overlay = Some(Overlay { hosts, ..overlay(&["gre", "vxlan"]) });
    let faults = vec!["x".repeat(255); 16];
    let switch = Some(SwitchState { overlay, faults, ..SwitchState::default() });
    let announcement = Announcement { switch, ..announcement("openstack", "b", 1) };
    assert!(announcement.is_sensible());
    assert!(serde_json::to_vec(&announcement).unwrap().len() < MAX_BODY);
}

/// What the controller announces once packstack has finished.
fn installed(seq: u64) -> Announcement {
    let switch = SwitchState { overlay: Some(overlay(&["vxlan"])), ..SwitchState::default() };
    Announcement { switch: Some(switch), ..announcement("openstack", "b", seq) }
}

/// One look of `firstboot watch`; the state after it, if something was run again.
fn watch(node: &Node) -> Option<RunState> {
    let host: Host = node.host();
    let rerun = engine::find_rerun(&host, &node.spec, false).unwrap()?;
    let journal = Journal::new(Some(&node.spec), vec![Box::new(node.records.clone())]);
    Some(rerun.run(&host, &node.spec, &journal).unwrap())
}

fn step(state: &RunState, step: Step) -> (Outcome, &str) {
    let state = state.steps.iter().find(|state| state.name == step.name()).unwrap();
    (state.outcome, state.message.as_str())
}

/// A compute that was ready when its controller announced that OpenStack is installed, and has
/// followed it.
fn compute_with_cloud() -> Node {
    let node = booted("nova02");
    let state = node.run();
    assert_eq!(state.readiness(), Readiness::Ready, "{state:?}");
    assert_eq!(step(&state, Step::Tunnels).0, Outcome::Skipped);
    assert_eq!((watch(&node), state.switch), (None, None));

    // packstack has written its own chrony.conf and firewall, and its agent runs.
    node.write("/etc/chrony.conf", "server 192.168.1.254\n");
    node.write(
        "/etc/sysconfig/iptables",
        "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -j REJECT\nCOMMIT\n",
    );
    put_recorded(&node, "healthy", "nova02");
    assert_eq!(watch(&node), None, "it has not heard of it");
    hear(&node, installed(1));
    let state = watch(&node).unwrap();
    assert_eq!(step(&state, Step::Aftercare).0, Outcome::Changed, "{state:?}");
    assert!(node.read("/etc/chrony.conf").contains("server 192.168.1.254 iburst"));
    assert!(node.read("/etc/sysconfig/iptables").contains("--dport 7878 -j ACCEPT"));
    assert_eq!(node.called("systemctl --no-pager restart chronyd"), 1);
    assert_eq!(
        step(&state, Step::Tunnels),
        (
            Outcome::Unchanged,
            "br-int and br-tun follow Neutron's agent, vxlan tunnels to openstack, nova01 are there"
        )
    );
    assert_eq!((state.readiness(), state.switch), (Readiness::Ready, Some(SwitchState::default())));
    // What a person changes afterwards is theirs.
    node.write("/etc/chrony.conf", "server 192.168.1.253\n");
    assert_eq!(watch(&node), None);
    node
}

#[test]
fn a_compute_follows_the_cloud() {
    let node = compute_with_cloud();
    // Hours later.
    node.write("/proc/uptime", "9000.00 1.00\n");
    for (recorded, fault) in [
        ("vswitchd-dead-nova02", "nova02: ovs-vswitchd does not answer"),
        ("br-int-missing-nova02", "nova02: br-int is missing"),
    ] {
        put_recorded(&node, recorded, "nova02");
        let state = watch(&node).unwrap();
        assert_eq!(state.readiness(), Readiness::Failed);
        let (outcome, message) = step(&state, Step::Tunnels);
        assert_eq!(outcome, Outcome::Failed);
        assert!(message.starts_with(fault), "{message}");
        assert_eq!(watch(&node), None, "it is reported once");
    }
    put_recorded(&node, "healthy", "nova02");
    let state = watch(&node).unwrap();
    assert_eq!(state.readiness(), Readiness::Ready);
    assert_eq!(state.steps.last().unwrap().at, 8000.0, "after the run's begin");
    let drawn = analyze::draw_text(&state);
    assert!(drawn.contains("0.0 s  firstboot on nova02"), "{drawn}");
    assert_eq!(drawn.matches("(done again later)").count(), 2, "{drawn}");
    assert_eq!(node.records.0.lock().unwrap().last().unwrap()["FIRSTBOOT_OUTCOME"], "ready");
}

#[test]
fn a_compute_goes_on_where_it_was_interrupted() {
    let node = compute_with_cloud();
    // One that is under way is not disturbed.
    let host = node.host();
    let mut state = RunState::load(&host).unwrap().unwrap();
    state.steps.iter_mut().rev().take(2).for_each(|step| step.outcome = Outcome::Working);
    state.save(&host).unwrap();
    assert_eq!(engine::find_rerun(&host, &node.spec, true).unwrap(), None);
    assert_eq!(watch(&node).unwrap().readiness(), Readiness::Ready);
    // A controller that boots has not come to it yet, and its cloud is there all the same.
    let working = |boot: &str, seq| Announcement {
        cloud: Some(CloudState::Working),
        ..announcement("openstack", boot, seq)
    };
    hear(&node, working("c", 1));
    hear(&node, working("c", 2));
    assert_eq!(watch(&node), None);
    hear(&node, Announcement { switch: installed(3).switch, ..working("c", 3) });
    assert_eq!(watch(&node), None);
    // Another packstack is at work.
    hear(&node, working("c", 4));
    let state = watch(&node).unwrap();
    assert_eq!((step(&state, Step::Tunnels).0, state.switch.clone()), (Outcome::Skipped, None));
}

/// A controller that packstack has finished on.
fn controller() -> Node {
    let node = booted("openstack");
    for (path, text) in [
        ("/var/lib/firstboot/packstack/result.json", "{\"ended\":\"2026-11-24T02:28:00Z\"}"),
        ("/root/keystonerc_admin", ""),
        (
            "/var/lib/firstboot/packstack/answers.txt",
            "[general]\nCONFIG_NETWORK_HOSTS=192.168.1.10\nCONFIG_COMPUTE_HOSTS=nova01,nova02\n\
             CONFIG_NEUTRON_ML2_TYPE_DRIVERS=vxlan\n",
        ),
    ] {
        let path = node.root.path().join(&path[1..]);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    put_recorded(&node, "healthy", "openstack");
    node
}

#[test]
fn a_controller_is_ready_when_every_node_has_its_tunnels() {
    let node = controller();
    let found = || match Step::Tunnels.check(&node.host(), &node.spec).unwrap() {
        CheckOutcome::Met(text) | CheckOutcome::Waiting(text) => text,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        found(),
        "nova01 (192.168.1.11) is not reachable; nova02 (192.168.1.12) is not reachable"
    );
    let judged = |name: &str, seq, faults: &[&str]| {
        let faults = faults.iter().map(|&fault| fault.to_owned()).collect();
        let switch = Some(SwitchState { faults, ..SwitchState::default() });
        hear(&node, Announcement { switch, ..announcement(name, "b", seq) });
    };
    judged("nova01", 1, &[]);
    hear(&node, announcement("nova02", "b", 1));
    assert_eq!(found(), "nova02 (192.168.1.12) has not checked its tunnels yet");
    judged("nova02", 2, &["no tunnel to nova01 (192.168.1.11)"]);
    assert_eq!(found(), "nova02: no tunnel to nova01 (192.168.1.11)");
    judged("nova02", 3, &[]);
    assert_eq!(
        found(),
        "br-int and br-tun follow Neutron's agent, vxlan tunnels to nova01, nova02 are there; so \
         have these"
    );
    put_recorded(&node, "vxlan-port-deleted", "openstack");
    assert_eq!(found(), "openstack: no tunnel to nova02 (192.168.1.12)");
    // It does not keep packstack from running again.
    let failed = Announcement {
        state: Readiness::Failed,
        step: "tunnels".to_owned(),
        ..announcement("nova02", "b", 4)
    };
    hear(&node, failed);
    assert_eq!(list_unready_computes(&node.host(), &node.spec), [""; 0]);
}
