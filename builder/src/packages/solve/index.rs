//! Which packages can be used, and who provides what.

use super::{arch, pattern};
use crate::base::error::Result;
use crate::packages::repo::primary::{Compare, Package, Relation};
use crate::packages::repo::{Catalog, Owners, Repo};
use formats::rpmfile::Evr;
use std::cell::OnceCell;
use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap, HashSet};

/// A package by its index in the catalog.
pub type Id = usize;

/// Usable packages and what they provide.
pub struct Index<'a> {
    pub catalog: &'a Catalog,
    /// Usable packages by name, best version first.
    pub by_name: HashMap<&'a str, Vec<Id>>,
    by_capability: HashMap<&'a str, Vec<(Id, &'a Relation)>>,
    by_file: HashMap<&'a str, Vec<Id>>,
    /// Answers of the file lists, read when the first file is asked for that primary lacks.
    by_other_file: OnceCell<(HashSet<&'a str>, Owners)>,
    /// Obsoletes of each name's newest version, by the name that they replace.
    obsoletes: HashMap<&'a str, Vec<(Id, &'a Relation)>>,
    usable: Vec<bool>,
    /// Each package's place in yum's order: name, version, architecture.
    rank: Vec<usize>,
}

impl<'a> Index<'a> {
    /// Leaves out what has a foreign architecture, is excluded by `exclude` or by its
    /// repository, is shadowed by a repository of better priority, or appears twice.
    pub fn new(catalog: &'a Catalog, exclude: &[String]) -> Self {
        let mut this = Self {
            catalog,
            by_name: HashMap::new(),
            by_capability: HashMap::new(),
            by_file: HashMap::new(),
            by_other_file: OnceCell::new(),
            obsoletes: HashMap::new(),
            usable: usable(catalog, exclude),
            rank: vec![0; catalog.packages.len()],
        };
        for id in this.sorted() {
            let package = &catalog.packages[id];
            this.by_name.entry(&package.name).or_default().push(id);
            for relation in &package.provides {
                this.by_capability.entry(&relation.name).or_default().push((id, relation));
            }
            for file in &package.files {
                this.by_file.entry(file).or_default().push(id);
            }
        }
        for ids in this.by_name.values_mut() {
            ids.sort_by(|&a, &b| better(&catalog.packages[a], &catalog.packages[b]));
        }
        this.find_obsoletes();
        this
    }

    /// Usable packages in yum's order, each NEVRA once; sets `rank` and `usable` accordingly.
    fn sorted(&mut self) -> Vec<Id> {
        let packages = &self.catalog.packages;
        let mut ids: Vec<Id> = (0..packages.len()).filter(|&id| self.usable[id]).collect();
        ids.sort_by(|&a, &b| {
            let (a, b) = (&packages[a], &packages[b]);
            same_order(a, b).then(a.repo.cmp(&b.repo))
        });
        ids.dedup_by(|later, first| {
            let twice = same_order(&packages[*later], &packages[*first]).is_eq();
            self.usable[*later] &= !twice;
            twice
        });
        for (rank, &id) in ids.iter().enumerate() {
            self.rank[id] = rank;
        }
        ids
    }

    fn find_obsoletes(&mut self) {
        let packages = &self.catalog.packages;
        let mut newest: Vec<Id> = Vec::new();
        for ids in self.by_name.values() {
            let first = &packages[ids[0]].evr;
            newest.extend(ids.iter().take_while(|&&id| packages[id].evr.compare(first).is_eq()));
        }
        newest.sort_by_key(|&id| self.rank[id]);
        for id in newest {
            for relation in &packages[id].obsoletes {
                // A package without condition in its own obsoletes does not replace itself.
                if relation.version.is_some() || relation.name != packages[id].name {
                    self.obsoletes.entry(&relation.name).or_default().push((id, relation));
                }
            }
        }
    }

