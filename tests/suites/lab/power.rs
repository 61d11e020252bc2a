//! Cutting the power of the lab's nodes at random moments, and what must then hold.
#![allow(clippy::print_stderr, reason = "the moments, so that a failure can be reproduced")]

use lab_tests::guest::{BOOT_LIMIT, tail};
use lab_tests::machines::{Machines, NODES, is_ready};
use std::sync::Mutex;
use std::thread::{scope, sleep};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Set to the printed seed, it gives the same moments again.
const SEED: &str = "POWER_CUTS_SEED";
/// Whose clock has lost the time.
pub const LATE: &str = "nova02";
/// The system's first words on the console: what is before writes nothing.
const BEGINS: &str = "systemd[1]: ";
/// A start takes at most so many times as long as until then.
const START: f64 = 6.0;

/// Random moments, from a seed that is printed.
pub struct Moments(u64);

impl Moments {
    pub fn new() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs();
        let seed = std::env::var(SEED).map_or(now, |seed| seed.parse().expect(SEED));
        eprintln!("{SEED}={seed}");
        Self(seed)
    }

    /// A share, in parts of a thousand, by splitmix64.
    pub fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % 1000) as f64 / 1000.0
    }
}

/// Starts nodes with `up` and cuts the power of each when a share of its start is over.
pub fn start_and_cut(machines: &Machines, up: &[&str], nodes: &[(&str, f64)]) {
    let over: Mutex<Option<String>> = Mutex::new(None);
    let over = &over;
    let before: Vec<_> = nodes.iter().map(|(node, _)| machines.console(node).len()).collect();
    scope(|scope| {
        // It ends when no node is left to wait for, and reports that.
        scope.spawn(|| {
            let stderr = machines.run(up).stderr;
            *over.lock().expect("a lock") = Some(String::from_utf8_lossy(&stderr).into_owned());
        });
        for ((node, share), before) in nodes.iter().zip(before) {
            let printed = move || machines.console(node).split_off(before);
            scope.spawn(move || cut_in_start(machines, node, *share, &printed, over));
        }
    });
}

/// Waits until the node's system begins, then for a share of a start, and cuts its power.
fn cut_in_start(
    machines: &Machines,
    node: &str,
    share: f64,
    printed: &dyn Fn() -> String,
    over: &Mutex<Option<String>>,
) {
    let started = Instant::now();
    while !printed().contains(BEGINS) {
        let console = printed();
        let console = tail(&console, 4000);
        assert!(started.elapsed() < BOOT_LIMIT, "{node}: {console}");
        if let Some(up) = &*over.lock().expect("a lock") {
            panic!("`up` ended and {node} has not begun: {up}\n{console}");
        }
        sleep(Duration::from_millis(200));
    }
    sleep(started.elapsed().mul_f64((START - 1.0) * share));
    machines.cut(node);
    let printed = printed();
    let steps = printed.lines().filter(|line| line.contains("firstboot")).count();
    let last = printed.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
    eprintln!("{node}: cut after {:.1?}, {steps} lines of firstboot: {last}", started.elapsed());
}

/// Every node is ready, and knows that every other is, since its last start.
pub fn check(machines: &Machines) {
    let boots = NODES.map(|node| machines.boot_id(node));
    for node in NODES {
        machines.wait_for_peers(node, |name, peer| {
            let at = NODES.iter().position(|n| *n == name).expect("a node of the lab");
            is_ready(peer) && peer["boot_id"] == boots[at].as_str()
        });
    }
    // Connections are interrupted with the power.
    machines.check_peers(&["no-tls", "expired"]);
    machines.packstack();
    let address = machines.ssh(NODES[0], "ip -4 -o address show dev br-ex");
    assert!(address.contains("192.168.1.10/24"), "{address}");
}

/// The clock began in 1970 and was corrected.
pub fn check_clock(machines: &Machines) {
    let kernel = machines.ssh(LATE, "journalctl -b -k --no-pager | grep 'setting system clock'");
    assert!(kernel.contains("1970-01-01T"), "{kernel}");
    let now: u64 = machines.ssh(LATE, "date +%s").trim().parse().expect("seconds");
    let own = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs();
    assert!(now.abs_diff(own) < 3600, "{now} is not about {own}");
}

/// The others and the user's machine report a node without power as not reachable.
pub fn check_unreachable(machines: &Machines, off: &str) {
    for node in NODES.into_iter().filter(|node| *node != off) {
        let view = machines.wait_for_peers(node, |name, peer| {
            if name == off { peer["reachable"] == false } else { is_ready(peer) }
        });
        let words = machines.ssh(node, "firstboot peers || true");
        assert!(words.contains("NOT REACHABLE"), "{words}\n{view:#}");
    }
    let (code, view) = machines.watch();
    let node = view["nodes"].as_array().and_then(|n| n.iter().find(|n| n["node"] == off));
    let node = node.expect("the node");
    assert_eq!(code, Some(1), "{view:#}");
    assert!(node["reachable"] == false && node["told_by"].is_string(), "{view:#}");
}

/// The arguments of `imgbuild up` with plain QEMU.
pub fn up_arguments(output: &str) -> Vec<String> {
    let limit = BOOT_LIMIT.as_secs().to_string();
    let words = ["up", "--output", output, "--memory", "704 MiB", "--backend", "qemu"];
    let words = words.into_iter().chain(["--timeout", &limit, "--progress", "plain"]);
    words.map(str::to_owned).collect()
}

/// What was installed is not installed again after the power of the controller was cut at rest,
/// which the others notice.
pub fn check_nothing_is_installed_again(machines: &Machines, up: &[&str]) {
    let (controller, runs) = (NODES[0], machines.packstack_runs());
    let before = machines.boot_id(controller);
    machines.cut(controller);
    check_unreachable(machines, controller);
    machines.ok(up);
    assert_ne!(machines.boot_id(controller), before);
    check(machines);
    assert_eq!((machines.packstack(), machines.packstack_runs()), ("unchanged".to_owned(), runs));
}
