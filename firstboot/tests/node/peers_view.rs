//! The view of the other nodes by itself: time, loss, and what packstack waits for.

use crate::double::{COMPUTE, CONTROLLER, Node};
use crate::peer_lab::announcement;
use contract::peers::places::PORT;
use contract::peers::wire::{Announcement, PeerState};
use contract::status::CloudState;
use contract::status::Readiness;
use firstboot::host::Host;
use firstboot::peers::computes::list_unready_computes;
use firstboot::peers::known::{AnnouncerSession, PeerChange};
use firstboot::peers::summary::{find_obstacle, find_reported_cloud};
use firstboot::peers::view::{LOST_AFTER, View};
use firstboot::report;
use firstboot::services::iptables;
use std::time::Duration;

/// A controller with keys, whose kernel has run for 1,000 s.
fn controller() -> Node {
    let node = Node::new(CONTROLLER);
    std::fs::create_dir_all(node.root.path().join("etc/firstboot/pki")).unwrap();
    std::fs::create_dir_all(node.root.path().join("proc/sys/kernel/random")).unwrap();
    node.write("/proc/sys/kernel/random/boot_id", "this-boot\n");
    node.write("/proc/uptime", "1000.00 1.00\n");
    node
}

fn heard(view: &mut View, node: &Node, announcement: Announcement, at: f64) -> Vec<PeerChange> {
    let (name, id) = (announcement.node.clone(), announcement.session.clone());
    let session = AnnouncerSession { name, id, number: 1, age: Duration::ZERO };
    view.record(&node.spec, &announcement, &session, at).unwrap()
}

#[test]
fn packstack_waits_until_every_compute_has_reported_that_it_is_ready() {
    let node = controller();
    let missing = || list_unready_computes(&node.host(), &node.spec);
    assert_eq!(missing(), ["firstboot-peers.service does not run on this node"]);
    let mut view = View::load(&node.host());
    view.save(&node.host()).unwrap();
    assert_eq!(missing()[0], "nova01 (192.168.1.11) has not been seen yet");
    assert_eq!(missing().len(), 2);
    let ready = |name: &str, seq| announcement(name, "b", seq);
    let working =
        Announcement { state: Readiness::Working, step: "chrony".into(), ..ready("nova02", 1) };
    heard(&mut view, &node, ready("nova01", 1), 999.0);
    heard(&mut view, &node, working, 999.0);
    view.save(&node.host()).unwrap();
    assert_eq!(missing(), ["nova02 (192.168.1.12) is at step chrony"]);
    heard(&mut view, &node, ready("nova02", 2), 999.5);
    view.save(&node.host()).unwrap();
    assert_eq!(missing(), Vec::<String>::new());
    // Ready, and then gone.
    node.write("/proc/uptime", "1040.00 1.00\n");
    heard(&mut view, &node, ready("nova02", 3), 1040.0);
    view.save(&node.host()).unwrap();
    assert_eq!(missing(), ["nova01 (192.168.1.11) was last seen 41 s ago"]);
    // Without keys ssh decides, as nothing else can be known.
    std::fs::remove_dir(node.root.path().join("etc/firstboot/pki")).unwrap();
    assert_eq!(missing(), Vec::<String>::new());
    node.world.borrow_mut().silent = vec![node.spec.hosts[1].address];
    assert_eq!(missing(), ["nova01 (192.168.1.11) does not answer on ssh port 22"]);
}

#[test]
fn silence_is_reported_once_and_its_end_too() {
    let node = controller();
    let mut view = View::load(&node.host());
    let changes = heard(&mut view, &node, announcement("nova01", "b", 1), 1000.0);
    assert_eq!(changes, [PeerChange::Joined, PeerChange::Ready]);
    assert_eq!(heard(&mut view, &node, announcement("nova01", "b", 2), 1010.0), []);
    assert_eq!(view.find_lost(0.0, 1010.0 + LOST_AFTER), []);
    assert_eq!(view.find_lost(1030.0, 1060.0), [], "not before this node has listened for as long");
    assert_eq!(view.find_lost(0.0, 1060.0), [("nova01".to_owned(), 50.0)]);
    assert_eq!(view.find_lost(0.0, 1061.0), []);
    let changes = heard(&mut view, &node, announcement("nova01", "b", 3), 1070.0);
    assert_eq!(changes, [PeerChange::Back]);
    let changes = heard(&mut view, &node, announcement("nova01", "c", 1), 1080.0);
    assert_eq!(changes, [PeerChange::Rebooted, PeerChange::Ready]);
}

