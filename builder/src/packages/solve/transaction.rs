//! The set of chosen packages and how it grows until nothing is open. The order in which
//! yum 3.4.3 looks at packages and requirements decides what it chooses, so it is kept
//! (`_resolveRequires`, `_requiringFromTransaction` and `install` in its sources).

use super::chosen::{Chosen, Missing, Reason};
use super::index::{Id, Index};
use super::{arch, pattern, provider};
use crate::base::error::Result;
use crate::base::interrupt;
use crate::packages::repo::primary::Relation;
use std::collections::{BTreeMap, BTreeSet};

/// Chosen packages.
#[derive(Clone)]
pub struct Transaction<'i, 'a> {
    pub chosen: Chosen<'i, 'a>,
    /// Members whose requirements have to be checked, by rank.
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
            chosen: Chosen::new(index),
            open: BTreeSet::new(),
            conditional: BTreeMap::new(),
            replaced: BTreeSet::new(),
            missing: Vec::new(),
        }
    }

    /// Chooses a package, or the one that replaces it; `wanted` is the requirement that it is to
    /// meet. None when it cannot be.
    pub fn install(
        &mut self,
        id: Id,
        wanted: Option<&Relation>,
        reason: &Reason,
    ) -> Result<Option<Id>> {
        if self.chosen.is_member(id) {
            return Ok(Some(id));
        }
        let package = self.chosen.index.package(id);
        let rival = |&other: &Id| {
            let other = self.chosen.index.package(other);
            other.arch != package.arch
                && other.evr.compare(&package.evr).is_eq()
                && !arch::side_by_side(&other.arch, &package.arch)
        };
        if self.chosen.named(&package.name).iter().any(rival) {
            return Ok(None);
        }
        match self.chosen.index.replacement(id) {
            None => {
                self.add(id, reason)?;
                Ok(Some(id))
            }
            Some(other) => match wanted {
                Some(wanted) if !self.chosen.index.provides(other, wanted)? => Ok(None),
                _ => self.install(other, None, reason),
            },
        }
    }

    fn add(&mut self, id: Id, reason: &Reason) -> Result<()> {
        let name = self.chosen.index.package(id).name.as_str();
        self.chosen.insert(id, reason);
        self.open.insert((self.chosen.index.rank(id), id));
        for also in self.conditional.get(name).cloned().unwrap_or_default() {
            self.install(also, None, &Reason::For(id))?;
        }
        Ok(())
    }

    /// Chooses `ids` too once a package of the name `condition` is chosen.
    pub fn install_if(&mut self, condition: &str, ids: &[Id], reason: &Reason) -> Result<()> {
        if self.chosen.has_name(condition) {
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
        let index = self.chosen.index;
        let named = |id: &Id| pattern::names(word, index.package(*id));
        let named_members: Vec<Id> = self.chosen.members().filter(named).collect();
        named_members.into_iter().for_each(|id| self.remove(id));
        self.conditional.values_mut().for_each(|ids| ids.retain(|id| !named(id)));
    }

    /// Removes a member and has everyone that needs something of it check again.
    fn remove(&mut self, id: Id) {
        let package = self.chosen.index.package(id);
        self.chosen.remove(id);
        self.open.remove(&(self.chosen.index.rank(id), id));
        let needs = |requirement: &Relation| {
            package.files.contains(&requirement.name)
                || package.provides.iter().any(|p| requirement.met_by(p))
        };
        let concerned = |&other: &Id| self.chosen.index.package(other).requires.iter().any(needs);
        let again: Vec<Id> = self.chosen.members().filter(concerned).collect();
        self.open.extend(again.into_iter().map(|other| (self.chosen.index.rank(other), other)));
    }

    /// Adds what the chosen packages require until nothing is open.
    pub fn resolve(&mut self) -> Result<()> {
        loop {
            while !self.open.is_empty() {
                // Those that are added meanwhile wait for the next round.
                for (_, id) in std::mem::take(&mut self.open) {
                    interrupt::check()?;
                    if self.chosen.is_member(id) {
                        for requirement in self.chosen.unmet(id)? {
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

    fn meet(&mut self, by: Id, requirement: &'a Relation) -> Result<()> {
        if self.chosen.met(requirement)? {
            return Ok(());
        }
        let mut blocked_by = None;
        let mut free = Vec::new();
        for id in self.chosen.index.providers(requirement)? {
            match self.chosen.newer_member(id) {
                Some(newer) => blocked_by = Some(newer),
                None if !self.replaced.contains(&id) => free.push(id),
                None => {}
            }
        }
        let best = provider::best(&self.chosen, &free, Some(by), &requirement.name)?;
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

    fn remove_older(&mut self, id: Id) {
        let evr = &self.chosen.index.package(id).evr;
        let older: Vec<Id> = self
            .chosen
            .versions(id)
            .filter(|(_, other)| other.evr.compare(evr).is_lt())
            .map(|(id, _)| id)
            .collect();
        older.into_iter().for_each(|id| self.remove(id));
    }

    /// Removes members that another one replaces; two that replace each other both stay.
    fn remove_replaced(&mut self) -> bool {
        let mut found = Vec::new();
        for id in self.chosen.members() {
            for relation in &self.chosen.index.package(id).obsoletes {
                let others = self.chosen.named(&relation.name).iter().copied().filter(|&o| o != id);
                found.extend(others.filter(|&other| {
                    self.chosen.index.replaces(id, other) && !self.chosen.index.replaces(other, id)
                }));
            }
        }
        for &id in &found {
            self.replaced.insert(id);
            self.remove(id);
        }
        !found.is_empty()
    }
}
