//! `imgbuild serve`.

use super::common::{Common, StateArguments, print, working_directory};
use super::pxe::TREE;
use super::serve_page::LabPage;
use crate::base::error::{Error, Result};
use crate::base::home;
use crate::base::interrupt;
use crate::base::terminal::printable;
use crate::lab::netboot::{BootEvent, BootProgress, BootServers, DhcpMode, LabInterface, PxeTree};
use crate::lab::serve::{self, ServedRepository, Server};
use crate::packages::cache::CacheDirectory;
use crate::packages::media::{Access, Network, Variables};
use crate::pipeline::{LabPlaces, find_places};
use crate::spec;
use clap::{ArgGroup, Args, ValueEnum};
use contract::time::rfc3339;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::net::{SocketAddr, SocketAddrV4, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

#[derive(Args)]
#[command(group(ArgGroup::new("served").args(["repositories", "pxe"]).required(true).multiple(true)))]
pub struct ServeArguments {
    /// Serve the lab's repositories over HTTP, at the addresses that the nodes have for them.
    #[arg(long)]
    repositories: bool,
    /// The lab file; by default profiles/lab.toml, or the one that is built in.
    #[arg(long, value_name = "FILE")]
    lab_file: Option<PathBuf>,
    /// A medium: ISO file, directory, http(s) URL, or `practice`. May be repeated. Without it, the lab
    /// file's sources.
    #[arg(short, long, value_name = "PATH|URL|practice")]
    media: Vec<String>,
    /// Address and port to listen at; by default those of the lab file's `baseurl`, and of the tree.
    /// May be repeated.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Vec<SocketAddr>,
    /// Install nodes over the network: serve the tree that `imgbuild pxe` made, by HTTP and TFTP.
    #[arg(long, value_name = "DIR", num_args = 0..=1, default_missing_value = TREE)]
    pxe: Option<PathBuf>,
    /// The interface that the lab's network is at.
    #[arg(long, value_name = "INTERFACE", requires = "pxe")]
    interface: Option<String>,
    /// Answer the nodes' DHCP requests: `full` gives them their addresses and says what they boot,
    /// `proxy` leaves addresses to another server, `off` leaves all to it.
    #[arg(long, value_enum, default_value = "off", requires_ifs = [("full", "interface"), ("proxy", "interface")])]
    dhcp: Dhcp,
    /// The next boot of these nodes by the network installs them, once.
    #[arg(long, value_name = "NODE,…|all", value_delimiter = ',', requires = "pxe")]
    arm: Vec<String>,
    /// Print what the nodes do as JSON, a line for each change.
    #[arg(short, long, requires = "pxe")]
    json: bool,
    /// Show what the nodes do on a page for a browser, until their firstboot reports that they are
    /// ready; by default at a free port of this machine's own address.
    #[arg(long, value_name = "ADDRESS:PORT", num_args = 0..=1, require_equals = true,
          default_missing_value = "127.0.0.1:0", requires = "pxe")]
    web: Option<SocketAddr>,
    #[command(flatten)]
    state: StateArguments,
    #[command(flatten)]
    common: Common,
}

/// Who answers the nodes' DHCP requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Dhcp {
    Off,
    Proxy,
    Full,
}

