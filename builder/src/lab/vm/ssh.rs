//! ssh to a node. The program itself runs outside, with the user's own keys, agent and
//! configuration; only its connection goes through the lab network.

use super::network;
use super::process::Process;
use super::state::{LabDirectory, State};
use crate::base::error::{Context, Error, Result};
use crate::base::programs::SSH;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;

/// The ssh command for `words` (empty: a login shell) on the node `name`.
///
/// # Errors
/// When the lab network is not up or the node is not known.
pub fn command(
    directory: &LabDirectory,
    state: &State,
    name: &str,
    identity: Option<&Path>,
    words: &[String],
) -> Result<Command> {
    let node = &state.nodes[name];
    let up = if node.alive()? { state.network_up()? } else { None };
    let network = up.ok_or_else(|| {
        Error::input(format!("{name} is not up"))
            .hint(format!("`imgbuild up {name}` brings it up; `imgbuild status` shows the lab"))
    })?;
    let known = directory.path().join("known_hosts");
    let mut ssh = SSH.command();
    let mut option = |name: &str, value: &str| {
        ssh.arg("-o").arg(format!("{name}={value}"));
    };
    // libvirt's network is one of this machine's own.
    match network.keeper() {
        Some(keeper) => option("ProxyCommand", &proxy(keeper, node.address)?),
        None => option("HostName", &node.address.to_string()),
    }
    option("UserKnownHostsFile", &format!("\"{}\"", known.to_string_lossy().replace('%', "%%")));
    option("GlobalKnownHostsFile", "/dev/null");
    option("HostKeyAlias", name);
    option("StrictHostKeyChecking", "accept-new");
    option("LogLevel", "ERROR");
    if let Some(identity) = identity {
        ssh.arg("-i").arg(identity).args(["-o", "IdentitiesOnly=yes"]);
    }
    ssh.arg(format!("root@{name}")).args(words);
    Ok(ssh)
}

/// The command that joins ssh with a port of `address` in the keeper's network.
fn proxy(keeper: &Process, address: Ipv4Addr) -> Result<String> {
    let program = std::env::current_exe()
        .or_environment(|| "this program's own path is unknown".to_owned())?;
    let (program, argument) = (quote(&program.to_string_lossy()), network::ARGUMENT);
    let Process { pid, started, boot } = keeper;
    Ok(format!("{program} {argument} connect {pid} {started} {boot} {address} %p"))
}

/// A word for the shell that ssh runs the proxy with, in which `%` is ssh's own.
fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''").replace('%', "%%"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_paths_are_one_word() {
        assert_eq!(quote("/a b/100%'s"), r"'/a b/100%%'\''s'");
    }
}
