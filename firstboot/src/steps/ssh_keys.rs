//! ssh keys: root's keys are there with modes that sshd and ssh accept. With others
//! sshd ignores the keys, and no user can log in.

use super::outcome::CheckOutcome;
use crate::host::Fault;
use crate::host::Host;
use contract::node_files::{AUTHORIZED_KEYS, ROOT_KEY, ROOT_SSH};

/// Directories and files with the widest mode each may have, where it exists: packstack makes
/// some of them stricter (0500, 0400), which sshd and ssh accept.
const WIDEST: [(&str, u32); 4] =
    [(ROOT_SSH, 0o700), (AUTHORIZED_KEYS, 0o600), (ROOT_KEY, 0o600), ("/root/.ssh/config", 0o600)];

/// Whether `mode` is at most `widest` and lets the owner read what it is about.
fn is_accepted(mode: u32, widest: u32) -> bool {
    let needed = widest & 0o555;
    mode & !widest == 0 && mode & needed == needed
}

/// What has another mode: path, mode found, the mode it is given.
fn wrong(host: &Host) -> Result<Vec<(&'static str, u32, u32)>, Fault> {
    let mut wrong = Vec::new();
    for (path, widest) in WIDEST {
        if let Some(mode) = host.mode(path)?.filter(|mode| !is_accepted(*mode, widest)) {
            wrong.push((path, mode, widest));
        }
    }
    Ok(wrong)
}

pub(super) fn check(host: &Host) -> Result<CheckOutcome, Fault> {
    let wrong: Vec<String> = wrong(host)?
        .iter()
        .map(|(path, mode, wanted)| format!("{path} has mode {mode:o} in place of {wanted:o}"))
        .collect();
    if !wrong.is_empty() {
        return Ok(CheckOutcome::Unmet(wrong.join("; ")));
    }
    let text = host.read(AUTHORIZED_KEYS)?.unwrap_or_default();
    let keys =
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(CheckOutcome::Met(match keys.count() {
        0 => "no key may log in as root: this node has its console only".to_owned(),
        1 => "1 key may log in as root".to_owned(),
        count => format!("{count} keys may log in as root"),
    }))
}

pub(super) fn apply(host: &Host) -> Result<Vec<String>, Fault> {
    let mut changes = Vec::new();
    for (path, _, wanted) in wrong(host)? {
        host.set_mode(path, wanted)?;
        changes.push(format!("mode {wanted:o} of {path}"));
    }
    Ok(changes)
}
