//! Bad profiles and kickstarts: every kind gives the messages in its case directory.

use crate::shipped::{Lab, request};
use builder::spec::Request;
use lab_tests::cases;
use std::fs;
use std::path::Path;

/// What is asked for, where a case has no file `requests`: lines of a profile and, maybe, a node.
const REQUESTS: &str = "compute\n";

/// All messages for the case's files over the shipped ones, as they are shown.
fn messages(case: &Path) -> String {
    let lab = Lab::new();
    cases::copy_inputs(case, lab.path());
    let requests = fs::read_to_string(lab.path().join("requests"));
    let mut text = String::new();
    for line in requests.as_deref().unwrap_or(REQUESTS).lines() {
        let (profile, node) = match line.split_once(' ') {
            Some((profile, node)) => (profile, Some(node)),
            None => (line, None),
        };
        text +=
            &format!("{}\n", lab.diagnostics(&Request { node, ..request(profile, lab.path()) }));
    }
    assert!(!text.contains("planted"), "a secret is shown: {text}");
    text.replace(lab.path().to_str().expect("UTF-8"), "$LAB")
}

/// `UPDATE_EXPECTED=1` rewrites the messages; read the difference.
#[test]
fn bad_input_gives_all_messages_at_once() {
    cases::check("profile", messages);
}
