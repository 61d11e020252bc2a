//! The program's help: commands in groups, in the order of use, and every command's exit codes.

use clap::Command;
use std::fmt::Write;

/// What every command ends with that has no codes of its own.
const EXIT_CODES: &str = "Exit codes: 0 done, 1 build failed, 2 usage or input, 3 environment \
     (missing tool, permission, space), 4 verification (digest, signature), 130 interrupted.";

/// The commands, by what they are for.
const GROUPS: [(&str, &[&str]); 6] = [
    ("Begin", &["init", "doctor"]),
    ("Build", &["build", "plan", "validate", "kickstart", "practice"]),
    ("Install", &["iso", "write", "pxe", "serve", "arm", "disarm"]),
    ("Images", &["inspect", "verify", "diff"]),
    (
        "Lab",
        &[
            "up", "status", "watch", "ssh", "scp", "forward", "open", "smoke", "console", "down",
            "destroy",
        ],
    ),
    ("Housekeeping", &["list", "clean", "secrets", "completion", "man"]),
];

/// Gives each command exit codes after its help, where it has none of its own.
pub fn add_exit_codes(command: Command) -> Command {
    let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let command = match after.contains("Exit codes:") {
        true => command,
        false if after.is_empty() => command.after_help(EXIT_CODES),
        false => command.after_help(format!("{after}\n\n{EXIT_CODES}")),
    };
    command.mut_subcommands(|below| match below.has_subcommands() {
        true => below,
        false => add_exit_codes(below),
    })
}

/// Lists the commands of the program's own help in groups.
pub fn group_commands(command: Command) -> Command {
    let mut list = String::new();
    for (title, names) in GROUPS {
        let _ = writeln!(list, "{title}:");
        for name in names {
            let about = command.find_subcommand(name).and_then(Command::get_about);
            let _ = writeln!(
                list,
                "  {name:<11} {}",
                about.map(ToString::to_string).unwrap_or_default()
            );
        }
        list.push('\n');
    }
    // `imgbuild build -h` has the rest.
    let seldom = ["offline", "format", "cache", "log"];
    let command = seldom.iter().fold(command, |command, name| {
        command.mut_arg(name, |argument| argument.hide_short_help(true))
    });
    // They are shown above the options, and not once more among them.
    command
        .mut_subcommands(|below| below.hide(true))
        .override_usage("imgbuild [OPTIONS]\n       imgbuild <COMMAND>")
        .before_help(list.trim_end().to_owned())
        .help_template(
            "{about-with-newline}\n{usage-heading} {usage}\n\n{before-help}{all-args}{after-help}",
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_in_one_group_and_fits_a_line() {
        let command = super::super::command("");
        let mut listed: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| *names).copied().collect();
        let mut names: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
        listed.sort_unstable();
        names.sort_unstable();
        assert_eq!(listed, names);
        for below in command.get_subcommands() {
            let about = below.get_about().unwrap().to_string();
            assert!(about.len() <= 66, "{} characters: {about}", about.len());
            let after = below.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(
                after.contains("Exit codes:") || below.has_subcommands(),
                "{}",
                below.get_name()
            );
        }
    }
}
