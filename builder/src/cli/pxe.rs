//! `imgbuild pxe`, `imgbuild arm` and `imgbuild disarm`.

use super::common::{StateArguments, print};
use super::confirm;
use super::select::SelectArguments;
use crate::base::error::Result;
use crate::base::malformed::Malformed;
use crate::lab::netboot::PxeTree;
use crate::pipeline::{self, BuiltPxe, PxeOptions};
use clap::Args;
use std::fmt::Write;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;

/// Where `pxe` leaves its tree, and `serve` and `arm` find it.
pub const TREE: &str = "output/pxe";

#[derive(Args)]
pub struct PxeArguments {
    #[command(flatten)]
    select: SelectArguments,
    /// Where the tree goes.
    #[arg(long, value_name = "DIR", default_value = TREE)]
    output: PathBuf,
    /// Replace an older tree; its nodes get new addresses for their files.
    #[arg(long)]
    force: bool,
    /// The address at which nodes find the servers, and the HTTP server's port if it is not 80.
    #[arg(long, value_name = "IP[:PORT]", value_parser = server)]
    server: SocketAddrV4,
    /// A directory with loaders that the medium does not have: pxelinux.0 with ldlinux.c32,
    /// snponly.efi, undionly.kpxe. May be repeated.
    #[arg(long, value_name = "DIR")]
    loaders: Vec<PathBuf>,
    /// Installing erases the node's disk, whatever is on it. Without this, only an empty disk is
    /// installed on.
    #[arg(long)]
    erase: bool,
    /// Leave the nodes' keys and passwords out; they do not report to each other then.
    #[arg(long)]
    no_secrets: bool,
    /// The static firstboot binary to install; by default the one next to imgbuild.
    #[arg(long, value_name = "FILE", env = "IMGBUILD_FIRSTBOOT")]
    firstboot: Option<PathBuf>,
    #[command(flatten)]
    state: StateArguments,
}

/// Nodes to arm or disarm.
#[derive(Args)]
pub struct ArmArguments {
    /// The nodes, or `all`.
    #[arg(required = true, value_name = "NODE|all")]
    nodes: Vec<String>,
    /// The tree that `imgbuild pxe` made.
    #[arg(long, value_name = "DIR", default_value = TREE)]
    pxe: PathBuf,
}

/// An address, with a port if it is not 80.
fn server(text: &str) -> Result<SocketAddrV4, Malformed> {
    let address: Result<Ipv4Addr, _> = text.parse();
    let server = address.map(|address| SocketAddrV4::new(address, 80)).or_else(|_| text.parse());
    server.map_err(|_| Malformed::from("not an address as 192.168.1.254 or 192.168.1.254:8080"))
}

pub fn run(a: PxeArguments) -> Result<()> {
    let mut progress = a.select.progress()?;
    let erase = a.erase
        || (confirm::is_possible()
            && confirm::agrees("May installing over the network erase the nodes' disks?")?);
    let built = pipeline::pxe(
        &PxeOptions {
            select: a.select.select()?,
            output: a.output,
            force: a.force,
            firstboot: a.firstboot,
            state: a.state.directory()?,
            erase,
            secrets: !a.no_secrets,
            server: a.server,
            loaders: a.loaders,
        },
        &mut progress,
    )?;
    print(&summary(&built))
}

/// What the tree does, and what to do with it.
fn summary(BuiltPxe { path, plan }: &BuiltPxe) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    for node in &plan.nodes {
        let name = &node.install.name;
        let _ = writeln!(text, "{name:<14} {}  {}", node.mac, node.address);
    }
    let (path, url) = (path.display(), plan.url());
    let _ = writeln!(
        text,
        "{path}: nodes find it at {url}, and start their local disks until they are armed"
    );
    if plan.secrets {
        let _ = writeln!(
            text,
            "  it holds keys and passwords of its nodes: http/n is yours alone, and what is sent from it is not encrypted"
        );
    }
    let _ = writeln!(
        text,
        "{}",
        match plan.erase {
            true => "installing ERASES the disk that install-disk of the profile chooses",
            false => "installing takes an empty disk only (--erase for others)",
        }
    );
    let _ = writeln!(
        text,
        "next: imgbuild serve --pxe {path} --interface INTERFACE --dhcp full --arm all\n\
         or other servers: tftp/ and http/ are their tops, with the medium at http/{tree} (mount -o loop,ro {medium} {path}/http/{tree}); dnsmasq.conf or dhcpd.conf for DHCP; imgbuild arm NODE",
        tree = plan.tree.path,
        medium = plan.tree.medium,
    );
    text
}

/// The next boot by the network installs these nodes.
pub fn arm(a: ArmArguments) -> Result<()> {
    set(&a, true)
}

/// These nodes start their local disks again.
pub fn disarm(a: ArmArguments) -> Result<()> {
    set(&a, false)
}

fn set(a: &ArmArguments, armed: bool) -> Result<()> {
    let tree = PxeTree::open(&a.pxe)?;
    let mut text = String::new();
    for node in tree.choose(&a.nodes)? {
        tree.set(node, armed)?;
        let state =
            if armed { "armed: its next boot by the network installs it" } else { "disarmed" };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{:<14} {state}", node.install.name);
    }
    print(&text)
}
