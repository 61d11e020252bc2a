//! Ways to a node: `imgbuild ssh`, `scp`, `forward`, `open`.

use super::common::{StateArguments, print};
use crate::base::error::{Context, Error, Result};
use crate::base::malformed::Malformed;
use crate::lab::secrets::ADMIN_PASSWORD;
use crate::lab::vm::{self, Forward};
use clap::Args;
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Horizon's port on the controller.
const HTTP: u16 = 80;
/// Where Horizon is below it, as packstack installs it.
const DASHBOARD: &str = "/dashboard";
/// How long Horizon may take to answer: an emulated machine is slow.
const PATIENCE: Duration = Duration::from_secs(60);

/// Which lab.
#[derive(Args)]
struct WhichLab {
    /// The lab, if there are several.
    #[arg(long, value_name = "NAME")]
    lab: Option<String>,
    #[command(flatten)]
    place: StateArguments,
}

/// By which key.
#[derive(Args)]
pub(super) struct Identity {
    /// The private key; by default the operator key of a lab that was built without a key of
    /// yours, and ssh's own choice.
    #[arg(short, long, value_name = "FILE")]
    identity: Option<PathBuf>,
}

impl Identity {
    /// The private key that was given.
    pub(super) fn path(&self) -> Option<&Path> {
        self.identity.as_deref()
    }
}

#[derive(Args)]
pub struct Ssh {
    #[command(flatten)]
    identity: Identity,
    #[command(flatten)]
    which: WhichLab,
    /// The node's name.
    #[arg(value_name = "NODE")]
    node: String,
    /// Options of ssh, then a command to run there; without one, a shell.
    #[arg(value_name = "ARGS", trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<String>,
}

/// Replaces this process by ssh, whose exit code is returned.
pub fn ssh(a: Ssh) -> Result<()> {
    let (base, lab) = (a.which.place.directory()?, a.which.lab.as_deref());
    let mut ssh = vm::ssh(&base, lab, &a.node, a.identity.path(), &a.words)?;
    Err(ssh.exec()).or_environment(|| "cannot start ssh (package openssh-client)".to_owned())
}

#[derive(Args)]
pub struct Scp {
    #[command(flatten)]
    identity: Identity,
    #[command(flatten)]
    which: WhichLab,
    /// Options of scp, then what to copy where to; NODE:PATH is on a node.
    #[arg(
        value_name = "ARGS",
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    words: Vec<String>,
}

/// Replaces this process by scp, whose exit code is returned.
pub fn scp(a: Scp) -> Result<()> {
    let (base, lab) = (a.which.place.directory()?, a.which.lab.as_deref());
    let mut scp = vm::scp(&base, lab, a.identity.path(), &a.words)?;
    Err(scp.exec()).or_environment(|| "cannot start scp (package openssh-client)".to_owned())
}

/// Where on this machine.
#[derive(Args)]
struct Listen {
    /// Where to listen on this machine; by default 127.0.0.1 with the same port, or with 8000
    /// added to one below 1024.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
}

#[derive(Args)]
pub struct ForwardPort {
    /// A port of a node, by default of the controller.
    #[arg(value_name = "[NODE:]PORT", value_parser = node_port)]
    port: (Option<String>, u16),
    #[command(flatten)]
    listen: Listen,
    #[command(flatten)]
    which: WhichLab,
}

/// `[NODE:]PORT`.
fn node_port(text: &str) -> Result<(Option<String>, u16), Malformed> {
    let (node, port) = match text.split_once(':') {
        Some((node, port)) => (Some(node.to_owned()), port),
        None => (None, text),
    };
    match port.parse() {
        Ok(port) if port != 0 && node.as_deref() != Some("") => Ok((node, port)),
        _ => Err(format!("`{text}` is not [NODE:]PORT, as in openstack:80 or 80").into()),
    }
}

pub fn forward(a: ForwardPort) -> Result<()> {
    let base = a.which.place.directory()?;
    let (node, port) = a.port;
    let (_, way) = vm::way(&base, a.which.lab.as_deref(), node.as_deref(), port)?;
    let target = format!("{} ({}) port {port}", way.node, way.address);
    let mut forward = Forward::new(way, a.listen.listen)?;
    show(&format!("{} leads to {target}; Ctrl-C ends it\n", forward.address()?))?;
    forward.serve()
}

#[derive(Args)]
pub struct Open {
    #[command(flatten)]
    listen: Listen,
    #[command(flatten)]
    which: WhichLab,
}

pub fn open(a: Open) -> Result<()> {
    let base = a.which.place.directory()?;
    let (lab, way) = vm::way(&base, a.which.lab.as_deref(), None, HTTP)?;
    let answer = way.ask_http(&format!("{DASHBOARD}/auth/login/"), PATIENCE)?;
    let there = |line: &String| line.split(' ').nth(1).is_some_and(|code| code < "400");
    if !answer.as_ref().is_some_and(there) {
        let found = answer.map_or_else(|| "nothing".to_owned(), |line| format!("`{line}`"));
        return Err(Error::build(format!(
            "{} has no Horizon: it answers {found} at port {HTTP}",
            way.node
        ))
        .hint(
            "packstack installs it: `imgbuild watch` shows how far it is (the practice medium has \
             no OpenStack)",
        ));
    }
    let mut forward = Forward::new(way, a.listen.listen)?;
    show(&format!(
        "Horizon of {lab}: http://{}{DASHBOARD}\n\
         user:     admin\n\
         password: imgbuild secrets show {ADMIN_PASSWORD} shows it\n\
         Ctrl-C ends it\n",
        forward.address()?
    ))?;
    forward.serve()
}

/// Prints what a program that reads us waits for.
fn show(text: &str) -> Result<()> {
    print(text)?;
    std::io::stdout().flush().or_environment(|| "cannot write to standard output".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_has_a_node_or_none() {
        assert_eq!(node_port("80").unwrap(), (None, 80));
        assert_eq!(node_port("nova01:7878").unwrap(), (Some("nova01".to_owned()), 7878));
        for wrong in ["", ":80", "nova01:", "nova01:0", "65536", "80:nova01"] {
            assert!(node_port(wrong).is_err(), "{wrong}");
        }
    }
}