#[test]
fn a_stepping_clock_changes_nothing() {
    let node = controller();
    let mut view = View::load(&node.host());
    heard(&mut view, &node, announcement("nova01", "b", 1), 990.0);
    view.save(&node.host()).unwrap();
    // The double's time is that of 2026; a clock that was just set shows it the same way.
    let ago = |host: &Host| {
        let peer = View::load(host).list_peers(host, &node.spec).remove(0);
        assert!(peer.reachable && peer.state == PeerState::Ready, "{peer:?}");
        (peer.silent_seconds, peer.heard.unwrap(), peer.since.unwrap())
    };
    let before = ago(&node.host());
    assert_eq!(before.0, Some(10.0));
    assert_eq!(
        (before.1.as_str(), before.2.as_str()),
        ("2026-11-24T02:27:50Z", "2026-11-24T02:27:47Z")
    );
    node.world.borrow_mut().now = Duration::from_secs(86_400);
    let after = ago(&node.host());
    assert_eq!(after.0, Some(10.0));
    assert_eq!(
        (after.1.as_str(), after.2.as_str()),
        ("2026-11-25T02:27:50Z", "2026-11-25T02:27:47Z")
    );
}

#[test]
fn without_keys_the_status_reports_that_nothing_is_known() {
    let node = controller();
    std::fs::remove_dir(node.root.path().join("etc/firstboot/pki")).unwrap();
    let status = report::load_status(&node.host()).unwrap();
    assert_eq!(status.peers.len(), 2);
    assert!(status.peers.iter().all(|peer| peer.state == PeerState::Unknown && !peer.reachable));
    let note = find_obstacle(&node.host(), &View::load(&node.host())).unwrap();
    assert!(note.starts_with("/etc/firstboot/pki is not in this image"), "{note}");
    // A view of another boot does not count.
    let mut view = View::load(&node.host());
    heard(&mut view, &node, announcement("nova01", "b", 1), 990.0);
    view.save(&node.host()).unwrap();
    assert_eq!(report::load_status(&node.host()).unwrap().peers[0].state, PeerState::Ready);
    node.write("/proc/sys/kernel/random/boot_id", "the-next-boot\n");
    assert_eq!(report::load_status(&node.host()).unwrap().peers[0].state, PeerState::Unknown);
}

#[test]
fn only_a_controller_can_report_that_the_cloud_is_up() {
    let node = Node::new(COMPUTE);
    let mut view = View::load(&node.host());
    let up =
        |name: &str| Announcement { cloud: Some(CloudState::Up), ..announcement(name, "b", 1) };
    let changes = heard(&mut view, &node, up("nova02"), 1000.0);
    assert_eq!(changes, [PeerChange::Joined, PeerChange::Ready]);
    assert_eq!(find_reported_cloud(&view.list_peers(&node.host(), &node.spec)), None);
    let changes = heard(&mut view, &node, up("openstack"), 1000.0);
    assert_eq!(changes, [PeerChange::Joined, PeerChange::Ready, PeerChange::CloudUp]);
    assert_eq!(
        find_reported_cloud(&view.list_peers(&node.host(), &node.spec)),
        Some(CloudState::Up)
    );
}

#[test]
fn the_port_is_opened_again_on_any_node() {
    let node = Node::new(COMPUTE);
    let host = node.host();
    let open = || iptables::open_port(&host, PORT).unwrap();
    assert_eq!(open(), None, "without rules at boot there is nothing to do");
    std::fs::create_dir_all(node.root.path().join("etc/sysconfig")).unwrap();
    node.write(iptables::RULES, "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -j REJECT\nCOMMIT\n");
    // The double answers iptables as it does ip.
    let answer = |output| node.world.borrow_mut().answers.insert("ip", vec![output]);
    answer(crate::double::printed(4, "iptables: Resource temporarily unavailable.\n"));
    assert!(iptables::open_port(&host, PORT).is_err());
    assert!(!node.read(iptables::RULES).contains("7878"), "it is tried again");
    answer(crate::double::printed(0, ""));
    assert!(open().is_some_and(|done| done.contains("port 7878")));
    assert_eq!(open(), None);
    assert_eq!(node.called("iptables -I INPUT 1 -p tcp -m tcp --dport 7878 -j ACCEPT"), 2);
    assert!(node.read(iptables::RULES).contains("--dport 7878 -j ACCEPT\n-A INPUT -j REJECT"));
}
