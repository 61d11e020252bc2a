//! What every user of a command line expects: completions, manual pages, a version, `-`, exit codes.

use lab_tests::lab::{Lab, text};
use lab_tests::user::User;
use lab_tests::{oracle, product};
use serde_json::Value;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output, Stdio};

/// Exit code, standard output and standard error.
fn told(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn ok(arguments: &[&str]) -> String {
    let (code, stdout, stderr) = told(&product::run(arguments));
    assert_eq!(code, Some(0), "{arguments:?}: {stderr}");
    stdout
}

#[test]
fn shells_complete_command_lines() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let place = |name: &str| directory.path().join(name);
    for (shell, file) in [("bash", "bash"), ("zsh", "_imgbuild"), ("fish", "fish")] {
        fs::write(place(file), ok(&["completion", shell])).expect("script");
    }
    let bash = format!(
        "source '{}'; COMP_WORDS=(imgbuild inst); COMP_CWORD=1; COMP_WORDS=(imgbuild val); \
         _imgbuild imgbuild val imgbuild; echo \"${{COMPREPLY[*]}}\"",
        text(&place("bash"))
    );
    assert_eq!(oracle::ok("bash", ["--norc", "-c", &bash]).trim(), "validate");
    // compinit finds it by its name, and loads it when it is called.
    let zsh = format!(
        "fpath=('{}' $fpath); autoload -Uz compinit; compinit -u -d '{}'; \
         autoload +X -Uz _imgbuild && print ${{_comps[imgbuild]}}",
        text(directory.path()),
        text(&place("dump"))
    );
    assert_eq!(oracle::ok("zsh", ["-f", "-c", &zsh]).trim(), "_imgbuild");
}

#[test]
fn manual_pages_are_rendered() {
    let directory = tempfile::tempdir().expect("temporary directory");
    ok(&["man", "--output", &text(directory.path())]);
    let mut pages = 0;
    for entry in fs::read_dir(directory.path()).expect("pages") {
        let page = text(&entry.expect("page").path());
        oracle::ok("mandoc", ["-T", "lint", "-W", "error", &page]);
        pages += 1;
    }
    assert!(pages > 20, "{pages}");
    let page = text(&directory.path().join("imgbuild-build.1"));
    let shown = oracle::ok("mandoc", ["-T", "utf8", "-O", "width=80", &page]);
    for words in ["imgbuild-build", "--profile", "Exit codes: 0 done"] {
        // Bold is a letter over itself.
        let plain = shown.replace('\u{8}', "");
        assert!(plain.contains(words) || shown.contains(words), "`{words}` in:\n{shown}");
    }
    assert!(ok(&["man"]).contains(".TH imgbuild 1"));
}

#[test]
fn the_version_has_the_commit() {
    let version = ok(&["--version"]);
    let words: Vec<&str> = version.split_whitespace().collect();
    assert_eq!(words[..2], ["imgbuild", env!("CARGO_PKG_VERSION")]);
    let mut git = Command::new("git");
    git.args(["rev-parse", "--short=12", "HEAD"]).current_dir(product::workspace());
    match git.output() {
        Ok(output) if output.status.success() => {
            let commit = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            let found = words[2].trim_start_matches('(').trim_end_matches([',', '+']);
            assert_eq!(found, commit, "{version}");
            let day = words[3].trim_end_matches(')');
            assert_eq!(day.len(), 10, "{version}");
        }
        // Not a clone, or not one that git reads here; the compiler may have had another place.
        _ => assert!(matches!(words.len(), 2 | 4), "{version}"),
    }
}

#[test]
fn short_help_fits_two_screens_and_has_examples() {
    let help = ok(&["-h"]);
    assert!(help.lines().count() < 90 && help.contains("Examples:"), "{help}");
    assert!(ok(&["build", "--help"]).contains("--ignore-missing-packages"));
    assert!(!ok(&["build", "-h"]).contains("--ignore-missing-packages"));
    let (code, _, stderr) = told(&product::run(&["status", "--foo"]));
    assert_eq!(code, Some(2));
    assert!(stderr.starts_with("imgbuild: error: "), "{stderr}");
}

