//! The built binary on directory trees: exit codes, a second run, power cuts.

use crate::double::CONTROLLER;
use crate::tree::files_below;
use serde_json::Value;
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const BINARY: &str = env!("CARGO_BIN_EXE_firstboot");

/// A tree in which everything has to be changed.
fn tree() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in [
        ("etc/firstboot/spec.toml", CONTROLLER),
        ("etc/hostname", "localhost.localdomain\n"),
        ("etc/resolv.conf", "search example.com\nnameserver 10.0.0.1\n"),
        ("etc/chrony.conf", "server 0.centos.pool.ntp.org iburst\nrtcsync\n"),
    ] {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    root
}

fn firstboot(args: &[&str], root: &Path) -> Output {
    Command::new(BINARY).args(args).arg("--root").arg(root).output().unwrap()
}

fn status(root: &Path) -> Value {
    serde_json::from_slice(&firstboot(&["status", "--json"], root).stdout).unwrap()
}

/// Every file with its content, and its inode and time where `exact`.
fn files(root: &Path, exact: bool) -> BTreeMap<PathBuf, (Vec<u8>, u64, i64)> {
    let mut found = BTreeMap::new();
    for (path, meta) in files_below(root) {
        if !path.ends_with("state.json") {
            let stamp = if exact { (meta.ino(), meta.mtime_nsec()) } else { (0, 0) };
            let name = path.strip_prefix(root).unwrap().to_owned();
            found.insert(name, (std::fs::read(&path).unwrap(), stamp.0, stamp.1));
        }
    }
    found
}

#[test]
fn a_second_run_on_a_tree_changes_no_file() {
    let root = tree();
    let first = firstboot(&["run"], root.path());
    assert_eq!(first.status.code(), Some(0), "{first:?}");
    assert_eq!(status(root.path())["steps"][0]["outcome"], "changed");
    let before = files(root.path(), true);
    assert_eq!(before[Path::new("etc/resolv.conf")].0, b"nameserver 192.168.1.254\n");
    assert_eq!(before[Path::new("etc/chrony.conf")].0, b"server 192.168.1.254 iburst\nrtcsync\n");

    assert_eq!(firstboot(&["run"], root.path()).status.code(), Some(0));
    assert_eq!(files(root.path(), true), before);
    let status = status(root.path());
    assert_eq!(status["steps"][0]["outcome"], "unchanged");
    assert_eq!(status["node"], "openstack");
    assert_eq!(status["state"], "working", "a directory tree is never ready");
}

#[test]
fn exit_codes_are_as_documented() {
    let root = tree();
    let code = |args: &[&str]| firstboot(args, root.path()).status.code();
    assert_eq!(code(&["status"]), Some(2));
    assert_eq!(code(&["status", "--wait", "--timeout", "1"]), Some(2));
    assert_eq!(code(&["status", "--no-such-option"]), Some(64));
    assert_eq!(code(&["run"]), Some(0));

    // A step that cannot succeed: a directory stands where a file must be.
    std::fs::remove_file(root.path().join("etc/hosts")).unwrap();
    std::fs::create_dir_all(root.path().join("etc/hosts/full")).unwrap();
    assert_eq!(code(&["run"]), Some(1));
    assert_eq!(code(&["status"]), Some(1));
    assert_eq!(code(&["status", "--wait"]), Some(1));

    std::fs::write(root.path().join("etc/firstboot/spec.toml"), "version = 9\n").unwrap();
    let wrong = firstboot(&["run"], root.path());
    assert_eq!(wrong.status.code(), Some(78));
    let text = String::from_utf8(wrong.stderr).unwrap();
    assert!(text.contains("spec.toml: line 1: version: 9 is not known here"), "{text}");
    assert_eq!(code(&["status"]), Some(78));
    std::fs::remove_file(root.path().join("etc/firstboot/spec.toml")).unwrap();
    assert_eq!(code(&["run"]), Some(78));

    let version = Command::new(BINARY).arg("--version").output().unwrap();
    assert_eq!(version.status.code(), Some(0));
    let text = String::from_utf8(version.stdout).unwrap();
    assert_eq!(text, format!("firstboot {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn only_one_run_at_a_time() {
    let root = tree();
    let directory = root.path().join("var/lib/firstboot");
    std::fs::create_dir_all(&directory).unwrap();
    let _lock = firstboot::host::files::lock(&directory).unwrap().unwrap();
    assert_eq!(firstboot(&["run"], root.path()).status.code(), Some(75));
}

/// Runs firstboot under strace, which kills it at the `n`th call of `call`. Whether
/// there were that many calls.
fn cut(call: &str, n: usize, root: &Path) -> bool {
    let output = Command::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null", "-e", "signal=none"])
        .arg("-e")
        .arg(format!("inject={call}:signal=KILL:when={n}"))
        .args([BINARY, "run", "--root"])
        .arg(root)
        .output()
        .expect("`strace` runs (Debian package strace)");
    let killed = output.status.signal() == Some(9);
    assert!(killed || output.status.success(), "neither done nor killed: {output:?}");
    killed
}

#[test]
fn a_run_killed_at_any_write_is_completed_by_the_next() {
    let reference = tree();
    assert!(firstboot(&["run"], reference.path()).status.success());
    let wanted = files(reference.path(), false);
    // The interface's file on its way: with the address first, then as the bridge's port.
    let spec = contract::spec::Spec::parse(CONTROLLER).unwrap();
    let plain = contract::node_files::ifcfg(&spec).into_bytes();
    let mut cuts = 0;
    // Before the content is written, before it is on the disk, before it has its name.
    for (call, each) in [("openat", 3), ("fsync", 2), ("rename", 1)] {
        for n in (1..).step_by(each) {
            let root = tree();
            if !cut(call, n, root.path()) {
                break;
            }
            cuts += 1;
            // It is the old file or the new one, complete.
            let old = files(tree().path(), false);
            for (name, file) in files(root.path(), false) {
                let temporary = name.to_string_lossy().ends_with(".firstboot");
                let whole = Some(&file) == old.get(&name)
                    || Some(&file) == wanted.get(&name)
                    || (name.ends_with("ifcfg-eth0") && file.0 == plain);
                assert!(temporary || whole, "{call} {n}: {} is torn", name.display());
            }
            assert!(firstboot(&["run"], root.path()).status.success(), "{call} {n}");
            assert_eq!(files(root.path(), false), wanted, "after a cut at {call} {n}");
            assert_eq!(firstboot(&["status"], root.path()).status.code(), Some(2));
        }
    }
    // Seven files of the node and two dozen state files.
    assert!(cuts >= 40, "only {cuts} cuts: strace's injection did not work");
}

#[test]
fn content_is_on_the_disk_before_it_gets_its_name() {
    let root = tree();
    let trace = root.path().join("trace");
    let output = Command::new("strace")
        .args(["-qq", "-y", "-e", "trace=fsync,rename", "-o"])
        .arg(&trace)
        .args([BINARY, "run", "--root"])
        .arg(root.path())
        .output()
        .expect("`strace` runs (Debian package strace)");
    assert!(output.status.success(), "{output:?}");
    let text = std::fs::read_to_string(&trace).unwrap();
    let calls: Vec<&str> = text.lines().map(|line| line.split('(').next().unwrap()).collect();
    let renames = calls.iter().filter(|call| **call == "rename").count();
    assert!(renames > 10, "{text}");
    // File, name, directory: for each file in turn.
    assert_eq!(calls, ["fsync", "rename", "fsync"].repeat(renames), "{text}");
}
