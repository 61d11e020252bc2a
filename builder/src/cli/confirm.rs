//! Questions before something cannot be undone.

use crate::base::error::{Error, Result};
use crate::base::interrupt;
use crate::base::terminal::printable;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io::{IsTerminal, Read, Write};
use std::os::fd::AsFd;

/// How often waiting for an answer polls for an interruption, in milliseconds.
const TICK: u16 = 100;

/// Whether somebody can be asked.
pub fn is_possible() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks on the terminal; anything but a yes ends the command.
///
/// # Errors
/// An input error when the user declines; interruption.
pub fn ask(question: &str) -> Result<()> {
    match agrees(question)? {
        true => Ok(()),
        false => Err(Error::input("nothing was done").hint("answer y, or give --yes")),
    }
}

/// Asks on the terminal whether the user says yes.
///
/// # Errors
/// Interruption.
pub fn agrees(question: &str) -> Result<bool> {
    let answer = answer(&format!("{question} [y/N] "))?;
    Ok(["y", "yes"].contains(&answer.to_ascii_lowercase().as_str()))
}

/// Asks on the terminal for one line; it comes without blanks around it.
///
/// # Errors
/// Interruption.
pub fn answer(question: &str) -> Result<String> {
    let mut stderr = std::io::stderr();
    let _ = write!(stderr, "{}", printable(question));
    let _ = stderr.flush();
    let mut answer = Vec::new();
    let mut stdin = std::io::stdin();
    loop {
        interrupt::check()?;
        let readable = {
            let mut wanted = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
            poll(&mut wanted, PollTimeout::from(TICK)).is_ok_and(|count| count > 0)
        };
        if !readable {
            continue;
        }
        // A terminal gives whole lines.
        let mut bytes = [0; 256];
        let n = stdin.read(&mut bytes).unwrap_or(0);
        answer.extend_from_slice(&bytes[..n]);
        if n == 0 || answer.contains(&b'\n') {
            break;
        }
    }
    Ok(String::from_utf8_lossy(&answer).trim().to_owned())
}
