//! The programs that tests run besides our own: `tests/programs` lists which Debian package each
//! comes with and why it is needed.

use std::io;
use std::process::{Child, Command, Output};

const PROGRAMS: &str = include_str!("../programs");

/// The Debian package that `program` comes with, when it is one of `tests/programs`.
pub fn package(program: &str) -> Option<&'static str> {
    find(program).map(|[_, _, package]| package)
}

/// Purposes, name and package of a program.
fn find(program: &str) -> Option<[&'static str; 3]> {
    PROGRAMS.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let mut words = line.split_whitespace();
        let found = [words.next()?, words.next()?, words.next()?];
        (found[1] == program).then_some(found)
    })
}

/// The message of a test that cannot run `program`.
pub fn missing(program: &str, error: &io::Error) -> String {
    let hint = match find(program) {
        Some([purposes, _, package]) => {
            let purpose = purposes.split(',').next().unwrap_or_default();
            format!("Debian package {package}: tests/setup {purpose}")
        }
        None => "tests/programs does not name it".to_owned(),
    };
    format!("cannot run {program}: {error} ({hint})")
}

/// Starts `command`, whose program may be wrapped by others: `program` is what is missing if it
/// cannot be started.
///
/// # Panics
/// When it cannot be started.
pub fn start(program: &str, command: &mut Command) -> Child {
    command.spawn().unwrap_or_else(|e| panic!("{}", missing(program, &e)))
}

/// Runs `command` to its end as [`start`] does.
///
/// # Panics
/// When it cannot be started.
pub fn output(program: &str, command: &mut Command) -> Output {
    command.output().unwrap_or_else(|e| panic!("{}", missing(program, &e)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const PURPOSES: [&str; 7] = ["build", "try", "guests", "root", "tests", "gate", "fuzz"];

    #[test]
    fn every_line_has_purposes_a_program_a_package_and_a_reason() {
        let mut packages = BTreeSet::new();
        for line in PROGRAMS.lines().filter(|line| !line.starts_with('#')) {
            let words: Vec<&str> = line.split_whitespace().collect();
            assert!(words.len() > 3, "{line}");
            assert!(words[0].split(',').all(|purpose| PURPOSES.contains(&purpose)), "{line}");
            assert!(packages.insert(words[2]), "{} twice", words[2]);
        }
        assert_eq!(package("qemu-img"), Some("qemu-utils"));
        assert_eq!(package("no-such-program"), None);
    }
}
