//! Causes on the way to a host.

use super::cause::Cause;
use crate::services::packstack::evidence::Evidence;
use contract::node_files::{AUTHORIZED_KEYS, ROOT_KEY};
use std::io;

/// The host does not let root in.
pub fn find_refused_key(evidence: &Evidence) -> Option<Cause> {
    evidence.find("Permission denied (")?;
    let (name, node) = (&evidence.name, &evidence.node);
    let hint = format!("put {ROOT_KEY}.pub of {node} into {AUTHORIZED_KEYS} of {name}");
    Some(Cause::new(format!("it does not let root of {node} in"), hint))
}

/// The host does not answer, or no longer.
pub fn find_unreachable_host(evidence: &Evidence) -> Option<Cause> {
    let name = &evidence.name;
    if evidence.find("Given host does not listen on port 22").is_some() {
        let refused = |why: &io::Error| why.kind() == io::ErrorKind::ConnectionRefused;
        let (what, hint) = match &evidence.ssh {
            Some(Err(why)) if refused(why) => {
                ("nothing listens on its ssh port 22", format!("start sshd on {name}"))
            }
            Some(Ok(())) => ("its ssh port 22 did not answer, it does now", "wait".to_owned()),
            _ => (
                "no answer on its ssh port 22",
                format!("see that {name} is on and that {} reaches it", evidence.node),
            ),
        };
        return Some(Cause::new(format!("{what}; nothing was changed on any node"), hint));
    }
    let words = [
        "does not answer on ssh port 22",
        "No route to host",
        "Connection timed out",
        "Connection refused",
        "Connection reset by",
        "Connection closed by",
        "Network is unreachable",
        "lost connection",
        "Could not resolve host",
    ];
    words.iter().find_map(|word| evidence.find(word))?;
    let hint = format!("see that {name} is on and that {} reaches it", evidence.node);
    Some(Cause::new("the connection to it failed", hint))
}

/// puppet is gone: its host was restarted, or it was killed.
pub fn find_idle_host(evidence: &Evidence) -> Option<Cause> {
    evidence.find("no puppet runs on ")?;
    let name = &evidence.name;
    let hint = format!("`journalctl -b` on {name}: it was restarted, or ran out of memory");
    Some(Cause::new("puppet ended without leaving its log, for which packstack waits", hint))
}

/// Nothing was heard for long.
pub fn find_silence(evidence: &Evidence) -> Option<Cause> {
    evidence.find("it hangs: ")?;
    let hint = format!("`ps -ef --forest` on {} shows what is waited for", evidence.name);
    Some(Cause::new("it got no further", hint))
}
