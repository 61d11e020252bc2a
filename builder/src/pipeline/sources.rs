//! The media asked for → everything on them.

use super::kickstart_sources;
use super::options::Select;
use crate::base::error::{Error, Result};
use crate::base::lab::{LabRepository, RepositorySource};
use crate::base::progress::{Progress, Unit};
use crate::kickstart::Kickstart;
use crate::packages::media::practice_medium;
use crate::packages::media::{Access, Policy, Source, join};
use crate::packages::repo::{Catalog, Repo, derived_id};
use crate::plan::{self, RepositoryPlace};
use crate::spec::available_repositories;
use std::path::{Path, PathBuf};

/// Where packages are to come from when no media are given.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    /// The kickstart, for its `url` and `repo` lines.
    pub kickstart: &'a Kickstart,
    /// The lab's repositories.
    pub repositories: &'a [LabRepository],
}

/// The medium that an installer would have mounted: the first local one.
pub fn first_local(media: &[String], repositories: &[LabRepository]) -> Option<PathBuf> {
    let given = media.iter().map(PathBuf::from);
    let of_lab = repositories.iter().filter_map(|r| match &r.source {
        RepositorySource::Path(path) => Some(path.clone()),
        RepositorySource::Url(_) => None,
    });
    given.chain(of_lab.filter(|_| media.is_empty())).find(|path| path.exists())
}

/// Everything on the media asked for, and whether any of them is practice media.
///
/// # Errors
/// Input errors of media and repositories, a verification error when a checksum does not match.
pub fn catalog(
    access: &Access,
    select: &Select,
    wanted: Wanted<'_>,
    progress: &mut Progress,
    notes: &mut Vec<String>,
) -> Result<(Catalog, bool)> {
    let sources = match select.media[..] {
        [] => asked_for(wanted, access, notes)?,
        _ => media(&select.media, access, progress, notes)?,
    };
    let (mut catalog, practice) = read(&join(sources)?, notes)?;
    // What the lab file says of a repository holds wherever its packages come from.
    for repo in &mut catalog.repos {
        if let Some(repository) = wanted.repositories.iter().find(|r| r.id == repo.id) {
            repo.priority = repository.priority.unwrap_or(repo.priority);
            repo.exclude.extend(repository.exclude.iter().cloned());
        }
    }
    Ok((catalog, practice))
}

/// Where the lab's repositories are that nodes look for.
#[derive(Default)]
pub struct LabPlaces {
    /// Those that are on media.
    pub places: Vec<RepositoryPlace>,
    /// The others' ids, and why.
    pub missing: Vec<(String, Error)>,
}

/// Finds the lab's repositories on the media that `words` name, without any at the lab file's
/// sources. Repositories are not read, only looked for.
///
/// # Errors
/// Input errors of media that `words` name.
pub fn find_places(
    access: &Access,
    words: &[String],
    lab: &[LabRepository],
    progress: &mut Progress,
    notes: &mut Vec<String>,
) -> Result<LabPlaces> {
    let mut found = LabPlaces::default();
    let wanted = || lab.iter().filter(|repository| plan::server_url(repository).is_some());
    let mut sources = Vec::new();
    match words {
        [] => {
            for repository in wanted() {
                match one(repository, access, notes) {
                    Ok(source) => sources.push(source),
                    Err(why) => found.missing.push((repository.id.clone(), why)),
                }
            }
        }
        _ => sources = media(words, access, progress, notes)?,
    }
    found.places = plan::places(lab, &look_for_repositories(join(sources)?)?);
    for LabRepository { id, .. } in wanted() {
        let is_known = found.places.iter().any(|place| place.id == *id)
            || found.missing.iter().any(|(missing, _)| missing == id);
        if !is_known {
            found.missing.push((id.clone(), Error::input("none of the media has it")));
        }
    }
    Ok(found)
}

/// The repositories of all sources; nothing of them is read.
fn look_for_repositories(sources: Vec<Source>) -> Result<Vec<Repo>> {
    let mut repos = Vec::new();
    for Source { medium, id, directory, .. } in sources {
        let directories = match directory {
            Some(directory) => vec![directory],
            // A web server's repository is at the address that is given.
            None if medium.remote().is_some() => vec![String::new()],
            None => medium.repositories()?,
        };
        let id = id.filter(|_| directories.len() == 1);
        for directory in directories {
            let id = id.clone().unwrap_or_else(|| derived_id(medium.as_ref(), &directory));
            repos.push(Repo::empty(&id, &medium, &directory));
        }
    }
    Ok(repos)
}

/// Everything on the media that `words` stand for, and whether any of them is practice media.
///
/// # Errors
/// As [`catalog`].
pub fn on_media(
    access: &Access,
    words: &[String],
    progress: &mut Progress,
    notes: &mut Vec<String>,
) -> Result<(Catalog, bool)> {
    read(&join(media(words, access, progress, notes)?)?, notes)
}

