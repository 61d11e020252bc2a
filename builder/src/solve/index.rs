//! Who provides what.

use super::Id;
use crate::error::Result;
use crate::repo::Catalog;
use crate::repo::primary::Relation;
use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};

/// Architectures that run on x86_64, best first.
const ARCHITECTURES: [&str; 6] = ["x86_64", "noarch", "i686", "i586", "i486", "i386"];

pub struct Index<'a> {
    pub catalog: &'a Catalog,
    /// Usable packages by name, best version first.
    pub by_name: HashMap<&'a str, Vec<Id>>,
    by_capability: HashMap<&'a str, Vec<(Id, &'a Relation)>>,
    by_file: HashMap<&'a str, Vec<Id>>,
    /// Answers of filelists.xml, read when the first file is asked for that primary lacks.
    by_other_file: Option<HashMap<String, Vec<Id>>>,
    /// Packages that a better one of another name replaces.
    obsoleted: HashMap<Id, Id>,
    usable: Vec<bool>,
}

/// How far an architecture is from the machine's.
pub fn distance(arch: &str) -> usize {
    ARCHITECTURES.iter().position(|a| *a == arch).unwrap_or(ARCHITECTURES.len())
}

impl<'a> Index<'a> {
    pub fn new(catalog: &'a Catalog, exclude: &[String]) -> Self {
        let usable = |id: Id| {
            let p = &catalog.packages[id];
            distance(&p.arch) < ARCHITECTURES.len() && !exclude.contains(&p.name)
        };
        let usable: Vec<bool> = (0..catalog.packages.len()).map(usable).collect();
        let mut this = Self {
            catalog,
            by_name: HashMap::new(),
            by_capability: HashMap::new(),
            by_file: HashMap::new(),
            by_other_file: None,
            obsoleted: HashMap::new(),
            usable,
        };
        for (id, package) in catalog.packages.iter().enumerate().filter(|(id, _)| this.usable[*id])
        {
            this.by_name.entry(&package.name).or_default().push(id);
            for relation in &package.provides {
                this.by_capability.entry(&relation.name).or_default().push((id, relation));
            }
            for file in &package.files {
                this.by_file.entry(file).or_default().push(id);
            }
        }
        for ids in this.by_name.values_mut() {
            ids.sort_by(|&a, &b| better(catalog, a, b));
        }
        this.find_obsoleted();
        this
    }

    /// Only the newest package of a name can replace another one, as with yum.
    fn find_obsoleted(&mut self) {
        let mut newest: Vec<Id> = self.by_name.values().map(|ids| ids[0]).collect();
        newest.sort_unstable();
        for id in newest {
            let package = &self.catalog.packages[id];
            for obsolete in &package.obsoletes {
                for &old in self.by_name.get(obsolete.name.as_str()).into_iter().flatten() {
                    let p = &self.catalog.packages[old];
                    let own = Relation {
                        name: p.name.clone(),
                        version: Some((crate::repo::primary::Compare::Equal, p.evr.clone())),
                    };
                    if p.name != package.name && obsolete.met_by(&own) {
                        self.obsoleted.entry(old).or_insert(id);
                    }
                }
            }
        }
    }

    /// The package that is to be installed in place of `id`.
    pub fn replacement(&self, id: Id) -> Id {
        let mut at = id;
        let mut seen = BTreeSet::from([id]);
        while let Some(&next) = self.obsoleted.get(&at) {
            if !seen.insert(next) {
                return at;
            }
            at = next;
        }
        at
    }

    /// Whether a better package of another name replaces this one.
    pub fn is_obsoleted(&self, id: Id) -> bool {
        self.obsoleted.contains_key(&id)
    }

    /// Packages that meet a requirement, the newest of each name and architecture only.
    pub fn providers(&mut self, requirement: &Relation) -> Result<Vec<Id>> {
        let mut ids: Vec<Id> = self
            .by_capability
            .get(requirement.name.as_str())
            .into_iter()
            .flatten()
            .filter(|(_, relation)| requirement.met_by(relation))
            .map(|(id, _)| *id)
            .collect();
        if requirement.name.starts_with('/') {
            ids.extend(self.by_file.get(requirement.name.as_str()).into_iter().flatten());
            if ids.is_empty() {
                ids.extend(self.other_file(&requirement.name)?);
            }
        }
        ids.sort_by(|&a, &b| better(self.catalog, a, b).then(a.cmp(&b)));
        let mut seen = BTreeSet::new();
        ids.retain(|&id| {
            let p = &self.catalog.packages[id];
            seen.insert((p.name.as_str(), p.arch.as_str()))
        });
        Ok(ids)
    }

    fn other_file(&mut self, path: &str) -> Result<Vec<Id>> {
        if self.by_other_file.is_none() {
            // One pass over the lists answers every such question of this catalog.
            let wanted: BTreeSet<&str> = self
                .catalog
                .packages
                .iter()
                .flat_map(|p| p.requires.iter().map(|r| r.name.as_str()))
                .filter(|n| n.starts_with('/') && !self.by_file.contains_key(n))
                .chain(std::iter::once(path))
                .collect();
            self.by_other_file = Some(self.catalog.file_owners(&|file| wanted.contains(file))?);
        }
        let owners = self.by_other_file.as_ref().and_then(|found| found.get(path));
        Ok(owners.into_iter().flatten().copied().filter(|&id| self.usable[id]).collect())
    }
}

/// Orders packages of one name: newest version, nearest architecture, first repository.
pub fn better(catalog: &Catalog, a: Id, b: Id) -> Ordering {
    let (a, b) = (&catalog.packages[a], &catalog.packages[b]);
    a.name
        .cmp(&b.name)
        .then_with(|| b.evr.compare(&a.evr))
        .then_with(|| distance(&a.arch).cmp(&distance(&b.arch)))
        .then_with(|| a.repo.cmp(&b.repo))
}