    /// A package of the catalog.
    pub fn package(&self, id: Id) -> &'a Package {
        &self.catalog.packages[id]
    }

    /// Its place in yum's order of packages: name, version, architecture.
    pub fn rank(&self, id: Id) -> usize {
        self.rank[id]
    }

    /// All usable packages, in no order that means anything.
    pub fn all(&self) -> impl Iterator<Item = Id> {
        (0..self.usable.len()).filter(|&id| self.usable[id])
    }

    /// The newest version there is of a name: for the machine's architecture where there is one,
    /// so that a newer 32-bit package never takes the place of a 64-bit one. (yum looks at all
    /// architectures; the two differ on media only whose architectures are not in step.)
    pub fn newest(&self, name: &str) -> Option<&'a Evr> {
        let ids = self.by_name.get(name)?;
        let native = ids.iter().find(|&&id| arch::native(&self.package(id).arch));
        native.or(ids.first()).map(|&id| &self.package(id).evr)
    }

    /// Whether package `a` replaces package `b` by its obsoletes.
    pub fn replaces(&self, a: Id, b: Id) -> bool {
        let own = itself(self.package(b));
        self.package(a).obsoletes.iter().any(|o| o.met_by(&own))
    }

    /// The package that is to be installed in place of `id`, at the end of a chain of obsoletes;
    /// none where there is none or they go round in a circle.
    pub fn replacement(&self, id: Id) -> Option<Id> {
        let mut seen = BTreeSet::from([id]);
        let mut at = id;
        while let Some(next) = self.replaced_by(at) {
            if !seen.insert(next) {
                return None;
            }
            at = next;
        }
        (at != id).then_some(at)
    }

    fn replaced_by(&self, id: Id) -> Option<Id> {
        let old = self.package(id);
        let own = itself(old);
        let all = self.obsoletes.get(old.name.as_str())?;
        let fitting: Vec<Id> =
            all.iter().filter(|(_, relation)| relation.met_by(&own)).map(|(id, _)| *id).collect();
        // The old package's architecture is kept where that is possible.
        let alike = |id: &Id| !arch::side_by_side(&old.arch, &self.package(*id).arch);
        let candidates: Vec<Id> = match fitting.iter().copied().filter(alike).collect::<Vec<_>>() {
            alike if !alike.is_empty() => alike,
            _ => fitting,
        };
        let name = &self.package(*candidates.first()?).name;
        let steps = |id: &Id| {
            let arch = &self.package(*id).arch;
            let far = usize::MAX;
            let from = |start| arch::distance(start, arch).unwrap_or(far);
            (from(&old.arch), from("x86_64"))
        };
        candidates.into_iter().filter(|&id| self.package(id).name == *name).min_by_key(steps)
    }

    /// Whether a package meets a requirement, by what it provides or by a file.
    pub fn provides(&self, id: Id, requirement: &Relation) -> Result<bool> {
        let package = self.package(id);
        if package.provides.iter().any(|p| requirement.met_by(p)) {
            return Ok(true);
        }
        Ok(requirement.name.starts_with('/')
            && (package.files.contains(&requirement.name)
                || self.elsewhere(&requirement.name)
                    && self.other_file(&requirement.name)?.contains(&id)))
    }

    /// Whether a package for which `fits` holds meets a requirement.
    pub fn is_met(&self, requirement: &Relation, fits: impl Fn(Id) -> bool) -> Result<bool> {
        if self.offers(requirement).any(&fits) {
            return Ok(true);
        }
        let name = requirement.name.as_str();
        Ok(name.starts_with('/')
            && self.elsewhere(name)
            && self.other_file(name)?.into_iter().any(fits))
    }

    /// All packages that meet a requirement, in every version, in yum's order.
    pub fn providers(&self, requirement: &Relation) -> Result<Vec<Id>> {
        let name = requirement.name.as_str();
        let mut ids: Vec<Id> = self.offers(requirement).collect();
        if name.starts_with('/') && self.elsewhere(name) {
            ids.extend(self.other_file(name)?);
        }
        ids.sort_by_key(|&id| self.rank[id]);
        ids.dedup();
        Ok(ids)
    }

    /// Who meets a requirement by what primary.xml says of it.
    fn offers(&self, requirement: &Relation) -> impl Iterator<Item = Id> {
        let name = requirement.name.as_str();
        let files = self.by_file.get(name).filter(|_| name.starts_with('/'));
        let offers = self.by_capability.get(name).into_iter().flatten();
        offers
            .filter(move |(_, relation)| requirement.met_by(relation))
            .map(|(id, _)| *id)
            .chain(files.into_iter().flatten().copied())
    }

    /// Whether only the file lists know all owners of a path.
    fn elsewhere(&self, path: &str) -> bool {
        !in_primary(path)
            || !(self.by_file.contains_key(path) || self.by_capability.contains_key(path))
    }

    /// Repositories whose file lists could not be read, with the reason, once they were wanted.
    pub fn unread(&self) -> &[String] {
        self.by_other_file.get().map_or(&[], |(_, owners)| &owners.unread)
    }

    /// Owners of a file by the file lists.
    fn other_file(&self, path: &str) -> Result<Vec<Id>> {
        let (asked, owners) = match self.by_other_file.get() {
            Some(known) => known,
            None => {
                // One pass over the lists answers every such question of this catalog.
                let asked: HashSet<&str> = self
                    .all()
                    .flat_map(|id| self.package(id).requires.iter().map(|r| r.name.as_str()))
                    .filter(|n| n.starts_with('/') && self.elsewhere(n))
                    .collect();
                let owners = self.catalog.file_owners(&|file| asked.contains(file))?;
                self.by_other_file.get_or_init(|| (asked, owners))
            }
        };
        if asked.contains(path) {
            return Ok(owners.files.get(path).map_or_else(Vec::new, |ids| self.filtered(ids)));
        }
        // What no package requires, but a request names.
        let owners = self.catalog.file_owners(&|file| file == path)?;
        Ok(owners.files.get(path).map_or_else(Vec::new, |ids| self.filtered(ids)))
    }

    fn filtered(&self, ids: &[Id]) -> Vec<Id> {
        ids.iter().copied().filter(|&id| self.usable[id]).collect()
    }

    /// Packages with a capability or file that fits a pattern.
    pub fn search_pattern(&self, pattern: &str) -> Result<Vec<Id>> {
        let fits = |text: &str| crate::base::glob::fits(pattern, text);
        let mut ids: Vec<Id> = self
            .all()
            .filter(|&id| self.package(id).provides.iter().any(|r| fits(&r.name)))
            .collect();
        if pattern.starts_with('/') {
            let owners = self.catalog.file_owners(&fits)?;
            ids.extend(owners.files.values().flat_map(|ids| self.filtered(ids)));
            ids.extend(self.all().filter(|&id| self.package(id).files.iter().any(|f| fits(f))));
        }
        ids.sort_by_key(|&id| self.rank[id]);
        ids.dedup();
        Ok(ids)
    }
}

