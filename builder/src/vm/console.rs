//! A node's serial console: what firstboot said there, and a terminal on it.

use super::qemu;
use crate::error::{Context, Error, Result};
use crate::interrupt;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};
use serde::Serialize;
use std::fs::File;
use std::io::{self, IsTerminal, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

/// Ctrl-], as telnet and virsh have it.
const ESCAPE: u8 = 0x1d;

/// How a node stands by what its firstboot said on the console.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Readiness {
    /// firstboot has not ended yet.
    Working,
    /// firstboot found everything as it should be.
    Ready,
    /// firstboot ended with something that is not.
    Failed,
}

/// Reads the log from byte `start` on: the last verdict on node `name`, and the last line
/// (firstboot's, once there is one).
pub fn report(log: &Path, start: u64, name: &str) -> (Readiness, String) {
    let mut bytes = Vec::new();
    let read = File::open(log).and_then(|mut file| {
        // libvirt's virtlogd begins a new file when one is large.
        let start = if file.metadata()?.len() < start { 0 } else { start };
        file.seek(SeekFrom::Start(start))?;
        file.read_to_end(&mut bytes)
    });
    // A console that cannot be read yet has said nothing.
    if read.is_err() {
        bytes.clear();
    }
    judge(&String::from_utf8_lossy(&bytes), name)
}

fn judge(text: &str, name: &str) -> (Readiness, String) {
    let (ready, failed) = (format!("node {name} is ready"), format!("node {name} is not ready"));
    let mut readiness = Readiness::Working;
    let mut last = "";
    let mut own = false;
    let text = plain(text);
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let of_firstboot = line.contains("firstboot");
        if of_firstboot || !own {
            last = line;
            own |= of_firstboot;
        }
        if of_firstboot && line.contains(&ready) {
            readiness = Readiness::Ready;
        } else if of_firstboot && line.contains(&failed) {
            readiness = Readiness::Failed;
        }
    }
    (readiness, last.chars().take(160).collect())
}

/// The text without a terminal's control sequences (ECMA-48: ESC `[` … a letter or the like).
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        if c == '\x1b' {
            if characters.next_if_eq(&'[').is_some() {
                characters.find(|c| ('@'..='~').contains(c));
            }
        } else if c == '\n' || !c.is_control() {
            out.push(c);
        }
    }
    out
}

/// Joins the terminal with the console of the node in `folder` until Ctrl-] or the machine's end.
///
/// # Errors
/// When there is no running machine or the terminal fails.
pub fn attach(folder: &Path, name: &str) -> Result<()> {
    let what = || format!("the console of {name}");
    let mut console = qemu::connect(folder, qemu::SERIAL).map_err(|e| {
        Error::input(format!("{name} has no console now: {e}"))
            .hint("is it up (`imgbuild status`), and is its console not open elsewhere?")
    })?;
    let stdin = io::stdin();
    let _raw =
        stdin.is_terminal().then(|| Raw::new(stdin.as_fd())).transpose().or_environment(what)?;
    let mut input = true;
    let mut buffer = [0; 4096];
    loop {
        let mut watched = vec![PollFd::new(console.as_fd(), PollFlags::POLLIN)];
        if input {
            watched.push(PollFd::new(stdin.as_fd(), PollFlags::POLLIN));
        }
        match poll(&mut watched, PollTimeout::from(500u16)) {
            Err(nix::errno::Errno::EINTR) | Ok(0) => {
                interrupt::check()?;
                continue;
            }
            other => other.or_environment(what)?,
        };
        let is_readable =
            |n: usize| watched.get(n).and_then(PollFd::revents).is_some_and(|r| !r.is_empty());
        let (from_console, from_user) = (is_readable(0), is_readable(1));
        if from_console {
            let n = console.read(&mut buffer).or_environment(what)?;
            if n == 0 {
                return Ok(());
            }
            let mut out = io::stdout();
            out.write_all(&buffer[..n]).and_then(|()| out.flush()).or_environment(what)?;
        }
        if from_user {
            // Not by Stdin: it would read ahead of what was polled.
            let n = nix::unistd::read(stdin.as_fd(), &mut buffer).or_environment(what)?;
            let typed = &buffer[..n];
            if typed.contains(&ESCAPE) {
                return Ok(());
            }
            console.write_all(typed).or_environment(what)?;
            input = n > 0;
        }
    }
}

/// A terminal in raw mode until dropped.
struct Raw<'a> {
    terminal: BorrowedFd<'a>,
    before: Termios,
}

impl<'a> Raw<'a> {
    fn new(terminal: BorrowedFd<'a>) -> nix::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut raw = before.clone();
        cfmakeraw(&mut raw);
        tcsetattr(terminal, SetArg::TCSANOW, &raw)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Raw<'_> {
    fn drop(&mut self) {
        let _ = tcsetattr(self.terminal, SetArg::TCSANOW, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_verdict_counts() {
        let log = "Loading Linux\r\n[  OK  ] Started sshd\r\n";
        assert_eq!(judge(log, "nova01"), (Readiness::Working, "[  OK  ] Started sshd".into()));
        let log =
            format!("{log}\x1b[K\x1b[0;1mfirstboot[chrony]: waits for chronyd\r\nlogin: \r\n");
        let (readiness, line) = judge(&log, "nova01");
        assert_eq!(
            (readiness, line.as_str()),
            (Readiness::Working, "firstboot[chrony]: waits for chronyd")
        );
        let log = format!("{log}firstboot[run]: node nova01 is not ready: chrony failed\r\n");
        assert_eq!(judge(&log, "nova01").0, Readiness::Failed);
        assert_eq!(judge(&log, "nova02").0, Readiness::Working);
        let log = format!("{log}firstboot[run]: node nova01 is ready: 5 steps\r\n");
        assert_eq!(judge(&log, "nova01").0, Readiness::Ready);
    }
}
