//! Runs a target's program inside the target's own root: in namespaces of its own, without
//! network, killed as a whole when imgbuild ends. The host's distribution never touches the target.
//! It takes root, which [`userns`] gives to a user without.
//!
//! Packages are not trusted with the host. The layers, each in a module of its own: `mounts`
//! and `api` (what is visible), `shifted` (root inside is nobody outside, where the host's
//! root builds), `capabilities`, `seccomp` (system calls), `limits`, `output`.
//!
//! A fork of a process with threads may do almost nothing, so this program runs itself again
//! ([`ARGUMENT`]) with the specification on standard input, a socket; that second,
//! single-threaded process creates the namespaces and answers with a [`SandboxReport`].

use crate::base::error::{Class, Context, Error, Result};
use crate::base::programs;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::{Pid, setsid};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::Child;
use std::sync::Mutex;

mod api;
mod capabilities;
mod inner;
mod limits;
mod machine;
mod mounts;
mod output;
mod remount;
mod running;
mod seccomp;
mod shifted;
mod specification;
pub mod userns;

pub use inner::main as inner_main;
pub use output::{SILENT, Tail};
use specification::SandboxReport;
pub use specification::{ARGUMENT, Bind, MachineContent, MachineFile, SILENCE, Sandbox};

impl Sandbox {
    /// Runs it; `line` gets each line of its standard output and standard error. Returns the
    /// program's exit code (128 + n when signal n killed it).
    ///
    /// # Errors
    /// An environment error when the sandbox cannot be created, the interrupt, or a build error
    /// when it ran longer than it may.
    pub fn run(&self, line: &mut dyn FnMut(&str)) -> Result<i32> {
        let specification = serde_json::to_vec(self).or_build(|| "sandbox".to_owned())?;
        let (mut output, child_output) =
            std::io::pipe().or_environment(|| "cannot create a pipe".to_owned())?;
        let errors =
            child_output.try_clone().or_environment(|| "cannot create a pipe".to_owned())?;
        let (mut socket, inside) =
            UnixStream::pair().or_environment(|| "cannot create a socket".to_owned())?;
        let mut command = programs::this_program();
        command
            .arg(ARGUMENT)
            .env_clear()
            .stdin(OwnedFd::from(inside))
            .stdout(child_output)
            .stderr(errors);
        // A session of its own: Ctrl-C reaches us alone, and we take the sandbox down in order;
        // nothing inside gets at the user's terminal.
        // SAFETY: the call between fork and exec is a system call and nothing else.
        unsafe { command.pre_exec(|| Ok(setsid().map(drop)?)) };
        let child = command.spawn().or_environment(|| "cannot start the sandbox".to_owned())?;
        drop(command);
        let mut running = Running(child);
        socket
            .write_all(&specification)
            .and_then(|()| socket.shutdown(Shutdown::Write))
            .or_environment(|| "cannot start the sandbox".to_owned())?;
        if let Some(reason) = report(socket).lacking.filter(|_| !self.data) {
            warn_once(&reason, line);
        }
        let bounds = if self.data { output::DATA } else { output::LOG };
        let patience = output::Patience { whole: self.limit, silence: self.silence };
        let first = running.0.id();
        if let Err(error) = output::pump(&mut output, first, bounds, patience, line) {
            running.kill();
            // Every process inside holds the pipe: its end is theirs, and the tree is ours again.
            let _ = std::io::copy(&mut output, &mut std::io::sink());
            return Err(error);
        }
        let status =
            running.0.wait().or_environment(|| "cannot wait for the sandbox".to_owned())?;
        match status.code() {
            Some(inner::FAILED) => Err(Error::environment(format!(
                "cannot create the sandbox for {}; the log has the reason",
                self.command.first().map_or("", String::as_str)
            ))),
            Some(inner::CROWDED) => Err(Error::build(format!(
                "had more than {} processes at a time",
                limits::PROCESSES
            ))),
            Some(code) => Ok(code),
            None => Ok(128 + status.signal().unwrap_or(0)),
        }
    }

    /// Runs it and fails unless it exits with 0, showing the end of its output.
    ///
    /// # Errors
    /// As [`Sandbox::run`], or a build error.
    pub fn must(&self, line: &mut dyn FnMut(&str)) -> Result<()> {
        let mut tail = Tail::default();
        let ended = self.run(&mut |text| {
            tail.push(text);
            line(text);
        });
        let command = self.command.iter().take(6).map(String::as_str).collect::<Vec<_>>().join(" ");
        match ended {
            Ok(0) => Ok(()),
            Ok(code) => Err(Error::build(format!(
                "in the image, `{command}` ended with {code}; its last output:\n{tail}"
            ))),
            Err(mut error) => {
                if error.class == Class::Build {
                    error.message = format!("in the image, `{command}` {}", error.message);
                }
                Err(error)
            }
        }
    }
}

/// What the inside reports; nothing where it could not be created, which its exit code shows.
fn report(socket: UnixStream) -> SandboxReport {
    let mut text = String::new();
    let _ = BufReader::new(socket.take(1 << 16)).read_line(&mut text);
    serde_json::from_str(&text).unwrap_or_default()
}

/// Says what is missing of the sandbox, once in a build for each reason.
fn warn_once(reason: &str, line: &mut dyn FnMut(&str)) {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let new = SAID.lock().is_ok_and(|mut said| said.insert(reason.to_owned()));
    if new {
        line(&format!(
            "sandbox: without a user namespace of its own, capabilities and system calls are limited all the same ({reason})"
        ));
    }
}

/// The sandbox's first process; its death ends every process inside.
struct Running(Child);

impl Running {
    /// Kills the first process and process 1 of the PID namespace, which share a process
    /// group; the kernel then kills all others inside.
    fn kill(&mut self) {
        if let Ok(id) = i32::try_from(self.0.id()) {
            // Before its session is created it is in our group.
            let _ = killpg(Pid::from_raw(id), Signal::SIGKILL);
            let _ = kill(Pid::from_raw(id), Signal::SIGKILL);
        }
        let _ = self.0.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A process that was waited for is not a target: its number may be another's by now.
        if matches!(self.0.try_wait(), Ok(None)) {
            self.kill();
        }
    }
}
