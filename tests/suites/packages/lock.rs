//! The plan as a lock: replayed bit by bit, and refused where inputs or media changed.

use lab_tests::lab::{Lab, text};
use lab_tests::{oracle, product};
use serde_json::Value;
use std::fs::{self, File};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Output;

fn os() -> String {
    text(&product::practice().join("os"))
}

/// A lab with a small disk, whose raw image is hashed in seconds.
fn small() -> Lab {
    let lab = Lab::new();
    lab.edit("profiles/controller.toml", "50 GiB", "5 GiB");
    lab
}

/// The plan of the lab's controller, made by an unprivileged user.
fn plan(lab: &Lab, media: &str) -> PathBuf {
    for directory in ["", "profiles", "kickstart"] {
        let open = fs::Permissions::from_mode(0o755);
        fs::set_permissions(lab.directory().join(directory), open).expect("mode");
    }
    let profile = text(&lab.directory().join("profiles/controller.toml"));
    let program = text(product::imgbuild());
    let nobody = ["--reuid=65534", "--regid=65534", "--clear-groups", "env", "HOME=/"];
    let arguments =
        ["plan", "--json", "--profile", &profile, "--media", media, "--format", "raw,qcow2"];
    let text = oracle::ok("setpriv", nobody.into_iter().chain([program.as_str()]).chain(arguments));
    let file = lab.directory().join("plan.json");
    fs::write(&file, text).expect("plan.json");
    file
}

/// `imgbuild build --plan` into `directory`.
fn replay(plan: &Path, directory: &Path, more: &[&str]) -> Output {
    let (plan, directory) = (text(plan), text(directory));
    let mut arguments =
        vec!["build", "--plan", &plan, "--output", &directory, "--progress", "plain"];
    arguments.extend(more);
    product::run(&arguments)
}

/// A replay that must fail with `code`, leave nothing and print every part of `words`.
fn refused(plan: &Path, more: &[&str], code: i32, words: &[&str]) {
    let directory = plan.with_file_name("refused");
    let output = replay(plan, &directory, more);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    for word in words {
        assert!(stderr.contains(word), "`{word}` in:\n{stderr}");
    }
    assert!(!directory.exists(), "something is left in the output directory");
}

