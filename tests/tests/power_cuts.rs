//! The power of the lab's nodes is cut at random moments: started again, each gets ready, and
//! all know it. The clock of one of them begins in 1970 whenever it starts.
#![allow(clippy::print_stderr, reason = "the moments, so that a failure can be had again")]

use lab_tests::doubles;
use lab_tests::guest::{BOOT_LIMIT, tail};
use lab_tests::lab::{Lab, text};
use lab_tests::machines::{Machines, NODES, is_ready};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Mutex;
use std::thread::{scope, sleep};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Set to the printed seed, it gives the same moments again.
const SEED: &str = "POWER_CUTS_SEED";
/// Whose clock has lost the time.
const LATE: &str = "nova02";
/// The system's first words on the console: what is before writes nothing.
const BEGINS: &str = "systemd[1]: ";
/// A start takes at most so many times as long as until then.
const START: f64 = 6.0;

/// A double of QEMU, or rather of a machine with an empty battery: it starts the real one.
fn qemu_double(lab: &Lab) -> PathBuf {
    let folder = lab.folder().join("bin");
    let script = format!(
        "#!/bin/sh\ncase \" $* \" in *\" -name {LATE} \"*) set -- \"$@\" -rtc base=1970-01-01T00:00:00 ;; esac\n\
         exec /usr/bin/qemu-system-x86_64 \"$@\"\n"
    );
    let program = folder.join("qemu-system-x86_64");
    fs::create_dir(&folder).expect("folder");
    fs::write(&program, script).expect("script");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("mode");
    folder
}

/// Parts of a thousand, by splitmix64.
fn random(state: &mut u64) -> f64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) % 1000) as f64 / 1000.0
}

/// Starts the nodes and cuts the power of each at `moments`, shares of its start.
fn start_and_cut(machines: &Machines, up: &[&str], moments: [f64; 3]) {
    let before = NODES.map(|node| machines.console(node).len());
    let over: Mutex<Option<String>> = Mutex::new(None);
    let over = &over;
    scope(|scope| {
        // It ends when no node is left to wait for, and says so.
        scope.spawn(|| {
            let said = machines.run(up).stderr;
            *over.lock().expect("a lock") = Some(String::from_utf8_lossy(&said).into_owned());
        });
        for ((node, before), moment) in NODES.into_iter().zip(before).zip(moments) {
            scope.spawn(move || {
                let started = Instant::now();
                let said = || machines.console(node).split_off(before);
                while !said().contains(BEGINS) {
                    let console = said();
                    let console = tail(&console, 4000);
                    assert!(started.elapsed() < BOOT_LIMIT, "{node}: {console}");
                    if let Some(up) = &*over.lock().expect("a lock") {
                        panic!("`up` ended and {node} has not begun: {up}\n{console}");
                    }
                    sleep(Duration::from_millis(200));
                }
                sleep(started.elapsed().mul_f64((START - 1.0) * moment));
                machines.cut(node);
                let said = said();
                let steps = said.lines().filter(|line| line.contains("firstboot")).count();
                let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
                eprintln!(
                    "{node}: cut after {:.1?}, {steps} lines of firstboot: {last}",
                    started.elapsed()
                );
            });
        }
    });
}

/// Every node is ready, and knows that every other is, since its last start.
fn check(machines: &Machines) {
    let boots = NODES.map(|node| machines.boot_id(node));
    for node in NODES {
        machines.wait_for_peers(node, |name, peer| {
            let at = NODES.iter().position(|n| *n == name).expect("a node of the lab");
            is_ready(peer) && peer["boot_id"] == boots[at].as_str()
        });
    }
    // Connections break off with the power.
    machines.check_peers(&["no-tls", "expired"]);
    machines.packstack();
    let address = machines.ssh(NODES[0], "ip -4 -o address show dev br-ex");
    assert!(address.contains("192.168.1.10/24"), "{address}");
}

/// The clock began in 1970 and was put right.
fn check_clock(machines: &Machines) {
    let kernel = machines.ssh(LATE, "journalctl -b -k --no-pager | grep 'setting system clock'");
    assert!(kernel.contains("1970-01-01T"), "{kernel}");
    let now: u64 = machines.ssh(LATE, "date +%s").trim().parse().expect("seconds");
    let own = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs();
    assert!(now.abs_diff(own) < 3600, "{now} is not about {own}");
}

/// The others and the user's machine say of a node without power that it is not reachable.
fn check_unreachable(machines: &Machines, off: &str) {
    for node in NODES.into_iter().filter(|node| *node != off) {
        let said = machines.wait_for_peers(node, |name, peer| {
            if name == off { peer["reachable"] == false } else { is_ready(peer) }
        });
        let words = machines.ssh(node, "firstboot peers || true");
        assert!(words.contains("NOT REACHABLE"), "{words}\n{said:#}");
    }
    let (code, view) = machines.watch();
    let node = view["nodes"].as_array().and_then(|n| n.iter().find(|n| n["node"] == off));
    let node = node.expect("the node");
    assert_eq!(code, Some(1), "{view:#}");
    assert!(node["reachable"] == false && node["told_by"].is_string(), "{view:#}");
}

#[test]
fn the_lab_gets_ready_whenever_its_power_was_cut() {
    let lab = doubles::reference_lab(env!("CARGO_BIN_EXE_openstack_apis_double").as_ref());
    let machines = Machines::with_programs(&lab, &qemu_double(&lab));
    let output = text(&lab.output());
    let up = ["up", "--output", &output, "--memory", "704 MiB", "--backend", "qemu"];
    // The moments are shares of a start, which is emulated wherever this runs.
    let limit = BOOT_LIMIT.as_secs().to_string();
    let more = ["--accelerator", "tcg", "--timeout", &limit, "--progress", "plain"];
    let up = [&up[..], &more].concat();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs();
    let seed = std::env::var(SEED).map_or(now, |seed| seed.parse().expect(SEED));
    eprintln!("{SEED}={seed}");
    let mut state = seed;
    let mut moments = || [(); 3].map(|()| random(&mut state));

    // Three cuts of the first start.
    start_and_cut(&machines, &up, moments());
    machines.ok(&up);
    check(&machines);
    check_clock(&machines);

    // Three cuts while the nodes are at rest, and three of the start that follows.
    for (node, moment) in NODES.into_iter().zip(moments()) {
        sleep(Duration::from_secs(3).mul_f64(moment));
        machines.cut(node);
    }
    start_and_cut(&machines, &up, moments());
    machines.ok(&up);
    check(&machines);

    // The tenth: what was installed is not installed again.
    let (controller, runs) = (NODES[0], machines.packstack_runs());
    let before = machines.boot_id(controller);
    machines.cut(controller);
    check_unreachable(&machines, controller);
    machines.ok(&up);
    assert_ne!(machines.boot_id(controller), before);
    check(&machines);
    assert_eq!((machines.packstack(), machines.packstack_runs()), ("unchanged".to_owned(), runs));
}