#[test]
fn a_dash_is_standard_input() {
    let kickstart = product::workspace().join("kickstart/compute.ks");
    let run = |arguments: &[&str], file: &std::path::Path| {
        let mut command = product::command();
        command.args(arguments).stdin(Stdio::from(File::open(file).expect("file")));
        told(&command.output().expect("imgbuild"))
    };
    let (code, stdout, stderr) = run(&["validate", "-k", "-", "--json"], &kickstart);
    assert_eq!(code, Some(0), "{stderr}");
    let outcome: Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!(outcome["ok"], true);
    // Through a pipe as well.
    let mut cat = Command::new("cat").arg(&kickstart).stdout(Stdio::piped()).spawn().expect("cat");
    let mut command = product::command();
    command.args(["kickstart", "normalize", "-"]).stdin(cat.stdout.take().expect("pipe"));
    let (code, stdout, stderr) = told(&command.output().expect("imgbuild"));
    cat.wait().expect("cat");
    assert!(code == Some(0) && stdout.contains("%packages"), "{stderr}");
    let lab = Lab::new();
    let empty = lab.directory().join("empty");
    fs::write(&empty, "").expect("file");
    let output = text(&lab.output());
    let (code, _, stderr) = run(&["build", "--plan", "-", "-o", &output], &empty);
    assert_eq!(code, Some(2), "{stderr}");
    assert!(stderr.contains("/dev/stdin: this is not a plan"), "{stderr}");
}

#[test]
fn what_may_not_be_read_is_the_machines_fault() {
    let user = User::new();
    let secret = user.path("secret.raw");
    fs::write(&secret, vec![0; 4096]).expect("file");
    fs::set_permissions(&secret, Permissions::from_mode(0o600)).expect("mode");
    let state = user.path("closed");
    fs::create_dir(&state).expect("directory");
    fs::set_permissions(&state, Permissions::from_mode(0o700)).expect("mode");
    let (secret, state) = (text(&secret), text(&state));
    for arguments in [
        &["inspect", &secret][..],
        &["validate", "--kickstart", &secret],
        &["kickstart", "normalize", &secret],
        &["secrets", "--state", &state],
        &["status", "--state", &state],
    ] {
        let output = user.imgbuild().args(arguments).output().expect("imgbuild");
        let (code, stdout, stderr) = told(&output);
        assert_eq!(code, Some(3), "{arguments:?}: {stdout}{stderr}");
        assert!(stderr.contains("Permission denied"), "{arguments:?}: {stderr}");
    }
}

#[test]
fn a_cache_of_somebody_else_is_not_cleaned_without_a_word() {
    let user = User::new();
    let cache = user.path("foreign");
    fs::create_dir_all(cache.join("logs")).expect("directory");
    fs::write(cache.join("logs/build-1.log"), "x").expect("log");
    for directory in [&cache, &cache.join("logs")] {
        fs::set_permissions(directory, Permissions::from_mode(0o755)).expect("mode");
    }
    let clean = ["clean", "--logs", "--json", "--cache", &text(&cache)];
    let (code, _, stderr) = told(&user.imgbuild().args(clean).output().expect("imgbuild"));
    assert_eq!(code, Some(3), "{stderr}");
    assert!(
        stderr.contains("cannot be removed") || stderr.contains("Permission denied"),
        "{stderr}"
    );
    let (code, stdout, stderr) = told(&product::run(&clean));
    assert_eq!(code, Some(0), "{stderr}");
    let report: Value = serde_json::from_str(&stdout).expect("JSON");
    let used = report["entries"][0]["used"].as_str().expect("a time");
    assert!(used.ends_with('Z') && used.len() == 20, "{used}");
}
