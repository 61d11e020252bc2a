//! The kickstart's `url` and `repo` → the repositories that they name.

use crate::base::error::{Context, Error, Result};
use crate::base::place::Place;
use crate::kickstart::{Kickstart, Repo};
use crate::packages::media::http::{ProxyChoice, Settings};
use crate::packages::media::repofile::Section;
use crate::packages::media::{Access, Policy, Signing, Source};

/// Where a kickstart has its packages from: `url`, then every `repo` that is on a web server.
pub fn lines(kickstart: &Kickstart) -> Vec<&Repo> {
    let repos = kickstart.repos.iter().filter(|repo| repo.is_remote());
    kickstart.url.iter().chain(repos).collect()
}

/// Opens the repository of one line.
///
/// # Errors
/// What is wrong with its address, or the error of fetching its list of mirrors, with its place.
pub fn open(repo: &Repo, access: &Access) -> Result<Source> {
    let section = section(repo, access).map_err(|e| at(&repo.place, e))?;
    let mut source = access.configured(&section).map_err(|e| at(&repo.place, e))?;
    if repo.name.is_empty() {
        source.id = None;
    }
    source.place = Some(repo.place.clone());
    Ok(source)
}

/// The error with the line that is to blame, and the way round it.
pub fn at(place: &Place, mut error: Error) -> Error {
    error.message = format!("{place}: {}", error.message);
    let way = "correct the address in the kickstart, or give --media";
    error.hint = Some(error.hint.map_or_else(|| way.to_owned(), |hint| format!("{hint}; {way}")));
    error
}

fn section(repo: &Repo, access: &Access) -> Result<Section> {
    let expand = |text: &String| access.variables.expand(text).or_input(|| shown_line(repo));
    let proxy = ProxyChoice::from_options(repo.proxy.as_deref(), None);
    let proxy = proxy.map_err(|why| Error::input(format!("--proxy: {why}")))?;
    Ok(Section {
        id: repo.name.clone(),
        line: repo.place.line,
        enabled: true,
        baseurls: repo.baseurl.iter().map(expand).collect::<Result<_>>()?,
        mirrorlist: repo.mirrorlist.as_ref().map(expand).transpose()?,
        metalink: None,
        optional: false,
        settings: Settings { proxy, verify: !repo.unverified, ..Settings::default() },
        policy: Policy {
            signing: Signing::default(),
            priority: None,
            exclude: repo.excluded.clone(),
            include: repo.included.clone(),
        },
    })
}

fn shown_line(repo: &Repo) -> String {
    if repo.name.is_empty() { "url".to_owned() } else { format!("repo {}", repo.name) }
}
