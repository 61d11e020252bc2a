//! The packages of imgbuild itself: installed, checked and removed by Debian's dpkg and EL7's rpm.

use lab_tests::el7_root::El7Root;
use lab_tests::lab::text;
use lab_tests::package::{self, Release};
use lab_tests::{oracle, product};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

const SNAPSHOT: Release<'_> =
    Release { version: "0.1.0", snapshot: Some("20261130120000.g0123456789"), time: 1_796_040_000 };

/// What is installed, with its mode.
const FILES: [(&str, u32); 10] = [
    ("usr/bin/firstboot", 0o100_755),
    ("usr/bin/imgbuild", 0o100_755),
    ("usr/share/bash-completion/completions/imgbuild", 0o100_644),
    ("usr/share/doc/imgbuild/README.md", 0o100_644),
    ("usr/share/doc/imgbuild/copyright", 0o100_644),
    ("usr/share/imgbuild", 0o040_755),
    ("usr/share/imgbuild/kickstart/controller.ks", 0o100_644),
    ("usr/share/imgbuild/profiles/lab.toml", 0o100_644),
    ("usr/share/man/man1/imgbuild.1.gz", 0o100_644),
    ("usr/share/zsh/vendor-completions/_imgbuild", 0o100_644),
];

/// A program that makes completions and manual pages, and is none otherwise.
const PAGES: &str =
    "#!/bin/sh\n[ \"$1\" = completion ] && exec echo \"$2\"\necho page >\"$3/imgbuild.1\"\n";

/// The packages of the programs in a directory, in `to`: .deb, .rpm, tarball.
fn make(release: &Release, programs: &Path, to: &Path) -> [PathBuf; 3] {
    let paths = package::make(release, product::workspace(), programs, to);
    paths.unwrap_or_else(|e| panic!("{e}")).try_into().expect("three")
}

/// The packages of the snapshot, made once.
fn made() -> &'static [PathBuf; 3] {
    static MADE: std::sync::OnceLock<[PathBuf; 3]> = std::sync::OnceLock::new();
    let programs = || product::imgbuild().parent().expect("a directory");
    MADE.get_or_init(|| {
        make(&SNAPSHOT, programs(), &product::cache_directory().join("own-packages"))
    })
}

fn directory() -> tempfile::TempDir {
    tempfile::tempdir_in(product::cache_directory()).expect("temporary directory")
}

/// The files are root's, have their modes and the release's time; the programs run and find
/// each other and the profiles.
fn check_installed(root: &Path) {
    for (path, mode) in FILES {
        let meta = fs::symlink_metadata(root.join(path)).expect(path);
        assert_eq!((meta.mode(), meta.uid(), meta.gid()), (mode, 0, 0), "{path}");
        assert!(meta.is_dir() || meta.mtime() == i64::from(SNAPSHOT.time), "{path}");
    }
    let root = text(root);
    let run = |words: &[&str]| oracle::ok("chroot", [&[root.as_str()], words].concat());
    assert!(run(&["/usr/bin/imgbuild", "--version"]).starts_with("imgbuild 0.1.0"));
    assert!(run(&["/usr/bin/firstboot", "--version"]).starts_with("firstboot 0.1.0"));
    let page = format!("{root}/usr/share/man/man1/imgbuild.1.gz");
    assert!(oracle::ok("gzip", ["-dc", &page]).contains(".TH imgbuild 1"));
    run(&[
        "/usr/bin/imgbuild",
        "validate",
        "--profile",
        "/usr/share/imgbuild/profiles/controller.toml",
    ]);
}

/// Packages of programs that are none, as they are made sooner.
fn made_quickly(release: &Release, to: &Path) -> [PathBuf; 3] {
    let text_file = to.join("pages");
    fs::write(&text_file, PAGES).expect("a program");
    for name in ["imgbuild", "firstboot"] {
        // By another process: what this one has just written may still be open in a child of another
        // test, and cannot be run then.
        oracle::ok("install", ["-m", "755", &text(&text_file), &text(&to.join(name))]);
    }
    make(release, to, &to.join("packages"))
}

#[test]
fn the_same_files_give_the_same_packages() {
    let [one, other] = [directory(), directory()];
    let [one, other] = [&one, &other].map(|to| made_quickly(&SNAPSHOT, to.path()));
    for (one, other) in one.iter().zip(&other) {
        assert_eq!(one.file_name(), other.file_name());
        assert!(fs::read(one).expect("package") == fs::read(other).expect("package"), "{other:?}");
    }
}

