//! The main job on real input: build, check by tools not ours, boot, and read firstboot's journal.

use crate::journal::{check_records, check_repositories, check_services};
use lab_tests::guest::{Firmware, Guest};
use lab_tests::lab::{Lab, text};
use lab_tests::server_double::ServerDouble;
use lab_tests::{oracle, product, tree};
use serde_json::Value;
use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;

const MIB: u64 = 1024 * 1024;

/// Offset and size in bytes of partition `number`, as sgdisk reads them.
fn partition(raw: &str, number: u32) -> (u64, u64) {
    let info = oracle::ok("sgdisk", ["-i", &number.to_string(), raw]);
    let sector = |name: &str| {
        let line = info.lines().find(|l| l.starts_with(name)).unwrap_or_else(|| panic!("{info}"));
        line[name.len()..]
            .split_whitespace()
            .next()
            .and_then(|n| n.parse::<u64>().ok())
            .expect("number")
    };
    let first = sector("First sector: ");
    (first * 512, (sector("Last sector: ") + 1 - first) * 512)
}

/// Copies a partition into a sparse file of its own for the filesystem checkers.
fn carve(raw: &str, number: u32, to: &Path) {
    let (offset, size) = partition(raw, number);
    oracle::ok(
        "dd",
        [
            format!("if={raw}"),
            format!("of={}", text(to)),
            "bs=1M".into(),
            format!("skip={}", offset / MIB),
            format!("count={}", size / MIB),
            "conv=sparse".into(),
            "status=none".into(),
        ],
    );
}

/// Everything that tools not ours can check in a raw image without booting it.
fn check_disk(raw: &Path, size: u64) {
    let image = text(raw);
    assert_eq!(fs::metadata(raw).expect("raw image").len(), size);
    let verdict = oracle::ok("sgdisk", ["-v", &image]);
    assert!(verdict.contains("No problems found"), "{verdict}");
    let directory =
        tempfile::tempdir_in(raw.parent().expect("directory")).expect("temporary directory");
    let esp = directory.path().join("esp");
    carve(&image, 2, &esp);
    oracle::ok("fsck.fat", ["-n", &text(&esp)]);
    oracle::ok("e2fsck", ["-fn", &root_in(&image)]);
}

/// The root filesystem inside an image, in the words of e2fsprogs.
fn root_in(raw: &str) -> String {
    format!("{raw}?offset={}", partition(raw, 3).0)
}

/// The service that others can reach runs with what it needs and no more, and systemd knows
/// every line of both units.
fn check_confinement(guest: &Guest) {
    let shown = guest.ssh("systemctl show -p MainPID firstboot-peers");
    let process = format!("/proc/{}", shown.trim().trim_start_matches("MainPID="));
    let status = guest.ssh(&format!("cat {process}/status"));
    // CAP_NET_ADMIN and CAP_NET_RAW.
    for line in ["CapEff:\t0000000000003000\n", "CapBnd:\t0000000000003000\n"] {
        assert!(status.contains(line), "{line:?} is not in {status}");
    }
    // EL7's own systemd may be built without it.
    if guest.ssh("systemctl --version").contains("+SECCOMP") {
        assert!(status.contains("Seccomp:\t2\n"), "system calls are not filtered: {status}");
    }
    let mounts = guest.ssh(&format!("cat {process}/mounts"));
    // The last at a place is what is seen there.
    let options = |place: &str| {
        let mut found = mounts.lines().map(|l| l.split(' ').collect::<Vec<_>>());
        found.rfind(|words| words[1] == place).map(|words| words[3].to_owned())
    };
    let is = |place: &str, mode: &str| {
        options(place).is_some_and(|options| options.split(',').any(|option| option == mode))
    };
    assert!(is("/", "ro") && is("/run", "rw") && is("/etc/sysconfig", "rw"), "{mounts}");
    let words = guest.ssh("journalctl -b --no-pager | grep -F '/system/firstboot'; true");
    assert_eq!(words, "", "systemd's complaints about the units");
    // That it runs, by the view that it keeps.
    let peers: Value =
        serde_json::from_str(&guest.ssh("firstboot peers --json; true")).expect("JSON");
    assert_eq!(peers["note"], Value::Null, "{peers:#}");
}

/// The lab's key logs in on the controller from its own address, as packstack does, and from no
/// other one that it has.
fn check_lab_key(guest: &Guest) {
    let log_in = |address: &str| {
        let options =
            "-o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null";
        guest.ssh(&format!("ssh {options} root@{address} echo logged in 2>&1; true"))
    };
    let own = log_in("192.168.1.10");
    assert!(own.contains("logged in"), "{own}");
    let other = log_in("127.0.0.1");
    assert!(other.contains("Permission denied") && !other.contains("logged in"), "{other}");
}

/// OpenStack is not on the practice medium, and nothing reports that it was installed.
fn check_no_openstack(guest: &Guest) {
    let status: Value = serde_json::from_str(&guest.ssh("firstboot status --json")).expect("JSON");
    let steps = status["steps"].as_array().expect("steps");
    let packstack = steps.iter().find(|s| s["name"] == "packstack").expect("the step packstack");
    let message = packstack["message"].as_str().unwrap_or_default();
    assert_eq!(packstack["outcome"], "skipped", "{packstack:#}");
    assert!(message.contains("the practice medium has no packstack"), "{message}");
    assert_eq!(status["cloud"], "absent", "{status:#}");
}

