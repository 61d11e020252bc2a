//! Tests whose process must be theirs alone: its memory is measured, or it is ended.

use std::io::Write;
use std::process::Command;

/// Set in such a process.
const ALONE: &str = "LAB_TESTS_ALONE";

/// Whether this process runs the test `name` (with its modules) alone. If not, the test is run in
/// such a process, and the caller has nothing left to do.
///
/// # Panics
/// When the test fails there.
pub fn is_alone(name: &str) -> bool {
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let program = std::env::current_exe().expect("a running test has a path");
    let mut command = Command::new(program);
    command.args([name, "--exact", "--nocapture"]).env(ALONE, "1");
    let output = command.output().expect("the test program starts");
    let [out, errors] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    let passed = output.status.success() && out.contains("1 passed");
    assert!(passed, "{name} in a process of its own: {}\n{out}\n{errors}", output.status);
    for line in errors.lines().filter(|line| line.starts_with("not run: ")) {
        let _ = writeln!(std::io::stderr(), "{line}");
    }
    false
}
