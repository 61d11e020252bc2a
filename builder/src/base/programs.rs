//! Programs of the host that imgbuild runs, and the one place that makes commands of them.

use super::error::{Error, Result};
use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Output, Stdio};
use std::{env, fs, thread};

/// A program of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostProgram {
    /// Its name.
    pub name: &'static str,
    /// Where it is on distributions that have it under another name.
    elsewhere: &'static [&'static str],
    /// The packages that have it: Debian's, and CentOS'.
    packages: [&'static str; 2],
    /// What it is run for.
    purpose: &'static str,
}

/// Runs the lab's machines.
pub const QEMU: HostProgram = HostProgram {
    elsewhere: &["/usr/libexec/qemu-kvm"],
    ..HostProgram::new("qemu-system-x86_64", ["qemu-system-x86", "qemu-kvm"], "the lab's machines")
};
/// Asks libvirt for them.
pub const VIRSH: HostProgram = HostProgram::new(
    "virsh",
    ["libvirt-clients", "libvirt-client"],
    "the lab's machines under libvirt",
);
/// Sets up the lab's network.
pub const IP: HostProgram = HostProgram::new("ip", ["iproute2", "iproute"], "the lab's network");
/// Serves time in the lab's network.
pub const CHRONYD: HostProgram =
    HostProgram::new("chronyd", ["chrony", "chrony"], "the lab's time server");
/// Logs in to nodes.
pub const SSH: HostProgram =
    HostProgram::new("ssh", ["openssh-client", "openssh-clients"], "logins to nodes");
/// Copies files to and from them.
pub const SCP: HostProgram =
    HostProgram::new("scp", ["openssh-client", "openssh-clients"], "copies to nodes");
/// Knows the user's name.
pub const ID: HostProgram = HostProgram::new("id", ["coreutils", "coreutils"], "the user's name");
/// Gives a user without root the user ids of a user namespace.
pub const NEWUIDMAP: HostProgram =
    HostProgram::new("newuidmap", ["uidmap", "shadow-utils"], "user ids when working without root");
/// The same for groups.
pub const NEWGIDMAP: HostProgram = HostProgram::new(
    "newgidmap",
    ["uidmap", "shadow-utils"],
    "group ids when working without root",
);
/// Loads the kernel's XFS.
pub const MODPROBE: HostProgram = HostProgram::new(
    "modprobe",
    ["kmod", "kmod"],
    "the kernel's XFS, where a kickstart asks for it",
);

/// The most of a failed program's standard error that an error shows.
const MAX_TAIL: usize = 4096;

impl HostProgram {
    const fn new(name: &'static str, packages: [&'static str; 2], purpose: &'static str) -> Self {
        Self { name, elsewhere: &[], packages, purpose }
    }

    /// Its place: in PATH, where administrators' programs are, or where else it may be.
    pub fn find(&self) -> Option<PathBuf> {
        let path = env::var_os("PATH").unwrap_or_default();
        let is_program = |p: &PathBuf| {
            fs::metadata(p).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
        };
        env::split_paths(&path)
            .chain(["/usr/sbin".into(), "/sbin".into()])
            .map(|directory| directory.join(self.name))
            .chain(self.elsewhere.iter().map(PathBuf::from))
            .find(is_program)
    }

    /// The packages that have it, for messages.
    pub fn packages(&self) -> String {
        let [debian, centos] = self.packages;
        match debian == centos {
            true => format!("package {debian}"),
            false => format!("package {debian} of Debian, {centos} of CentOS"),
        }
    }

    /// Its place.
    ///
    /// # Errors
    /// An environment error when it is not installed.
    pub fn require(&self) -> Result<PathBuf> {
        self.find().ok_or_else(|| {
            Error::environment(format!("`{}` is not installed", self.name)).hint(format!(
                "install it ({}): it is for {}",
                self.packages(),
                self.purpose
            ))
        })
    }

    /// A command that runs it, from its place.
    pub fn command(&self) -> Command {
        command(self.find().unwrap_or_else(|| self.name.into()))
    }
}

/// A command that runs `program`.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    Command::new(program)
}

/// A command that runs this program again, as another process.
pub fn this_program() -> Command {
    command("/proc/self/exe")
}

/// Why a program did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// It could not be run.
    #[error("{0}")]
    Start(#[from] io::Error),
    /// It failed.
    #[error("{message}")]
    Failed {
        /// How it ended.
        status: ExitStatus,
        /// The end of its standard error.
        message: String,
    },
}

/// Runs a command to its end and returns its output.
///
/// # Errors
/// When it cannot be run, or ends with another status than 0.
pub fn run(command: &mut Command) -> Result<Output, ProgramError> {
    succeeded(command.output()?)
}

/// As [`run`], with `input` at its standard input.
///
/// # Errors
/// As [`run`].
pub fn run_with_input(command: &mut Command, input: &[u8]) -> Result<Output, ProgramError> {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let pipe = child.stdin.take();
    // Side by side, as a program may write before it has read all. One that fails before it
    // reads reports why.
    let output = thread::scope(|scope| {
        scope.spawn(|| pipe.map(|mut pipe| pipe.write_all(input)));
        child.wait_with_output()
    });
    succeeded(output?)
}

fn succeeded(output: Output) -> Result<Output, ProgramError> {
    match output.status.success() {
        true => Ok(output),
        false => Err(ProgramError::Failed {
            status: output.status,
            message: tail(&String::from_utf8_lossy(&output.stderr)).to_owned(),
        }),
    }
}

/// The end of a text: whole lines of at most [`MAX_TAIL`] bytes together, where there are such.
fn tail(text: &str) -> &str {
    let text = text.trim();
    let mut from = text.len().saturating_sub(MAX_TAIL);
    if from == 0 {
        return text;
    }
    while !text.is_char_boundary(from) {
        from += 1;
    }
    let tail = &text[from..];
    tail.split_once('\n').map_or(tail, |(_, lines)| lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut shell = command("sh");
        shell.args(["-c", script]);
        shell
    }

    #[test]
    fn a_failure_has_the_end_of_standard_error() {
        let output = run(&mut shell("echo out")).unwrap();
        assert_eq!(output.stdout, b"out\n");
        let error = run(&mut shell("echo out; echo why >&2; exit 3")).unwrap_err();
        assert_eq!(error.to_string(), "why");
        let ProgramError::Failed { status, .. } = error else { panic!("{error}") };
        assert_eq!(status.code(), Some(3));
        let long = "i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done >&2; exit 1";
        let message = run(&mut shell(long)).unwrap_err().to_string();
        assert!(message.len() <= MAX_TAIL, "{}", message.len());
        assert!(message.starts_with("line ") && message.ends_with("\nline 1999"), "{message}");
    }

    #[test]
    fn a_program_reads_its_input() {
        let output = run_with_input(&mut shell("tr a-z A-Z"), b"input").unwrap();
        assert_eq!(output.stdout, b"INPUT");
        let error = run_with_input(&mut shell("echo early >&2; exit 1"), &[0; 1 << 20]);
        assert_eq!(error.unwrap_err().to_string(), "early");
    }

    #[test]
    fn an_absent_program_is_named_with_its_package() {
        let absent = HostProgram::new("imgbuild-absent", ["nowhere", "nowhere"], "a test");
        assert_eq!(absent.find(), None);
        let error = absent.require().unwrap_err().to_string();
        assert!(error.contains("`imgbuild-absent`") && error.contains("nowhere"), "{error}");
        let error = run(&mut absent.command()).unwrap_err();
        assert!(matches!(error, ProgramError::Start(e) if e.kind() == io::ErrorKind::NotFound));
    }
}