fn wait_until_ready(guest: &Guest) {
    let output = guest.try_ssh("firstboot status --wait --timeout 400");
    assert!(
        output.status.success(),
        "firstboot: {}\n{}",
        String::from_utf8_lossy(&output.stdout),
        guest.ssh("journalctl -b -t firstboot --no-pager | tail -n 60")
    );
}

/// Every package of the practice medium is signed by the medium's key.
fn check_trust(manifest: &Path) {
    let manifest: Value =
        serde_json::from_slice(&fs::read(manifest).expect("manifest.json")).expect("JSON");
    let key = &manifest["trust"]["repositories"][0]["keys"][0]["fingerprint"];
    assert!(key.is_string(), "{}", manifest["trust"]["repositories"]);
    for package in manifest["trust"]["packages"].as_array().expect("packages") {
        assert_eq!(package["signature"]["key"], *key, "{package}");
        assert_eq!(package["signature"]["covers"], "header-with-payload-digest", "{package}");
    }
}

/// The tree that the image was made from complies with its own rpm's database.
fn check_tree(lab: &Lab) {
    let manifest = fs::read(lab.output().join("manifest.json")).expect("manifest");
    let manifest: Value = serde_json::from_slice(&manifest).expect("JSON");
    let digest = manifest["tree_sha256"].as_str().expect("the tree's name");
    // A copy: rpm may write to its database even when it only reads.
    let root = lab.directory().join("root");
    tree::copy(&product::cache(), digest, &root);
    let verdict = tree::run(&root, "rpm -Va");
    let mut changed: Vec<&str> = verdict.lines().collect();
    changed.sort_unstable();
    // The packages' own scriptlets make accounts.
    assert_eq!(
        changed,
        ["group", "gshadow", "passwd", "shadow"].map(|file| format!("S.5....T.  c /etc/{file}")),
        "{verdict}"
    );
}

#[test]
fn controller_from_practice_medium_boots_under_bios_and_uefi() {
    let lab = Lab::new();
    lab.build("controller", &["practice"], &["--format", "raw,qcow2"]);
    let raw = lab.output().join("openstack.raw");
    let qcow2 = lab.output().join("openstack.qcow2");
    check_disk(&raw, 50 * 1024 * MIB);
    oracle::ok("qemu-img", ["check", "-q", &text(&qcow2)]);
    oracle::ok("qemu-img", ["compare", "-q", &text(&raw), &text(&qcow2)]);
    let check = "sha256sum --quiet -c SHA256SUMS";
    oracle::ok("sh", ["-c", &format!("cd {} && {check}", text(&lab.output()))]);
    fs::remove_file(raw).expect("raw image");
    check_trust(&lab.output().join("manifest.json"));
    check_tree(&lab);

    let warm = lab.build("controller", &["practice"], &["--force"]);
    assert!(warm.contains("installed tree from the cache"), "{warm}");
    assert!(!warm.contains("] installing packages"), "{warm}");

    let overlay = lab.overlay("openstack");
    let address = Ipv4Addr::new(192, 168, 1, 10);
    let guest = Guest::start(&overlay, Firmware::Bios, address, &lab.key());
    wait_until_ready(&guest);
    check_records(&|command| guest.ssh(command), "openstack", "controller");
    check_services(&|command| guest.ssh(command), &["chronyd", "sshd", "ovs-vswitchd"]);
    assert_eq!(guest.ssh("hostname").trim(), "openstack");
    check_no_openstack(&guest);
    check_confinement(&guest);
    check_lab_key(&guest);
    assert_eq!(guest.ssh("cat /etc/resolv.conf").trim(), "nameserver 192.168.1.254");
    assert_eq!(guest.ssh("systemctl list-units --failed --no-legend --plain").trim(), "");
    let before = guest.ssh("sha256sum /etc/hosts /etc/resolv.conf /etc/chrony.conf /etc/hostname");
    guest.power_off();

    // The second boot, by the other firmware: firstboot finds everything as it should be.
    let guest = Guest::start(&overlay, Firmware::Uefi, address, &lab.key());
    wait_until_ready(&guest);
    assert_eq!(
        guest.ssh("sha256sum /etc/hosts /etc/resolv.conf /etc/chrony.conf /etc/hostname"),
        before
    );
    assert_eq!(guest.ssh("test -d /sys/firmware/efi && echo uefi").trim(), "uefi");
    check_services(&|command| guest.ssh(command), &["chronyd", "sshd", "ovs-vswitchd"]);
    let changed: Vec<Value> = guest
        .records()
        .into_iter()
        .filter(|r| r["FIRSTBOOT_OUTCOME"] == "changed")
        .filter(|r| r["FIRSTBOOT_STEP"] != "run")
        .collect();
    assert!(changed.is_empty(), "{changed:#?}");
}

