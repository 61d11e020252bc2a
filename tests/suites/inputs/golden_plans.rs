//! The whole plan of every shipped profile, made from metadata that never changes. Any change
//! of what a profile or a kickstart asks for, or of a decision of the planner, shows here as a
//! diff; a changed comment does not.

use lab_tests::{fixture, oracle, product};
use serde_json::Value;
use std::fs;

/// The plan of a shipped profile, with this machine's paths taken out.
fn plan(profile: &str, json: bool) -> String {
    let home = tempfile::tempdir().expect("temporary directory");
    let workspace = product::workspace();
    let mut command = product::command();
    // No keys of the user who runs this.
    command.env("HOME", home.path()).args(["plan", "--progress", "none", "--profile", profile]);
    command.args(["--media", "tests/fixtures/plan/os"]);
    command.arg(if json { "--json" } else { "--packages" });
    let output = command.output().expect("imgbuild starts");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{profile}: {stderr}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.replace(workspace.to_str().expect("UTF-8"), "WORKSPACE")
}

/// Checks the digests of the files that a plan was made from, and takes them out.
fn without_digests(plan: &str) -> String {
    let mut text = plan.to_owned();
    let value: Value = serde_json::from_str(plan).expect("JSON");
    for input in value["inputs"].as_array().expect("inputs") {
        let (name, sha256) = (input["name"].as_str(), input["sha256"].as_str());
        let (name, sha256) = (name.expect("name"), sha256.expect("sha256"));
        let path = product::workspace().join(name);
        if path.is_file() {
            let sum = oracle::ok("sha256sum", [path]);
            assert!(sum.starts_with(sha256), "{name}: {sum}");
            text = text.replace(sha256, "SHA-256 OF THE FILE");
        }
    }
    text
}

#[test]
fn shipped_profiles_plan_what_they_always_did() {
    let mut shipped = Vec::new();
    for file in fs::read_dir(product::workspace().join("profiles")).expect("profiles") {
        let path = file.expect("entry").path();
        let name = path.file_stem().and_then(|n| n.to_str()).expect("name").to_owned();
        // The others are of labs.
        if name != "lab" && name != "lab-rdo" {
            shipped.push(name);
        }
    }
    shipped.sort();
    assert_eq!(shipped, ["compute", "controller"]);
    for profile in shipped {
        let json = plan(&profile, true);
        fixture::same(&format!("plan/{profile}.json"), &without_digests(&json));
        let whole: builder::plan::Plan = serde_json::from_str(&json).expect("a plan");
        let text = plan(&profile, false).replace(&whole.digest(), "DIGEST OF THE PLAN");
        fixture::same(&format!("plan/{profile}.txt"), &text);
    }
}
