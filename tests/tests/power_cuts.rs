//! A node's power is cut at random moments of its first boot: started again, it gets ready.
#![allow(clippy::print_stderr, reason = "the moments, so that a failure can be had again")]

use lab_tests::guest::{Firmware, Guest, tail};
use lab_tests::lab::{Lab, text};
use lab_tests::oracle;
use serde_json::Value;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const CUTS: usize = 10;
/// Guests at once: one for each core of a small machine.
const LANES: usize = 2;
/// Set to the printed seed, it gives the same moments again.
const SEED: &str = "POWER_CUTS_SEED";

/// A disk on the controller's image, never started.
fn disk(lab: &Lab, name: &str) -> PathBuf {
    let disk = lab.folder().join(format!("{name}.qcow2"));
    let base = text(&lab.output().join("openstack.qcow2"));
    let options = ["create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", &base, &text(&disk)];
    oracle::ok("qemu-img", options);
    disk
}

fn start(lab: &Lab, disk: &Path) -> Guest {
    Guest::start(disk, Firmware::Bios, Ipv4Addr::new(192, 168, 1, 10), &lab.key())
}

fn wait_until_ready(guest: &Guest, what: &str) {
    let output = guest.try_ssh("firstboot status --wait --timeout 400");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{what}: {said}\n{}", tail(&guest.console(), 4000));
}

/// Parts of a thousand, by splitmix64.
fn random(state: &mut u64) -> f64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) % 1000) as f64 / 1000.0
}

/// Cuts the power `after` the start, and starts the node again.
fn cut(lab: &Lab, number: usize, after: Duration) {
    let disk = disk(lab, &format!("cut{number}"));
    let guest = start(lab, &disk);
    thread::sleep(after);
    let console = guest.console();
    drop(guest);
    let steps = console.lines().filter(|line| line.contains("firstboot")).count();
    let what = format!("cut {number} after {after:.1?} ({steps} lines of firstboot)");
    eprintln!("{what}");

    let guest = start(lab, &disk);
    wait_until_ready(&guest, &what);
    let status: Value = serde_json::from_str(&guest.ssh("firstboot status --json")).expect("JSON");
    assert_eq!(status["state"], "ready", "{what}: {status:#}");
    for step in status["steps"].as_array().expect("steps") {
        let fine = ["changed", "unchanged", "skipped"].contains(&step["outcome"].as_str().unwrap());
        assert!(fine, "{what}: {step:#}");
    }
    let failed = guest.ssh("systemctl list-units --failed --no-legend --plain");
    assert_eq!(failed.trim(), "", "{what}");
    let address = guest.ssh("ip -4 -o address show scope global");
    assert!(address.contains("192.168.1.10/24"), "{what}: {address}");
}

#[test]
fn a_node_gets_ready_whenever_its_power_was_cut() {
    let lab = Lab::new();
    lab.build("controller", &["practice"], &[]);
    let started = Instant::now();
    let guest = start(&lab, &disk(&lab, "whole"));
    wait_until_ready(&guest, "the first boot, uncut");
    let whole = started.elapsed();
    drop(guest);

    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs();
    let seed = std::env::var(SEED).map_or(now, |seed| seed.parse().expect(SEED));
    eprintln!("{SEED}={seed}, an uncut boot takes {whole:.1?}");
    let mut state = seed;
    // The boot loader and the kernel write nothing.
    let moments: Vec<Duration> =
        (0..CUTS).map(|_| whole.mul_f64(0.2 + 0.8 * random(&mut state))).collect();
    thread::scope(|scope| {
        for lane in 0..LANES {
            let (lab, moments) = (&lab, &moments);
            scope.spawn(move || {
                for (number, after) in moments.iter().enumerate().skip(lane).step_by(LANES) {
                    cut(lab, number, *after);
                }
            });
        }
    });
}