/// They are booted in [`crate::all_nodes`].
#[test]
fn computes_from_practice_medium_differ_only_in_identity() {
    let lab = Lab::new();
    lab.build("compute", &["practice"], &[]);
    let lists: Vec<String> = ["nova01", "nova02"]
        .map(|node| {
            let raw = lab.directory().join("raw");
            let qcow2 = lab.output().join(format!("{node}.qcow2"));
            oracle::ok("qemu-img", ["convert", "-O", "raw", &text(&qcow2), &text(&raw)]);
            check_disk(&raw, 100 * 1024 * MIB);
            let dump = lab.directory().join(node);
            fs::create_dir(&dump).expect("directory");
            oracle::run(
                "debugfs",
                ["-R", &format!("rdump / {}", text(&dump)), &root_in(&text(&raw))],
            );
            fs::remove_file(&raw).expect("raw");
            text(&dump)
        })
        .to_vec();
    let difference = oracle::run("diff", ["-rq", "--no-dereference", &lists[0], &lists[1]]);
    let mut differing: Vec<String> = String::from_utf8_lossy(&difference.stdout)
        .lines()
        .filter_map(|l| Some(l.split_whitespace().nth(1)?.strip_prefix(&lists[0])?.to_owned()))
        .collect();
    differing.sort();
    assert_eq!(
        differing,
        [
            "/etc/firstboot/pki/node.crt",
            "/etc/firstboot/pki/node.key",
            "/etc/firstboot/spec.toml",
            "/etc/hostname",
            "/etc/sysconfig/network-scripts/ifcfg-eth0"
        ]
    );
}

/// How many packages are on media that are directories.
fn count_packages(media: &[&str]) -> usize {
    let list = oracle::ok("find", media.iter().chain(&["-name", "*.rpm"]));
    list.lines().count()
}

#[test]
fn controller_from_genuine_el7_packages_boots() {
    let Some(shared) = product::shared() else { return };
    let el7 = |part: &str| text(&shared.join("el7").join(part));
    let lab = Lab::new();
    // Keys that only a web server has, which no node reaches.
    let web = ServerDouble::start_here(&shared.join("el7/keys"));
    let urls = ["SIG-Cloud", "7"].map(|name| format!("{}/RPM-GPG-KEY-CentOS-{name}", web.url));
    let extras = "id       = \"rhel7-extras\"\n";
    lab.edit("profiles/lab.toml", extras, &format!("{extras}gpgkey = {urls:?}\n"));
    // Stand-ins in two repositories are not signed; the interest groups' keys are on no medium.
    let key = |name: &str| el7(&format!("keys/RPM-GPG-KEY-CentOS-SIG-{name}"));
    let keys = ["Cloud", "Storage", "Virtualization"].map(key);
    let mut more: Vec<&str> = keys.iter().flat_map(|key| ["--gpgkey", key.as_str()]).collect();
    let unchecked = ["media", "rhel-7-server-openstack-10-rpms"];
    more.extend(unchecked.iter().flat_map(|id| ["--no-gpgcheck", *id]));
    let media = ["media", "extras", "osp10"].map(el7);
    let media = media.each_ref().map(String::as_str);
    let stderr = lab.build("controller", &media, &more);
    assert!(stderr.contains("repository media: package signatures are not checked"), "{stderr}");
    let manifest = fs::read(lab.output().join("manifest.json")).expect("manifest.json");
    let manifest: Value = serde_json::from_slice(&manifest).expect("JSON");
    for repository in manifest["trust"]["repositories"].as_array().expect("repositories") {
        let checked = !unchecked.contains(&repository["id"].as_str().expect("id"));
        assert_eq!(repository["gpgcheck"], checked, "{repository}");
    }
    let guest = Guest::start(
        &lab.overlay("openstack"),
        Firmware::Bios,
        Ipv4Addr::new(192, 168, 1, 10),
        &lab.key(),
    );
    let server = guest.serve_repositories(&lab.directory().join("profiles/lab.toml"), &media);
    wait_until_ready(&guest);
    check_records(&|command| guest.ssh(command), "openstack", "controller");
    check_services(&|command| guest.ssh(command), &["chronyd", "sshd", "openvswitch"]);
    check_repositories(&|command| guest.ssh(command), count_packages(&media));
    // The first is signed, and its repository's packages are checked.
    guest.ssh("yum -q -y install mailcap crudini");
    assert_eq!(guest.ssh("rpm -q mailcap crudini | grep -c el7").trim(), "2");
    // So are those of one whose keys the image got from the web server.
    drop(web);
    guest.ssh("yum -q -y --disablerepo='rhel-*' install python-httplib2");
    assert_eq!(guest.ssh("rpm -q gpg-pubkey | grep -c 764429e6").trim(), "1", "the cloud group's");
    assert_eq!(server.errors(), "");
    check_confinement(&guest);
    check_lab_key(&guest);
    assert!(guest.ssh("rpm --version").contains("4.11"), "the rpm of EL7");
    assert!(guest.ssh("systemctl --version").contains("systemd 219"));
    assert_eq!(guest.ssh("test -f /var/lib/rpm/Packages && echo BerkeleyDB").trim(), "BerkeleyDB");
}
