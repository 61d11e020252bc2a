//! The units and the message catalogue as systemd's own tools read them (Debian
//! package systemd).

use contract::assets;
use firstboot::journal::id;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

fn put(root: &Path, path: &str, text: &str) {
    let path = root.join(&path[1..]);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

#[test]
fn journalctl_reads_the_catalogue() {
    let root = tempfile::tempdir().unwrap();
    put(root.path(), assets::CATALOG_PATH, assets::CATALOG);
    std::fs::create_dir_all(root.path().join("var/lib/systemd/catalog")).unwrap();
    let at = format!("--root={}", root.path().display());
    let journalctl = |args: &[&str]| {
        let output = Command::new("journalctl").arg(&at).args(args).output();
        let output = output.expect("`journalctl` runs (Debian package systemd)");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    journalctl(&["--update-catalog"]);
    let list = journalctl(&["--list-catalog", "--no-pager"]);
    let ids = [
        id::RUN_STARTED,
        id::STEP_STARTED,
        id::STEP_WAITING,
        id::STEP_RETRY,
        id::STEP_DONE,
        id::STEP_FAILED,
        id::STEP_BLOCKED,
        id::OUTPUT,
        id::SERVICE,
        id::NODE_READY,
        id::NODE_FAILED,
        id::PEERS_STARTED,
        id::PEER_JOINED,
        id::PEER_READY,
        id::PEER_FAILED,
        id::PEER_LOST,
        id::PEER_BACK,
        id::PEER_REFUSED,
        id::CLOUD_UP,
    ];
    for id in ids {
        assert!(list.contains(id), "{id} is not in the catalogue:\n{list}");
    }
    assert_eq!(list.lines().count(), ids.len(), "{list}");
}

#[test]
fn systemd_finds_nothing_wrong_with_the_units() {
    let directory = tempfile::tempdir().unwrap();
    for (path, text) in [
        (assets::UNIT_PATH, assets::UNIT),
        (assets::PEERS_UNIT_PATH, assets::PEERS_UNIT),
        (assets::WATCH_UNIT_PATH, assets::WATCH_UNIT),
    ] {
        // The binary is not installed where the tests run.
        let unit = text.replace(assets::BINARY_PATH, "/bin/true");
        assert_ne!(unit, text);
        let path = directory.path().join(Path::new(path).file_name().unwrap());
        std::fs::write(&path, unit).unwrap();
        let mut verify = Command::new("systemd-analyze");
        let output = verify.args(["verify", "--man=no"]).arg(&path).output();
        let output = output.expect("`systemd-analyze` runs (Debian package systemd)");
        // It also checks the machine's own units, and may print warnings on those.
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && !stderr.contains("firstboot"), "{output:?}");
        assert!(text.contains(&format!("ConditionPathExists={}\n", contract::spec::PATH)));
    }
    let keys = format!("ConditionPathExists={}\n", contract::peers::places::PKI);
    assert!(assets::PEERS_UNIT.contains(&keys));
    assert!(assets::PEERS_UNIT_PATH.ends_with(contract::peers::places::UNIT));
}

/// Tenths of systemd's "exposure level", 0 to 100: 96 is that of a unit that keeps everything.
#[test]
fn the_service_that_others_reach_keeps_little() {
    let directory = tempfile::tempdir().unwrap();
    for (path, text, max) in [
        (assets::PEERS_UNIT_PATH, assets::PEERS_UNIT, "50"),
        (assets::UNIT_PATH, assets::UNIT, "86"),
        (assets::WATCH_UNIT_PATH, assets::WATCH_UNIT, "80"),
    ] {
        let path = directory.path().join(Path::new(path).file_name().unwrap());
        std::fs::write(&path, text).unwrap();
        let mut security = Command::new("systemd-analyze");
        security.args(["security", "--no-pager", "--offline=true", "--threshold", max]);
        let output = security.arg(&path).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}

/// The kernel's filter takes no name that is not one of x86_64's own: systemd 219 would not
/// start the unit.
#[test]
fn the_units_name_system_calls_of_this_architecture() {
    let filters = [assets::UNIT, assets::PEERS_UNIT, assets::WATCH_UNIT].map(|unit| {
        let lines = unit.lines().filter_map(|line| line.strip_prefix("SystemCallFilter=~"));
        lines.collect::<Vec<_>>().join(" ")
    });
    // Debian package linux-libc-dev, which every C compiler brings.
    let header = std::fs::read_to_string("/usr/include/x86_64-linux-gnu/asm/unistd_64.h").unwrap();
    for name in filters.iter().flat_map(|names| names.split(' ')) {
        assert!(header.contains(&format!("#define __NR_{name} ")), "`{name}`");
    }
}

#[test]
fn a_login_prints_one_line_of_status() {
    let place = tempfile::tempdir().unwrap();
    let double = place.path().join("firstboot");
    let text = "#!/bin/sh\necho 'openstack (controller): ready'\necho '  identity  unchanged'\n";
    std::fs::write(&double, text).unwrap();
    std::fs::set_permissions(&double, PermissionsExt::from_mode(0o755)).unwrap();
    let script = place.path().join("firstboot.sh");
    let run = |options: &[&str]| {
        let text = assets::LOGIN.replace(assets::BINARY_PATH, double.to_str().unwrap());
        std::fs::write(&script, text).unwrap();
        let mut shell = Command::new("sh");
        let output = shell.args(options).args(["-u", "-c"]).arg(format!(". {}", script.display()));
        String::from_utf8(output.output().unwrap().stdout).unwrap()
    };
    assert_eq!(run(&["-i"]), "openstack (controller): ready (more: firstboot status)\n");
    assert_eq!(run(&[]), "", "programs see nothing of it");
    // A node whose status cannot be read.
    std::fs::write(&double, "#!/bin/sh\necho no >&2\nexit 1\n").unwrap();
    assert_eq!(run(&["-i"]), "");
}
