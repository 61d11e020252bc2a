//! A machine with two disks: their images judged by the tools of others, verified, inspected, and
//! brought up.

use crate::layouts::{PLATFORM, build, lab};
use lab_tests::lab::{Lab, text};
use lab_tests::{oracle, product};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// A volume group spans both disks; a partition of the second is called as another kernel would.
const STORAGE: &str = "part / --fstype=ext4 --size=4000 --grow\n\
                       part pv.1 --size=1000 --ondisk=vda\n\
                       part pv.2 --size=1 --grow --ondisk=vdb\n\
                       part /data --fstype=ext4 --size=1000 --ondisk=sdb\n\
                       volgroup vg pv.1 pv.2\n\
                       logvol /srv --vgname=vg --name=srv --fstype=ext4 --size=1500 --grow\n";

fn raw(directory: &Path, name: &str) -> PathBuf {
    let to = directory.join(name).with_extension("judged");
    let from = text(&directory.join(name));
    oracle::ok("qemu-img", ["convert", "-O", "raw", &from, &text(&to)]);
    to
}

/// A partition of a raw image in the words of e2fsprogs.
fn partition(raw: &Path, number: usize) -> String {
    let listed = oracle::ok("sfdisk", ["--json", &text(raw)]);
    let table: Value = serde_json::from_str(&listed).expect("JSON");
    let start = table["partitiontable"]["partitions"][number - 1]["start"].as_u64();
    format!("{}?offset={}", text(raw), start.expect("a number") * 512)
}

fn json(words: &[&str], code: i32) -> Value {
    let output = product::run(&[words, &["--json"]].concat());
    assert_eq!(output.status.code(), Some(code), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn built() -> (Lab, PathBuf) {
    let lab = lab();
    lab.edit("profiles/controller.toml", "cpus   = 2\n", "cpus = 2\nmore-disks = [\"3 GiB\"]\n");
    let directory = build(&lab, "twodisks", &format!("{PLATFORM}{STORAGE}"));
    (lab, directory)
}

#[test]
fn each_disk_has_an_image_of_its_own() {
    let (lab, directory) = built();
    let names = ["openstack.qcow2", "openstack.vdb.qcow2"];
    let disks = names.map(|name| raw(&directory, name));
    assert_eq!(fs::metadata(&disks[0]).expect("image").len(), 12 << 30);
    assert_eq!(fs::metadata(&disks[1]).expect("image").len(), 3 << 30);
    for disk in &disks {
        let judged = oracle::ok("sgdisk", ["-v", &text(disk)]);
        assert!(judged.contains("No problems found"), "{judged}");
    }
    oracle::ok("e2fsck", ["-fn", &partition(&disks[1], 2)]);
    let fstab = oracle::ok("debugfs", ["-R", "cat /etc/fstab", &partition(&disks[0], 3)]);
    for mount in ["/data ext4", "/srv ext4"] {
        assert!(fstab.contains(mount), "{fstab}");
    }
    let xml = fs::read_to_string(directory.join("openstack.xml")).expect("XML");
    for (name, file) in ["vda", "vdb"].iter().zip(names) {
        assert!(xml.contains(&format!("<target dev='{name}' bus='virtio'/>")), "{xml}");
        assert!(xml.contains(&format!("images/{file}'/>")), "{xml}");
    }
    oracle::ok("xmllint", ["--noout", &text(&directory.join("openstack.xml"))]);
    inspected_and_verified(&directory);
    let medium = product::practice().join("practice-os.iso");
    let profile = text(&lab.directory().join("profiles/twodisks.toml"));
    let out = text(&lab.directory().join("iso"));
    let words =
        ["iso", "--profile", &profile, "--media", &text(&medium), "--output", &out, "--erase"];
    let output = product::run(&words);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("install media install on one disk"), "{stderr}");
}

fn inspected_and_verified(directory: &Path) {
    let image = text(&directory.join("openstack.qcow2"));
    let seen = json(&["inspect", &image], 0);
    assert_eq!(seen["further_disks"][0]["name"], "vdb");
    assert_eq!(seen["further_disks"][0]["size"], 3u64 << 30);
    assert_eq!(seen["logical_volumes"][0]["name"], "vg/srv");
    assert_eq!(seen["logical_volumes"][0]["filesystem"], "ext4");
    let on_vdb = seen["partitions"].as_array().expect("list").iter().filter(|p| p["disk"] == "vdb");
    assert_eq!(on_vdb.count(), 2);
    let report = json(&["verify", &image], 0);
    assert_eq!(report["untouched"], true, "{report}");
    let all = product::run(&["verify", &text(directory)]);
    assert_eq!(all.status.code(), Some(0), "{}", String::from_utf8_lossy(&all.stdout));

    // A file on the second disk, through a copy that qemu-img writes back.
    let second = directory.join("openstack.vdb.qcow2");
    let changed = raw(directory, "openstack.vdb.qcow2");
    oracle::ok("debugfs", ["-w", "-R", "mkdir planted", &partition(&changed, 2)]);
    oracle::ok("qemu-img", ["convert", "-O", "qcow2", &text(&changed), &text(&second)]);
    let report = json(&["verify", &image], 4);
    let differences = report["differences"].to_string();
    assert!(differences.contains("data/planted"), "{differences}");
}

/// Under QEMU both disks are attached, and the guest mounts what is on them.
#[test]
fn both_disks_are_brought_up() {
    if !product::may_take_long("booting a machine with two disks") {
        return;
    }
    let (lab, directory) = built();
    let run = |words: &[&str]| {
        let mut command = product::command();
        command.env("IMGBUILD_STATE", lab.directory().join("state")).args(words);
        let output = command.output().expect("imgbuild starts");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{words:?}: {stderr}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let output = text(&directory);
    run(&["up", "--output", &output, "--backend", "qemu", "--timeout", "20m"]);
    let key = text(&lab.key());
    let ask = |question: &str| run(&["ssh", "openstack", "--", "-i", &key, question]);
    let disks = ask("lsblk -dn -o NAME,SIZE /dev/vda /dev/vdb");
    let words: Vec<&str> = disks.split_whitespace().collect();
    assert_eq!(words, ["vda", "12G", "vdb", "3G"]);
    assert_eq!(ask("findmnt -n -o SOURCE /data").trim(), "/dev/vdb2");
    assert_eq!(ask("findmnt -n -o SOURCE /srv").trim(), "/dev/mapper/vg-srv");
    let volumes = ask("pvs --noheadings -o pv_name,vg_name");
    let words: Vec<&str> = volumes.split_whitespace().collect();
    assert_eq!(words, ["/dev/vda4", "vg", "/dev/vdb1", "vg"]);
    run(&["destroy", "--yes"]);
}
