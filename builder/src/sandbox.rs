//! Runs a target's program inside the target's own root: in namespaces of its own, without
//! network, killed as a whole when we end. The host's distribution never touches the target.
//! It takes root, which [`userns`] gives to a user without.
//!
//! A fork of a process with threads may do almost nothing, so this program runs itself again
//! ([`ARGUMENT`]) with the specification on standard input; that second, single-threaded
//! process makes the namespaces.

use crate::error::{Context, Error, Result};
use crate::interrupt;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

mod inner;
pub mod userns;

pub use inner::main as inner_main;

/// The hidden first argument that makes `main` call [`inner_main`].
pub const ARGUMENT: &str = "__sandbox";

/// How often a running sandbox looks for an interrupt, in milliseconds.
const TICK: u16 = 200;

/// A host folder shown inside.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Bind {
    /// The folder outside.
    pub host: PathBuf,
    /// Its absolute place inside, made if it is not there.
    pub inside: String,
    /// Whether writing to it fails.
    pub read_only: bool,
}

/// One run of one program.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sandbox {
    /// The folder that becomes `/`.
    pub root: PathBuf,
    /// Folders shown inside.
    pub binds: Vec<Bind>,
    /// Roots inside that get /proc, /sys, /dev and /run, `/` among them.
    pub api_roots: Vec<String>,
    /// Program and arguments.
    pub command: Vec<String>,
    /// Standard input of the program.
    pub input: String,
    /// Added to the clean environment.
    pub environment: Vec<(String, String)>,
    /// How long it may run; then everything inside is killed.
    #[serde(skip)]
    pub limit: Option<Duration>,
}

impl Sandbox {
    /// `command` with `root` as its `/`.
    pub fn new<S: Into<String>>(
        root: impl Into<PathBuf>,
        command: impl IntoIterator<Item = S>,
    ) -> Self {
        Self {
            root: root.into(),
            binds: Vec::new(),
            api_roots: vec!["/".to_owned()],
            command: command.into_iter().map(Into::into).collect(),
            input: String::new(),
            environment: Vec::new(),
            limit: None,
        }
    }

    /// Runs it; `line` gets each line of its standard output and standard error. Returns the
    /// program's exit code (128 + n when signal n killed it).
    ///
    /// # Errors
    /// An environment error when the sandbox cannot be made, the interrupt, or a build error
    /// when it ran longer than it may.
    pub fn run(&self, line: &mut dyn FnMut(&str)) -> Result<i32> {
        let specification = serde_json::to_vec(self).or_build(|| "sandbox".to_owned())?;
        let (mut output, child_output) =
            std::io::pipe().or_environment(|| "cannot make a pipe".to_owned())?;
        let errors = child_output.try_clone().or_environment(|| "cannot make a pipe".to_owned())?;
        let mut command = Command::new("/proc/self/exe");
        // A group of its own: Ctrl-C reaches us alone, and we take the sandbox down in order.
        command
            .arg(ARGUMENT)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(child_output)
            .stderr(errors);
        let child = command.spawn().or_environment(|| "cannot start the sandbox".to_owned())?;
        drop(command);
        let mut running = Running(child);
        if let Some(mut stdin) = running.0.stdin.take() {
            stdin
                .write_all(&specification)
                .or_environment(|| "cannot start the sandbox".to_owned())?;
        }
        if let Err(error) = pump(&mut output, self.limit, line) {
            running.kill();
            // Every process inside holds the pipe: its end is theirs, and the tree is ours again.
            let _ = std::io::copy(&mut output, &mut std::io::sink());
            return Err(error);
        }
        let status =
            running.0.wait().or_environment(|| "cannot wait for the sandbox".to_owned())?;
        match status.code() {
            Some(inner::FAILED) => Err(Error::environment(format!(
                "cannot make the sandbox for {}; the log has the reason",
                self.command.first().map_or("", String::as_str)
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
        let mut tail = std::collections::VecDeque::new();
        let code = self.run(&mut |text| {
            if tail.len() == 12 {
                tail.pop_front();
            }
            tail.push_back(format!("  | {text}"));
            line(text);
        })?;
        if code == 0 {
            return Ok(());
        }
        let said = tail.into_iter().collect::<Vec<_>>().join("\n");
        let command = self.command.iter().take(6).map(String::as_str).collect::<Vec<_>>().join(" ");
        Err(Error::build(format!(
            "in the image, `{command}` ended with {code}; its last output:\n{said}"
        )))
    }
}

/// The sandbox's first process; its death ends every process inside.
struct Running(Child);

impl Running {
    /// Kills the first process and process 1 of the PID namespace, which share a process
    /// group; the kernel then kills all others inside.
    fn kill(&mut self) {
        if let Ok(id) = i32::try_from(self.0.id()) {
            let _ = killpg(Pid::from_raw(id), Signal::SIGKILL);
        }
        let _ = self.0.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A process that was waited for is no target: its number may be another's by now.
        if matches!(self.0.try_wait(), Ok(None)) {
            self.kill();
        }
    }
}

/// Hands on lines until every writer has closed the pipe, a signal has arrived or the time is
/// over.
fn pump(
    output: &mut std::io::PipeReader,
    limit: Option<Duration>,
    line: &mut dyn FnMut(&str),
) -> Result<()> {
    let start = Instant::now();
    let mut pending = Vec::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        interrupt::check()?;
        if let Some(limit) = limit.filter(|limit| start.elapsed() >= *limit) {
            let seconds = limit.as_secs();
            return Err(Error::build(format!("did not end within {seconds} seconds")));
        }
        let mut descriptors = [PollFd::new(output.as_fd(), PollFlags::POLLIN)];
        match poll(&mut descriptors, PollTimeout::from(TICK)) {
            Ok(0) | Err(nix::errno::Errno::EINTR) => continue,
            Ok(_) => {}
            Err(e) => return Err(Error::environment(format!("cannot wait for the sandbox: {e}"))),
        }
        let n = match output.read(&mut buffer) {
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
            result => result.or_environment(|| "cannot read from the sandbox".to_owned())?,
        };
        pending.extend_from_slice(&buffer[..n]);
        while let Some(end) = pending.iter().position(|&b| b == b'\n') {
            let text: Vec<u8> = pending.drain(..=end).collect();
            line(String::from_utf8_lossy(&text[..end]).trim_end());
        }
        if n == 0 {
            if !pending.is_empty() {
                line(&String::from_utf8_lossy(&pending));
            }
            return Ok(());
        }
    }
}
