//! A program that runs for long: its output goes to a file, and it is supervised
//! between other things.

use super::process::{Program, command};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

/// What a process was started as, below its directory in /proc.
const COMMAND_LINE: &str = "cmdline";

/// A running program.
pub trait Job {
    /// How it ended: its exit code, the inner `None` for a signal; `None` while it runs.
    ///
    /// # Errors
    /// When the kernel does not know it.
    fn ended(&mut self) -> io::Result<Option<Option<i32>>>;

    /// Ends it and everything it started.
    fn kill(&mut self);
}

/// A child process; killed with its group when dropped.
struct Process(Child);

/// Starts `program` with its output, both streams, in the new file `log` (mode 0600).
///
/// # Errors
/// When it cannot be started or the file cannot be made.
pub fn spawn(program: &Program, log: &Path) -> io::Result<Box<dyn Job>> {
    let log = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(log)?;
    let child = command(program)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .process_group(0)
        .spawn()?;
    Ok(Box::new(Process(child)))
}

/// A program that another process started: how it ends is not known, only that it does.
struct Adopted {
    id: u32,
    /// Its directory below /proc.
    directory: PathBuf,
    /// What it was started as.
    command_line: Vec<u8>,
}

/// Takes over the running process `id`, which the kernel shows in `directory`.
///
/// # Errors
/// When there is no such process.
pub fn adopt(directory: PathBuf, id: u32) -> io::Result<Box<dyn Job>> {
    let command_line = std::fs::read(directory.join(COMMAND_LINE))?;
    Ok(Box::new(Adopted { id, directory, command_line }))
}

impl Job for Adopted {
    fn ended(&mut self) -> io::Result<Option<Option<i32>>> {
        // Its number may be another process's by now.
        let line = std::fs::read(self.directory.join(COMMAND_LINE)).unwrap_or_default();
        Ok((line != self.command_line).then_some(None))
    }

    fn kill(&mut self) {
        if matches!(self.ended(), Ok(None))
            && let Ok(id) = i32::try_from(self.id)
        {
            // As it was started, it leads its group.
            let _ = killpg(Pid::from_raw(id), Signal::SIGKILL);
        }
    }
}

impl Job for Process {
    fn ended(&mut self) -> io::Result<Option<Option<i32>>> {
        Ok(self.0.try_wait()?.map(|status| status.code()))
    }

    fn kill(&mut self) {
        if let Ok(id) = i32::try_from(self.0.id()) {
            // It may have ended meanwhile; then there is nothing to kill.
            let _ = killpg(Pid::from_raw(id), Signal::SIGKILL);
        }
        let _ = self.0.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !matches!(self.0.try_wait(), Ok(Some(_))) {
            self.kill();
        }
    }
}
