//! firstboot killed during a run of packstack: in a process of its own, by SIGKILL. packstack
//! and puppet, which are doubles, go on without it.

use crate::double::{FakeClock, FakeRunner, Node, World};
use crate::packstack::{no_secret_is_open, retry};
use crate::packstack_puppet::{applying, count_starts, never_two_puppets};
use contract::spec::Spec;
use firstboot::host::Host;
use firstboot::journal::Journal;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Names the root of the node to a process of its own.
const ROOT: &str = "FIRSTBOOT_TEST_ROOT";

/// What such a process does; without a root there is nothing to do.
#[test]
fn run_in_a_process_of_its_own() {
    let Some(root) = std::env::var_os(ROOT).map(PathBuf::from) else { return };
    let text = std::fs::read_to_string(root.join("etc/firstboot/spec.toml")).unwrap();
    let spec = Spec::parse(&text).unwrap();
    let second = Duration::from_millis(25);
    let world = World { root: root.clone(), second, ..World::healthy(&spec) };
    let world = Rc::new(RefCell::new(world));
    let runner = Box::new(FakeRunner(world.clone()));
    let host = Host::with(&root, runner, Box::new(FakeClock(world)));
    retry(&host, &spec, &Journal::new(Some(&spec), Vec::new()));
}

/// Starts firstboot on the node.
fn start(node: &Node) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "packstack_kills::run_in_a_process_of_its_own"])
        .env(ROOT, node.root.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// Waits until the node's file `path` holds `word`.
fn wait_for(node: &Node, path: &str, word: &str) {
    let path = node.root.path().join(&path[1..]);
    let until = Instant::now() + Duration::from_secs(60);
    while !std::fs::read_to_string(&path).is_ok_and(|text| text.contains(word)) {
        assert!(Instant::now() < until, "`{word}` does not come into {}", path.display());
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn kill(mut firstboot: Child) {
    firstboot.kill().unwrap();
    firstboot.wait().unwrap();
}

/// The double of packstack that runs on the node.
fn find_packstack(root: &Path) -> Option<Pid> {
    let entries = std::fs::read_dir(root.join("proc")).ok()?;
    let mut running = entries.flatten().filter(|entry| {
        std::fs::read(entry.path().join("cmdline")).is_ok_and(|line| !line.is_empty())
    });
    Some(Pid::from_raw(running.next()?.file_name().to_str()?.parse().ok()?))
}

/// Runs firstboot to its end: OpenStack is installed after `starts` of packstack.
fn finish(node: &Node, starts: usize, case: &str) {
    assert!(start(node).wait().unwrap().success(), "{case}");
    let state = node.read("/var/lib/firstboot/state.json");
    let state: serde_json::Value = serde_json::from_str(&state).unwrap();
    let steps = state["steps"].as_array().unwrap();
    let step = steps.iter().find(|step| step["name"] == "packstack").unwrap();
    let message = step["message"].as_str().unwrap();
    assert!(message.starts_with("OpenStack was installed by "), "{case}: {step}");
    assert_eq!(count_starts(node), starts, "{case}");
    never_two_puppets(node);
    no_secret_is_open(node);
}

#[test]
fn a_packstack_that_goes_on_is_taken_over() {
    for (path, word) in [
        ("/calls", "--answer-file="),
        ("/puppets", "begin 192.168.1.10_network.pp"),
        ("/puppets", "begin 192.168.1.11_compute.pp"),
    ] {
        let node = applying("notices 8");
        let firstboot = start(&node);
        wait_for(&node, path, word);
        kill(firstboot);
        finish(&node, 1, word);
    }
}

#[test]
fn a_packstack_that_has_ended_well_is_not_run_again() {
    let node = applying("notices 2");
    let firstboot = start(&node);
    wait_for(&node, "/puppets", "begin 192.168.1.10_network.pp");
    kill(firstboot);
    wait_for(&node, "/var/lib/firstboot/packstack/output.log", "Installation completed");
    while find_packstack(node.root.path()).is_some() {
        std::thread::sleep(Duration::from_millis(5));
    }
    finish(&node, 1, "ended well");
    // Another key in the spec: what it printed is not the output of that answer file.
    let mut spec = node.spec.clone();
    let answers = &mut spec.packstack.as_mut().unwrap().answers;
    answers.insert("CONFIG_HEAT_INSTALL".into(), "y".into());
    node.write("/etc/firstboot/spec.toml", &spec.to_toml().unwrap());
    std::fs::remove_file(node.root.path().join("var/lib/firstboot/packstack/result.json")).unwrap();
    finish(&node, 2, "another answer file");
}

/// As when systemd ends the unit with all of its processes: puppet is in a session of sshd's.
#[test]
fn puppet_of_a_killed_packstack_is_waited_for() {
    for word in ["begin 192.168.1.10_network.pp", "begin 192.168.1.12_compute.pp"] {
        let node = applying("notices 15");
        let firstboot = start(&node);
        wait_for(&node, "/puppets", word);
        kill(firstboot);
        killpg(find_packstack(node.root.path()).unwrap(), Signal::SIGKILL).unwrap();
        finish(&node, 2, word);
    }
}

/// Twenty kills, spread over a run; every other one ends packstack as well.
#[test]
fn firstboot_may_be_killed_at_any_time() {
    if std::env::var_os("LONG_TESTS").is_none_or(|long| long != "1") {
        // Not `eprintln`: what a test that passes prints is not shown.
        let why = b"not run: twenty kills take long (LONG_TESTS=1, tests/long)\n";
        let _ = std::io::Write::write_all(&mut std::io::stderr(), why);
        return;
    }
    let node = applying("notices 5");
    let begun = Instant::now();
    finish(&node, 1, "without a kill");
    let whole = begun.elapsed();
    for kills in 1..=20 {
        let node = applying("notices 5");
        let firstboot = start(&node);
        std::thread::sleep(whole * kills / 21);
        kill(firstboot);
        let packstack = find_packstack(node.root.path()).filter(|_| kills % 2 == 0);
        if let Some(packstack) = packstack {
            killpg(packstack, Signal::SIGKILL).unwrap();
        }
        let started = node.root.path().join("calls").exists() && count_starts(&node) > 0;
        let starts = 1 + usize::from(packstack.is_some() && started);
        finish(&node, starts, &format!("kill {kills}"));
    }
}
