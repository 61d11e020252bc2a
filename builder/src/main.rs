//! `imgbuild`: arguments in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    if std::env::args_os().nth(1).is_some_and(|a| a == builder::tree::sandbox::ARGUMENT) {
        builder::tree::sandbox::inner_main();
    }
    if std::env::args_os().nth(1).is_some_and(|a| a == builder::lab::vm::network::ARGUMENT) {
        let words: Vec<String> = std::env::args().skip(2).collect();
        builder::lab::vm::network::inner_main(&words);
    }
    builder::base::private::take_umask();
    builder::base::names::keep_to_files_and_dns();
    builder::cli::run(std::env::args_os(), commit::built_from!()).into()
}
