//! The lab's repositories, served on its network by a process of their own, from the media that the
//! images were built from.

use super::handle::Network;
use super::images::Machine;
use super::network::{self, RepositorySetup};
use super::options::Up;
use super::repository_server::RepositoryServer;
use super::state::Held;
use super::{daemon, images};
use crate::base::error::{Context, Error, Result};
use crate::base::programs;
use crate::base::progress::Progress;
use crate::lab::serve::{self, BaseUrl, not_served};
use crate::packages::cache::CacheDirectory;
use crate::packages::media;
use crate::plan::RepositoryPlace;
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;

/// The server's log in the directory of the lab's state.
pub const LOG: &str = "repositories.log";

/// The addresses at which nodes look for repositories.
pub fn addresses(places: &[RepositoryPlace]) -> impl Iterator<Item = Ipv4Addr> {
    places.iter().filter_map(|place| Some(*BaseUrl::parse(&place.baseurl).ok()?.server.ip()))
}

/// Sees that the repositories of `images` are served as far as their media are there; what is
/// missing is noted, as the lab comes up without it.
///
/// # Errors
/// When the lab's state cannot be written, or its network's is not known.
pub fn keep_served(
    options: &Up,
    held: &mut Held,
    images: &images::Images,
    progress: &Progress,
) -> Result<()> {
    let cache = Arc::new(CacheDirectory::new(&options.cache));
    let (places, problems) = choose(images, &media::Network { cache, offline: false });
    problems.iter().for_each(|problem| progress.note(problem));
    if let Some(server) = held.state.repositories.take() {
        if server.process.alive() && server.places == places {
            held.state.repositories = Some(server);
            return Ok(());
        }
        server.stop();
    }
    if let (Some(network), false) = (held.state.network_up()?, places.is_empty()) {
        match start(options, network, &places, held) {
            Ok(server) => {
                let ids: Vec<&str> = places.iter().map(|place| place.id.as_str()).collect();
                progress.note(&format!("repositories are served to the nodes: {}", ids.join(", ")));
                held.state.repositories = Some(server);
            }
            Err(why) => progress.note(&format!(
                "warning: the nodes' repositories are not served: {}; `imgbuild serve --repositories` as root on this machine serves them",
                why.message
            )),
        }
    }
    held.save()
}

/// Of each repository the first place where it can be had, and what is wrong with the others.
fn choose(
    images: &images::Images,
    network: &media::Network,
) -> (Vec<RepositoryPlace>, Vec<String>) {
    let nodes: Vec<Ipv4Addr> = images.machines.iter().map(|machine| machine.address).collect();
    let mut places: Vec<RepositoryPlace> = Vec::new();
    let mut problems: Vec<(&RepositoryPlace, Error)> = Vec::new();
    for place in &images.repositories {
        let is_same = |other: &RepositoryPlace| {
            other.id == place.id && BaseUrl::parse(&other.baseurl) == BaseUrl::parse(&place.baseurl)
        };
        if places.iter().any(is_same) {
            continue;
        }
        match check(place, images, &nodes, network) {
            Ok(()) => {
                problems.retain(|(other, _)| !is_same(other));
                places.push(place.clone());
            }
            Err(_) if problems.iter().any(|(other, _)| is_same(other)) => {}
            Err(why) => problems.push((place, why)),
        }
    }
    let problems = problems.iter().map(|(place, why)| not_served(&place.id, why)).collect();
    (places, problems)
}

/// That a repository is there, and that its nodes look for it at an address of the lab's servers.
fn check(
    place: &RepositoryPlace,
    images: &images::Images,
    nodes: &[Ipv4Addr],
    network: &media::Network,
) -> Result<()> {
    let address = *serve::open(place, network)?.base.server.ip();
    if network::servers(&images.lab, nodes, [address]).contains(&address) {
        return Ok(());
    }
    let url = &place.baseurl;
    Err(Error::input(format!(
        "nodes look for it at {url}, which is not a server of the lab's network"
    )))
}

fn start(
    options: &Up,
    network: &Network,
    places: &[RepositoryPlace],
    held: &Held,
) -> Result<RepositoryServer> {
    let listen: BTreeSet<SocketAddrV4> = places
        .iter()
        .filter_map(|place| Some(BaseUrl::parse(&place.baseurl).ok()?.server))
        .collect();
    let what = || "cannot serve repositories".to_owned();
    let setup = RepositorySetup {
        listen: listen.into_iter().collect(),
        // libvirt's network is one of this machine's own.
        keeper: network.keeper().cloned(),
        places: places.to_vec(),
        cache: std::path::absolute(&options.cache).or_environment(what)?,
    };
    let mut command = programs::this_program();
    command.args([network::ARGUMENT, "serve"]);
    let process = daemon::start(command, &setup, &held.directory.path().join(LOG))?;
    Ok(RepositoryServer { process, places: places.to_vec() })
}

/// The addresses of the lab's servers on its network.
pub fn servers(images: &images::Images) -> Vec<Ipv4Addr> {
    let nodes: Vec<Ipv4Addr> = images.machines.iter().map(|m: &Machine| m.address).collect();
    let time = images.lab.ntp.iter().filter_map(contract::spec::TimeServer::address);
    network::servers(&images.lab, &nodes, time.chain(addresses(&images.repositories)))
}
