//! Running tools that we did not write, and reading their output.

use crate::programs;
use std::ffi::OsStr;
use std::process::{Command, Output};

/// Runs `program` and returns its output whatever its exit status.
///
/// # Panics
/// When it cannot be started: a missing oracle fails the test, it does not skip it.
pub fn run<S: AsRef<OsStr>>(program: &str, arguments: impl IntoIterator<Item = S>) -> Output {
    let mut command = Command::new(program);
    command.args(arguments).env("LC_ALL", "C");
    programs::output(program, &mut command)
}

/// Runs `program` and returns its standard output.
///
/// # Panics
/// When it cannot be started or fails; the message has everything it printed.
pub fn ok<S: AsRef<OsStr>>(program: &str, arguments: impl IntoIterator<Item = S>) -> String {
    let arguments: Vec<S> = arguments.into_iter().collect();
    let shown: Vec<_> =
        arguments.iter().map(|a| a.as_ref().to_string_lossy().into_owned()).collect();
    let output = run(program, arguments);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{program} {} ended with {}:\n{text}\n{}",
        shown.join(" "),
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    text
}
