//! The packstack step with a double in packstack's place: a script that prints what
//! packstack prints, in the variants that a run can take.

use crate::double::{CONTROLLER, Node};
use contract::spec::Spec;
use contract::status::{Outcome, Readiness};
use firstboot::engine;
use firstboot::host::Host;
use firstboot::journal::Journal;
use firstboot::state::RunState;
use firstboot::steps::Step;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

/// A double of packstack. Its behaviour is in /variant below the node's root.
const DOUBLE: &str = include_str!("packstack-double");

/// A controller whose spec names the double; it hangs when it has had no news for 40 s
/// of the node's time.
pub fn node(variant: &str) -> Node {
    let mut spec = Spec::parse(CONTROLLER).unwrap();
    let packstack = spec.packstack.as_mut().unwrap();
    packstack.program = Some("/usr/bin/packstack-double".into());
    packstack.stall_seconds = Some(40);
    let node = Node::new(&spec.to_toml().unwrap());
    node.world.borrow_mut().second = Duration::from_millis(25);
    let path = node.root.path().join("usr/bin/packstack-double");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, DOUBLE).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    node.write("/variant", variant);
    node
}

/// Runs the packstack step and what follows it, with limits that suit a test.
pub fn retry(host: &Host, spec: &Spec, journal: &Journal) -> RunState {
    let bounds = |step: Step| {
        let bounds = step.bounds();
        let deadline = match step {
            Step::Tunnels | Step::Verify => Duration::from_secs(3),
            _ => bounds.deadline.min(Duration::from_secs(400)),
        };
        firstboot::steps::Bounds { deadline, ..bounds }
    };
    engine::retry_step(host, spec, journal, &bounds, Step::Packstack).unwrap()
}

/// Runs and returns the packstack step; it is the last one that has work here.
pub fn packstack(node: &Node) -> (Outcome, String, RunState) {
    let journal = Journal::new(Some(&node.spec), vec![Box::new(node.records.clone())]);
    let state = retry(&node.host(), &node.spec, &journal);
    let step = state.steps.iter().find(|step| step.name == "packstack").unwrap().clone();
    (step.outcome, step.message, state)
}

/// Everything that was recorded and kept in the state file.
pub fn recorded(node: &Node) -> String {
    format!("{:?}\n{}", node.records.0.lock().unwrap(), node.read("/var/lib/firstboot/state.json"))
}

/// No planted value is in a file that others may read, except the double's own.
pub fn no_secret_is_open(node: &Node) {
    let mut directories = vec![node.root.path().to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let meta = path.symlink_metadata().unwrap();
            let private = meta.permissions().mode() & 0o077 == 0;
            if meta.is_dir() && !private {
                directories.push(path);
            } else if meta.is_file() && !private && !path.ends_with("packstack-double") {
                let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
                assert!(!text.contains("planted"), "{}: {text}", path.display());
            }
        }
    }
}

