//! A program that runs for long: its output goes to a file, and it is supervised
//! between other things.

use super::process::{Program, command};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Stdio};

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
