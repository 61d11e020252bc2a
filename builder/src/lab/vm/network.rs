//! The lab network: a bridge with the gateway's address in a network namespace of its own.
//! Nothing of it touches the host's interfaces. Without root the namespace is in a user
//! namespace; QEMU's own multicast sockets would not do, as Open vSwitch in the guests sees
//! its own frames come back.
//!
//! A namespace lives as long as a process in it, so this program runs itself again
//! ([`ARGUMENT`]) as the keeper, which also runs the lab's time server.

use super::daemon;
use super::process::Process;
use crate::base::error::{Context, Error, Result};
use crate::base::programs::{self, CHRONYD, IP, ProgramError};
use crate::plan::Lab;
use std::net::Ipv4Addr;
use std::path::Path;

mod inner;
mod listeners;
mod namespace;
mod setup;

pub use inner::main as inner_main;
pub use listeners::listen;
pub use namespace::Namespace;

pub use setup::{ARGUMENT, RepositorySetup};

use setup::{BRIDGE, Setup};

/// Starts the keeper of a lab's network, in which the lab's servers are; `directory` gets its log.
/// Returns it and whether it serves time.
///
/// # Errors
/// An environment error with the keeper's message.
pub fn start(lab: &Lab, servers: &[Ipv4Addr], directory: &Path) -> Result<(Process, bool)> {
    let chronyd = CHRONYD.find();
    let serves = chronyd.is_some();
    let setup = Setup {
        addresses: servers.iter().map(|a| format!("{a}/{}", lab.prefix)).collect(),
        network: format!("{}/{}", lab.network, lab.prefix),
        directory: std::path::absolute(directory)
            .or_environment(|| "cannot start the lab network".to_owned())?,
        chronyd,
    };
    let mut command = programs::this_program();
    command.args([ARGUMENT, "keep"]);
    match daemon::start(command, &setup, &directory.join("network.log")) {
        Ok(process) => Ok((process, serves)),
        Err(mut e) => {
            e.message = format!("cannot start the lab network: {}", e.message);
            Err(e.hint(HINT))
        }
    }
}

const HINT: &str = "run imgbuild as root, or allow user namespaces: \
     `sysctl kernel.unprivileged_userns_clone=1 user.max_user_namespaces=10000` as root";

/// The addresses of the lab's servers on its network: the gateway, and those of `others` that are
/// not a node's.
pub fn servers(
    lab: &Lab,
    nodes: &[Ipv4Addr],
    others: impl IntoIterator<Item = Ipv4Addr>,
) -> Vec<Ipv4Addr> {
    let mask = u32::MAX.checked_shl(32 - u32::from(lab.prefix)).unwrap_or(0);
    let inside = |a: &Ipv4Addr| u32::from(*a) & mask == u32::from(lab.network);
    let mut found = vec![lab.gateway];
    for server in others.into_iter().filter(|a| inside(a) && !nodes.contains(a)) {
        if !found.contains(&server) {
            found.push(server);
        }
    }
    found
}

/// The name of a node's interface inside.
pub fn tap(address: Ipv4Addr) -> String {
    format!("tap{:08x}", u32::from(address))
}

/// Creates a node's interface on the bridge, unless it exists.
///
/// # Errors
/// An environment error with `ip`'s message.
pub fn add_tap(keeper: Option<&Process>, address: Ipv4Addr) -> Result<()> {
    let name = tap(address);
    let run = |arguments: &[&str]| -> Result<Result<(), String>> {
        match programs::run(Namespace::of(keeper)?.command(IP.name).args(arguments)) {
            Ok(_) => Ok(Ok(())),
            Err(ProgramError::Failed { message, .. }) => Ok(Err(message)),
            Err(e) => {
                Err(e).or_environment(|| format!("cannot run `{}` ({})", IP.name, IP.packages()))
            }
        }
    };
    if run(&["link", "show", &name])?.is_ok() {
        return Ok(());
    }
    for arguments in [
        &["tuntap", "add", &name, "mode", "tap"][..],
        &["link", "set", &name, "master", BRIDGE, "up"],
    ] {
        if let Err(message) = run(arguments)? {
            return Err(Error::environment(format!("ip {}: {message}", arguments.join(" "))).hint(
                "the kernel needs the modules tun and bridge, and /dev/net/tun must be writable for you",
            ));
        }
    }
    Ok(())
}
