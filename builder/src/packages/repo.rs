//! Repositories and the catalog of everything on the media.

pub mod comps;
pub mod database;
pub mod package_file;
pub mod primary;
mod relation;
pub mod repomd;
mod sqlite;
pub mod unpack;

use crate::base::error::{Class, Error, Result};
use crate::base::interrupt;
use crate::base::malformed::Malformed;
use crate::packages::checksum::Known;
use crate::packages::media::{Medium, Signing, is_absolute, on_disc, path_on_disc, shown};
use comps::{CompsGroup, Environment};
use primary::Package;
use repomd::{Data, MAX_METADATA, MAX_REPOMD};
use sha2::{Digest, Sha256};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use unpack::{MAX_DATABASE, Unpacked};

/// The priority of a repository that has none of its own.
pub const PRIORITY: u32 = 99;

/// A yum repository on a medium.
#[derive(Clone)]
pub struct Repo {
    /// Its id, unique in the catalog.
    pub id: String,
    /// Where it is.
    pub medium: Arc<dyn Medium>,
    /// Its directory on the medium, empty for the medium's root.
    pub directory: String,
    /// How many packages it holds.
    pub packages: u64,
    /// SHA-256 of its repomd.xml, lower-case hexadecimal.
    pub repomd_sha256: String,
    /// Packages of a repository with a higher number are not used where one with a lower
    /// number has a package of the same name, as yum's plugin `priorities` does it.
    pub priority: u32,
    /// Packages that are not used, as yum's `exclude`: names or globs.
    pub exclude: Vec<String>,
    /// If there are any, packages that alone are used, as yum's `includepkgs`.
    pub include: Vec<String>,
    /// What its configuration says about signatures.
    pub signing: Signing,
    /// Where filelists.xml is, with its checksum, read only when it is needed.
    filelists: Option<Data>,
}

impl Repo {
    /// A repository of which nothing has been read.
    pub(crate) fn empty(id: &str, medium: &Arc<dyn Medium>, directory: &str) -> Self {
        Self {
            id: id.to_owned(),
            medium: medium.clone(),
            directory: directory.to_owned(),
            packages: 0,
            repomd_sha256: String::new(),
            priority: PRIORITY,
            exclude: Vec::new(),
            include: Vec::new(),
            signing: Signing::default(),
            filelists: None,
        }
    }

    /// The path on the medium of something in the repository, or its URL elsewhere.
    pub fn path(&self, inside: &str) -> String {
        if self.directory.is_empty() || is_absolute(inside) {
            return inside.to_owned();
        }
        match on_disc(inside) {
            (Some(number), inside) => path_on_disc(number, &format!("{}/{inside}", self.directory)),
            (None, inside) => format!("{}/{inside}", self.directory),
        }
    }

    /// For messages: the medium and the directory.
    pub fn place(&self) -> String {
        format!(
            "{}{}{}",
            self.medium.location(),
            if self.directory.is_empty() { "" } else { ": " },
            self.directory
        )
    }
}

/// All packages, groups and environments of all repositories.
#[derive(Clone, Default)]
pub struct Catalog {
    /// Repositories in the order given; earlier ones win where packages are equal.
    pub repos: Vec<Repo>,
    /// Packages of all repositories.
    pub packages: Vec<Package>,
    /// Groups; those of one id are merged.
    pub groups: Vec<CompsGroup>,
    /// Environments; those of one id are merged.
    pub environments: Vec<Environment>,
    /// What repositories have that is not used here.
    pub notes: Vec<String>,
}

impl Catalog {
    /// Adds every repository that a medium holds; `prefer_id` names it where the medium has one only.
    ///
    /// # Errors
    /// An input error when there is none or one is damaged, a verification error when a checksum
    /// does not match.
    pub fn add(&mut self, medium: &Arc<dyn Medium>, prefer_id: Option<&str>) -> Result<()> {
        let directories = medium.repositories()?;
        if directories.is_empty() {
            return Err(Error::input(format!(
                "{} has no yum repository: no repodata/repomd.xml in its root or up to two \
                 directories below",
                medium.location()
            ))
            .hint(
                "give a directory, ISO or URL that holds `repodata`; createrepo creates one for a \
                 directory of RPMs",
            ));
        }
        for directory in &directories {
            let id = match prefer_id {
                Some(id) if directories.len() == 1 => id.to_owned(),
                _ => self.id_for(medium.as_ref(), directory),
            };
            self.add_repository(medium, directory, id)?;
        }
        Ok(())
    }

