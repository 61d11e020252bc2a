//! ssh and scp to a node. The programs themselves run outside, with the user's own keys, agent and
//! configuration; only their connection goes through the lab network.

use super::network;
use super::process::Process;
use super::state::{LabDirectory, State};
use crate::base::error::{Context, Error, Result};
use crate::base::home;
use crate::base::programs::{SCP, SSH};
use crate::lab::secrets::Store;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What ssh(1) tries by itself, and therefore not next to others that it is given.
const USUAL_KEYS: [&str; 5] = ["id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk"];

/// Whose connections, and by which key.
pub struct Login<'a> {
    /// The directory of all labs' states.
    pub base: &'a Path,
    /// The lab.
    pub directory: &'a LabDirectory,
    /// Its state.
    pub state: &'a State,
    /// The private key, in place of all others.
    pub identity: Option<&'a Path>,
}

impl Login<'_> {
    /// The ssh command for `words` (empty: a login shell) on the node `name`.
    ///
    /// # Errors
    /// When the lab network is not up.
    pub fn ssh(&self, name: &str, words: &[String]) -> Result<Command> {
        let mut ssh = SSH.command();
        ssh.args(self.options(name)?).arg(format!("root@{name}")).args(words);
        Ok(ssh)
    }

    /// The scp command for `words`, of which some are `NODE:PATH`.
    ///
    /// # Errors
    /// An input error when they name no node, or several; when the lab network is not up.
    pub fn scp(&self, words: &[String]) -> Result<Command> {
        let mut nodes: Vec<&str> = words.iter().filter_map(|word| self.node_of(word)).collect();
        nodes.dedup();
        let usage = "for example: imgbuild scp nova01:/var/log/messages .";
        let name = match nodes.as_slice() {
            [only] => *only,
            [] => {
                let known: Vec<&str> = self.state.nodes.keys().map(String::as_str).collect();
                return Err(Error::input("nothing to copy: no word is NODE:PATH")
                    .hint(format!("{usage}; the lab's nodes: {}", known.join(", "))));
            }
            _ => {
                return Err(Error::input(format!("several nodes at once: {}", nodes.join(", ")))
                    .hint("copy by way of this machine: from the one, then to the other"));
            }
        };
        let mut scp = SCP.command();
        scp.args(self.options(name)?);
        for word in words {
            let root = word.starts_with(name) && self.node_of(word).is_some();
            scp.arg(if root { format!("root@{word}") } else { word.clone() });
        }
        Ok(scp)
    }

    /// The node that a word `[USER@]NODE:PATH` names.
    fn node_of<'w>(&self, word: &'w str) -> Option<&'w str> {
        let (host, _) = word.split_once(':')?;
        let node = host.split_once('@').map_or(host, |(_, node)| node);
        self.state.nodes.contains_key(node).then_some(node)
    }

    /// Options that lead either program to the node, without asking.
    fn options(&self, name: &str) -> Result<Vec<String>> {
        let (address, keeper) = self.state.way_to(name)?;
        let mut options = Vec::new();
        let mut option = |name: &str, value: &str| {
            options.extend(["-o".to_owned(), format!("{name}={value}")]);
        };
        // libvirt's network is one of this machine's own.
        match keeper {
            Some(keeper) => option("ProxyCommand", &proxy(keeper, address)?),
            None => option("HostName", &address.to_string()),
        }
        // With the machine's disk goes what is known of its host keys.
        let known_hosts = self.directory.node(name).join("known_hosts");
        option("UserKnownHostsFile", &path(&known_hosts));
        option("GlobalKnownHostsFile", "/dev/null");
        option("HostKeyAlias", name);
        option("StrictHostKeyChecking", host_key_checking(&known_hosts));
        option("LogLevel", "ERROR");
        let (keys, only) = self.keys();
        keys.iter().for_each(|key| option("IdentityFile", &path(key)));
        if only {
            option("IdentitiesOnly", "yes");
        }
        Ok(options)
    }

    /// Keys to log in with, and whether no others are tried; without any, ssh chooses.
    fn keys(&self) -> (Vec<PathBuf>, bool) {
        if let Some(identity) = self.identity {
            return (vec![identity.to_owned()], true);
        }
        let in_home = |home: PathBuf| {
            let keys = USUAL_KEYS.iter().map(|name| home.join(".ssh").join(name));
            // A private part may be in the agent alone.
            keys.filter(|key| key.exists() || key.with_extension("pub").exists()).collect()
        };
        let sudo: Vec<PathBuf> = home::of_sudo_user().map(in_home).unwrap_or_default();
        let operator = Store::operator_key(self.base, &self.state.lab.name);
        let operator: Vec<PathBuf> = operator.exists().then_some(operator).into_iter().collect();
        if operator.is_empty() && sudo.is_empty() {
            return (Vec::new(), false);
        }
        // An agent with many keys would use up the node's patience first.
        let only = !operator.is_empty();
        let own = home::own().map(in_home).unwrap_or_default();
        ([operator, own, sudo].concat(), only)
    }
}

/// The first host key is taken and written down, another one later refused: `accept-new` of ssh
/// since 7.6, for all of them.
fn host_key_checking(known_hosts: &Path) -> &'static str {
    let known = fs::metadata(known_hosts).is_ok_and(|file| file.len() > 0);
    if known { "yes" } else { "no" }
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

/// A path in ssh's configuration.
fn path(path: &Path) -> String {
    format!("\"{}\"", path.to_string_lossy().replace('%', "%%"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_host_key_is_taken_unseen() {
        let directory = tempfile::tempdir().unwrap();
        let known_hosts = directory.path().join("known_hosts");
        assert_eq!(host_key_checking(&known_hosts), "no");
        fs::write(&known_hosts, "").unwrap();
        assert_eq!(host_key_checking(&known_hosts), "no");
        fs::write(&known_hosts, "openstack ssh-ed25519 AAAA\n").unwrap();
        assert_eq!(host_key_checking(&known_hosts), "yes");
    }

    #[test]
    fn odd_paths_are_one_word() {
        assert_eq!(quote("/a b/100%'s"), r"'/a b/100%%'\''s'");
        assert_eq!(path(Path::new("/a b/100%")), "\"/a b/100%%\"");
    }
}
