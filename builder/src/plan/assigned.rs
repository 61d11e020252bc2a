//! Which repository on the media is which of the lab file. Media that the user names need not have
//! the lab file's ids: an ISO file gives its repository its own name.

use crate::base::lab::{LabRepository, RepositorySource};
use crate::packages::repo::Repo;
use serde::{Deserialize, Serialize};

/// A repository of the lab, and where it was when the images were built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepositoryPlace {
    /// The lab file's id.
    pub id: String,
    /// Where nodes look for it.
    pub baseurl: String,
    /// Its medium: a directory or an ISO file, several if it is a set of discs, or a URL.
    pub media: Vec<String>,
    /// Its directory on the medium, empty for the medium's root.
    pub directory: String,
}

impl RepositoryPlace {
    /// The medium and the directory there, for messages.
    pub fn source(&self) -> String {
        let media = self.media.join(" + ");
        if self.directory.is_empty() { media } else { format!("{media}: {}", self.directory) }
    }
}

/// The repositories of the lab file that are among `repos`, each with the one that it is: first
/// the one of the same id; then the one in the directory that the lab file names, or whose medium
/// is called like the lab file's source. What is left at the roots of media is taken in order.
pub fn assign<'a>(
    lab: &'a [LabRepository],
    repos: &'a [Repo],
) -> Vec<(&'a LabRepository, &'a Repo)> {
    let mut taken = vec![false; repos.len()];
    let mut found: Vec<Option<&Repo>> = vec![None; lab.len()];
    for is_same in [has_same_id, has_same_directory, has_same_name, is_whole] {
        for (wanted, slot) in lab.iter().zip(&mut found).filter(|(_, slot)| slot.is_none()) {
            let fits = |(n, repo): &(usize, &Repo)| !taken[*n] && is_same(wanted, repo);
            if let Some((n, repo)) = repos.iter().enumerate().find(fits) {
                taken[n] = true;
                *slot = Some(repo);
            }
        }
    }
    lab.iter().zip(found).filter_map(|(wanted, repo)| Some((wanted, repo?))).collect()
}

fn has_same_id(wanted: &LabRepository, repo: &Repo) -> bool {
    wanted.id == repo.id
}

fn has_same_directory(wanted: &LabRepository, repo: &Repo) -> bool {
    wanted.directory.as_ref() == Some(&repo.directory)
}

fn has_same_name(wanted: &LabRepository, repo: &Repo) -> bool {
    let RepositorySource::Path(path) = &wanted.source else { return false };
    let name = repo.medium.name();
    let is_called = |part: Option<&std::ffi::OsStr>| part.is_some_and(|part| part == &*name);
    is_whole(wanted, repo) && (is_called(path.file_stem()) || is_called(path.file_name()))
}

fn is_whole(wanted: &LabRepository, repo: &Repo) -> bool {
    wanted.directory.is_none() && repo.directory.is_empty()
}

/// Where nodes look for a repository, if that is a server.
pub fn server_url(repository: &LabRepository) -> Option<&str> {
    repository.baseurl.as_deref().filter(|url| !url.starts_with("file:"))
}

/// Where the repositories are that nodes look for on a server.
pub fn places(lab: &[LabRepository], repos: &[Repo]) -> Vec<RepositoryPlace> {
    let place = |(wanted, repo): (&LabRepository, &Repo)| {
        Some(RepositoryPlace {
            id: wanted.id.clone(),
            baseurl: server_url(wanted)?.to_owned(),
            media: repo.medium.words(),
            directory: repo.directory.clone(),
        })
    };
    assign(lab, repos).into_iter().filter_map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packages::media;
    use std::fs;
    use std::path::Path;

    fn wanted(id: &str, source: &str, directory: Option<&str>) -> LabRepository {
        LabRepository {
            id: id.to_owned(),
            source: RepositorySource::parse(source, |path| path.into()),
            directory: directory.map(str::to_owned),
            baseurl: Some(format!("http://192.168.1.254/{id}/")),
            gpgkey: Vec::new(),
            gpgcheck: true,
            packages: None,
            required: true,
            priority: None,
            exclude: Vec::new(),
        }
    }

    /// Which of the reference lab's repositories are on media of these names and directories.
    fn assigned(media: &[(&str, &str, &str)]) -> Vec<String> {
        let lab = [
            wanted("centos", "https://vault.example/7/os/x86_64/", None),
            wanted("rhel7-extras", "../RHEL7-extras.iso", None),
            wanted("rpms", "../RHEL7OSP-10.iso", Some("osp-rpms")),
        ];
        let top = tempfile::tempdir().unwrap();
        let repos: Vec<Repo> = media
            .iter()
            .map(|(medium, id, directory)| {
                let path = top.path().join(medium);
                fs::create_dir_all(&path).unwrap();
                Repo::empty(id, &media::open(path.to_str().unwrap()).unwrap(), directory)
            })
            .collect();
        let own = |place: &RepositoryPlace| {
            let medium = Path::new(&place.media[0]).file_name().unwrap().to_string_lossy();
            format!("{}={medium}:{}", place.id, place.directory)
        };
        places(&lab, &repos).iter().map(own).collect()
    }

    #[test]
    fn media_of_any_names_are_the_labs() {
        let practice = [("os", "os", ""), ("extras", "extras", ""), ("osp10", "x", "osp-rpms")];
        assert_eq!(
            assigned(&practice),
            ["centos=os:", "rhel7-extras=extras:", "rpms=osp10:osp-rpms"]
        );
        // A name or an id counts more than the order.
        let named = [("RHEL7-extras", "RHEL7-extras", ""), ("dvd", "dvd", "")];
        assert_eq!(assigned(&named), ["centos=dvd:", "rhel7-extras=RHEL7-extras:"]);
        let own = [("a", "rpms", ""), ("b", "centos", "x"), ("c", "c", "")];
        assert_eq!(assigned(&own), ["centos=b:x", "rhel7-extras=c:", "rpms=a:"]);
        // What is below a medium's root is not a whole medium, and what is left belongs to none.
        assert_eq!(assigned(&[("a", "a", "x"), ("b", "b", "")]), ["centos=b:"]);
        let four = [("a", "a", ""), ("b", "b", ""), ("c", "c", "")];
        assert_eq!(assigned(&four), ["centos=a:", "rhel7-extras=b:"]);
    }
}
