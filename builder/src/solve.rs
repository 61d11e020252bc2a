//! Requests and a catalog → the exact packages, chosen as yum chooses them.

mod index;
mod provider;
mod request;
mod unsolvable;

use crate::error::{Error, Result};
use crate::interrupt;
use crate::repo::Catalog;
use crate::repo::primary::Relation;
use index::Index;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

pub use request::Request;

/// A package by its index in the catalog.
pub type Id = usize;

/// What is to be installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Solution {
    /// Packages, ordered by name and architecture.
    pub packages: Vec<Id>,
    /// Requested but not there, with the reason why that is no error.
    pub skipped: Vec<String>,
}

/// Chooses packages for an empty x86_64 root.
///
/// # Errors
/// An input error that explains every request and dependency that cannot be met.
pub fn solve(catalog: &Catalog, request: &Request) -> Result<Solution> {
    let mut index = Index::new(catalog, &request.exclude);
    let mut problems = Vec::new();
    let wanted = request::expand(&index, request, &mut problems);
    let mut skipped = wanted.skipped;
    let mut state = State::new(wanted.packages);
    let missing = state.close(&mut index)?;
    problems.extend(missing.iter().map(|m| unsolvable::missing(&index, &state.why, m)));
    conflicts(&index, &state, &mut problems);
    // What is wanted only if it is there comes last, and leaves the rest as it is.
    for name in &request.if_available {
        match request::named(&index, name) {
            found if found.is_empty() => {
                skipped.push(format!("{name}: not on the media (wanted only if available)"))
            }
            found => {
                let before = state.clone();
                found.into_iter().for_each(|id| state.select(id, None));
                let missing = state.close(&mut index)?;
                let mut clashes = Vec::new();
                conflicts(&index, &state, &mut clashes);
                if !missing.is_empty() || (problems.is_empty() && !clashes.is_empty()) {
                    let why = missing
                        .first()
                        .map(|m| unsolvable::missing(&index, &state.why, m))
                        .or(clashes.pop());
                    skipped.push(format!(
                        "{name} (wanted only if available): {}",
                        why.unwrap_or_default()
                    ));
                    state = before;
                }
            }
        }
    }
    if problems.is_empty() {
        let mut packages: Vec<Id> = state.chosen.into_iter().collect();
        packages.sort_by_key(|&id| (&catalog.packages[id].name, &catalog.packages[id].arch));
        return Ok(Solution { packages, skipped });
    }
    problems.dedup();
    Err(Error::input(format!("the packages cannot be installed together:\n  {}", problems.join("\n  ")))
        .hint("add the medium that has what is missing (--media may be repeated), or change the kickstart's %packages"))
}

/// The packages among `chosen` that `name` needs, itself among them.
pub fn closure(catalog: &Catalog, chosen: &[Id], name: &str) -> Vec<Id> {
    let mut providers: BTreeMap<&str, Vec<(Id, Option<&Relation>)>> = BTreeMap::new();
    for &id in chosen {
        let package = &catalog.packages[id];
        for relation in &package.provides {
            providers.entry(&relation.name).or_default().push((id, Some(relation)));
        }
        for file in &package.files {
            providers.entry(file).or_default().push((id, None));
        }
    }
    let mut found = BTreeSet::new();
    let mut pending: Vec<Id> =
        chosen.iter().copied().filter(|&id| catalog.packages[id].name == name).collect();
    while let Some(id) = pending.pop() {
        if !found.insert(id) {
            continue;
        }
        for requirement in &catalog.packages[id].requires {
            for (provider, relation) in
                providers.get(requirement.name.as_str()).into_iter().flatten()
            {
                if relation.is_none_or(|r| requirement.met_by(r)) {
                    pending.push(*provider);
                }
            }
        }
    }
    found.into_iter().collect()
}

/// A requirement of a chosen package that nothing meets.
#[derive(Clone, Debug)]
struct Missing {
    by: Id,
    requirement: Relation,
    /// A package that would meet it but for another version already chosen.
    blocked_by: Option<Id>,
}

#[derive(Clone)]
struct State {
    chosen: BTreeSet<Id>,
    /// Why a package was chosen: for which one. Requested packages have none.
    why: BTreeMap<Id, Id>,
    pending: VecDeque<Id>,
}

impl State {
    fn new(requested: Vec<Id>) -> Self {
        let mut state =
            Self { chosen: BTreeSet::new(), why: BTreeMap::new(), pending: VecDeque::new() };
        requested.into_iter().for_each(|id| state.select(id, None));
        state
    }

    fn select(&mut self, id: Id, by: Option<Id>) {
        if self.chosen.insert(id) {
            if let Some(by) = by {
                self.why.insert(id, by);
            }
            self.pending.push_back(id);
        }
    }

    /// Adds what the chosen packages require until nothing is open.
    fn close(&mut self, index: &mut Index) -> Result<Vec<Missing>> {
        let mut missing = Vec::new();
        while let Some(id) = self.pending.pop_front() {
            interrupt::check()?;
            for requirement in &index.catalog.packages[id].requires {
                if let Some(m) = self.meet(index, id, requirement)? {
                    missing.push(m);
                }
            }
        }
        Ok(missing)
    }

    fn meet(
        &mut self,
        index: &mut Index,
        by: Id,
        requirement: &Relation,
    ) -> Result<Option<Missing>> {
        // What rpm itself can do; the target's rpm will say if it cannot.
        if requirement.name.starts_with("rpmlib(") {
            return Ok(None);
        }
        let providers = index.providers(requirement)?;
        if providers.iter().any(|id| self.chosen.contains(id)) {
            return Ok(None);
        }
        let packages = &index.catalog.packages;
        let same = |a: Id, b: Id| {
            packages[a].name == packages[b].name && packages[a].arch == packages[b].arch
        };
        let clash = |id: Id| self.chosen.iter().copied().find(|&c| same(c, id));
        let free: Vec<Id> = providers.iter().copied().filter(|&id| clash(id).is_none()).collect();
        match provider::best(index, &free, by) {
            Some(best) => {
                self.select(index.replacement(best), Some(by));
                Ok(None)
            }
            None => {
                let blocked_by = providers.first().and_then(|&id| clash(id));
                Ok(Some(Missing { by, requirement: requirement.clone(), blocked_by }))
            }
        }
    }
}

/// Says which chosen packages exclude each other.
fn conflicts(index: &Index, state: &State, problems: &mut Vec<String>) {
    let packages = &index.catalog.packages;
    for &id in &state.chosen {
        for conflict in &packages[id].conflicts {
            for &other in state.chosen.iter().filter(|&&o| o != id) {
                if packages[other].provides.iter().any(|p| conflict.met_by(p)) {
                    problems.push(format!(
                        "{} conflicts with {conflict}, which {} is",
                        unsolvable::chain(index, &state.why, id),
                        unsolvable::chain(index, &state.why, other)
                    ));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
