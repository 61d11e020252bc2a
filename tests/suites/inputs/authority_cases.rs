//! What the lab file and the profile make of a kickstart: the report, warnings, and the files of
//! the node; or the messages.

use crate::shipped::{Lab, facts, request};
use builder::plan::node;
use builder::spec::{Request, Spec, load};
use formats::tree::Content;
use lab_tests::cases;
use std::fs;
use std::path::Path;

/// What is asked for, where a case has no file `requests`: lines of a profile and, maybe,
/// `--strict-lab`.
const REQUESTS: &str = "controller\n";

/// Commands whose line in the report is shown.
const COMMANDS: [&str; 9] = [
    "network",
    "timezone",
    "services",
    "firewall",
    "rootpw",
    "bootloader",
    "user",
    "group",
    "%packages",
];

/// A node's files that are shown.
const FILES: [&str; 2] = ["/etc/sysconfig/network-scripts/", "/etc/chrony.conf"];

fn shown(spec: &Spec) -> String {
    let mut text = String::new();
    for line in spec.kickstart.report.iter().filter(|l| COMMANDS.contains(&l.command.as_str())) {
        let (fate, why) = (line.fate.as_str(), &line.why);
        text += &format!("{}: {}: {fate}: {why}\n", line.place.line, line.command);
    }
    for warning in &spec.warnings {
        text += &format!("warning: {warning}\n");
    }
    text += &format!("enabled: {}\n", spec.services.enabled.join(" "));
    text += &format!("disabled: {}\n", spec.services.disabled.join(" "));
    text += &format!("needs: {}\n", spec.needs.join(" "));
    text += &format!("append: {}\n", spec.kickstart.bootloader.append);
    let mut files = node::role_files(spec, &facts());
    files.extend(node::identity_files(spec, &spec.nodes[0], &facts()).expect("files"));
    for file in files.iter().filter(|f| FILES.iter().any(|start| f.path.starts_with(start))) {
        let Content::Bytes(bytes) = &file.content else { panic!("{} is not a file", file.path) };
        let content = String::from_utf8(bytes.clone()).expect("text");
        let lines = content
            .lines()
            .filter(|line| file.path != "/etc/chrony.conf" || line.starts_with(['s', 'p']));
        text += &format!("{}: {}\n", file.path, lines.collect::<Vec<_>>().join(" "));
    }
    text
}

/// What becomes of the case's files over the shipped ones.
fn outcome(case: &Path) -> String {
    let lab = Lab::new();
    cases::copy_inputs(case, lab.path());
    let requests = fs::read_to_string(lab.path().join("requests"));
    let mut text = String::new();
    for line in requests.as_deref().unwrap_or(REQUESTS).lines() {
        let (profile, strict_lab) = match line.split_once(' ') {
            Some((profile, "--strict-lab")) => (profile, true),
            Some(_) => panic!("{line}: PROFILE [--strict-lab]"),
            None => (line, false),
        };
        text += &format!("==== {line}\n");
        text += &match load(&Request { strict_lab, ..request(profile, lab.path()) }) {
            Ok(spec) => shown(&spec),
            Err(errors) => format!("{errors}\n"),
        };
    }
    text.replace(lab.path().to_str().expect("UTF-8"), "$LAB")
}

/// `UPDATE_EXPECTED=1` rewrites what is expected; read the difference.
#[test]
fn the_lab_file_and_the_profile_decide() {
    cases::check("authority", outcome);
}
