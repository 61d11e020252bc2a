//! Builds without root: the same image as root's, no matter who builds it, where and when.

use lab_tests::lab::{Lab, text};
use lab_tests::user::User;
use lab_tests::{oracle, product, tree};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// A lab whose disk is small, so that checksums of its zeros do not take minutes, and that
/// others may read.
fn lab() -> Lab {
    let lab = Lab::new();
    lab.edit("profiles/controller.toml", "\"50 GiB\"", "\"6 GiB\"");
    oracle::ok("chmod", ["755", &text(lab.directory())]);
    lab
}

/// Root's image from the shared cache, and a user's from an empty one, under another umask,
/// locale and time zone, are the same; returns the manifest.
fn same_image_without_root(lab: &Lab, user: &User, media: &[String], more: &[&str]) -> Value {
    let media: Vec<&str> = media.iter().map(String::as_str).collect();
    let more = [&["--format", "raw"], more].concat();
    lab.build("controller", &media, &more);
    let mut arguments = lab.arguments("controller", &media, &more);
    let at = arguments.iter().position(|a| a == "--output").expect("output");
    arguments[at + 1] = "out".to_owned();
    user.share_secrets();
    let output = user.imgbuild().args(&arguments).output().expect("setpriv starts");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "without root: {}\n{stderr}", output.status);
    assert!(!stderr.contains("tree from the cache"), "{stderr}");
    let images = [lab.output(), user.path("out")].map(|o| text(&o.join("openstack.raw")));
    oracle::ok("qemu-img", ["compare", "-f", "raw", "-F", "raw", &images[0], &images[1]]);
    let manifest = |directory: &Path| -> Value {
        let text = fs::read_to_string(directory.join("manifest.json")).expect("manifest");
        serde_json::from_str(&text).expect("JSON")
    };
    let (root, own) = (manifest(&lab.output()), manifest(&user.path("out")));
    assert_eq!(root["files"], own["files"]);
    root
}

/// Nothing in the tree shows when it was made.
fn check_times(root: &Path, manifest: &Value) {
    let time = manifest["plan"]["time"].as_i64().expect("time");
    let installed = tree::run(root, "rpm -qa --qf '%{INSTALLTIME} %{INSTALLTID}\\n'");
    let count = i64::try_from(installed.lines().count()).expect("packages");
    for line in installed.lines() {
        let (package, transaction) = line.split_once(' ').expect("two numbers");
        // Newer rpms count the packages from there.
        let package: i64 = package.parse().expect("seconds");
        assert!((time..time + count).contains(&package), "{line}, not {time}");
        assert_eq!(transaction, time.to_string());
    }
    for line in fs::read_to_string(root.join("etc/shadow")).expect("shadow").lines() {
        let day = line.split(':').nth(2).and_then(|d| d.parse::<i64>().ok()).unwrap_or(0);
        assert!(day <= time / 86400, "{line}");
    }
}

fn copy_of_tree(lab: &Lab, manifest: &Value) -> std::path::PathBuf {
    let to = lab.directory().join("tree");
    tree::copy(&product::cache(), manifest["tree_sha256"].as_str().expect("digest"), &to);
    to
}

#[test]
fn a_user_builds_the_same_image_as_root_from_the_practice_medium() {
    let (lab, user) = (lab(), User::new());
    let practice = product::practice();
    let media = ["os", "extras", "osp10"].map(|part| text(&practice.join(part)));
    let manifest = same_image_without_root(&lab, &user, &media, &[]);

    // What belongs to sub-ids can be removed by the user.
    let cleaned = user.imgbuild().args(["clean", "--all"]).output().expect("setpriv starts");
    assert!(cleaned.status.success(), "{}", String::from_utf8_lossy(&cleaned.stderr));
    let left =
        oracle::ok("find", [&text(&user.path("cache/trees")), "-type", "d", "-mindepth", "1"]);
    assert_eq!(left, "");

    let root = copy_of_tree(&lab, &manifest);
    check_times(&root, &manifest);
}