#[test]
fn a_run_that_succeeds_is_not_repeated() {
    let node = node("success");
    let (outcome, message, _) = packstack(&node);
    assert_eq!(outcome, Outcome::Changed, "{message}");
    assert!(message.contains("packstack-double, which stands in packstack's place"), "{message}");
    let kept = node.read("/var/lib/firstboot/packstack/answers.txt");
    assert!(
        kept.contains("# Swift\nCONFIG_SWIFT_INSTALL=n\nCONFIG_NOVA_DB_PW=planted-generated-pw\n")
    );
    assert!(!kept.contains("rewritten"), "ours stays as it was given");
    let directory = node.root.path().join("var/lib/firstboot/packstack");
    assert_eq!(directory.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    let calls = node.read("/calls");
    assert!(
        calls.contains("--gen-answer-file=/var/lib/firstboot/packstack/generated.txt HOME=/root")
    );
    assert!(calls.contains("--answer-file=/var/lib/firstboot/packstack/in-use.txt"));
    assert!(calls.lines().all(|line| line.ends_with("HOME=/root PYTHONUNBUFFERED=1")), "{calls}");

    no_secret_is_open(&node);

    let (outcome, message, _) = packstack(&node);
    assert_eq!(outcome, Outcome::Unchanged, "{message}");
    assert_eq!(node.read("/calls"), calls, "it was not run again");
    // Another key in the spec: it runs again, with the passwords it has.
    let mut node = node;
    let answers = &mut node.spec.packstack.as_mut().unwrap().answers;
    answers.insert("CONFIG_HEAT_INSTALL".into(), "y".into());
    assert_eq!(packstack(&node).0, Outcome::Changed);
    let kept = node.read("/var/lib/firstboot/packstack/answers.txt");
    assert!(kept.contains("CONFIG_HEAT_INSTALL=y") && kept.contains("planted-generated-pw"));
    assert_eq!(node.read("/calls").matches("--gen-answer-file").count(), 1);
}

#[test]
fn each_failure_is_reported_and_a_retry_finishes_after_the_cause_is_fixed() {
    for (variant, words) in [
        (
            "error",
            &[
                "exit code 1 at `Applying Puppet manifests`: openstack (192.168.1.10): ",
                "Error: Could not set 'present' on ensure: ***; ",
                "see /var/tmp/packstack/run/manifests/192.168.1.10_controller.pp.log, ",
            ][..],
        ),
        (
            "killed",
            &["packstack was killed while it applied 192.168.1.10_controller.pp on openstack"],
        ),
        ("mute", &["ended without printing \"Installation completed successfully\""]),
        (
            "hang",
            &["it hangs: nothing new for 1", "no puppet runs on openstack (192.168.1.10) any more"],
        ),
    ] {
        let node = node(variant);
        let (outcome, message, state) = packstack(&node);
        assert_eq!(outcome, Outcome::Failed, "{variant}: {message}");
        for word in words {
            assert!(message.contains(word), "{variant}: `{word}` is not in `{message}`");
        }
        assert_eq!(state.readiness(), Readiness::Failed);
        let step = state.steps.iter().find(|step| step.name == "packstack").unwrap();
        assert_eq!(step.attempts, 2, "{variant}");
        assert!(step.hint.as_ref().unwrap().contains("firstboot retry packstack"));
        let blocked = state.steps.iter().find(|step| step.name == "verify").unwrap();
        assert_eq!(blocked.outcome, Outcome::Blocked);
        let recorded = recorded(&node);
        assert!(recorded.contains("the password is ***"), "{variant}: {recorded}");
        assert!(!recorded.contains("planted"), "{variant}: {recorded}");

        node.write("/variant", "success");
        let (outcome, message, _) = packstack(&node);
        assert_eq!(outcome, Outcome::Changed, "{variant}: {message}");
    }
}

#[test]
fn a_host_that_goes_away_is_named_and_waited_for() {
    let node = node("lost");
    let nova02 = "192.168.1.12".parse().unwrap();
    node.world.borrow_mut().at(3, move |world| world.silent.push(nova02));
    let (outcome, message, _) = packstack(&node);
    assert_eq!(outcome, Outcome::Failed, "{message}");
    let words =
        "timed out after 400 s waiting for every compute to be ready: nova02 (192.168.1.12) does";
    assert!(message.contains(words), "{message}");
    assert!(recorded(&node).contains("ended by firstboot"));
    let gone = node.read("/calls").lines().count();
    node.world.borrow_mut().silent.clear();
    node.write("/variant", "success");
    assert_eq!(packstack(&node).0, Outcome::Changed);
    assert_eq!(node.read("/calls").lines().count(), gone + 1);
}

#[test]
fn computes_are_waited_for_before_anything_is_run() {
    let node = node("success");
    let nova01 = "192.168.1.11".parse().unwrap();
    node.world.borrow_mut().silent.push(nova01);
    node.world.borrow_mut().at(100, |world| world.silent.clear());
    let (outcome, message, _) = packstack(&node);
    assert_eq!(outcome, Outcome::Changed, "{message}");
    let recorded = recorded(&node);
    assert!(
        recorded
            .contains("every compute to be ready: nova01 (192.168.1.11) does not answer on ssh")
    );
    assert!(node.world.borrow().now.as_secs() >= 100);
}

#[test]
fn without_packstack_that_is_reported_and_the_node_is_ready() {
    let node = Node::new(&CONTROLLER.replace("practice = false", "practice = true"));
    let state = node.run();
    assert_eq!(state.readiness(), Readiness::Ready, "{state:?}");
    let step = |name: &str| state.steps.iter().find(|step| step.name == name).unwrap();
    assert_eq!(step("packstack").outcome, Outcome::Skipped);
    assert!(step("packstack").message.contains("the practice medium has no packstack"));
    assert!(step("announce").message.ends_with("without OpenStack"));
}

/// A program of firstboot's that is killed leaves a run behind: the next one sees it.
#[test]
fn another_run_is_waited_for() {
    let node = node("success");
    let directory = node.root.path().join("proc/4711");
    std::fs::create_dir_all(&directory).unwrap();
    let line = "/usr/bin/packstack\0--answer-file=/var/lib/firstboot/packstack/in-use.txt\0";
    std::fs::write(directory.join("cmdline"), line).unwrap();
    let path = directory.clone();
    node.world.borrow_mut().at(50, move |_| std::fs::remove_dir_all(path).unwrap());
    assert_eq!(packstack(&node).0, Outcome::Changed);
    assert!(recorded(&node).contains("waiting for another packstack to end (process 4711)"));
}

/// Files as packstack leaves them are fixed once, and their services follow.
#[test]
fn what_packstack_leaves_otherwise_is_fixed() {
    let node = node("success");
    for (path, text) in [
        ("/etc/neutron/plugins/ml2/openvswitch_agent.ini", "[ovs]\nbridge_mappings =\n"),
        ("/etc/sysconfig/iptables", "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -j REJECT\nCOMMIT\n"),
        ("/etc/httpd/conf.d/15-horizon_vhost.conf", "<VirtualHost *:80>\n</VirtualHost>\n"),
    ] {
        let file = node.root.path().join(&path[1..]);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    }
    {
        let mut world = node.world.borrow_mut();
        for unit in ["httpd.service", "neutron-openvswitch-agent.service"] {
            world.units.insert(unit.into(), crate::double::FakeUnit::new("active", true));
        }
        world.answers.insert("iptables", vec![crate::double::printed(0, "")]);
    }
    packstack(&node);
    // As puppet writes it: without iburst.
    node.write("/etc/chrony.conf", "server 192.168.1.254\n");
    let state = packstack(&node).2;
    let step = state.steps.iter().find(|step| step.name == "aftercare").unwrap();
    assert_eq!(step.outcome, Outcome::Changed, "{step:?}");
    assert!(node.read("/etc/chrony.conf").contains("server 192.168.1.254 iburst"));
    let agent = "/etc/neutron/plugins/ml2/openvswitch_agent.ini";
    assert_eq!(node.read(agent), "[ovs]\nbridge_mappings = physnet1:br-ex\n");
    let meta = node.root.path().join(&agent[1..]).metadata().unwrap();
    assert_eq!(meta.permissions().mode() & 0o777, 0o640, "its mode stays");
    assert_eq!(node.called("systemctl --no-pager restart neutron-openvswitch-agent"), 1);
    assert_eq!(node.called("systemctl --no-pager restart httpd"), 1);
    assert_eq!(node.called("iptables -I INPUT 1 -p tcp -m tcp --dport 7878 -j ACCEPT"), 1);
    let state = packstack(&node).2;
    let step = state.steps.iter().find(|step| step.name == "aftercare").unwrap();
    assert_eq!(step.outcome, Outcome::Unchanged, "{step:?}");
}
