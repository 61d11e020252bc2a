//! `imgbuild up`, `status`, `ssh`, `console`, `down`, `destroy` with a real libvirtd, as a user
//! who may use it; what that user already has under libvirt stays as it is.

use crate::journal::check_repositories;
use lab_tests::guest::{BOOT_LIMIT, tail};
use lab_tests::lab::{Lab, text};
use lab_tests::libvirtd::{DIRECTORY, Libvirt, USER};
use lab_tests::{oracle, product};
use serde_json::Value;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::{Command, Output, Stdio};

/// Where the user's disks are; every user may pass, as libvirt's QEMU has to.
const STATE: &str = "/mnt/state";

/// An image of nova01 and all that is needed to run it, the user's own.
fn lab() -> Lab {
    let lab = Lab::new();
    lab.shorten_menu();
    lab.build("compute", &["practice"], &["--node", "nova01"]);
    let directory = lab.directory();
    fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).expect("mode");
    fs::copy(product::imgbuild(), directory.join("imgbuild")).expect("imgbuild");
    for part in ["state", "home", "closed", "closed/state"] {
        fs::create_dir(directory.join(part)).expect(part);
    }
    fs::set_permissions(directory.join("closed"), fs::Permissions::from_mode(0o700)).expect("mode");
    let own = ["state", "home", "closed", "output", "key"].map(|part| text(&directory.join(part)));
    oracle::ok(
        "chown",
        ["-R", &format!("{USER}:{USER}")].into_iter().chain(own.each_ref().map(String::as_str)),
    );
    lab
}

/// `imgbuild` with `arguments` as the user has it.
fn imgbuild(libvirt: &Libvirt, arguments: &[&str]) -> Command {
    let mut command = libvirt.user_command(&format!("{DIRECTORY}/imgbuild"));
    command.args(arguments).env("IMGBUILD_STATE", STATE).env("HOME", format!("{DIRECTORY}/home"));
    command
}

fn ok(libvirt: &Libvirt, arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } = imgbuild(libvirt, arguments).output().expect("nsenter");
    let message = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "imgbuild {arguments:?} ended with {status}:\n{message}");
    String::from_utf8_lossy(&stdout).into_owned()
}

/// `imgbuild` has to end with `code` and to print each of `words`.
fn fails(libvirt: &Libvirt, arguments: &[&str], code: i32, words: &[&str]) {
    let output = imgbuild(libvirt, arguments).output().expect("nsenter starts");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
    for word in words {
        assert!(stderr.contains(word), "{arguments:?}: no `{word}` in: {stderr}");
    }
}

/// `imgbuild up` with a time limit for firstboot in seconds.
fn up<'a>(limit: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut words = vec!["up", "--output", "/mnt/output", "--backend", "libvirt"];
    words.extend(["--accelerator", "tcg", "--memory", "704 MiB", "--progress", "plain"]);
    words.extend(["--timeout", limit]);
    words.extend(more);
    words
}

fn node(libvirt: &Libvirt) -> Value {
    let status: Value = serde_json::from_str(&ok(libvirt, &["status", "--json"])).expect("JSON");
    status["labs"][0]["nodes"][0].clone()
}

/// All guests and networks with what they are like.
fn everything(libvirt: &Libvirt) -> String {
    let mut all = String::new();
    for (list, describe) in [
        (["list", "--all", "--uuid"].as_slice(), "dumpxml"),
        (["net-list", "--all", "--uuid"].as_slice(), "net-dumpxml"),
    ] {
        let mut uuids: Vec<String> =
            libvirt.virsh_ok(list).split_whitespace().map(str::to_owned).collect();
        uuids.sort();
        for uuid in uuids {
            all += &libvirt.virsh_ok(&[describe, &uuid]);
        }
    }
    all
}

/// What `up` cannot bring up leaves nothing, and prints libvirt's own message.
fn check_refused(libvirt: &Libvirt, more: &[&str], words: &[&str]) {
    let before = everything(libvirt);
    fails(libvirt, &up("1", more), 3, words);
    assert_eq!(everything(libvirt), before, "after {words:?}");
    assert!(ok(libvirt, &["status"]).contains("no machines"));
}

/// The descriptions that were built, as a user defines them by hand; without KVM here.
fn define_by_hand(libvirt: &Libvirt, lab: &Lab) {
    let path = lab.output().join("nova01.xml");
    let xml = fs::read_to_string(&path).expect("nova01.xml");
    let xml = xml.replace("'kvm'", "'qemu'").replace("host-passthrough", "maximum");
    fs::write(lab.directory().join("by-hand.xml"), xml).expect("XML");
    libvirt.virsh_ok(&["define", "/mnt/by-hand.xml"]);
    libvirt.virsh_ok(&["net-define", "/mnt/output/openstack-lab-network.xml"]);
}

