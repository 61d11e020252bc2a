//! The script that chooses the disk of an installation, on machines that are made up.

use super::install_iso::{NODE, PATH, contained, scratch};
use std::fs;

/// A disk for the script that chooses one.
struct Disk {
    name: &'static str,
    mib: u64,
    removable: bool,
    serial: &'static str,
}

const fn disk(name: &'static str, mib: u64, removable: bool, serial: &'static str) -> Disk {
    Disk { name, mib, removable, serial }
}

/// /sys and /dev of a machine with these disks, with the medium on `medium`.
fn machine(disks: &[Disk], medium: &str) -> String {
    let mut setup = String::from(
        "mount -t tmpfs none /sys; mkdir -p /sys/block /sys/class/block /sys/class/tty/console; \
         echo none >/sys/class/tty/console/active; mount -t tmpfs none /tmp; \
         mkdir -p /run/install; mount -t tmpfs none /run/install; mkdir /run/install/repo; ",
    );
    for Disk { name, mib, removable, serial } in disks {
        setup.push_str(&format!(
            "mkdir -p /sys/block/{name}; echo {} >/sys/block/{name}/size; \
             echo {} >/sys/block/{name}/removable; echo 0 >/sys/block/{name}/ro; \
             echo {serial} >/sys/block/{name}/serial; ln -s ../../block/{name} /sys/class/block/; ",
            mib << 11,
            u8::from(*removable)
        ));
    }
    if let Some(parent) = medium.strip_suffix('1') {
        setup.push_str(&format!(
            "mkdir /sys/block/{parent}/{medium}; echo 1 >/sys/block/{parent}/{medium}/partition; \
             ln -s ../../block/{parent}/{medium} /sys/class/block/; "
        ));
    }
    setup + &format!("mount -t tmpfs /dev/{medium} /run/install/repo\n")
}

/// What the script makes of a machine that has booted from a medium: the disk, or why none.
fn choose(rule: &str, value: &str, erase: bool, setup: &str) -> Result<String, String> {
    choose_after_boot("1", (rule, value), erase, setup)
}

/// The same after any boot; `medium` is `0` where it was by the network.
fn choose_after_boot(
    medium: &str,
    (rule, value): (&str, &str),
    erase: bool,
    setup: &str,
) -> Result<String, String> {
    let directory = scratch();
    let script = directory.path().join("script");
    let body = include_str!("../../../builder/src/plan/install/choose-disk.sh")
        .replace("@NODE@", NODE)
        .replace("@MEDIUM@", medium)
        .replace("@RULE@", rule)
        .replace("@VALUE@", value)
        .replace("@ERASE@", if erase { "1" } else { "0" })
        .replace("@STORAGE@", "part / --ondisk=@DISK@\n");
    fs::write(&script, body + "cat /tmp/imgbuild-disk.ks\n").expect("script");
    let (done, said) = contained(setup, &script, PATH);
    let found = said.lines().find_map(|line| line.strip_prefix("part / --ondisk="));
    if done { Ok(found.expect("the storage commands").to_owned()) } else { Err(said) }
}

#[test]
fn the_disk_is_the_one_that_the_rule_means_or_none() {
    let disks = [
        disk("sda", 20_000, false, "A1"),
        disk("sdb", 8_000, true, "STICK"),
        disk("nvme0n1", 50_000, false, "N2"),
        disk("sr0", 4_000, true, "CD"),
        disk("loop0", 500, false, "L"),
    ];
    // A medium on a fixed disk behind USB, of which a partition is mounted.
    let fixed = [disk("sda", 20_000, false, "A1"), disk("sdb", 90_000, false, "USB")];
    let both = machine(&disks, "sr0");
    for (rule, value, wanted) in [
        ("largest", "", "nvme0n1"),
        ("smallest", "", "sda"),
        ("serial", "N2", "nvme0n1"),
        ("min-size", "30000000000", "nvme0n1"),
    ] {
        assert_eq!(choose(rule, value, true, &both).as_deref(), Ok(wanted), "{rule}");
    }
    assert_eq!(choose("only", "", true, &machine(&fixed, "sdb1")).as_deref(), Ok("sda"));
    assert_eq!(choose("largest", "", true, &machine(&fixed, "sdb1")).as_deref(), Ok("sda"));
    // Booted by the network there is none, and no disk is kept for it.
    let without = machine(&fixed, "sdb1") + "umount /run/install/repo\n";
    let by_network = choose_after_boot("0", ("largest", ""), true, &without);
    assert_eq!(by_network.as_deref(), Ok("sdb"));
    let refused = |rule: &str, value: &str, erase: bool, setup: &str, why: &str| {
        let said = choose(rule, value, erase, setup).expect_err(rule);
        assert!(said.contains("nothing is installed, and no disk was changed"), "{rule}: {said}");
        assert!(said.contains(why), "{rule}: {said}");
    };
    refused("only", "", true, &both, "several disks are what install-disk asks for");
    refused("only", "", true, &both, "sda (20000 MiB, , serial ");
    refused("serial", "STICK", true, &both, "no disk is what install-disk asks for");
    refused("serial", ".*", true, &both, "no disk is what install-disk asks for");
    refused("link", "/dev/disk/by-path/none", true, &both, "/dev/disk/by-path/none does not exist");
    refused("only", "", true, &machine(&disks[1..2], "sr0"), "no disk but removable ones");
    let equal = [disk("vda", 9_000, false, "1"), disk("vdb", 9_000, false, "2")];
    refused("largest", "", true, &machine(&equal, "sr0"), "several disks");
    let unmounted = both.replace("mount -t tmpfs /dev/sr0 /run/install/repo", "true");
    refused("largest", "", true, &unmounted, "the medium is not mounted");
    // A partition on it: consent is needed.
    let used = machine(&disks[..1], "sr0")
        + "mkdir /sys/block/sda/sda1; echo 1 >/sys/block/sda/sda1/partition\n";
    refused("only", "", false, &used, "is not empty: sda1");
    assert_eq!(choose("only", "", true, &used).as_deref(), Ok("sda"));
    assert_eq!(choose("only", "", false, &machine(&disks[..1], "sr0")).as_deref(), Ok("sda"));
}
