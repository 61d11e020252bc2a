//! The first commands of a new user: a lab of one's own, what the machine lacks, what there is.

use lab_tests::lab::text;
use lab_tests::user::User;
use lab_tests::{oracle, product};
use serde_json::Value;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

fn told(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn run(directory: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    told(&product::command().current_dir(directory).args(arguments).output().expect("imgbuild"))
}

/// The lab in `directory` has no error, seen from a directory in it.
fn validates(directory: &Path, subnet: &str) {
    let inside = directory.join("deep/inside");
    fs::create_dir_all(&inside).expect("directory");
    for profile in ["controller", "compute"] {
        let (code, stdout, stderr) = run(&inside, &["validate", "-p", profile]);
        assert_eq!(code, Some(0), "{stderr}");
        assert!(stdout.contains("ok"), "{stdout}");
        let (code, stdout, stderr) = run(
            &inside,
            &["validate", "-k", &text(&directory.join(format!("kickstart/{profile}.ks")))],
        );
        assert_eq!(code, Some(0), "{stdout}{stderr}");
    }
    let (_, stdout, stderr) = run(&inside, &["doctor", "--json"]);
    let lab = &finding(&stdout, "lab");
    assert!(lab["found"].to_string().contains(&text(directory)), "{lab} {stderr}");
    let addresses = finding(&stdout, "addresses");
    assert!(addresses["found"].to_string().contains(subnet), "{addresses}");
}

fn finding(json: &str, name: &str) -> Value {
    let report: Value = serde_json::from_str(json).unwrap_or_else(|e| panic!("{e}: {json}"));
    let findings = report["findings"].as_array().expect("findings");
    findings
        .iter()
        .find(|f| f["name"] == name)
        .unwrap_or_else(|| panic!("{name}: {report:#}"))
        .clone()
}

#[test]
fn a_lab_of_ones_own() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let (code, stdout, stderr) = run(
        directory.path(),
        &["init", "--yes", "--network", "10.0.7.0/24", "--computes", "5", "mine"],
    );
    assert_eq!(code, Some(0), "{stderr}");
    assert!(
        stdout.contains("mine/profiles/lab.toml") && stdout.contains("next: cd mine"),
        "{stdout}"
    );
    validates(&directory.path().join("mine"), "10.0.7.0/24");

    // With RDO's repositories no media are needed, and none are spoken of.
    let words = ["init", "--yes", "--rdo", "--network", "10.0.8.0/24", "rdo"];
    let (code, stdout, stderr) = run(directory.path(), &words);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stdout.contains("next: imgbuild doctor; imgbuild; imgbuild up"), "{stdout}");
    validates(&directory.path().join("rdo"), "10.0.8.0/24");
    let lab = fs::read_to_string(directory.path().join("rdo/profiles/lab.toml")).expect("lab.toml");
    assert!(lab.contains("/cloud/x86_64/openstack-newton/"), "{lab}");

    // Nothing is overwritten, and nothing is written next to what is there.
    let kickstart = directory.path().join("mine/kickstart/compute.ks");
    fs::remove_file(directory.path().join("mine/profiles/lab.toml")).expect("remove");
    fs::write(&kickstart, "precious").expect("file");
    let (code, _, stderr) = run(directory.path(), &["init", "-y", "mine"]);
    assert_eq!(code, Some(2), "{stderr}");
    assert!(
        stderr.contains("mine/kickstart/compute.ks") && stderr.contains("nothing is overwritten")
    );
    assert_eq!(fs::read_to_string(&kickstart).expect("file"), "precious");
    assert!(!directory.path().join("mine/profiles/lab.toml").exists());
    for wrong in [["--network", "10.0.0.0/16"], ["--computes", "0"], ["--key", "/nowhere.pub"]] {
        let (code, _, stderr) = run(directory.path(), &["init", "-y", "other", wrong[0], wrong[1]]);
        assert_eq!(code, Some(2), "{wrong:?}: {stderr}");
        assert!(!directory.path().join("other").exists());
    }
}