/// Defines a network and starts it.
fn foreign_network(libvirt: &Libvirt, lab: &Lab, name: &str, address: &str) {
    let xml = format!(
        "<network><name>{name}</name><ip address='{address}' netmask='255.255.255.0'/></network>"
    );
    fs::write(lab.directory().join("foreign.xml"), xml).expect("XML");
    libvirt.virsh_ok(&["net-define", "/mnt/foreign.xml"]);
    libvirt.virsh_ok(&["net-start", name]);
}

fn check_what_is_in_the_way(libvirt: &mut Libvirt, lab: &Lab) {
    fails(
        libvirt,
        &up("1", &[]),
        3,
        &["libvirt does not answer: virsh version: ", "--backend qemu"],
    );
    libvirt.start("libvirtd");
    // The consoles' logs need a daemon of their own.
    check_refused(
        libvirt,
        &[],
        &["virtlogd-sock': No such file", "systemctl start virtlogd.socket"],
    );
    libvirt.start("virtlogd");

    define_by_hand(libvirt, lab);
    let alone = "imgbuild did not create that one and leaves it alone";
    check_refused(libvirt, &[], &["network 'openstack-lab' already exists with uuid", alone]);
    libvirt.virsh_ok(&["net-undefine", "openstack-lab"]);
    check_refused(libvirt, &[], &["domain 'nova01' already exists with uuid", alone]);
    libvirt.virsh_ok(&["undefine", "nova01"]);

    foreign_network(libvirt, lab, "foreign", "192.168.1.1");
    let taken = "another network of this machine has the lab's addresses";
    check_refused(libvirt, &[], &["already in use by interface", taken]);
    for verb in ["net-destroy", "net-undefine"] {
        libvirt.virsh_ok(&[verb, "foreign"]);
    }

    let closed = ["--state", "/mnt/closed/state"];
    let words = ["Permission denied", "may not pass /mnt/closed: `chmod o+x` lets it"];
    check_refused(libvirt, &closed, &words);
}

/// UEFI starts the machine where asked for, without secure boot.
fn check_firmware(libvirt: &Libvirt) {
    let unserved = "the nodes' repositories are not served: cannot listen on 192.168.1.254:80: \
        Permission denied";
    let words = ["nova01: firstboot has not reported after 1 s", unserved];
    fails(libvirt, &up("1", &["--firmware", "uefi"]), 1, &words);
    assert!(libvirt.look("nova01", "string(/domain/os/loader)").contains("OVMF_CODE"));
    assert_ne!(libvirt.look("nova01", "string(/domain/os/loader/@secure)"), "yes");
    assert!(!libvirt.look("nova01", "string(/domain/os/loader)").contains("secboot"));
    ok(libvirt, &["destroy"]);
}

/// Lets users listen at port 80, as root may.
fn open_ports(libvirt: &Libvirt) {
    let script = "echo 80 >/proc/sys/net/ipv4/ip_unprivileged_port_start";
    assert!(libvirt.command("sh").args(["-c", script]).status().expect("nsenter").success());
}

/// The node has counted its repositories, which this machine serves.
fn check_served(libvirt: &Libvirt) {
    let ssh = |command: &str| ok(libvirt, &["ssh", "-i", "/mnt/key", "nova01", command]);
    let practice = text(product::practice());
    let packages = oracle::ok("find", [&practice, "-name", "*.rpm"]).lines().count();
    check_repositories(&ssh, packages);
    assert!(
        ok(libvirt, &["status"]).contains("repository centos is served at http://192.168.1.254")
    );
}

/// What libvirt reports to run.
fn check_description(libvirt: &Libvirt) {
    for (what, expected) in [
        ("string(/domain/@type)", "qemu"),
        // Emulated, a second processor costs more than it gives.
        ("string(/domain/vcpu)", "1"),
        ("string(/domain/memory[@unit='KiB'])", "720896"),
        ("string(//disk/driver/@type)", "qcow2"),
        ("string(//disk/target/@bus)", "virtio"),
        ("string(//disk/source/@file)", "/mnt/state/openstack-lab/nodes/nova01/overlay.qcow2"),
        ("string(//disk/backingStore/source/@file)", "/mnt/output/nova01.qcow2"),
        ("string(//interface/model/@type)", "virtio"),
        ("string(//interface/source/@network)", "openstack-lab"),
        ("string(//rng/@model)", "virtio"),
        ("string(//serial/target/@port)", "0"),
        ("string(//console/target/@type)", "serial"),
    ] {
        assert_eq!(libvirt.look("nova01", what), expected, "{what}");
    }
    let listed = libvirt.virsh_ok(&["list", "--name"]);
    assert_eq!(listed.split_whitespace().collect::<Vec<_>>(), ["nova01"]);
    let network = libvirt.virsh_ok(&["net-list", "--name"]);
    assert!(network.split_whitespace().any(|name| name == "openstack-lab"), "{network}");
}

