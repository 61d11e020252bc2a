//! Signatures in a build: on unless switched off, keys from where they are named,
//! one clear error with exit code 4, and nothing left behind.

use lab_tests::lab::{Lab, text};
use lab_tests::{oracle, product, rpm_double};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::SystemTime;

/// A build that must end with `code`; its standard error.
fn fails(lab: &Lab, media: &[&str], more: &[&str], code: i32) -> String {
    let output = product::run(&lab.arguments("controller", media, more));
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    assert!(!lab.output().exists(), "something is left in the output directory");
    stderr
}

fn has(stderr: &str, words: &[&str]) {
    for word in words {
        assert!(stderr.contains(word), "`{word}` in:\n{stderr}");
    }
}

/// Copies of two of the practice medium's trees without the key that they bring.
fn without_keys(lab: &Lab) -> [PathBuf; 2] {
    ["os", "osp10"].map(|tree| {
        let copy = lab.directory().join(tree);
        oracle::ok("cp", ["-al", &text(&product::practice().join(tree)), &text(&copy)]);
        fs::remove_file(copy.join("RPM-GPG-KEY-practice")).expect("the medium's key");
        copy
    })
}

/// An empty cache, so that no tree of other tests is at hand.
fn cache(lab: &Lab) -> String {
    text(&lab.directory().join("cache"))
}

#[test]
fn all_packages_that_are_not_trusted_are_named() {
    let Some(shared) = product::shared() else { return };
    let lab = Lab::new();
    let media = ["media", "extras", "osp10"].map(|part| text(&shared.join("el7").join(part)));
    let stderr = fails(&lab, &media.each_ref().map(String::as_str), &["--cache", &cache(&lab)], 4);
    has(
        &stderr,
        &[
            "packages are not trusted:",
            "systemd-219-62.el7.lab.x86_64 of repository media: it is not signed",
            "openvswitch-2.5.0-1.x86_64 of repository media: it is not signed",
            "of repository rhel-7-server-openstack-10-rpms: it is signed by key f9b9fee7764429e6",
            "RPM-GPG-KEY-CentOS-7",
            "keys tried for repository rhel-7-server-openstack-10-rpms: none",
            "--gpgkey FILE",
            "--no-gpgcheck media",
            "may be signed by 6341ab2753d78a78a7c27bb124c6a8a7f4a80eb5",
        ],
    );
    assert!(!stderr.contains("bash-4.2"), "bash is CentOS's:\n{stderr}");
}

#[test]
fn keys_come_from_where_they_are_named() {
    let lab = Lab::new();
    let [os, osp10] = without_keys(&lab).map(|path| text(&path));
    // A package that only the second medium has.
    lab.edit("kickstart/controller.ks", "openvswitch\n", "openvswitch\npyparsing\n");
    let cache = cache(&lab);
    let key = text(&product::practice().join("os/RPM-GPG-KEY-practice"));
    let stderr = fails(&lab, &[&os, &osp10], &["--cache", &cache], 4);
    has(
        &stderr,
        &["of repository os: it is signed by key", "and 1", "keys tried for repository os: none"],
    );

    // Off for one repository, by the lab file: only the other's packages are refused.
    let other = "id      = \"os\"\ngpgcheck = false";
    lab.edit("profiles/lab.toml", "id      = \"centos\"", other);
    let stderr = fails(&lab, &[&os, &osp10], &["--cache", &cache], 4);
    has(
        &stderr,
        &[
            "warning: repository os: package signatures are not checked (gpgcheck = false in the lab file)",
            "of repository rhel-7-server-openstack-10-rpms: it is signed by key",
        ],
    );
    assert!(!stderr.contains("of repository os: it is"), "{stderr}");

    // The key that the lab file names is on no medium and not here; then it is a file here.
    lab.edit("profiles/lab.toml", other, "id      = \"os\"");
    let stderr = fails(&lab, &[&os, &osp10], &["--cache", &cache], 2);
    has(&stderr, &["repository os", "RPM-GPG-KEY-CentOS-7", "--no-gpgcheck os"]);
    let named = "\"file:///etc/pki/rpm-gpg/RPM-GPG-KEY-CentOS-7\"";
    lab.edit("profiles/lab.toml", named, &format!("[{key:?}]"));
    let stderr = fails(&lab, &[&os, &osp10], &["--cache", &cache], 4);
    assert!(!stderr.contains("of repository os: it is"), "{stderr}");
    has(&stderr, &["of repository rhel-7-server-openstack-10-rpms: it is signed by key"]);
}

