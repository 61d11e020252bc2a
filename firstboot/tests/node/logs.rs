//! `firstboot logs` with puppet's own log, on a directory tree.

use std::env;
use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// What puppet 4.6.2 logs, with its colours.
const FIRST: &str = "\x1b[mNotice: Compiled catalog for openstack in environment production in 0.34 seconds\x1b[0m\n";
const NEXT: &str =
    "\x1b[mNotice: /Stage[main]/Main/Package[nova]/ensure: created with planted-pw\x1b[0m\n";
const RUNNING: &str =
    "var/tmp/packstack/20261129-171445-uEiYho/manifests/192.168.1.10_controller.pp.running";

fn put(root: &Path, name: &str, text: &str) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A tree in which puppet is at work.
fn tree() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join("var/log/journal")).unwrap();
    put(root.path(), RUNNING, &(FIRST.repeat(30) + NEXT + "\x1b[mNotice: half a li"));
    let finished = RUNNING.replace("running", "finished").replace("controller", "compute");
    put(root.path(), &finished, FIRST);
    std::os::unix::fs::symlink(
        "20261129-171445-uEiYho",
        root.path().join("var/tmp/packstack/latest"),
    )
    .unwrap();
    put(
        root.path(),
        "var/lib/firstboot/packstack/in-use.txt",
        "[general]\nCONFIG_NOVA_DB_PW=planted-pw\n",
    );
    root
}

fn logs(root: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_firstboot"));
    command.arg("logs").arg("--root").arg(root);
    command
}

#[test]
fn puppets_log_follows_the_records() {
    let root = tree();
    let shown = |args: &[&str]| {
        let output = logs(root.path()).args(args).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let text = shown(&[]);
    let (_, puppet) =
        text.split_once("puppet applies 192.168.1.10_controller.pp; its own log:\n").unwrap();
    let lines: Vec<&str> = puppet.lines().collect();
    assert_eq!(lines.len(), 20, "{puppet}");
    let last = "puppet: Notice: /Stage[main]/Main/Package[nova]/ensure: created with ***";
    assert_eq!(lines[19], last);
    assert!(shown(&["packstack"]).contains(last));
    assert!(!shown(&["verify"]).contains("puppet"));
    assert_eq!(logs(root.path()).arg("no-such-step").status().unwrap().code(), Some(64));
}

/// With a double in journalctl's place, which ends when there is a file `stop`.
#[test]
fn what_puppet_logs_is_followed() {
    let root = tree();
    let stop = root.path().join("stop");
    let double = format!("#!/bin/sh\nuntil [ -e {} ]; do sleep 0.1; done\n", stop.display());
    put(root.path(), "bin/journalctl", &double);
    let program = root.path().join("bin/journalctl");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", program.parent().unwrap().display(), env::var("PATH").unwrap());
    let mut command = logs(root.path());
    let mut child =
        command.arg("--follow").env("PATH", path).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut until = |word: &str| lines.any(|line| line.unwrap().contains(word));
    assert!(until("created with ***"));
    let mut log = OpenOptions::new().append(true).open(root.path().join(RUNNING)).unwrap();
    log.write_all(b"ne\nNotice: Applied catalog in 5.67 seconds\n").unwrap();
    assert!(until("puppet: Notice: half a line"));
    assert!(until("puppet: Notice: Applied catalog"));
    fs::write(stop, "").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
