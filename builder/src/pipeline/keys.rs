//! Which keys a repository's packages have to be signed by, and where they are found: given on
//! the command line, named for the repository, or else on its medium.

use super::context::PackageSet;
use super::options::Select;
use crate::base::error::{Error, Result};
use crate::base::files::read_named;
use crate::base::lab::{GpgKey, LabRepository};
use crate::packages::media::Network;
use crate::packages::media::http::{Settings, is_url, page};
use crate::packages::repo::{Catalog, Repo};
use crate::packages::trust::{Key, Keyring};
use crate::plan;
use std::collections::BTreeMap;
use std::path::Path;

/// Larger key files are mistakes.
const MAX_BYTES: u64 = 4 << 20;

/// What a publisher's key files are called on a medium.
const PREFIX: &str = "RPM-GPG-KEY-";

/// How a repository's packages are checked.
pub struct Check {
    /// Its id.
    pub repo: String,
    /// The keys, or what switched the check off.
    pub keys: Result<Keyring, String>,
}

/// The checks of all repositories of a catalog, and what the user should know of them; `lab` are
/// the lab file's repositories.
///
/// # Errors
/// An input error for a key file that cannot be read, or a repository id that is none.
pub fn checks(
    select: &Select,
    set: PackageSet<'_>,
    lab: &[LabRepository],
) -> Result<(Vec<Check>, Vec<String>)> {
    let PackageSet { packages, catalog, access } = set;
    refuse_unknown(select, catalog)?;
    let mut given = Keyring::default();
    for path in &select.gpgkeys {
        add_file(&mut given, path)?;
    }
    let mut notes = Vec::new();
    let mut checks = Vec::new();
    // Keys that nobody named, and the repositories whose media have them.
    let mut found: Vec<(Key, String)> = Vec::new();
    for repo in &catalog.repos {
        let keys = match unchecked(select, lab, repo) {
            Some(why) => {
                notes.push(format!(
                    "warning: repository {}: package signatures are not checked ({why})",
                    repo.id
                ));
                Err(why)
            }
            None => {
                let (ring, on_medium) = keys(&given, &named(lab, repo), repo, &access.network)?;
                if packages.iter().any(|package| package.repo == repo.id) {
                    found.extend(on_medium.keys().map(|key| (key.clone(), repo.id.clone())));
                }
                Ok(ring)
            }
        };
        checks.push(Check { repo: repo.id.clone(), keys });
    }
    notes.extend(found_keys(&found));
    Ok((checks, notes))
}

/// A line for each key.
fn found_keys(found: &[(Key, String)]) -> Vec<String> {
    let mut lines: Vec<(&Key, Vec<&str>)> = Vec::new();
    for (key, repo) in found {
        match lines.iter_mut().find(|(known, _)| known.fingerprint == key.fingerprint) {
            Some((_, repos)) => repos.push(repo),
            None => lines.push((key, vec![repo])),
        }
    }
    let line = |(key, repos): (&Key, Vec<&str>)| {
        let (fingerprint, user, origin) = (&key.fingerprint, &key.user, &key.origin);
        let repos = repos.join(", ");
        format!("packages of {repos} may be signed by {fingerprint} ({user}), found as {origin}")
    };
    lines.into_iter().map(line).collect()
}

fn refuse_unknown(select: &Select, catalog: &Catalog) -> Result<()> {
    let known: Vec<&str> = catalog.repos.iter().map(|r| r.id.as_str()).collect();
    match select.no_gpgcheck.iter().find(|id| !known.contains(&id.as_str())) {
        None => Ok(()),
        Some(id) => Err(Error::input(format!("--no-gpgcheck {id}: there is no such repository"))
            .hint(format!("repositories at hand: {}", known.join(", ")))),
    }
}

/// What says that a repository's packages need not be signed.
fn unchecked(select: &Select, lab: &[LabRepository], repo: &Repo) -> Option<String> {
    if select.no_gpgcheck.contains(&repo.id) {
        return Some("--no-gpgcheck".to_owned());
    }
    match lab.iter().find(|r| r.id == repo.id) {
        Some(r) if !r.gpgcheck => Some("gpgcheck = false in the lab file".to_owned()),
        _ if repo.signing.packages == Some(false) => {
            Some("gpgcheck=0 in its .repo file".to_owned())
        }
        _ => None,
    }
}