/// Serves until a signal ends it, which is not an error.
pub fn run(a: ServeArguments) -> Result<()> {
    let repositories = if a.repositories { open(&a)? } else { Vec::new() };
    let tree = a.pxe.as_deref().map(PxeTree::open).transpose()?;
    let page = match (&tree, a.web) {
        (Some(tree), Some(address)) => {
            Some(LabPage::start(address, &tree.plan, &a.state.directory()?)?)
        }
        _ => None,
    };
    let boot = tree.map(|tree| open_boot(&a, tree, page.as_ref())).transpose()?;
    let mut addresses: BTreeSet<SocketAddr> = a.listen.iter().copied().collect();
    if addresses.is_empty() {
        addresses.extend(repositories.iter().map(|r| SocketAddr::V4(r.base.server)));
        addresses.extend(boot.iter().map(|(_, server)| SocketAddr::V4(*server)));
    }
    let mut text = String::new();
    for ServedRepository { place, .. } in &repositories {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}: {} at {}", place.id, place.source(), place.baseurl);
    }
    let mut server = Server::new(repositories)?;
    if let Some((boot, _)) = &boot {
        server = server.with_trees(boot.trees()?).watched(Arc::new(boot.watcher()));
    }
    let listeners = addresses.into_iter().map(serve::bind).collect::<Result<Vec<TcpListener>>>()?;
    for address in listeners.iter().filter_map(|listener| listener.local_addr().ok()) {
        let _ = writeln!(text, "listening at {address}");
    }
    if let Some((_, server)) = &boot {
        let _ = writeln!(text, "TFTP at {}", server.ip());
    }
    if let (Some(interface), Dhcp::Proxy | Dhcp::Full) = (&a.interface, a.dhcp) {
        let mode = if a.dhcp == Dhcp::Full { "full" } else { "proxy" };
        let _ = writeln!(text, "DHCP ({mode}) on {interface}");
    }
    if let Some((boot, _)) = &boot {
        boot.arm(&a.arm)?;
    }
    if let Some(page) = &page {
        let _ = writeln!(text, "the lab's page: {}", page.url);
    }
    match a.json {
        // The lines of standard output are for a program.
        true => page.iter().for_each(|page| note(&format!("the lab's page: {}", page.url))),
        false => print(&text)?,
    }
    let http = || server.run(&listeners, &interrupt::requested);
    match boot {
        Some((boot, _)) => boot.run(&interrupt::requested, &warn, http),
        None => http(),
    }
    Ok(())
}

/// Listens for machines that boot by the network; gives the tree's HTTP address, too.
fn open_boot(
    a: &ServeArguments,
    tree: PxeTree,
    page: Option<&LabPage>,
) -> Result<(BootServers, SocketAddrV4)> {
    tree.choose(&a.arm)?;
    let (server, prefix) = (tree.plan.server, tree.plan.segment.prefix);
    let find = |name: &String| LabInterface::find(name, *server.ip(), prefix);
    let interface = a.interface.as_ref().map(find).transpose()?;
    let mode = match a.dhcp {
        Dhcp::Off => None,
        Dhcp::Proxy => Some(DhcpMode::Proxy),
        Dhcp::Full => Some(DhcpMode::Full),
    };
    let dhcp = mode.zip(interface.as_ref());
    let mtu = interface.as_ref().map(|interface| interface.mtu);
    let json = a.json;
    let view = page.map(|page| Arc::clone(&page.view));
    let progress = BootProgress::new(move |event| {
        if let Some(view) = &view {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            view.note(event, rfc3339(now));
        }
        let line = match json {
            // There is nothing in it that JSON cannot hold.
            true => serde_json::to_string(event).unwrap_or_default(),
            false => {
                let BootEvent { node, state, detail } = event;
                format!("{node:<14} {:<10} {detail}", state.as_str())
            }
        };
        // Nobody may be reading.
        let _ = print(&format!("{line}\n"));
    });
    Ok((BootServers::listen(tree, dhcp, mtu, progress, warn)?, server))
}

fn warn(what: &str) {
    note(&format!("warning: {}", printable(what)));
}

fn note(what: &str) {
    // A message that cannot be written holds nothing up.
    let _ = writeln!(io::stderr(), "{what}");
}

/// Opens the lab's repositories; those that cannot be served are noted.
fn open(a: &ServeArguments) -> Result<Vec<ServedRepository>> {
    let directory = working_directory()?;
    let home = home::own();
    let lab = spec::load_repositories(&spec::Request {
        lab: a.lab_file.as_deref(),
        config: &home::configurations(),
        home: home.as_deref(),
        ..spec::Request::new("", &directory)
    })?;
    let cache = Arc::new(CacheDirectory::new(a.common.cache()?));
    let network = Network { cache, offline: false };
    let access = Access { network, variables: Variables::default() };
    let (mut progress, mut notes) = (a.common.messages.progress()?, Vec::new());
    let LabPlaces { places, mut missing } =
        find_places(&access, &a.media, &lab, &mut progress, &mut notes)?;
    let mut served = Vec::new();
    for place in places {
        match serve::open(&place, &access.network) {
            Ok(repository) => served.push(repository),
            Err(why) => missing.push((place.id, why)),
        }
    }
    progress.finish();
    notes.extend(missing.iter().map(|(id, why)| serve::not_served(id, why)));
    notes.iter().for_each(|note| progress.note(note));
    if served.is_empty() {
        return Err(Error::input("no repository can be served").hint(
            "give the lab's media: --media ISO or directory; the lab file says by `baseurl` where nodes look for a repository",
        ));
    }
    Ok(served)
}
