use super::super::{comps, package};
use super::record::record;
use super::*;
use crate::progress::tests::NEVER;
use formats::rpmfile::Dependency;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A repository of two packages; its directory and its records.
fn repository(root: &Path, comps: Option<&str>) -> Vec<PackageRecord> {
    fs::create_dir_all(root.join("Packages")).expect("directory");
    for name in ["probe", "second"] {
        package::tests::sample(name)
            .write(&root.join("Packages"), package::tests::signer())
            .expect("package");
    }
    write(root, comps, NEVER).expect("metadata")
}

/// What `dnf` prints about the repository at `root`.
fn dnf(root: &Path, arguments: &[&str]) -> String {
    let private = tempfile::tempdir().expect("temporary directory");
    let option = |name: &str| format!("--setopt={name}={}", private.path().display());
    let out = Command::new("dnf")
        .args(["-q", "--releasever=7", "--repo=x"])
        .arg(format!("--repofrompath=x,file://{}", root.display()))
        .args([option("cachedir"), option("persistdir"), option("logdir")])
        .arg(format!("--installroot={}", private.path().display()))
        .args(arguments)
        .output()
        .expect("dnf of the Debian package dnf");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines.join("\n")
}

#[test]
fn dnf_sees_what_createrepo_c_would_show() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let ours = dir.path().join("ours");
    repository(&ours, None);
    let theirs: PathBuf = dir.path().join("theirs");
    fs::create_dir_all(theirs.join("Packages")).expect("directory");
    for entry in fs::read_dir(ours.join("Packages")).expect("directory") {
        let entry = entry.expect("entry");
        fs::copy(entry.path(), theirs.join("Packages").join(entry.file_name())).expect("copy");
    }
    let made = Command::new("createrepo_c").arg("-q").arg(&theirs).output();
    let made = made.expect("createrepo_c of the Debian package createrepo-c");
    assert!(made.status.success(), "{made:?}");
    let format = "%{name}|%{epoch}|%{version}|%{release}|%{arch}|%{summary}|%{installsize}|\
                  %{downloadsize}|%{buildtime}|%{license}|%{vendor}|%{location}|%{description}";
    for query in [
        &["--requires"][..],
        &["--provides"],
        &["--recommends"],
        &["--obsoletes"],
        &["-l"],
        &["--qf", format],
    ] {
        let arguments = [&["repoquery"], query, &["*"]].concat();
        let (a, b) = (dnf(&ours, &arguments), dnf(&theirs, &arguments));
        assert!(!b.is_empty(), "{query:?}");
        assert_eq!(a, b, "{query:?}");
    }
}

#[test]
fn dnf_reads_the_groups() {
    let dir = tempfile::tempdir().expect("temporary directory");
    repository(dir.path(), Some(&comps::text()));
    let text = dnf(dir.path(), &["group", "info", "--hidden", "core", "virtualization-hypervisor"]);
    for line in ["Group: Core", "openssh-server", "qemu-kvm-ev", "qemu-img-ev"] {
        assert!(text.lines().any(|l| l.trim() == line), "{line} in {text}");
    }
    let text = dnf(dir.path(), &["group", "info", "minimal"]);
    assert!(text.contains("Environment Group: Minimal Install"), "{text}");
}

#[test]
fn same_packages_same_metadata() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let read = |name: &str| {
        repository(&dir.path().join(name), Some(&comps::text()));
        fs::read(dir.path().join(name).join("repodata/repomd.xml")).expect("repomd")
    };
    assert_eq!(read("a"), read("b"));
}

#[test]
fn finds_unmet_needs() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let records = repository(dir.path(), None);
    let lines = unmet(&records, &[]);
    let wanted = |line: &str| lines.iter().any(|l| l == line);
    assert!(wanted("probe needs glibc >= 2.36-9") && wanted("second needs b"), "{lines:?}");
    assert!(!lines.iter().any(|line| line.contains("config(")), "{lines:?}");
    let mut other = records[0].clone();
    other.provides = ["glibc", "b", "/bin/sh"].map(|name| Dependency::any(name, 0)).to_vec();
    assert_eq!(unmet(&records, &[&[other]]), Vec::<String>::new());
}

#[test]
fn damaged_packages_are_named() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let path = dir.path().join("broken.rpm");
    for bytes in [&b""[..], b"not an RPM at all, but long enough for a lead to be tried"] {
        fs::write(&path, bytes).expect("file");
        let error = record(&path, "broken.rpm").expect_err("damage");
        assert!(error.message.contains("broken.rpm"), "{error}");
    }
}
