//! The ssh host keys of the lab. packstack logs in everywhere without looking at them, so a
//! machine in a node's place would go unnoticed: what ssh sees at a node's address is compared
//! with what the node itself, known by its certificate, has.

use super::keys::load_keys;
use crate::host::{Host, Program};
use contract::peers::client::ask_once;
use contract::peers::places::PORT;
use contract::peers::tls::Pki;
use contract::peers::wire::HOST_KEYS;
use contract::spec::{LabHost, Role, Spec};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// Where sshd keeps them.
const DIRECTORY: &str = "/etc/ssh";
/// How long a node may take to answer.
const LIMIT: Duration = Duration::from_secs(10);

/// This node's own host keys, each as `TYPE KEY`.
pub fn list_host_keys(host: &Host) -> io::Result<Vec<String>> {
    let mut keys = Vec::new();
    for entry in std::fs::read_dir(host.path(DIRECTORY)?).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("ssh_host_") && name.ends_with("_key.pub") {
            let text = host.read(&format!("{DIRECTORY}/{name}"))?.unwrap_or_default();
            keys.extend(to_key(text.split_whitespace()));
        }
    }
    keys.sort();
    Ok(keys)
}

/// `TYPE KEY` of the words of a public key.
fn to_key<'a>(mut words: impl Iterator<Item = &'a str>) -> Option<String> {
    Some(format!("{} {}", words.next()?, words.next()?))
}

/// The computes at whose address ssh finds another machine, in words. What cannot be compared is
/// left: that they answer at all is for others to say.
pub fn find_impostors(host: &Host, spec: &Spec) -> Vec<String> {
    let Ok(pki) = load_keys(host) else { return Vec::new() };
    let computes = spec.hosts.iter().filter(|one| one.role == Role::Compute);
    let other = computes.filter(|one| is_impostor(host, &pki, one).unwrap_or_default());
    let describe = |one: &LabHost| {
        let (name, address) = (&one.name, one.address);
        format!("another machine than {name} answers ssh at {address}: the host keys differ")
    };
    other.map(describe).collect()
}

/// Whether ssh sees a host key that `node` does not have; `None` where either is not shown.
fn is_impostor(host: &Host, pki: &Pki, node: &LabHost) -> Option<bool> {
    let at = SocketAddr::new(node.address.into(), PORT);
    let answer = ask_once(pki, at, &node.name, HOST_KEYS, LIMIT).ok()?;
    let own: Vec<String> = serde_json::from_slice(&answer).ok()?;
    let address = node.address.to_string();
    let scan = Program::new("ssh-keyscan").args(["-T", "5", &address]).time_limit(LIMIT);
    let seen = host.run(&scan).ok()?.stdout;
    let seen = seen.lines().filter(|line| !line.starts_with('#'));
    let seen: Vec<String> =
        seen.filter_map(|line| to_key(line.split_whitespace().skip(1))).collect();
    let comparable = !own.is_empty() && !seen.is_empty();
    comparable.then(|| seen.iter().any(|key| !own.contains(key)))
}
