//! The set of chosen packages and how it grows until nothing is open. The order in which
//! yum 3.4.3 looks at packages and requirements decides what it chooses, so it is kept
//! (`_resolveRequires`, `_requiringFromTransaction` and `install` in its sources).

use super::index::Index;
use super::{Id, arch, pattern, provider};
use crate::base::error::Result;
use crate::base::interrupt;
use crate::packages::repo::primary::{Compare, Package, Relation};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Packages of which several versions may be installed: yum's default `installonlypkgs`.
const SEVERAL_VERSIONS: [&str; 6] = [
    "kernel",
    "kernel-devel",
    "kernel-source",
    "installonlypkg(kernel)",
    "installonlypkg(kernel-module)",
    "installonlypkg(vm)",
];

/// Why a package was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Its name was asked for.
    Requested,
    /// It is a member of a group.
    Member(String),
    /// Another package requires it.
    For(Id),
}

/// A requirement of a chosen package that nothing meets.
#[derive(Clone, Debug)]
pub struct Missing<'a> {
    pub by: Id,
    pub requirement: &'a Relation,
    /// A chosen package because of which one that would do cannot be taken.
    pub blocked_by: Option<Id>,
}

/// Chosen packages.
#[derive(Clone)]
pub struct Transaction<'i, 'a> {
    pub index: &'i Index<'a>,
    /// Why each package of the catalog is chosen, if it is.
    members: Vec<Option<Reason>>,
    by_name: HashMap<&'a str, Vec<Id>>,
    /// Members whose requirements have to be looked at, by rank.
    open: BTreeSet<(usize, Id)>,
    /// Packages to add when one of the name is added.
    conditional: BTreeMap<String, Vec<Id>>,
    /// Members that another one replaced: not to be taken again.
    replaced: BTreeSet<Id>,
    /// What could not be met.
    pub missing: Vec<Missing<'a>>,
}

impl<'i, 'a> Transaction<'i, 'a> {
    pub fn new(index: &'i Index<'a>) -> Self {
        Self {
            index,
            members: vec![None; index.catalog.packages.len()],
            by_name: HashMap::new(),
            open: BTreeSet::new(),
            conditional: BTreeMap::new(),
            replaced: BTreeSet::new(),
            missing: Vec::new(),
        }
    }

    /// Chosen packages by index.
    pub fn members(&self) -> impl Iterator<Item = Id> {
        (0..self.members.len()).filter(|&id| self.is_member(id))
    }

    /// Why a chosen package was chosen.
    pub fn reason(&self, id: Id) -> Option<&Reason> {
        self.members[id].as_ref()
    }

    fn is_member(&self, id: Id) -> bool {
        self.members[id].is_some()
    }

    /// Whether a package of this name is chosen.
    pub fn has_name(&self, name: &str) -> bool {
        self.by_name.get(name).is_some_and(|ids| !ids.is_empty())
    }

    fn named(&self, name: &str) -> &[Id] {
        self.by_name.get(name).map_or(&[], Vec::as_slice)
    }

    /// Chooses a package, or the one that replaces it; `wanted` is the requirement that it is to
    /// meet. None when it cannot be.
    pub fn install(
        &mut self,
        id: Id,
        wanted: Option<&Relation>,
        reason: &Reason,
    ) -> Result<Option<Id>> {
        if self.is_member(id) {
            return Ok(Some(id));
        }
        let package = self.index.package(id);
        let rival = |&other: &Id| {
            let other = self.index.package(other);
            other.arch != package.arch
                && other.evr.compare(&package.evr).is_eq()
                && !arch::side_by_side(&other.arch, &package.arch)
        };
        if self.named(&package.name).iter().any(rival) {
            return Ok(None);
        }
        match self.index.replacement(id) {
            None => {
                self.add(id, reason)?;
                Ok(Some(id))
            }
            Some(other) => match wanted {
                Some(wanted) if !self.index.provides(other, wanted)? => Ok(None),
                _ => self.install(other, None, reason),
            },
        }
    }

