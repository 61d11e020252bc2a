//! Disk formats that we write, as the system's own tools see them.

#[path = "formats_disk/fat.rs"]
mod fat;

use std::process::{Command, Output};

/// Runs a tool in UTC and returns its output; fails, naming the Debian
/// package, when the tool is absent.
fn run(package: &str, command: &mut Command) -> Output {
    let name = command.get_program().to_string_lossy().into_owned();
    command
        .env("TZ", "UTC")
        .env("LC_ALL", "C.UTF-8")
        .output()
        .unwrap_or_else(|e| panic!("{name} (Debian package {package}): {e}"))
}

/// As [`run`], for a tool that must succeed; returns what it wrote.
fn succeed(package: &str, command: &mut Command) -> String {
    let output = run(package, command);
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{text}", output.status);
    text
}
