//! A lab built by one command: every role in a directory of its own, none at the cost of another.

use lab_tests::lab::{Lab, text};
use lab_tests::product;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::SystemTime;

/// `imgbuild` as somebody runs it in the directory of their profiles.
fn command(lab: &Lab, arguments: &[&str]) -> Command {
    let mut command = product::command();
    command.current_dir(lab.directory()).env("IMGBUILD_STATE", lab.directory().join("state"));
    command.args(arguments);
    command
}

/// Runs it, which must end with `code`: what it printed on standard output and standard error.
fn run(lab: &Lab, arguments: &[&str], code: i32) -> (String, String) {
    let Output { status, stdout, stderr } = command(lab, arguments).output().expect("imgbuild");
    let [stdout, stderr] = [stdout, stderr].map(|t| String::from_utf8_lossy(&t).into_owned());
    assert_eq!(status.code(), Some(code), "{arguments:?}: {stderr}");
    (stdout, stderr)
}

/// Names and times of the files in a directory of the output; nothing where there is none.
fn files(lab: &Lab, role: &str) -> Vec<(String, SystemTime)> {
    let entries = fs::read_dir(lab.output().join(role)).into_iter().flatten().flatten();
    let of = |entry: fs::DirEntry| {
        let time = entry.metadata().and_then(|meta| meta.modified()).expect("time");
        (entry.file_name().to_string_lossy().into_owned(), time)
    };
    let mut files: Vec<_> = entries.map(of).collect();
    files.sort();
    files
}

#[test]
fn one_command_builds_the_lab_and_a_role_that_fails_leaves_the_others() {
    let lab = Lab::new();
    for (role, size) in [("controller", "50 GiB"), ("compute", "100 GiB")] {
        lab.edit(&format!("profiles/{role}.toml"), &format!("\"{size}\""), "\"6 GiB\"");
    }
    let good = fs::read_to_string(lab.directory().join("kickstart/compute.ks")).expect("kickstart");
    let failing = format!("{good}\n%post --erroronfail\nexit 9\n%end\n");
    fs::write(lab.directory().join("kickstart/compute.ks"), failing).expect("kickstart");
    let build = ["--media", "practice", "--progress", "plain"];

    let (_, stderr) = run(&lab, &build, 1);
    let roles = "roles of openstack-lab (profiles/lab.toml): controller (profiles/controller.toml), \
                 compute (profiles/compute.toml)";
    for words in
        [roles, "role compute, 2 of 2", "the role controller is complete, in output/controller"]
    {
        assert!(stderr.contains(words), "`{words}` in:\n{stderr}");
    }
    assert_eq!(stderr.matches("reading repositories …").count(), 1, "{stderr}");
    let controller = files(&lab, "controller");
    assert!(controller.iter().any(|(name, _)| name == "openstack.qcow2"), "{controller:?}");
    assert!(!lab.output().join("compute").exists());

    // The role that is missing alone: it goes next to the other.
    fs::write(lab.directory().join("kickstart/compute.ks"), good).expect("kickstart");
    let (_, stderr) = run(&lab, &build, 2);
    assert!(stderr.contains("output/controller already holds openstack.qcow2"), "{stderr}");
    let (stdout, _) = run(&lab, &[&build[..], &["--profile", "compute"]].concat(), 0);
    let lines: Vec<&str> = stdout.lines().collect();
    assert_eq!(lines.len(), 4, "{stdout}");
    for (line, node) in lines.iter().zip(["nova01", "nova02"]) {
        let image = format!("output/compute/{node}.qcow2");
        assert!(line.starts_with(&image) && line.contains(" MiB"), "{stdout}");
    }
    assert!(lines[2].starts_with("built in ") && lines[3] == "next: imgbuild up", "{stdout}");
    let log = fs::read_to_string(lab.output().join("compute/build.log")).expect("log");
    assert!(log.contains("nodes nova01, nova02") && !log.contains("openstack:"), "{log}");

    interrupted(&lab, &[&build[..], &["--force"]].concat());
    let (report, _) = run(&lab, &["verify"], 0);
    for image in ["openstack", "nova01", "nova02"] {
        assert!(report.contains(&format!("{image}.qcow2: as it was built")), "{report}");
    }
    check_damage(&lab);
}

/// Ctrl-C while the second role is built: the first is new and complete, the second the old one.
fn interrupted(lab: &Lab, arguments: &[&str]) {
    let [controller, compute] = ["controller", "compute"].map(|role| files(lab, role));
    let mut build = command(lab, arguments).stderr(Stdio::piped()).spawn().expect("imgbuild");
    let mut lines = BufReader::new(build.stderr.take().expect("piped"));
    let mut line = String::new();
    while !line.contains("nova01: disk") {
        line.clear();
        assert_ne!(lines.read_line(&mut line).expect("standard error"), 0, "it has ended");
    }
    let id = i32::try_from(build.id()).expect("process id");
    kill(Pid::from_raw(id), Signal::SIGINT).expect("signal");
    let mut rest = String::new();
    lines.read_to_string(&mut rest).expect("standard error");
    assert_eq!(build.wait().expect("its end").code(), Some(130), "{rest}");
    assert!(rest.contains("the role controller is complete, in output/controller"), "{rest}");
    assert_ne!(files(lab, "controller"), controller, "built again");
    assert_eq!(files(lab, "compute"), compute);
}

/// An image that is not as it was built is found among the others.
fn check_damage(lab: &Lab) {
    let image = lab.output().join("compute/nova02.qcow2");
    let mut bytes = fs::read(&image).expect("image");
    bytes.push(0);
    fs::write(&image, bytes).expect("image");
    fs::remove_file(lab.output().join("compute/nova01.xml")).expect("XML");
    let (report, stderr) = run(lab, &["verify", "output"], 4);
    assert!(report.contains("changed: image: nova02.qcow2"), "{report}");
    assert!(report.contains("removed: image: nova01.xml"), "{report}");
    assert!(report.contains("openstack.qcow2: as it was built"), "{report}");
    assert_eq!(stderr.matches("is not as it was built").count(), 2, "{stderr}");
    let (report, _) = run(lab, &["verify", "--json", &text(Path::new("output/controller"))], 0);
    let report: serde_json::Value = serde_json::from_str(&report).expect("JSON");
    let images = report["images"].as_array().expect("images");
    assert!(images.iter().all(|image| image["equal"] == true), "{report:#}");
}
