//! `imgbuild serve`.

use super::common::{Common, print, working_directory};
use crate::base::error::{Error, Result};
use crate::base::home;
use crate::base::interrupt;
use crate::lab::serve::{self, ServedRepository, Server};
use crate::packages::cache::CacheDirectory;
use crate::packages::media::{Access, Network, Variables};
use crate::pipeline::{LabPlaces, find_places};
use crate::spec;
use clap::Args;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;

#[derive(Args)]
pub struct ServeArguments {
    /// Serve the lab's repositories over HTTP, at the addresses that the nodes have for them.
    #[arg(long, required = true)]
    repositories: bool,
    /// The lab file; by default profiles/lab.toml, or the one that is built in.
    #[arg(long, value_name = "FILE")]
    lab_file: Option<PathBuf>,
    /// A medium: ISO file, directory, or `practice`. May be repeated. Without it, the lab file's
    /// sources.
    #[arg(short, long, value_name = "PATH|practice")]
    media: Vec<String>,
    /// Address and port to listen at; by default those of the lab file's `baseurl`. May be repeated.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Vec<SocketAddr>,
    #[command(flatten)]
    common: Common,
}

/// Serves until a signal ends it, which is not an error.
pub fn run(a: ServeArguments) -> Result<()> {
    let repositories = open(&a)?;
    let mut addresses: BTreeSet<SocketAddr> = a.listen.iter().copied().collect();
    if addresses.is_empty() {
        addresses.extend(repositories.iter().map(|r| SocketAddr::V4(r.base.server)));
    }
    let mut text = String::new();
    for ServedRepository { place, .. } in &repositories {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}: {} at {}", place.id, place.source(), place.baseurl);
    }
    let server = Server::new(repositories)?;
    let listeners = addresses.into_iter().map(serve::bind).collect::<Result<Vec<TcpListener>>>()?;
    for address in listeners.iter().filter_map(|listener| listener.local_addr().ok()) {
        let _ = writeln!(text, "listening at {address}");
    }
    print(&text)?;
    server.run(&listeners, &interrupt::requested);
    Ok(())
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
        match serve::open(&place) {
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