    fn add(&mut self, id: Id, reason: &Reason) -> Result<()> {
        let name = self.index.package(id).name.as_str();
        self.members[id] = Some(reason.clone());
        self.by_name.entry(name).or_default().push(id);
        self.open.insert((self.index.rank(id), id));
        for also in self.conditional.get(name).cloned().unwrap_or_default() {
            self.install(also, None, &Reason::For(id))?;
        }
        Ok(())
    }

    /// Chooses `ids` too once a package of the name `condition` is chosen.
    pub fn install_if(&mut self, condition: &str, ids: &[Id], reason: &Reason) -> Result<()> {
        if self.has_name(condition) {
            for &id in ids {
                self.install(id, None, reason)?;
            }
        } else {
            self.conditional.entry(condition.to_owned()).or_default().extend(ids);
        }
        Ok(())
    }

    /// Takes back the choice of what `word` names; a requirement may choose it again.
    pub fn deselect(&mut self, word: &str) {
        let index = self.index;
        let named = |id: &Id| pattern::names(word, index.package(*id));
        let named_members: Vec<Id> = self.members().filter(named).collect();
        named_members.into_iter().for_each(|id| self.remove(id));
        self.conditional.values_mut().for_each(|ids| ids.retain(|id| !named(id)));
    }

    /// Takes a member out and has everyone that needs something of it look again.
    fn remove(&mut self, id: Id) {
        let package = self.index.package(id);
        self.members[id] = None;
        self.open.remove(&(self.index.rank(id), id));
        if let Some(ids) = self.by_name.get_mut(package.name.as_str()) {
            ids.retain(|&other| other != id);
        }
        let needs = |requirement: &Relation| {
            package.files.contains(&requirement.name)
                || package.provides.iter().any(|p| requirement.met_by(p))
        };
        let concerned = |&other: &Id| self.index.package(other).requires.iter().any(needs);
        let again: Vec<Id> = self.members().filter(concerned).collect();
        self.open.extend(again.into_iter().map(|other| (self.index.rank(other), other)));
    }

    /// Adds what the chosen packages require until nothing is open.
    pub fn resolve(&mut self) -> Result<()> {
        loop {
            while !self.open.is_empty() {
                // Those that are added meanwhile wait for the next round.
                for (_, id) in std::mem::take(&mut self.open) {
                    interrupt::check()?;
                    if self.is_member(id) {
                        for requirement in self.unmet(id)? {
                            self.meet(id, requirement)?;
                        }
                    }
                }
            }
            if !self.remove_replaced() {
                return Ok(());
            }
        }
    }

