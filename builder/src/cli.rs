//! The command line: one routing table; each command is a file next to this one.

mod build_images;
mod clean;
mod common;
mod confirm;
mod diff;
mod doctor;
mod help;
mod host;
mod init;
mod inspect;
mod iso;
mod kickstart;
mod list;
mod manual;
mod plan;
mod practice;
mod pxe;
mod reach;
mod secrets;
mod select;
mod serve;
mod serve_page;
mod smoke;
mod summary;
mod validate;
mod verify;
mod vm;
mod watch;
mod watch_page;
mod write;

use crate::base::error::{Class, Error, Result};
use crate::base::interrupt;
use crate::base::progress::{report_done, report_error};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use std::ffi::OsString;
use std::io::Write;

/// After the program's own help.
const FIRST_STEPS: &str = "Examples:
  imgbuild                              build the lab's images, into output/ROLE
  imgbuild -p controller -m CentOS7.iso one role, from an ISO file
  imgbuild plan                         what a build would do
  imgbuild up                           start the lab's virtual machines
  imgbuild ssh openstack                log in to a node
  imgbuild doctor                       what of this machine is missing";

/// Builds bootable CentOS 7 images for the nodes of an OpenStack lab.
#[derive(Parser)]
#[command(name = "imgbuild", after_help = FIRST_STEPS, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    build: build_images::BuildImagesArguments,
}

#[derive(Subcommand)]
enum Command {
    /// Builds images of every role, or of those named (the default).
    Build(build_images::BuildImagesArguments),
    /// Writes the files of a new lab: profiles and kickstarts to edit.
    #[command(
        after_help = "Examples:\n  imgbuild init mylab\n  imgbuild init --yes --network 10.0.7.0/24 --computes 1 mylab"
    )]
    Init(init::InitArguments),
    /// Checks whether this machine can build and run a lab.
    #[command(
        after_help = "Exit codes: 0 nothing fails, 2 usage or input, 3 a check fails, 130 interrupted."
    )]
    Doctor(doctor::DoctorArguments),
    /// Lists builds, labs with their machines, and the cache.
    #[command(after_help = "Exit codes: 0 done, 2 usage or input, 3 something cannot be read.")]
    List(list::ListArguments),
    /// Removes what was used longest ago from the cache.
    Clean(clean::CleanArguments),
    /// Prints a kickstart in normal form, or as a node gets it.
    Kickstart(kickstart::KickstartArguments),
    /// Prints what a build would do, or what a request would install.
    Plan(plan::PlanArguments),
    /// Creates the practice medium from Debian packages.
    ///
    /// Install trees and ISO files laid out like CentOS 7's, with stand-ins for its packages.
    Practice(practice::PracticeArguments),
    /// Compares two builds: packages, settings, files, configuration.
    #[command(after_help = "Exit codes: 0 nothing differs, 4 something differs, 2 usage or input.")]
    Diff(diff::DiffArguments),
    /// Describes a disk image or an ISO file.
    ///
    /// Partitions, system, kernels and node of an image; boot records and nodes of an ISO file.
    Inspect(inspect::InspectArguments),
    /// Makes install ISOs: CentOS 7 with the nodes' kickstarts.
    ///
    /// The medium's files with the nodes' kickstarts, files and repositories next to them.
    Iso(iso::IsoArguments),
    /// Writes an install ISO to a stick, and reads it back.
    ///
    /// Refuses a disk that is in use; asks before it overwrites one.
    Write(write::WriteArguments),
    /// Makes a tree for servers that nodes boot and install from.
    Pxe(pxe::PxeArguments),
    /// Lets the next boot of nodes by the network install them.
    Arm(pxe::ArmArguments),
    /// Lets nodes that boot by the network start their disks again.
    Disarm(pxe::ArmArguments),
    /// Checks a kickstart or a profile, and reports on each line.
    Validate(validate::ValidateArguments),
    /// Lists the secrets of a lab, shows one, or rotates them.
    Secrets(secrets::SecretsArguments),
    /// Serves the lab's repositories, and installs nodes over the network.
    ///
    /// Goes on until it is interrupted.
    Serve(serve::ServeArguments),
    /// Starts the lab's virtual machines and waits until they are ready.
    Up(vm::Up),
    /// Shuts the lab's virtual machines down.
    Down(vm::Down),
    /// Shows the status of the lab's virtual machines.
    Status(vm::Status),
    /// Shows the nodes' own status until all are ready or one failed.
    #[command(
        after_help = "Exit codes: 0 all are ready, 1 one has failed or is not ready in time, 2 usage or input, 3 environment, 130 interrupted."
    )]
    Watch(watch::Watch),
    /// Attaches to a virtual machine's serial console.
    Console(vm::Console),
    /// Logs in to a node by ssh, or runs a command there.
    #[command(
        after_help = "Examples:\n  imgbuild ssh openstack\n  imgbuild ssh nova01 -- firstboot status\n  imgbuild ssh openstack -- -L 6080:localhost:6080"
    )]
    Ssh(reach::Ssh),
    /// Copies files to or from a node by scp.
    #[command(
        after_help = "Examples:\n  imgbuild scp nova01:/var/log/messages .\n  imgbuild scp -- -r notes openstack:/root/"
    )]
    Scp(reach::Scp),
    /// Makes a port of a node reachable on this machine.
    #[command(
        after_help = "Examples:\n  imgbuild forward 80                  # of the controller, at 127.0.0.1:8080\n  imgbuild forward nova01:22 --listen 127.0.0.1:2222"
    )]
    Forward(reach::ForwardPort),
    /// Makes Horizon reachable, and prints how to log in.
    ///
    /// Goes on until it is interrupted.
    Open(reach::Open),
    /// Proves that the lab's cloud works: image, network, servers, volume.
    ///
    /// Runs `firstboot prove` on the controller; what it makes is removed again.
    #[command(
        after_help = "Exit codes: 0 no line failed, 1 a line failed, 2 usage or input, 3 the controller does not let us in or has no cloud."
    )]
    Smoke(smoke::Smoke),
    /// Deletes virtual machines and their disks; images stay.
    Destroy(vm::Destroy),
    /// Prints a script that completes command lines in a shell.
    #[command(
        after_help = "Examples:\n  imgbuild completion bash >/etc/bash_completion.d/imgbuild\n  imgbuild completion zsh >/usr/local/share/zsh/site-functions/_imgbuild"
    )]
    Completion(manual::CompletionArguments),
    /// Writes the manual pages.
    #[command(after_help = "Example:\n  imgbuild man --output man1 && man -l man1/imgbuild.1")]
    Man(manual::ManArguments),
    /// Compares images with the manifest of their build.
    ///
    /// Partitions, boot loader and every file, of one image or of all of the lab.
    Verify(verify::VerifyArguments),
}

