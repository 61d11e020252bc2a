//! The `firstboot` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(firstboot::cli::main(std::env::args_os()))
}