    /// What a package requires and neither it nor a member provides, the narrowest first.
    pub fn unmet(&self, id: Id) -> Result<Vec<&'a Relation>> {
        let mut unmet = Vec::new();
        for requirement in &self.index.package(id).requires {
            // What rpm itself can do; the target's rpm will say if it cannot.
            if !requirement.name.starts_with("rpmlib(")
                && !self.met(requirement)?
                && !self.index.provides(id, requirement)?
            {
                unmet.push(requirement);
            }
        }
        unmet.sort_by_key(|r| urgency(r));
        Ok(unmet)
    }

    fn met(&self, requirement: &Relation) -> Result<bool> {
        self.index.is_met(requirement, |id| self.is_member(id))
    }

    fn meet(&mut self, by: Id, requirement: &'a Relation) -> Result<()> {
        if self.met(requirement)? {
            return Ok(());
        }
        let mut blocked_by = None;
        let mut free = Vec::new();
        for id in self.index.providers(requirement)? {
            match self.newer_member(id) {
                Some(newer) => blocked_by = Some(newer),
                None if !self.replaced.contains(&id) => free.push(id),
                None => {}
            }
        }
        let best = provider::best(self, &free, Some(by), &requirement.name)?;
        let chosen = match best {
            Some(best) => self.install(best, Some(requirement), &Reason::For(by))?,
            None => None,
        };
        match chosen {
            Some(id) => self.remove_older(id),
            None if self.is_missing(by, requirement) => {}
            None => self.missing.push(Missing { by, requirement, blocked_by }),
        }
        Ok(())
    }

    fn is_missing(&self, by: Id, requirement: &Relation) -> bool {
        self.missing.iter().any(|m| m.by == by && m.requirement == requirement)
    }

    /// Members that cannot be there beside a package because they are another version of it.
    fn versions(&self, id: Id) -> impl Iterator<Item = (Id, &'a Package)> {
        let package = self.index.package(id);
        let same = if several_versions(package) { &[] } else { self.named(&package.name) };
        same.iter()
            .map(|&other| (other, self.index.package(other)))
            .filter(|(_, other)| !arch::side_by_side(&other.arch, &package.arch))
    }

    fn newer_member(&self, id: Id) -> Option<Id> {
        let evr = &self.index.package(id).evr;
        self.versions(id).find(|(_, other)| other.evr.compare(evr).is_gt()).map(|(id, _)| id)
    }

    fn remove_older(&mut self, id: Id) {
        let evr = &self.index.package(id).evr;
        let older: Vec<Id> = self
            .versions(id)
            .filter(|(_, other)| other.evr.compare(evr).is_lt())
            .map(|(id, _)| id)
            .collect();
        older.into_iter().for_each(|id| self.remove(id));
    }

    /// Takes out members that another one replaces; two that replace each other both stay.
    fn remove_replaced(&mut self) -> bool {
        let mut found = Vec::new();
        for id in self.members() {
            for relation in &self.index.package(id).obsoletes {
                let others = self.named(&relation.name).iter().copied().filter(|&o| o != id);
                found.extend(others.filter(|&other| {
                    self.index.replaces(id, other) && !self.index.replaces(other, id)
                }));
            }
        }
        for &id in &found {
            self.replaced.insert(id);
            self.remove(id);
        }
        !found.is_empty()
    }

    /// Pairs of members that cannot be installed together: what conflicts with what, by which
    /// relation; none for two versions of one package.
    pub fn conflicts(&self) -> Vec<(Id, Option<&'a Relation>, Id)> {
        let mut found = Vec::new();
        for id in self.members() {
            let package = self.index.package(id);
            for relation in &package.conflicts {
                let providers = self.index.providers(relation).unwrap_or_default();
                for other in providers.into_iter().filter(|&other| self.is_member(other)) {
                    let theirs = self.index.package(other);
                    // A package does not conflict with itself, nor with its other architecture.
                    if theirs.name != package.name || !theirs.evr.compare(&package.evr).is_eq() {
                        found.push((id, Some(relation), other));
                    }
                }
            }
            let twice = self.versions(id).map(|(other, _)| other).filter(|&other| other > id);
            found.extend(twice.map(|other| (id, None, other)));
        }
        found
    }
}

fn several_versions(package: &Package) -> bool {
    SEVERAL_VERSIONS.contains(&package.name.as_str())
        || package.provides.iter().any(|p| SEVERAL_VERSIONS.contains(&p.name.as_str()))
}

/// The order in which a package's requirements are met: exact versions first, as they leave
/// the least choice; libraries that several packages may provide last.
fn urgency(requirement: &Relation) -> (u8, bool) {
    let condition = match &requirement.version {
        Some((Compare::Equal, _)) => 1,
        Some((Compare::Less, _)) => 2,
        Some((Compare::LessEqual, _)) => 3,
        Some((Compare::Greater, _)) => 4,
        Some((Compare::GreaterEqual, _)) => 5,
        None => 99,
    };
    let name = &requirement.name;
    let library = name.starts_with("lib") && (name.ends_with("()") || name.ends_with("()(64bit)"));
    (condition, library)
}
