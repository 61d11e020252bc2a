//! The downloaded packages as one index: which RPM each becomes, in which
//! repository, and who provides the virtual ones.

use super::apt::Uri;
use super::deb::{self, Control};
use super::names::{self, Repository};
use super::version;
use crate::error::{Context, Result};
use crate::progress::Cancel;
use formats::rpmfile::Evr;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A downloaded Debian package.
#[derive(Clone, Debug)]
pub struct Source {
    /// The `.deb`.
    pub path: PathBuf,
    /// Its control stanza.
    pub control: Control,
}

/// An RPM to be created from one or more Debian packages.
#[derive(Clone, Debug)]
pub struct RpmTarget {
    /// The RPM's name.
    pub name: String,
    /// Where it goes.
    pub repository: Repository,
    /// The Debian packages, the one that gives the version first.
    pub sources: Vec<Source>,
}

/// Everything known of the whole set.
#[derive(Debug, Default)]
pub struct Index {
    /// RPMs by name.
    pub targets: BTreeMap<String, RpmTarget>,
    /// Each RPM's version, those created here included.
    pub versions: BTreeMap<String, Evr>,
    /// Debian package to RPM.
    rpm_of: BTreeMap<String, String>,
    /// Debian package to its version.
    debian: BTreeMap<String, String>,
    /// Virtual Debian package to the RPMs that provide it.
    virtuals: BTreeMap<String, Vec<String>>,
}

impl Index {
    /// The RPM that stands for a (possibly virtual) Debian package.
    pub fn rpm_for(&self, debian: &str) -> Option<&str> {
        let real = self.rpm_of.get(debian);
        real.or_else(|| self.virtuals.get(debian)?.first()).map(String::as_str)
    }

    /// The Debian version of a real package.
    pub fn debian_version(&self, debian: &str) -> Option<&str> {
        self.debian.get(debian).map(String::as_str)
    }

    /// Adds a package.
    fn add(&mut self, source: Source) {
        let debian = source.control.get("Package").to_string();
        let (name, _) = names::rpm_name(&debian);
        self.debian.insert(debian.clone(), source.control.get("Version").to_string());
        for provided in source.control.get("Provides").split(',') {
            let provided = provided.split(['(', ' ', ':']).find(|word| !word.is_empty());
            if let Some(provided) = provided {
                self.virtuals.entry(provided.to_string()).or_default().push(name.clone());
            }
        }
        self.rpm_of.insert(debian.clone(), name.clone());
        let target = self.targets.entry(name.clone()).or_insert_with(|| RpmTarget {
            name,
            repository: names::repository(&debian),
            sources: Vec::new(),
        });
        target.sources.push(source);
    }

    fn finish(&mut self) {
        for target in self.targets.values_mut() {
            target.sources.sort_by_key(|source| names::rpm_name(source.control.get("Package")).1);
            if let Some(first) = target.sources.first() {
                let version = version::of_debian(first.control.get("Version"));
                self.versions.insert(target.name.clone(), version);
            }
        }
    }
}

/// Drops from apt's closure what has no place on the medium.
pub fn wanted(closure: Vec<Uri>) -> Vec<Uri> {
    closure.into_iter().filter(|uri| !names::left_out(uri.package())).collect()
}

/// Reads every package's control stanza; those that only make boot media are
/// given apart, by name.
pub fn index(files: &[PathBuf], cancel: Cancel<'_>) -> Result<(Index, BTreeMap<String, Source>)> {
    let read = |path: &PathBuf| -> Result<Source> {
        cancel.check()?;
        Ok(Source { path: path.clone(), control: read_control(path)? })
    };
    let sources: Vec<Source> = files.par_iter().map(read).collect::<Result<_>>()?;
    let mut index = Index::default();
    let mut media = BTreeMap::new();
    for source in sources {
        let name = source.control.get("Package").to_string();
        if names::MEDIA_ONLY.contains(&name.as_str()) {
            media.insert(name, source);
        } else {
            index.add(source);
        }
    }
    index.finish();
    Ok((index, media))
}

fn read_control(path: &Path) -> Result<Control> {
    deb::control(path).or_build(|| format!("{} is not a Debian package", path.display()))
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// An index of packages given as control stanzas.
    pub fn index_of(stanzas: &[&str]) -> Index {
        let mut index = Index::default();
        for stanza in stanzas {
            let control = Control::parse(stanza);
            index.add(Source { path: PathBuf::new(), control });
        }
        index.finish();
        index
    }

    #[test]
    fn groups_and_names() {
        let index = index_of(&[
            "Package: mount\nVersion: 2.38.1-5\n",
            "Package: util-linux\nVersion: 2.38.1-5\nProvides: scriptreplay, eject (= 3)\n",
            "Package: chrony\nVersion: 4.3-2\n",
        ]);
        assert_eq!(index.rpm_for("mount"), Some("util-linux"));
        assert_eq!(index.rpm_for("eject"), Some("util-linux"));
        assert_eq!(index.rpm_for("none"), None);
        assert_eq!(index.targets["util-linux"].sources[0].control.get("Package"), "util-linux");
        assert_eq!(index.versions["chrony"].to_string(), "4.3-2.practice");
    }
}