#[test]
fn a_user_builds_the_same_image_as_root_from_genuine_el7_packages() {
    let Some(shared) = product::shared() else { return };
    let (lab, user) = (lab(), User::new());
    let media = ["media", "extras", "osp10"].map(|part| text(&shared.join("el7").join(part)));
    // Stand-ins are not signed; the interest groups' keys are on no medium.
    let unchecked = ["media", "extras", "rhel-7-server-openstack-10-rpms"];
    let more: Vec<&str> = unchecked.iter().flat_map(|id| ["--no-gpgcheck", *id]).collect();
    let manifest = same_image_without_root(&lab, &user, &media, &more);
    let root = copy_of_tree(&lab, &manifest);
    check_times(&root, &manifest);
    check_by_own_rpm(&root);
    check_by_own_yum(&root, &shared.join("el7/media"));
    check_by_own_e2fsck(&root, &lab, &manifest);
}

/// EL7's rpm finds nothing changed except what a running system rebuilds.
fn check_by_own_rpm(root: &Path) {
    let verdict = tree::run(root, "rpm -Va");
    let unexpected: Vec<&str> = verdict
        .lines()
        .filter(|line| {
            let (attributes, path) = line.split_at(line.find('/').unwrap_or(0));
            let ghost = attributes.trim_end().ends_with(" g");
            // systemd makes these on each boot, and journald gives its directory a group.
            let made = attributes.starts_with("missing") && path.starts_with("/var/run/");
            !ghost && !made && path != "/var/log/journal"
        })
        .collect();
    assert!(unexpected.is_empty(), "{unexpected:#?}");
    assert!(verdict.contains("/var/log/journal"), "rpm did not look: {verdict}");
}

/// EL7's yum reads a repository.
fn check_by_own_yum(root: &Path, media: &Path) {
    let medium = root.join("mnt/medium");
    fs::create_dir(&medium).expect("directory");
    oracle::ok("cp", ["-r", &text(&media.join("repodata")), &text(&medium)]);
    let file = "[medium]\nname=medium\nbaseurl=file:///mnt/medium\ngpgcheck=0\n";
    fs::write(root.join("etc/yum.repos.d/medium.repo"), file).expect("repo file");
    let list = tree::run(root, "yum -q --disablerepo='*' --enablerepo=medium repolist");
    let packages = fs::read_dir(media.join("Packages")).expect("packages").count().to_string();
    let line = list.lines().find(|l| l.starts_with("medium")).unwrap_or_default();
    assert_eq!(line.split_whitespace().last(), Some(packages.as_str()), "{list}");
}

/// EL7's e2fsck 1.42.9 finds the image's root filesystem clean.
fn check_by_own_e2fsck(root: &Path, lab: &Lab, manifest: &Value) {
    fs::hard_link(lab.output().join("openstack.raw"), root.join("image.raw")).expect("link");
    let partitions = manifest["plan"]["disk"]["partitions"].as_array().expect("partitions");
    let is_root = |p: &&Value| p["content"]["mount"] == "/";
    let offset = &partitions.iter().find(is_root).expect("root")["offset"];
    let command = format!("e2fsck -V 2>&1; e2fsck -fn '/image.raw?offset={offset}' && echo clean");
    let verdict = tree::run(root, &command);
    assert!(verdict.contains("e2fsck 1.42.9"), "{verdict}");
    assert!(verdict.trim_end().ends_with("clean"), "{verdict}");
}

#[test]
fn a_user_without_subordinate_ids_gets_a_hint() {
    let (lab, user) = (lab(), User::new());
    oracle::ok("usermod", ["--del-subuids", "0-4294967294", user.name()]);
    let practice = product::practice();
    let media = text(&practice.join("os"));
    let arguments = lab.arguments("controller", &[&media], &[]);
    let output = user.imgbuild().args(&arguments).output().expect("setpriv starts");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(stderr.contains("sudo usermod --add-subuids"), "{stderr}");
    assert!(stderr.contains(&format!("{}, or run imgbuild as root", user.name())), "{stderr}");

    // What only reads works all the same.
    let plan = user
        .imgbuild()
        .arg("plan")
        .args(["--profile", &text(&lab.directory().join("profiles/controller.toml"))])
        .args(["--media", &media, "--media", &text(&practice.join("osp10"))])
        .output()
        .expect("setpriv starts");
    assert!(plan.status.success(), "{}", String::from_utf8_lossy(&plan.stderr));
}