/// Whether createrepo lists such a file in primary.xml.
fn in_primary(path: &str) -> bool {
    path.starts_with("/etc/") || path.contains("bin/") || path == "/usr/lib/sendmail"
}

fn usable(catalog: &Catalog, exclude: &[String]) -> Vec<bool> {
    let mut best: HashMap<&str, u32> = HashMap::new();
    let allowed = |p: &Package| {
        let names = |word: &String| pattern::names(word, p);
        let by_repo = |r: &Repo| {
            !r.exclude.iter().any(names) && (r.include.is_empty() || r.include.iter().any(names))
        };
        arch::usable(&p.arch)
            && !exclude.iter().any(names)
            && catalog.repos.get(p.repo).is_none_or(by_repo)
    };
    let priority = |p: &Package| catalog.repos.get(p.repo).map_or(0, |r| r.priority);
    let mut usable: Vec<bool> = catalog.packages.iter().map(allowed).collect();
    for (package, _) in catalog.packages.iter().zip(&usable).filter(|(_, usable)| **usable) {
        let own = priority(package);
        best.entry(&package.name).and_modify(|p| *p = own.min(*p)).or_insert(own);
    }
    for (package, usable) in catalog.packages.iter().zip(&mut usable) {
        *usable &= best.get(package.name.as_str()).is_none_or(|b| priority(package) <= *b);
    }
    usable
}

/// The package as what an obsolete is compared with: its name and version.
fn itself(package: &Package) -> Relation {
    Relation { name: package.name.clone(), version: Some((Compare::Equal, package.evr.clone())) }
}

fn same_order(a: &Package, b: &Package) -> Ordering {
    a.name.cmp(&b.name).then_with(|| a.evr.compare(&b.evr)).then_with(|| a.arch.cmp(&b.arch))
}

/// Orders packages of one name: newest version, nearest architecture, first repository.
fn better(a: &Package, b: &Package) -> Ordering {
    let steps = |p: &Package| arch::distance("x86_64", &p.arch);
    b.evr.compare(&a.evr).then_with(|| steps(a).cmp(&steps(b))).then_with(|| a.repo.cmp(&b.repo))
}