#[test]
fn a_terminal_is_asked() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let socket = text(&directory.path().join("tmux"));
    let tmux = |words: &[&str]| {
        oracle::ok("tmux", [&["-u", "-f", "/dev/null", "-S", socket.as_str()], words].concat())
    };
    let program = format!(
        "cd '{}'; '{}' init asked; echo ended with $?; sleep 60",
        text(directory.path()),
        text(product::imgbuild())
    );
    tmux(&["new-session", "-d", "-x", "100", "-y", "20", &program]);
    let wait = |words: &str| {
        let started = Instant::now();
        while !tmux(&["capture-pane", "-p"]).contains(words) {
            assert!(
                started.elapsed() < Duration::from_secs(60),
                "{}",
                tmux(&["capture-pane", "-p"])
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    for (question, answer) in [
        ("Network of the lab [", "10.0.0.0/8"),
        ("is not a /24 network", "10.9.8.0/24"),
        ("Number of compute nodes [2]", "1"),
        ("your public ssh key", ""),
    ] {
        wait(question);
        tmux(&["send-keys", answer, "Enter"]);
    }
    wait("ended with 0");
    tmux(&["kill-server"]);
    validates(&directory.path().join("asked"), "10.9.8.0/24");
    let lab = fs::read_to_string(directory.path().join("asked/profiles/lab.toml")).expect("lab");
    assert!(lab.contains("nova01") && !lab.contains("\"nova02\""));
}

#[test]
fn a_machine_is_looked_at() {
    let directory = tempfile::tempdir().expect("temporary directory");
    // In a network that is the lab's too, with a proxy and a directory that is none.
    let file = directory.path().join("file");
    fs::write(&file, "").expect("file");
    let script = "ip addr add 192.168.1.77/24 dev lo && exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--net", "sh", "-c", script, "sh"]).arg(product::imgbuild());
    command.args(["doctor", "--json", "--output", &text(&file.join("x"))]);
    command.current_dir(directory.path()).env("http_proxy", "http://me:secret@proxy:3128/");
    let (code, stdout, stderr) = told(&command.output().expect("unshare"));
    assert_eq!(code, Some(3), "{stdout}{stderr}");
    let grade = |name: &str| finding(&stdout, name)["grade"].as_str().map(str::to_owned);
    assert_eq!(grade("rights").as_deref(), Some("ok"));
    assert_eq!(grade("firstboot").as_deref(), Some("ok"));
    assert_eq!(grade("output").as_deref(), Some("fail"));
    assert_eq!(grade("addresses").as_deref(), Some("warn"));
    assert!(finding(&stdout, "addresses")["remedy"].is_string());
    assert!(grade("KVM").is_some() && grade("libvirt").is_some() && grade("clock").is_some());
    let proxy = finding(&stdout, "proxy")["found"].to_string();
    assert!(proxy.contains("proxy:3128") && !stdout.contains("secret"), "{proxy}");
    assert!(stderr.contains(" checks fail"), "{stderr}");

    let user = User::new();
    let closed = user.path("closed");
    fs::create_dir(&closed).expect("directory");
    fs::set_permissions(&closed, Permissions::from_mode(0o700)).expect("mode");
    let arguments = ["doctor", "--json", "--state", &text(&closed)];
    let (_, stdout, stderr) = told(&user.imgbuild().args(arguments).output().expect("imgbuild"));
    let state = finding(&stdout, "state");
    assert!(state["grade"] == "fail" && state["remedy"].is_string(), "{state}{stderr}");
    assert!(["ok", "fail"].iter().any(|g| finding(&stdout, "rights")["grade"] == *g));
}

#[test]
fn a_program_that_centos_has_elsewhere() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let doctor = |prepare: &str| {
        let script = format!(
            "mkdir -p /usr/libexec && mount -t tmpfs tmpfs /usr/libexec && {prepare} PATH=/nowhere exec \"$@\""
        );
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", &script, "sh"]).arg(product::imgbuild());
        command.args(["doctor", "--json"]).current_dir(directory.path());
        let (_, stdout, _) = told(&command.output().expect("unshare"));
        finding(&stdout, "QEMU")
    };
    let found = doctor("ln -s $(command -v qemu-system-x86_64) /usr/libexec/qemu-kvm &&");
    assert_eq!((&found["grade"], &found["found"]), (&"ok".into(), &"/usr/libexec/qemu-kvm".into()));
    let missing = doctor("");
    let remedy = missing["remedy"].to_string();
    assert!(remedy.contains("qemu-system-x86 of Debian, qemu-kvm of CentOS"), "{missing}");
}

#[test]
fn what_there_is() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let place = |name: &str| text(&directory.path().join(name));
    let (state, cache) = (place("state"), place("cache"));
    let list = ["list", "--state", &state, "--cache", &cache];
    let (code, stdout, stderr) = run(directory.path(), &list);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    assert_eq!(stdout.matches("  none; ").count(), 3, "{stdout}");
    fs::create_dir_all(place("cache/logs")).expect("directory");
    fs::write(place("cache/logs/build-7.log"), "x").expect("log");
    fs::create_dir_all(place("output/compute")).expect("directory");
    fs::write(place("output/compute/manifest.json"), "{").expect("manifest");
    let (code, stdout, stderr) = run(directory.path(), &[&list[..], &["--json"]].concat());
    assert_eq!(code, Some(3), "{stdout}");
    let listing: Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!(listing["cache"]["kinds"][0]["kind"], "logs", "{listing:#}");
    assert!(listing["unread"][0].to_string().contains("manifest.json"), "{listing:#}");
    assert!(stderr.contains("not everything can be read"), "{stderr}");

    let user = User::new();
    let closed = user.path("closed");
    fs::create_dir(&closed).expect("directory");
    fs::set_permissions(&closed, Permissions::from_mode(0o700)).expect("mode");
    let arguments = ["list", "--state", &text(&closed)];
    let (code, _, stderr) = told(&user.imgbuild().args(arguments).output().expect("imgbuild"));
    assert_eq!(code, Some(3), "{stderr}");
    assert!(stderr.contains("Permission denied"), "{stderr}");
}