/// The keys that the lab file or a `.repo` file names for the repository.
fn named(lab: &[LabRepository], repo: &Repo) -> Vec<GpgKey> {
    match lab.iter().find(|r| r.id == repo.id) {
        Some(r) if !r.gpgkey.is_empty() => r.gpgkey.clone(),
        _ => repo.signing.keys.iter().cloned().map(GpgKey::Url).collect(),
    }
}

/// The keys named for the repository, else those on its medium; with those given for all. And
/// those on its medium by themselves, where they are used.
fn keys(
    given: &Keyring,
    named: &[GpgKey],
    repo: &Repo,
    network: &Network,
) -> Result<(Keyring, Keyring)> {
    let mut ring = given.clone();
    for key in named {
        match key {
            GpgKey::Path(path) => add_file(&mut ring, path)?,
            GpgKey::Url(url) => add_url(&mut ring, url, repo, network)?,
        }
    }
    let found = if named.is_empty() { on_medium(repo)? } else { Keyring::default() };
    ring.extend(&found);
    Ok((ring, found))
}

fn add_file(ring: &mut Keyring, path: &Path) -> Result<()> {
    let name = path.display().to_string();
    let what = || format!("cannot read the key file {name}");
    ring.add(&name, &read_named(path, MAX_BYTES, what)?)
}

/// The keys that nodes would have to fetch, by the lab file's id of their repository.
///
/// # Errors
/// As [`checks`].
pub fn node_keys(
    lab: &[LabRepository],
    catalog: &Catalog,
    network: &Network,
) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut keys = BTreeMap::new();
    for (wanted, repo) in plan::assign(lab, &catalog.repos) {
        if wanted.baseurl.is_none() || !wanted.gpgcheck {
            continue;
        }
        for key in &wanted.gpgkey {
            if let GpgKey::Url(url) = key
                && is_url(url)
            {
                let (_, mut bytes) = read_url(url, repo, network)?;
                bytes.push(b'\n');
                keys.entry(wanted.id.clone()).or_insert_with(Vec::new).append(&mut bytes);
            }
        }
    }
    Ok(keys)
}

fn add_url(ring: &mut Keyring, url: &str, repo: &Repo, network: &Network) -> Result<()> {
    let (origin, bytes) = read_url(url, repo, network)?;
    ring.add(&origin, &bytes)
}

/// A key by yum's address, and where it was found: from the medium if a file of that name exists,
/// else fetched, else the file at that place on this machine.
fn read_url(url: &str, repo: &Repo, network: &Network) -> Result<(String, Vec<u8>)> {
    let name = url.rsplit('/').next().unwrap_or(url);
    for path in [repo.path(name), name.to_owned()] {
        if repo.medium.has(&path) {
            let bytes = repo.medium.read(&path, MAX_BYTES)?;
            return Ok((format!("{}: {path}", repo.medium.location()), bytes));
        }
    }
    if is_url(url) {
        return Ok((url.to_owned(), page(url, MAX_BYTES, Settings::default(), network)?));
    }
    if let Some(path) = url.strip_prefix("file://").filter(|path| Path::new(path).exists()) {
        let what = || format!("cannot read the key file {path}");
        return Ok((path.to_owned(), read_named(Path::new(path), MAX_BYTES, what)?));
    }
    Err(Error::input(format!(
        "repository {}: its key {url} is neither on {} ({name}) nor on this machine",
        repo.id,
        repo.medium.location()
    ))
    .hint(format!(
        "name the path of the key file in the lab file's `gpgkey`, or install without checking: \
         --no-gpgcheck {}",
        repo.id
    )))
}

/// The publisher's keys next to the repository and at the top of its medium.
fn on_medium(repo: &Repo) -> Result<Keyring> {
    let mut ring = Keyring::default();
    let mut directories = vec![repo.directory.as_str()];
    if !repo.directory.is_empty() {
        directories.push("");
    }
    for directory in directories {
        for name in repo.medium.files(directory)?.iter().filter(|n| n.starts_with(PREFIX)) {
            let path =
                if directory.is_empty() { name.clone() } else { format!("{directory}/{name}") };
            let bytes = repo.medium.read(&path, MAX_BYTES)?;
            ring.add(&format!("{}: {path}", repo.medium.location()), &bytes)?;
        }
    }
    Ok(ring)
}