/// The console goes both ways, and Ctrl-] leaves it. No user logs in there on the practice medium.
fn check_console(libvirt: &Libvirt) {
    let log = ok(libvirt, &["console", "nova01", "--log"]);
    assert!(log.contains("node nova01 is ready"), "{}", tail(&log, 2000));
    let limit = BOOT_LIMIT.as_secs().to_string();
    let mut command = libvirt.user_command("timeout");
    command.args([&limit, "script", "-qec"]);
    command.args([&format!("{DIRECTORY}/imgbuild console nova01"), "/dev/null"]);
    command.env("IMGBUILD_STATE", STATE).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut script = command.spawn().expect("nsenter starts");
    let mut input = script.stdin.take().expect("a pipe");
    let mut output = script.stdout.take().expect("a pipe");
    let (mut shown, mut buffer) = (String::new(), [0; 4096]);
    let mut read_until = |words: &str| {
        while !shown.contains(words) {
            let n = output.read(&mut buffer).expect("the console");
            assert!(n > 0, "the console ended without `{words}`: {shown}");
            shown += &String::from_utf8_lossy(&buffer[..n]);
        }
    };
    read_until("Escape character is ^]");
    let talk = "exec 3<>/dev/ttyS0; echo printed by the node >&3; head -n 1 <&3";
    let talk = format!("timeout {limit} bash -c '{talk}'");
    let ssh = imgbuild(libvirt, &["ssh", "-i", "/mnt/key", "nova01", &talk])
        .stdout(Stdio::piped())
        .spawn()
        .expect("nsenter starts");
    read_until("printed by the node");
    input.write_all(b"typed here\n").expect("the console");
    let heard = ssh.wait_with_output().expect("ssh");
    assert_eq!(String::from_utf8_lossy(&heard.stdout).trim(), "typed here");
    input.write_all(b"\x1d").expect("the console");
    assert!(script.wait().expect("script").success());
}

/// Without libvirtd nothing is done and nothing forgotten; with it, all is as before.
fn check_libvirtd_away(libvirt: &mut Libvirt) {
    let before = node(libvirt);
    libvirt.stop("libvirtd");
    let away = ["virsh ", "failed to connect to the hypervisor", "is libvirtd running"];
    for command in [&["status"][..], &["down"], &["destroy"], &["ssh", "nova01", "true"]] {
        fails(libvirt, command, 3, &away);
    }
    libvirt.start("libvirtd");
    assert_eq!(node(libvirt), before);
}

#[test]
fn a_node_runs_under_libvirt_next_to_foreign_machines() {
    let lab = lab();
    let links = || oracle::ok("ip", ["-o", "link"]);
    let before = links();
    let mut libvirt = Libvirt::new(lab.directory());
    check_what_is_in_the_way(&mut libvirt, &lab);
    check_firmware(&libvirt);
    foreign_network(&libvirt, &lab, "foreign", "192.168.7.1");
    let foreign = everything(&libvirt);

    let limit = BOOT_LIMIT.as_secs().to_string();
    open_ports(&libvirt);
    ok(&libvirt, &up(&limit, &[]));
    check_served(&libvirt);
    assert_eq!(links(), before, "the machine's own interfaces");
    check_description(&libvirt);
    let is = node(&libvirt);
    assert_eq!((&is["power"], &is["firstboot"]), (&"on".into(), &"ready".into()), "{is:#}");
    let printed = ok(&libvirt, &["ssh", "-i", "/mnt/key", "nova01", "hostname; ip -4 -o addr"]);
    assert!(printed.starts_with("nova01\n") && printed.contains("192.168.1.11/24"), "{printed}");
    check_console(&libvirt);
    // A node that is already up is left alone.
    ok(&libvirt, &up(&limit, &[]));
    check_libvirtd_away(&mut libvirt);

    ok(&libvirt, &["down", "--progress", "plain"]);
    let console = ok(&libvirt, &["console", "nova01", "--log"]);
    assert!(console.contains("reboot: Power down"), "{}", tail(&console, 2000));
    assert_eq!(node(&libvirt)["power"], "off");
    assert_eq!(libvirt.virsh_ok(&["list", "--all", "--name"]).trim(), "nova01");
    assert_eq!(libvirt.virsh_ok(&["net-list", "--all", "--name"]).trim(), "foreign");
    check_own(&lab);
    ok(&libvirt, &["destroy"]);
    assert_eq!(everything(&libvirt), foreign);
    assert!(!lab.directory().join("state/openstack-lab").exists());
}

/// Images are as they were built, and the user's alone, as the disk and the console's log are.
fn check_own(lab: &Lab) {
    let check = "sha256sum --quiet -c SHA256SUMS";
    oracle::ok("sh", ["-c", &format!("cd {} && {check}", text(&lab.output()))]);
    let node = lab.directory().join("state/openstack-lab/nodes/nova01");
    let [disk, log] = ["overlay.qcow2", "console.log"].map(|name| node.join(name));
    for file in [lab.output().join("nova01.qcow2"), disk, log] {
        let about = fs::metadata(&file).expect("metadata");
        assert_eq!(about.uid(), USER, "{}", file.display());
        assert_eq!(about.mode() & 0o007, 0, "{}: nobody else's", file.display());
    }
}
