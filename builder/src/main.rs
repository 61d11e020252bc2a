//! `imgbuild`: arguments in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    if std::env::args_os().nth(1).is_some_and(|a| a == builder::sandbox::ARGUMENT) {
        builder::sandbox::inner_main();
    }
    builder::cli::run(std::env::args_os()).into()
}