#[test]
fn a_program_that_needs_libraries_is_refused() {
    let directory = directory();
    for name in ["imgbuild", "firstboot"] {
        fs::copy("/bin/sh", directory.path().join(name)).expect("a program");
    }
    let made = package::make(&SNAPSHOT, product::workspace(), directory.path(), directory.path());
    let error = made.expect_err("dynamic").to_string();
    assert!(error.contains("imgbuild is linked dynamically"), "{error}");
}

#[test]
fn a_snapshot_is_older_than_its_release_and_newer_than_one_before() {
    let directory = directory();
    let release = Release { snapshot: None, ..SNAPSHOT };
    let before = Release { snapshot: Some("20261129120000.gffffffffff"), ..SNAPSHOT };
    let [before, snapshot, release] =
        [before, SNAPSHOT, release].map(|release| made_quickly(&release, directory.path()));
    let deb =
        |package: &[PathBuf; 3]| oracle::ok("dpkg-deb", ["-f", &text(&package[0]), "Version"]);
    let rpm = |package: &[PathBuf; 3]| {
        oracle::ok(
            "rpm",
            ["-qp", "--nosignature", "--qf", "%{VERSION}-%{RELEASE}", &text(&package[1])],
        )
    };
    for (older, newer) in [(&before, &snapshot), (&snapshot, &release)] {
        oracle::ok("dpkg", ["--compare-versions", deb(older).trim(), "lt", deb(newer).trim()]);
        let compare = format!("%{{lua: print(rpm.vercmp('{}', '{}'))}}", rpm(older), rpm(newer));
        assert_eq!(oracle::ok("rpm", ["--eval", &compare]).trim(), "-1", "{compare}");
    }
}

#[test]
fn dpkg_installs_verifies_and_removes_the_package() {
    let root = directory();
    let database = root.path().join("var/lib/dpkg");
    for part in ["info", "updates"] {
        fs::create_dir_all(database.join(part)).expect("directory");
    }
    fs::write(database.join("status"), "").expect("status");
    let option = format!("--root={}", text(root.path()));
    let dpkg = |words: &[&str]| oracle::ok("dpkg", [&[option.as_str()], words].concat());
    dpkg(&["--install", &text(&made()[0])]);
    assert_eq!(dpkg(&["--verify", "imgbuild"]), "");
    check_installed(root.path());
    dpkg(&["--purge", "imgbuild"]);
    let left =
        oracle::ok("find", [&text(root.path()), "-path", "*imgbuild*", "-o", "-name", "firstboot"]);
    assert_eq!(left, "");
}

#[test]
fn rpm_installs_verifies_and_removes_the_package() {
    let package = &made()[1];
    oracle::ok("rpm", ["-K", "--nosignature", &text(package)]);
    let Some(shared) = product::shared() else { return check_by_this_rpm(package) };
    let root = El7Root::new(&shared);
    let path = text(root.path());
    fs::copy(package, root.path().join("imgbuild.rpm")).expect("package");
    let rpm = |words: &[&str]| oracle::ok("chroot", [&[path.as_str(), "/bin/rpm"], words].concat());
    assert!(rpm(&["--version"]).contains("4.11"), "it is EL7's");
    // NSS wants random numbers.
    oracle::ok("mknod", [&format!("{path}/dev/urandom"), "c", "1", "9"]);
    rpm(&["--install", "/imgbuild.rpm"]);
    check_by_rpm(&rpm, root.path());
}

/// Where there are no EL7 packages.
fn check_by_this_rpm(package: &Path) {
    let root = directory();
    let path = text(root.path());
    let option = ["--force-debian", "--root", &path];
    let rpm = |words: &[&str]| oracle::ok("rpm", [&option, words].concat());
    rpm(&["--install", &text(package)]);
    check_by_rpm(&rpm, root.path());
}

fn check_by_rpm(rpm: &dyn Fn(&[&str]) -> String, root: &Path) {
    assert_eq!(rpm(&["--verify", "imgbuild"]), "");
    assert_eq!(
        rpm(&["-q", "imgbuild"]).trim(),
        "imgbuild-0.1.0-0.20261130120000.g0123456789.x86_64"
    );
    let owners = rpm(&["-q", "--qf", "[%{FILEUSERNAME}:%{FILEGROUPNAME}\\n]", "imgbuild"]);
    assert!(owners.lines().all(|owner| owner == "root:root"), "{owners}");
    check_installed(root);
    rpm(&["--erase", "imgbuild"]);
    assert!(!root.join("usr/bin/imgbuild").exists() && !root.join("usr/share/imgbuild").exists());
}

#[test]
fn the_tarball_is_unpacked_anywhere() {
    let root = directory();
    let usr = root.path().join("usr");
    fs::create_dir(&usr).expect("directory");
    let words = ["-x", "--strip-components", "1", "-C", &text(&usr), "-f", &text(&made()[2])];
    oracle::ok("bsdtar", words);
    check_installed(root.path());
}
