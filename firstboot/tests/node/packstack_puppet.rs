//! The packstack step and puppet on the hosts: doubles of packstack and puppet, real
//! processes, ssh left out.

use crate::double::Node;
use crate::packstack::{node, packstack, recorded};
use contract::status::Outcome;
use std::process::{Child, Command};

/// A node whose double of packstack has puppet apply manifests on three hosts. Puppet behaves
/// as `puppet` says, for so many tenths of a second: four seconds of the node's time each.
pub fn applying(puppet: &str) -> Node {
    let node = node("apply");
    for directory in ["usr/bin", "nodes/192.168.1.11", "nodes/192.168.1.12"] {
        std::fs::create_dir_all(node.root.path().join(directory)).unwrap();
    }
    node.write("/usr/bin/puppet", include_str!("puppet-double"));
    node.write("/puppet", puppet);
    node
}

/// No two puppets were on one host at a time, and none is left.
pub fn never_two_puppets(node: &Node) {
    let text = node.read("/puppets");
    let mut running: Vec<&str> = Vec::new();
    for line in text.lines() {
        let (what, manifest) = line.split_once(' ').unwrap();
        let host = manifest.split('_').next().unwrap();
        if what == "begin" {
            assert!(!running.contains(&host), "two puppets on {host}:\n{text}");
            running.push(host);
        } else {
            running.retain(|other| *other != host);
        }
    }
    assert!(running.is_empty(), "left: {running:?}:\n{text}");
    let pattern = format!("[p]uppet apply .*{}/", node.root.path().display());
    let left = Command::new("pgrep").args(["-a", "-f", &pattern]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&left.stdout), "");
}

/// How often packstack was started.
pub fn count_starts(node: &Node) -> usize {
    node.read("/calls").matches("--answer-file=").count()
}

/// A puppet that an earlier packstack has left on nova02.
fn leave_puppet(node: &Node) -> Child {
    let directory = node.root.path().join("nodes/192.168.1.12/var/tmp/packstack/old/manifests");
    std::fs::create_dir_all(&directory).unwrap();
    Command::new("sh")
        .arg(node.root.path().join("usr/bin/puppet"))
        .args(["apply", "--modulepath", "/m"])
        .arg(directory.join("192.168.1.12_compute.pp"))
        .stdout(std::fs::File::create(directory.join("192.168.1.12_compute.pp.running")).unwrap())
        .spawn()
        .unwrap()
}

/// packstack and its directory are silent while puppet prints: for longer than the limit.
#[test]
fn puppet_that_prints_is_progress() {
    let node = applying("notices 20");
    let (outcome, message, _) = packstack(&node);
    assert_eq!(outcome, Outcome::Changed, "{message}");
    assert_eq!(count_starts(&node), 1);
    let recorded = recorded(&node);
    for host in ["openstack", "nova01", "nova02"] {
        let words = format!("puppet on {host}: `/Stage[main]/Double/Exec[");
        assert!(recorded.contains(&words), "{host}: {recorded}");
    }
    assert!(!recorded.contains("it hangs"), "{recorded}");
    never_two_puppets(&node);
    // Two computes, each asked every 5 s (an eighth of the limit) while it is at work, and twice
    // before the start; the controller before it as well.
    let seconds = node.world.borrow().now.as_secs() as usize;
    let logins = node.called("ssh ");
    assert!(logins > 10 && logins <= 2 * (seconds / 5) + 5, "{logins} logins in {seconds} s");
}

#[test]
fn silent_puppet_is_ended_with_its_run() {
    let node = applying("silent 600");
    let (outcome, message, state) = packstack(&node);
    assert_eq!(outcome, Outcome::Failed, "{message}");
    let words = "openstack (192.168.1.10): it got no further [it hangs: nothing new for 4";
    assert!(message.contains(words), "{message}");
    let step = state.steps.iter().find(|step| step.name == "packstack").unwrap();
    let hint = "`ps -ef --forest` on openstack shows what is waited for; then `firstboot retry";
    assert!(step.hint.as_ref().unwrap().starts_with(hint), "{step:?}");
    let ended = "puppet on openstack (192.168.1.10) belongs to a run that was ended: ended by";
    assert!(recorded(&node).contains(ended));
    never_two_puppets(&node);
    node.write("/puppet", "notices 3");
    assert_eq!(packstack(&node).0, Outcome::Changed);
    never_two_puppets(&node);
}

#[test]
fn puppet_of_an_earlier_run_is_waited_for() {
    let node = applying("notices 25");
    let mut puppet = leave_puppet(&node);
    let waited = std::thread::spawn(move || puppet.wait().unwrap());
    let (outcome, message, _) = packstack(&node);
    assert_eq!(outcome, Outcome::Changed, "{message}");
    waited.join().unwrap();
    let words = "waiting for puppet of an earlier packstack to end: 192.168.1.12_compute.pp on \
                 nova02 (192.168.1.12) (process ";
    assert!(recorded(&node).contains(words), "{}", recorded(&node));
    assert_eq!(count_starts(&node), 1);
    never_two_puppets(&node);
}

#[test]
fn silent_puppet_of_an_earlier_run_is_ended() {
    let node = applying("silent 600");
    let mut puppet = leave_puppet(&node);
    let waited = std::thread::spawn(move || puppet.wait().unwrap());
    // It has read how it is to behave.
    while !node.root.path().join("puppets").exists() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    node.write("/puppet", "notices 3");
    let (outcome, message, _) = packstack(&node);
    assert_eq!(outcome, Outcome::Changed, "{message}");
    waited.join().unwrap();
    let words = "puppet on nova02 (192.168.1.12) was silent for 4";
    assert!(recorded(&node).contains(words), "{}", recorded(&node));
    never_two_puppets(&node);
}

/// 100 s of the node's time are left when its computes are ready; puppet takes 1200.
#[test]
fn puppet_ends_with_a_run_that_has_no_time_left() {
    let node = applying("notices 300");
    let nova01 = "192.168.1.11".parse().unwrap();
    node.world.borrow_mut().silent.push(nova01);
    node.world.borrow_mut().at(300, |world| world.silent.clear());
    let (outcome, message, _) = packstack(&node);
    assert_eq!(outcome, Outcome::Failed, "{message}");
    let words =
        "timed out after 400 s waiting for packstack, which is at `Applying 192.168.1.10_net";
    assert!(message.starts_with(words), "{message}");
    never_two_puppets(&node);
}
