//! A repository that is served.

use super::address::BaseUrl;
use super::fetched::FetchedRepository;
use super::served_tree::ServedTree;
use crate::base::error::{Error, Result};
use crate::packages::media::http::is_url;
use crate::packages::media::{self, Medium, Network, Source};
use crate::plan::RepositoryPlace;
use std::sync::Arc;

/// What makes a directory a repository.
const INDEX: &str = "repodata/repomd.xml";

/// A repository whose medium is open.
pub struct ServedRepository {
    /// Where it is and for whom.
    pub place: RepositoryPlace,
    /// Its address.
    pub base: BaseUrl,
    /// Its directory on the medium, at the address's path.
    pub tree: ServedTree,
}

/// Opens the medium of a repository. One of a web server is fetched by `network` as nodes ask for it.
///
/// # Errors
/// An input error when nodes look for it elsewhere, its medium is gone, or has no repository there;
/// an environment error when a web server does not answer.
pub fn open(place: &RepositoryPlace, network: &Network) -> Result<ServedRepository> {
    let base = BaseUrl::parse(&place.baseurl)
        .map_err(|why| Error::input(format!("nodes look for it at {}: {why}", place.baseurl)))?;
    let (path, directory) = (base.path.clone(), place.directory.clone());
    let tree = match place.media.iter().find(|word| is_url(word)) {
        Some(url) => {
            let medium = Arc::new(FetchedRepository::open(url, &directory, network)?);
            ServedTree { path, medium, directory: String::new() }
        }
        None => ServedTree { path, medium: open_medium(&place.media)?, directory },
    };
    // Only a repository is given away, whatever a manifest names.
    match tree.stored(&[INDEX.to_owned()]) {
        Ok(Some(_)) => Ok(ServedRepository { place: place.clone(), base, tree }),
        Ok(None) => Err(Error::input(format!("{} has no {INDEX}", place.source()))),
        Err(e) => Err(Error::input(format!("{}: cannot read {INDEX}: {e}", place.source()))),
    }
}

/// What the user should know of a repository that nodes will look for in vain.
pub fn not_served(id: &str, why: &Error) -> String {
    format!("warning: repository {id} is not served: {}", why.to_string().replace("\n  ", "; "))
}

fn open_medium(words: &[String]) -> Result<Arc<dyn Medium>> {
    let sources = words.iter().map(|word| Ok(Source::plain(media::open(word)?)));
    let mut sources = media::join(sources.collect::<Result<_>>()?)?;
    match (sources.pop(), sources.is_empty()) {
        (Some(source), true) => Ok(source.medium),
        _ => Err(Error::input(format!("{} are not discs of one set", words.join(" + ")))),
    }
}