/// A package that writes `word` to /etc/swapped, the same one by name and version.
fn package(word: &str, to: &Path) -> PathBuf {
    let spec = format!(
        "Name: swapped\nVersion: 1\nRelease: 1\nSummary: A double of two packages\n\
         BuildArch: noarch\nRequires: bash\n%description\nOne of two.\n\
         %install\nmkdir -p %{{buildroot}}/etc\necho {word} >%{{buildroot}}/etc/swapped\n\
         %post\necho {word} from the scriptlet\n%files\n/etc/swapped\n"
    );
    rpm_double::repository(&spec, to);
    to.join("noarch/swapped-1-1.noarch.rpm")
}

#[test]
fn what_was_checked_is_what_is_installed() {
    let lab = Lab::new();
    // Each run has a tree of its own, so that rpm runs.
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("time").as_nanos();
    let good = package(&format!("CHECKED-{now}"), &lab.directory().join("good"));
    let evil = package("REPLACED", &lab.directory().join("evil"));
    let evil = fs::read(evil).expect("package");
    lab.edit("kickstart/controller.ks", "openvswitch\n", "openvswitch\nswapped\n");
    let (os, ours) = (text(&product::practice().join("os")), text(&lab.directory().join("good")));
    let osp10 = text(&product::practice().join("osp10"));
    let more = ["--no-gpgcheck", "good", "--format", "tar"];
    let mut command = product::command();
    command.args(lab.arguments("controller", &[&os, &osp10, &ours], &more));
    let mut child = command.stderr(Stdio::piped()).spawn().expect("imgbuild starts");
    let (mut stderr, mut replaced) = (String::new(), 0);
    for line in BufReader::new(child.stderr.take().expect("standard error")).lines() {
        let line = line.expect("line");
        let begins = ["checking signatures", "installing packages"];
        if begins.iter().any(|stage| line.ends_with(&format!("] {stage} …"))) {
            // In place, as a process that holds the file open would.
            fs::write(&good, &evil).expect("package");
            replaced += 1;
        }
        stderr.push_str(&line);
        stderr.push('\n');
    }
    assert!(child.wait().expect("it ends").success() && replaced == 2, "{stderr}");
    let log = fs::read_to_string(lab.output().join("build.log")).expect("log");
    assert!(log.contains(&format!("CHECKED-{now} from the scriptlet")), "{log}");
    assert!(!log.contains("REPLACED"), "{log}");
    let tar = text(&lab.output().join("openstack.tar.gz"));
    let names = oracle::ok("tar", ["-tzf", &tar]);
    let name = names.lines().find(|name| name.ends_with("etc/swapped")).expect("the file");
    assert_eq!(oracle::ok("tar", ["-xzOf", &tar, name]), format!("CHECKED-{now}\n"));
}

#[test]
fn wrong_arguments_are_reported_at_once() {
    let lab = Lab::new();
    let os = text(&product::practice().join("os"));
    let stderr = fails(&lab, &[&os], &["--no-gpgcheck", "nix"], 2);
    has(&stderr, &["--no-gpgcheck nix: there is no such repository", "repositories at hand: os"]);
    let stderr = fails(&lab, &[&os], &["--gpgkey", "Cargo.toml"], 2);
    has(&stderr, &["Cargo.toml is not a file of OpenPGP public keys"]);
    let stderr = fails(&lab, &[&os], &["--gpgkey", "/nowhere/key"], 2);
    has(&stderr, &["cannot read the key file /nowhere/key"]);
}