    /// Adds the repository in one directory of a medium.
    ///
    /// # Errors
    /// As [`Catalog::add`].
    pub fn add_repository(
        &mut self,
        medium: &Arc<dyn Medium>,
        directory: &str,
        id: String,
    ) -> Result<()> {
        interrupt::check()?;
        let mut repo = Repo::empty(&id, medium, directory);
        let repomd = medium.read(&repo.path("repodata/repomd.xml"), MAX_REPOMD)?;
        repo.repomd_sha256 = hex::encode(Sha256::digest(&repomd));
        let named = repo.parsed("repodata/repomd.xml", repomd::parse(&repomd))?;
        let primary = repomd::first(&named, &["primary", "primary_db"]).ok_or_else(|| {
            Error::input(format!("{}: repodata/repomd.xml names no primary.xml", repo.place()))
                .hint("the medium may be damaged or incomplete")
        })?;
        let bytes = repo.fetch(primary)?;
        let index = self.repos.len();
        let packages = match primary.kind.as_str() {
            "primary" => {
                Unpacked::new(primary, &bytes, u64::MAX).and_then(|from| primary::read(from, index))
            }
            _ => Unpacked::new(primary, &bytes, MAX_DATABASE)
                .and_then(Unpacked::whole)
                .and_then(|bytes| database::packages(bytes, index)),
        };
        let packages = repo.parsed(&primary.location, packages)?;
        if medium.remote().is_none()
            && let Some(package) = packages.iter().find(|p| is_absolute(&p.location))
        {
            let (nevra, url) = (package.nevra(), shown(&package.location));
            let message = format!("{}: the package {nevra} is not on this medium", repo.place());
            let hint = "give the web server's repository as --media";
            return Err(Error::input(format!("{message} but at {url} (xml:base)")).hint(hint));
        }
        for data in repomd::groups(&named) {
            let bytes = repo.fetch(data)?;
            let parsed = Unpacked::new(data, &bytes, u64::MAX).and_then(comps::read);
            let (groups, environments) = repo.parsed(&data.location, parsed)?;
            self.merge(groups, environments);
        }
        let unused = repomd::unused(&named);
        if !unused.is_empty() {
            self.notes.push(format!("{}: metadata not used: {}", repo.id, unused.join(", ")));
        }
        repo.packages = packages.len() as u64;
        repo.filelists = repomd::first(&named, &["filelists", "filelists_db"]).cloned();
        self.repos.push(repo);
        self.packages.extend(packages);
        Ok(())
    }

    fn merge(&mut self, groups: Vec<CompsGroup>, environments: Vec<Environment>) {
        for group in groups {
            match self.groups.iter_mut().find(|g| g.id == group.id) {
                Some(there) => there.merge(group),
                None => self.groups.push(group),
            }
        }
        for environment in environments {
            match self.environments.iter_mut().find(|e| e.id == environment.id) {
                Some(there) => there.merge(environment),
                None => self.environments.push(environment),
            }
        }
    }

    /// [`derived_id`], made unique by a number.
    fn id_for(&self, medium: &dyn Medium, directory: &str) -> String {
        let name = derived_id(medium, directory);
        let taken: BTreeSet<&str> = self.repos.iter().map(|r| r.id.as_str()).collect();
        let numbered = (2..).map(|n| format!("{name}-{n}"));
        std::iter::once(name.clone())
            .chain(numbered)
            .find(|id| !taken.contains(id.as_str()))
            .unwrap_or(name)
    }