/// Opens the media that `--media` names.
fn media(
    words: &[String],
    access: &Access,
    progress: &mut Progress,
    notes: &mut Vec<String>,
) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    for word in words {
        if word == "practice" {
            sources.extend(practice(access, progress)?);
        } else {
            sources.extend(access.open(word, notes)?);
        }
    }
    Ok(sources)
}

fn practice(access: &Access, progress: &mut Progress) -> Result<Vec<Source>> {
    let cache = &access.network.cache;
    let place = cache.root().join("practice");
    let made = match ::practice::made(&place) {
        Some(made) => made,
        None if access.network.offline => {
            return Err(Error::environment(format!(
                "there is no practice medium at {}, and --offline forbids to fetch the Debian packages that it is made from",
                place.display()
            ))
            .hint("run the command once without --offline"));
        }
        None => {
            let debs = cache.part("debs")?;
            let made = practice_medium::make(&place, &debs, progress)?;
            progress.stage("reading repositories", Unit::Steps);
            made
        }
    };
    cache.use_entry(&place)?;
    let open =
        |path: &Path| crate::packages::media::open(&path.to_string_lossy()).map(Source::plain);
    [&made.os, &made.extras, &made.osp10].into_iter().map(|p| open(p)).collect()
}

/// Opens what the kickstart installs from, or the lab file's repositories where it does not say.
fn asked_for(wanted: Wanted<'_>, access: &Access, notes: &mut Vec<String>) -> Result<Vec<Source>> {
    let mut sources = match wanted.kickstart.url {
        Some(_) => Vec::new(),
        None => lab(wanted.repositories, access, notes)?,
    };
    for line in kickstart_sources::lines(wanted.kickstart) {
        sources.push(kickstart_sources::open(line, access)?);
    }
    Ok(sources)
}

/// Opens the lab file's repositories.
fn lab(
    repositories: &[LabRepository],
    access: &Access,
    notes: &mut Vec<String>,
) -> Result<Vec<Source>> {
    let (repositories, left_out) = available_repositories(repositories)?;
    notes.extend(left_out);
    repositories.into_iter().map(|repository| one(repository, access, notes)).collect()
}

/// The one repository that the lab file means.
fn one(repository: &LabRepository, access: &Access, notes: &mut Vec<String>) -> Result<Source> {
    let word = repository.source.to_string();
    let mut sources = access.open(&word, notes)?;
    let mut source = match sources.iter().position(|s| s.id.as_ref() == Some(&repository.id)) {
        Some(index) => sources.swap_remove(index),
        None if sources.len() == 1 => sources.swap_remove(0),
        None => {
            let ids: Vec<&str> = sources.iter().filter_map(|s| s.id.as_deref()).collect();
            return Err(Error::input(format!(
                "repository {}: {word} has several repositories and none of this id",
                repository.id
            ))
            .hint(format!("use one of its ids in the lab file: {}", ids.join(", "))));
        }
    };
    source.id = Some(repository.id.clone());
    source.directory = repository.directory.clone().or(source.directory);
    Ok(source)
}

/// Reads the repositories of all sources.
fn read(sources: &[Source], notes: &mut Vec<String>) -> Result<(Catalog, bool)> {
    let mut catalog = Catalog::default();
    let mut practice = false;
    for source in sources {
        if let Some(id) = source.id.as_ref().filter(|id| catalog.repos.iter().any(|r| r.id == **id))
        {
            return Err(Error::input(format!(
                "{}: there is another repository with the id {id}",
                source.medium.location()
            ))
            .hint("give one of them another id, or leave one out"));
        }
        let before = catalog.repos.len();
        let added = match (&source.directory, &source.id) {
            (Some(directory), Some(id)) => {
                catalog.add_repository(&source.medium, directory, id.clone())
            }
            (_, id) => catalog.add(&source.medium, id.as_deref()),
        };
        match added {
            Err(e) if source.optional && !crate::base::interrupt::requested() => {
                let name = source.id.clone().unwrap_or_else(|| source.medium.location());
                notes.push(format!(
                    "repository {name} is left out (skip_if_unavailable): {}",
                    e.message
                ));
                continue;
            }
            Err(e) => {
                return Err(match &source.place {
                    Some(place) if !crate::base::interrupt::requested() => {
                        kickstart_sources::at(place, e)
                    }
                    _ => e,
                });
            }
            Ok(()) => (),
        }
        for repo in &mut catalog.repos[before..] {
            let Policy { signing, priority, exclude, include } = source.policy.clone();
            repo.signing = signing;
            repo.priority = priority.unwrap_or(repo.priority);
            (repo.exclude, repo.include) = (exclude, include);
        }
        // A practice medium declares itself as one.
        practice |= source
            .medium
            .read(".treeinfo", 1 << 20)
            .is_ok_and(|text| String::from_utf8_lossy(&text).contains("practice"));
    }
    notes.append(&mut catalog.notes);
    if catalog.repos.is_empty() {
        return Err(Error::input("no repository to build from: all were left out"));
    }
    Ok((catalog, practice))
}
