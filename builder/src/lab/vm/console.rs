//! A node's serial console: what firstboot logged there, and a terminal on it.

use super::directory::{SERIAL, connect};
use crate::base::error::{Context, Error, Result};
use crate::base::interrupt;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};
use serde::Serialize;
use std::fs::File;
use std::io::{self, IsTerminal, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

/// Ctrl-], as telnet and virsh have it.
const ESCAPE: u8 = 0x1d;

/// Status of a node by what its firstboot logged on the console.
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

/// What writes to the console, by what it has shown last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// The boot loader, or nothing yet.
    #[default]
    Loader,
    /// The boot loader's menu or the like, where it may wait for somebody.
    Menu,
    /// The node's kernel and its system.
    System,
}

/// What a node's console has shown since its machine was last started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsoleReport {
    /// The last verdict of firstboot's.
    pub readiness: Readiness,
    /// The last line: firstboot's, once there is one.
    pub last: String,
    /// How far the system is.
    pub phase: Phase,
    /// How many bytes there are.
    pub length: u64,
}

impl Default for ConsoleReport {
    fn default() -> Self {
        Self { readiness: Readiness::Working, last: String::new(), phase: Phase::Loader, length: 0 }
    }
}

/// Reads the log from byte `start` on, as written by node `name`.
pub fn report(log: &Path, start: u64, name: &str) -> ConsoleReport {
    let mut bytes = Vec::new();
    let read = File::open(log).and_then(|mut file| {
        // libvirt's virtlogd begins a new file when one is large.
        let start = if file.metadata()?.len() < start { 0 } else { start };
        file.seek(SeekFrom::Start(start))?;
        file.read_to_end(&mut bytes)
    });
    // A console that cannot be read yet is empty.
    if read.is_err() {
        bytes.clear();
    }
    let text = plain(&String::from_utf8_lossy(&bytes));
    let (readiness, last) = judge(&text, name);
    ConsoleReport { readiness, last, phase: phase(&text), length: bytes.len() as u64 }
}

/// What GRUB shows when it waits for somebody: menu, command line, rescue mode, an error.
const MENU: [&str; 4] = ["GNU GRUB", "grub>", "grub rescue>", "Press any key"];

/// GRUB announces what it starts by itself; a menu from which somebody chose stays on the
/// screen. The kernel's lines begin with a time in brackets, systemd's with `[  OK  ]`.
fn phase(text: &str) -> Phase {
    let of_system = |line: &str| {
        let line = line.trim_start();
        line.starts_with("[ ")
            || ["Linux version ", "systemd[", "dracut", "firstboot["]
                .iter()
                .any(|word| line.contains(word))
    };
    if text.lines().any(of_system) {
        return Phase::System;
    }
    let menu = MENU.iter().filter_map(|words| text.rfind(words)).max();
    match (menu, text.rfind("Booting `")) {
        (Some(menu), start) if start.is_none_or(|start| start < menu) => Phase::Menu,
        _ => Phase::Loader,
    }
}

fn judge(text: &str, name: &str) -> (Readiness, String) {
    let (ready, failed) = (format!("node {name} is ready"), format!("node {name} is not ready"));
    let mut readiness = Readiness::Working;
    let mut last = "";
    let mut own = false;
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

/// Joins the terminal with the console of the node in `directory` until Ctrl-] or the machine's
/// end; calls `joined` once there is one.
///
/// # Errors
/// When there is no running machine or the terminal fails.
pub fn attach(directory: &Path, name: &str, joined: impl FnOnce()) -> Result<()> {
    let what = || format!("the console of {name}");
    let mut console = connect(directory, SERIAL).map_err(|e| {
        Error::input(format!("{name} has no console now: {e}"))
            .hint("is it up (`imgbuild status`), and is its console not open elsewhere?")
    })?;
    joined();
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
        let judge = |text: &str, name: &str| judge(&plain(text), name);
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

    #[test]
    fn the_boot_loader_is_told_from_its_menu_and_the_system() {
        let boot = "Welcome to GRUB!\n\n  Booting `CentOS Linux 7 (3.10.0)'\n\n";
        let menu = "  GNU GRUB  version 2.02\n\n  The selected entry will be started in 1s.\n";
        let early = "Probing EDD (edd=off to disable)... ok\n";
        for (text, expected) in [
            (String::new(), Phase::Loader),
            (menu.to_owned(), Phase::Menu),
            (format!("{menu}{boot}"), Phase::Loader),
            (format!("{menu}{boot}{early}"), Phase::Loader),
            (format!("{boot}{menu}"), Phase::Menu),
            (format!("{boot}error: no such partition.\nPress any key to continue..."), Phase::Menu),
            ("error: unknown filesystem.\ngrub rescue> ".to_owned(), Phase::Menu),
            (format!("{menu}\n\n[    0.000000] Linux version 3.10.0\n"), Phase::System),
            (format!("{boot}[  OK  ] Reached target Paths.\n"), Phase::System),
            (format!("{boot}systemd[1]: Detected virtualization kvm.\n"), Phase::System),
        ] {
            assert_eq!(phase(&text), expected, "{text}");
        }
    }
}