    /// Owners of files that primary metadata does not list. A repository whose list is missing
    /// is passed over and named.
    ///
    /// # Errors
    /// As [`Catalog::add`].
    pub fn file_owners(&self, wanted: &dyn Fn(&str) -> bool) -> Result<Owners> {
        let mut found = Owners::default();
        for (index, repo) in self.repos.iter().enumerate() {
            let Some(data) = &repo.filelists else { continue };
            let bytes = match repo.read(data) {
                Ok(bytes) => bytes,
                Err(e) if e.class == Class::Input => {
                    found.unread.push(e.message);
                    continue;
                }
                Err(e) => return Err(e),
            };
            let by_checksum: HashMap<&str, usize> = self
                .packages
                .iter()
                .enumerate()
                .filter(|(_, p)| p.repo == index)
                .map(|(n, p)| (p.checksum.hex(), n))
                .collect();
            repomd::verify(data, &repo.place(), &bytes)?;
            let owners = match data.kind.as_str() {
                "filelists" => Unpacked::new(data, &bytes, u64::MAX)
                    .and_then(|from| primary::owners(from, wanted)),
                _ => Unpacked::new(data, &bytes, MAX_DATABASE)
                    .and_then(Unpacked::whole)
                    .and_then(|bytes| database::owners(bytes, wanted)),
            };
            let owners = repo.parsed(&data.location, owners)?;
            for (path, checksums) in owners {
                let known = found.files.entry(path).or_default();
                known.extend(checksums.iter().filter_map(|c| by_checksum.get(c.as_str()).copied()));
                // Some lists name a path twice.
                known.dedup();
            }
        }
        Ok(found)
    }
}

/// The id of a repository that nothing names: from its directory's name or the medium's.
pub fn derived_id(medium: &dyn Medium, directory: &str) -> String {
    let name = match directory.rsplit('/').next() {
        Some(last) if !last.is_empty() => last.to_owned(),
        _ => medium.name(),
    };
    let legal = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
    name.chars().map(|c| if legal(c) { c } else { '-' }).collect()
}

/// What the file lists say of some files.
#[derive(Debug, Default)]
pub struct Owners {
    /// Path to package indices.
    pub files: HashMap<String, Vec<usize>>,
    /// Why the lists of some repositories could not be read.
    pub unread: Vec<String>,
}

impl Repo {
    /// A metadata file as it is on the medium, checked.
    fn fetch(&self, data: &Data) -> Result<Vec<u8>> {
        let bytes = self.read(data)?;
        repomd::verify(data, &self.place(), &bytes)?;
        Ok(bytes)
    }

    fn read(&self, data: &Data) -> Result<Vec<u8>> {
        interrupt::check()?;
        let checksum = data.checksum(&self.place())?.clone();
        let known = Known { checksum, size: MAX_METADATA };
        self.medium.read_known(&self.path(&data.location), &known)
    }

    /// What was read of a metadata file, or the error with its place.
    fn parsed<T>(&self, location: &str, result: Result<T, Malformed>) -> Result<T> {
        result.map_err(|e| {
            Error::input(format!("{}: {location}: {e}", self.place()))
                .hint("the medium may be damaged or incomplete")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPOMD: &str = r#"<repomd><data type="primary"><checksum type="sha256">SUM</checksum>
        <location href="repodata/primary.xml"/></data></repomd>"#;

    fn load(primary: &str, sum: &str) -> Result<Catalog> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("repodata")).unwrap();
        std::fs::write(dir.path().join("repodata/primary.xml"), primary).unwrap();
        std::fs::write(dir.path().join("repodata/repomd.xml"), REPOMD.replace("SUM", sum)).unwrap();
        let medium = crate::packages::media::open(dir.path().to_str().unwrap())?;
        let mut catalog = Catalog::default();
        catalog.add(&medium, Some("r"))?;
        Ok(catalog)
    }

    #[test]
    fn damage_is_named() {
        let good = "<metadata></metadata>";
        let sum = hex::encode(Sha256::digest(good));
        assert_eq!(load(good, &sum).unwrap().repos[0].id, "r");
        let error = load("<metadata> </metadata>", &sum).err().unwrap();
        assert_eq!(error.class, Class::Verification);
        assert!(error.message.contains("primary.xml does not match repomd.xml"), "{error}");
        let cut = "<metadata><package>";
        let error = load(cut, &hex::encode(Sha256::digest(cut))).err().unwrap();
        assert_eq!(error.class, Class::Input);
        assert!(error.message.contains("at byte"), "{error}");
    }

    #[test]
    fn a_directory_without_repodata_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let medium = crate::packages::media::open(dir.path().to_str().unwrap()).unwrap();
        let error = Catalog::default().add(&medium, None).unwrap_err();
        assert!(error.message.contains("has no yum repository"), "{error}");
    }
}