#[test]
fn a_plan_is_replayed_bit_by_bit() {
    let lab = small();
    let plan = plan(&lab, &os());
    lab.build("controller", &[&os()], &["--format", "raw,qcow2"]);
    let again = lab.directory().join("again");
    let output = replay(&plan, &again, &[]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    assert!(stderr.contains("replay of plan"), "{stderr}");
    for file in ["openstack.raw", "openstack.qcow2", "packages.txt"] {
        oracle::ok("cmp", [lab.output().join(file), again.join(file)]);
    }
}

#[test]
fn changed_inputs_are_refused_by_name() {
    let lab = small();
    let plan = plan(&lab, &os());
    let ks = lab.directory().join("kickstart/controller.ks");
    let old = fs::read_to_string(&ks).expect("kickstart");
    fs::write(&ks, format!("{old}# one more line\n")).expect("kickstart");
    let found = oracle::ok("sha256sum", [&ks]);
    refused(&plan, &[], 4, &["inputs changed", "controller.ks", &found[..64]]);
    fs::write(&ks, old).expect("kickstart");
    let other = Lab::new();
    let lab_file = text(&other.directory().join("profiles/lab.toml"));
    refused(&plan, &["--lab-file", &lab_file], 4, &["profiles/lab.toml: SHA-256 is"]);
}

#[test]
fn changed_media_are_refused_by_name() {
    let lab = small();
    let medium = lab.directory().join("os");
    oracle::ok("cp", ["-al", &os(), &text(&medium)]);
    let plan = plan(&lab, &text(&medium));
    let value: Value = serde_json::from_slice(&fs::read(&plan).expect("plan")).expect("JSON");
    let package = value["packages"].as_array().expect("packages").last().expect("a package");
    let name = package["name"].as_str().expect("name");
    // Links to the shared medium are replaced, not written through.
    let place = medium.join(package["location"].as_str().expect("location"));
    let old = fs::read(&place).expect("package");
    fs::remove_file(&place).expect("link");
    refused(&plan, &[], 4, &["media changed", place.file_name().unwrap().to_str().unwrap()]);
    fs::write(&place, &old).expect("package");
    let file = File::options().write(true).open(&place).expect("package");
    file.write_all_at(&[!old[old.len() - 9]], old.len() as u64 - 9).expect("flipped byte");
    let digest = package["sha256"].as_str().expect("digest");
    refused(&plan, &[], 4, &[name, "damaged or was changed", digest]);

    let repomd = medium.join("repodata/repomd.xml");
    let text = fs::read_to_string(&repomd).expect("repomd.xml");
    fs::remove_file(&repomd).expect("link");
    fs::write(&repomd, text + "<!-- newer -->\n").expect("repomd.xml");
    let expected = value["repositories"][0]["repomd_sha256"].as_str().expect("digest");
    refused(&plan, &[], 4, &["SHA-256 of repomd.xml is", expected]);
    let extras = lab_tests::lab::text(&product::practice().join("extras"));
    refused(&plan, &["--media", &extras], 4, &["is on none of the media", expected]);
}

#[test]
fn damaged_plans_are_refused() {
    let lab = small();
    let plan = plan(&lab, &os());
    let good = fs::read_to_string(&plan).expect("plan");
    let with = |from: &str, to: &str, words: &[&str]| {
        assert!(good.contains(from), "{from}");
        fs::write(&plan, good.replacen(from, to, 1)).expect("plan");
        refused(&plan, &[], 2, words);
    };
    let schema = format!("\"schema\": {}", builder::plan::SCHEMA);
    with(&schema, "\"schema\": 999", &["schema 999", "plan.json", "imgbuild plan"]);
    with("\"openstack.raw\"", "\"../openstack.raw\"", &["`../openstack.raw` is not an output"]);
    // Names that become names of files, and checksums that become names in the cache.
    let whole: Value = serde_json::from_str(&good).expect("JSON");
    let name = |at: &Value| at.as_str().expect("text").to_owned();
    let lab_name = format!("\"name\": {:?}", name(&whole["lab"]["name"]));
    with(&lab_name, "\"name\": \"../../x\"", &["the lab's name: `../../x` is not a name"]);
    with(&lab_name, "\"name\": \"\"", &["the lab's name: `` is not a name"]);
    let profile = format!("\"profile\": {:?}", name(&whole["profile"]));
    with(&profile, "\"profile\": \"/tmp/x\"", &["the profile: `/tmp/x` is not a name"]);
    with("\"name\": \"openstack\"", "\"name\": \"-oProxyCommand=x\"", &["a node's name"]);
    let mac = name(&whole["nodes"][0]["mac"]);
    with(&mac, "52:54:00:00:00:01,x=y", &["`52:54:00:00:00:01,x=y` is not a hardware address"]);
    let sum = name(&whole["packages"][0]["sha256"]);
    for bad in ["/tmp/x", "..", "", "ab", &"z".repeat(64)] {
        with(&sum, bad, &["package \"", "is not a sha256 checksum"]);
    }
    with("\"disk\"", "\"disc\"", &["this is not a plan", "disk"]);
    let size = whole["disk"]["size"].to_string();
    with(&format!("\"size\": {size}"), "\"size\": 4096", &["lies outside the disk"]);
    fs::write(&plan, &good[..good.len() / 2]).expect("plan");
    refused(&plan, &[], 2, &["this is not a plan", "line"]);
    let unheard = plan.with_file_name("none.json");
    refused(&unheard, &[], 2, &["cannot read", "none.json"]);
}
