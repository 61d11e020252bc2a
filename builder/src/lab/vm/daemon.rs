//! Processes of this program that outlive the command which starts them: the keeper of a lab's
//! network, the server of its repositories.

use super::process::Process;
use crate::base::error::{Context, Error, Result};
use crate::base::private;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// What it prints on standard output when it is at work.
const READY: &str = "ready\n";

/// Starts `command`, which is this program: it gets `setup` on standard input and is at work when
/// this returns. `log`, which is replaced, gets what it writes to standard error.
///
/// # Errors
/// An environment error with its message.
pub fn start(mut command: Command, setup: &impl Serialize, log: &Path) -> Result<Process> {
    let what = || "this program cannot run itself".to_owned();
    command.current_dir("/").stdin(Stdio::piped()).stdout(Stdio::piped());
    let _ = fs::remove_file(log);
    command.stderr(
        private::create_file(log).or_environment(|| format!("cannot write {}", log.display()))?,
    );
    // SAFETY: setsid is async-signal-safe. The process outlives the terminal.
    unsafe {
        command.pre_exec(|| nix::unistd::setsid().map(drop).map_err(Into::into));
    }
    let mut child = command.spawn().or_environment(what)?;
    let text = serde_json::to_vec(setup).or_environment(what)?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(&text).or_environment(what)?;
    }
    let mut line = String::new();
    if let Some(stdout) = child.stdout.take() {
        BufReader::new(stdout).read_line(&mut line).or_environment(what)?;
    }
    let process = i32::try_from(child.id()).ok().and_then(Process::of);
    match process {
        Some(process) if line == READY => Ok(process),
        _ => {
            let _ = child.kill();
            let _ = child.wait();
            let said = fs::read_to_string(log).unwrap_or_default();
            Err(Error::environment(said.trim()))
        }
    }
}

/// In the process that was started: what it is to do.
///
/// # Errors
/// When it was not started so.
pub fn read_setup<T: DeserializeOwned>() -> io::Result<T> {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text)?;
    Ok(serde_json::from_str(&text)?)
}

/// In the process that was started: says that it is at work.
///
/// # Errors
/// When nobody waits for that any more.
pub fn be_ready() -> io::Result<()> {
    let mut out = io::stdout();
    out.write_all(READY.as_bytes())?;
    out.flush()
}