/// The command line's definition.
fn command(built_from: &str) -> clap::Command {
    let version = match built_from {
        "" => env!("CARGO_PKG_VERSION").to_owned(),
        commit => format!("{} ({commit})", env!("CARGO_PKG_VERSION")),
    };
    // clap keeps it as long as the program runs.
    help::add_exit_codes(Arguments::command().version(&*version.leak()))
}

/// Runs the command line `arguments` (the program's name first) and returns the exit code.
///
/// `built_from` is the commit that it was built from, where that is known.
pub fn run(arguments: impl IntoIterator<Item = OsString>, built_from: &str) -> u8 {
    let parsed = help::group_commands(command(built_from))
        .try_get_matches_from(arguments)
        .and_then(|matches| Arguments::from_arg_matches(&matches));
    let arguments = match parsed {
        Ok(arguments) => arguments,
        Err(e) => {
            if e.use_stderr() {
                // As all errors begin.
                let _ = write!(std::io::stderr(), "imgbuild: ");
            }
            // Help and version are not errors; clap tells by the code that it would exit with.
            let _ = e.print();
            return u8::try_from(e.exit_code()).unwrap_or(Class::Input as u8);
        }
    };
    interrupt::install();
    match execute(arguments) {
        Ok(()) => {
            report_done();
            0
        }
        Err(error) => {
            let error = if interrupt::requested() { Error::interrupted() } else { error };
            report_error(&error);
            error.class as u8
        }
    }
}

fn execute(arguments: Arguments) -> Result<()> {
    match (arguments.command, arguments.build) {
        (Some(Command::Build(a)), _) | (None, a) => build_images::run(a),
        (Some(Command::Init(a)), _) => init::run(a),
        (Some(Command::Doctor(a)), _) => doctor::run(a),
        (Some(Command::List(a)), _) => list::run(a),
        (Some(Command::Clean(a)), _) => clean::run(a),
        (Some(Command::Kickstart(a)), _) => kickstart::run(a),
        (Some(Command::Plan(a)), _) => plan::run(a),
        (Some(Command::Practice(a)), _) => practice::run(a),
        (Some(Command::Diff(a)), _) => diff::run(a),
        (Some(Command::Inspect(a)), _) => inspect::run(a),
        (Some(Command::Iso(a)), _) => iso::run(a),
        (Some(Command::Write(a)), _) => write::run(a),
        (Some(Command::Pxe(a)), _) => pxe::run(a),
        (Some(Command::Arm(a)), _) => pxe::arm(a),
        (Some(Command::Disarm(a)), _) => pxe::disarm(a),
        (Some(Command::Validate(a)), _) => validate::run(a),
        (Some(Command::Up(a)), _) => vm::up(a),
        (Some(Command::Down(a)), _) => vm::down(a),
        (Some(Command::Secrets(a)), _) => secrets::run(a),
        (Some(Command::Serve(a)), _) => serve::run(a),
        (Some(Command::Status(a)), _) => vm::status(a),
        (Some(Command::Console(a)), _) => vm::console(a),
        (Some(Command::Ssh(a)), _) => reach::ssh(a),
        (Some(Command::Scp(a)), _) => reach::scp(a),
        (Some(Command::Forward(a)), _) => reach::forward(a),
        (Some(Command::Open(a)), _) => reach::open(a),
        (Some(Command::Smoke(a)), _) => smoke::run(a),
        (Some(Command::Destroy(a)), _) => vm::destroy(a),
        (Some(Command::Watch(a)), _) => watch::run(a),
        (Some(Command::Completion(a)), _) => manual::completion(&a, command("")),
        (Some(Command::Man(a)), _) => manual::man(&a, command("")),
        (Some(Command::Verify(a)), _) => verify::run(a),
    }
}
