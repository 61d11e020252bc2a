//! `package DIR TIME [SNAPSHOT]`: makes the packages of the programs next to it in DIR. `tests/package`
//! runs it.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for people")]

use lab_tests::package::{self, Release};
use lab_tests::product;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (to, time, snapshot) = match arguments.as_slice() {
        [to, time] => (to, time.parse(), None),
        [to, time, snapshot] => (to, time.parse(), Some(snapshot.as_str())),
        _ => return usage(),
    };
    let Ok(time) = time else { return usage() };
    let release = Release { version: env!("CARGO_PKG_VERSION"), snapshot, time };
    let own = std::env::current_exe().expect("own path");
    let programs = own.parent().expect("a directory");
    match package::make(&release, product::workspace(), programs, Path::new(to)) {
        Ok(paths) => {
            paths.iter().for_each(|path| println!("{}", path.display()));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("package: {error}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    eprintln!("usage: package DIR TIME [SNAPSHOT]; TIME is in seconds since 1970");
    ExitCode::from(2)
}
