//! Kickstarts by themselves: what `validate` reports of each case, its normal form, and that the
//! normal form is a valid kickstart that means the same.

use lab_tests::{cases, product};
use std::fs;
use std::path::Path;
use std::process::Output;

/// The arguments of a case's file `arguments`, one a line.
fn arguments(directory: &Path) -> Vec<String> {
    let text = fs::read_to_string(directory.join("arguments")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// What imgbuild prints, run in `directory`.
fn run(directory: &Path, arguments: &[&str]) -> (Output, String) {
    let mut imgbuild = product::command();
    let output = imgbuild.args(arguments).current_dir(directory).output().expect("imgbuild");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let printed = text(&output.stdout) + &text(&output.stderr);
    (output, printed)
}

fn printed(case: &Path) -> String {
    let directory = tempfile::tempdir().expect("temporary directory");
    cases::copy_inputs(case, directory.path());
    let more = arguments(directory.path());
    let with = |words: &[&str]| -> Vec<String> {
        words.iter().map(|w| (*w).to_owned()).chain(more.iter().cloned()).collect()
    };
    let run = |words: &[&str]| {
        let words = with(words);
        run(directory.path(), &words.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let (validated, report) = run(&["validate", "--report", "--kickstart", "input.ks"]);
    let mut text = format!("{report}exit code {:?}\n", validated.status.code().expect("code"));
    if !validated.status.success() {
        return text;
    }
    let (normalized, normal) = run(&["kickstart", "normalize", "input.ks"]);
    assert!(normalized.status.success(), "{normal}");
    text += &format!("\n{normal}");
    fs::write(directory.path().join("normal.ks"), &normal).expect("write");
    let (again, report) = run(&["validate", "--kickstart", "normal.ks"]);
    assert!(again.status.success(), "{}: {report}\n{normal}", case.display());
    let (_, same) = run(&["kickstart", "normalize", "normal.ks"]);
    assert_eq!(same, normal, "{}", case.display());
    text
}

/// `UPDATE_EXPECTED=1` rewrites what is expected; read the difference.
#[test]
fn kickstarts_are_reported_and_normalized() {
    cases::check("kickstart", printed);
}
