//! The chosen packages, and queries over them.

use super::arch;
use super::index::{Id, Index};
use crate::base::error::Result;
use crate::packages::repo::primary::{Compare, Package, Relation};
use std::collections::HashMap;

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

fn several_versions(package: &Package) -> bool {
    SEVERAL_VERSIONS.contains(&package.name.as_str())
        || package.provides.iter().any(|p| SEVERAL_VERSIONS.contains(&p.name.as_str()))
}

/// The order in which a package's requirements are met: exact versions first, as they leave
/// the smallest choice; libraries that several packages may provide last.
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

/// The chosen packages of a catalog.
#[derive(Clone)]
pub struct Chosen<'i, 'a> {
    pub index: &'i Index<'a>,
    /// Why each package of the catalog is chosen, if it is.
    members: Vec<Option<Reason>>,
    by_name: HashMap<&'a str, Vec<Id>>,
}

impl<'i, 'a> Chosen<'i, 'a> {
    /// None yet.
    pub fn new(index: &'i Index<'a>) -> Self {
        let members = vec![None; index.catalog.packages.len()];
        Self { index, members, by_name: HashMap::new() }
    }

    /// Adds a package, chosen for `reason`.
    pub fn insert(&mut self, id: Id, reason: &Reason) {
        self.members[id] = Some(reason.clone());
        self.by_name.entry(&self.index.package(id).name).or_default().push(id);
    }

    /// Removes a package again.
    pub fn remove(&mut self, id: Id) {
        self.members[id] = None;
        if let Some(ids) = self.by_name.get_mut(self.index.package(id).name.as_str()) {
            ids.retain(|&other| other != id);
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

    pub fn is_member(&self, id: Id) -> bool {
        self.members[id].is_some()
    }

    /// Whether a package of this name is chosen.
    pub fn has_name(&self, name: &str) -> bool {
        self.by_name.get(name).is_some_and(|ids| !ids.is_empty())
    }

    pub fn named(&self, name: &str) -> &[Id] {
        self.by_name.get(name).map_or(&[], Vec::as_slice)
    }

    /// What a package requires and neither it nor a member provides, the narrowest first.
    pub fn unmet(&self, id: Id) -> Result<Vec<&'a Relation>> {
        let mut unmet = Vec::new();
        for requirement in &self.index.package(id).requires {
            // What rpm itself can do; the target's rpm will fail if it cannot.
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

    pub fn met(&self, requirement: &Relation) -> Result<bool> {
        self.index.is_met(requirement, |id| self.is_member(id))
    }

    /// Members that cannot be there together with a package because they are another version of it.
    pub fn versions(&self, id: Id) -> impl Iterator<Item = (Id, &'a Package)> {
        let package = self.index.package(id);
        let same = if several_versions(package) { &[] } else { self.named(&package.name) };
        same.iter()
            .map(|&other| (other, self.index.package(other)))
            .filter(|(_, other)| !arch::side_by_side(&other.arch, &package.arch))
    }

    pub fn newer_member(&self, id: Id) -> Option<Id> {
        let evr = &self.index.package(id).evr;
        self.versions(id).find(|(_, other)| other.evr.compare(evr).is_gt()).map(|(id, _)| id)
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
