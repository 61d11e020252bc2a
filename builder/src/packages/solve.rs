//! Requests and a catalog → the exact packages, chosen as yum 3.4.3 chooses them.

mod arch;
mod best;
mod chosen;
mod closure;
mod groups;
mod index;
mod outcome;
mod pattern;
mod provider;
mod request;
mod select;
mod transaction;
mod unsolvable;

use crate::base::error::{Error, Result};
use crate::packages::repo::Catalog;
use chosen::{Chosen, Reason};
use index::Index;
use transaction::Transaction;

pub use closure::closure;
pub use index::Id;
pub use request::Request;

/// What is to be installed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Solution {
    /// Packages, ordered by name and architecture.
    pub packages: Vec<Id>,
    /// Requested but not there, with the reason why that is not an error.
    pub skipped: Vec<String>,
    /// What the user may not expect.
    pub notes: Vec<String>,
    /// Why the packages cannot be installed together; empty when they can.
    pub problems: Vec<String>,
}

/// Chooses packages for an empty x86_64 root.
///
/// # Errors
/// An input error that explains every request and dependency that cannot be met; what
/// [`attempt`] says.
pub fn solve(catalog: &Catalog, request: &Request) -> Result<Solution> {
    let solution = attempt(catalog, request)?;
    if solution.problems.is_empty() {
        return Ok(solution);
    }
    Err(Error::input(format!("the packages cannot be installed together:\n  {}", solution.problems.join("\n  ")))
        .hint("add the medium that has what is missing (--media may be repeated), change what is asked for (a kickstart's %packages), or go on without the packages that no medium has (--ignore-missing-packages)"))
}

/// [`solve`] with what was chosen until it failed, in addition to the problems.
///
/// # Errors
/// When a repository's lists of files are damaged, or the user interrupts.
pub fn attempt(catalog: &Catalog, request: &Request) -> Result<Solution> {
    let index = Index::new(catalog, &request.exclude);
    let mut transaction = Transaction::new(&index);
    let outcome = select::select(&mut transaction, request)?;
    transaction.resolve()?;
    let mut problems = outcome.problems;
    problems.extend(problems_of(&transaction));
    let mut skipped = outcome.skipped;
    if problems.is_empty() {
        for word in &request.if_available {
            if let Err(why) = try_also(&mut transaction, word)? {
                skipped.push(format!("{word} (wanted only if available): {why}"));
            }
        }
    }
    let mut packages: Vec<Id> = transaction.chosen.members().collect();
    packages.sort_by_key(|&id| (&index.package(id).name, &index.package(id).arch, index.rank(id)));
    let notes = came_back(&transaction.chosen, &request.deselect);
    Ok(Solution { packages, skipped, notes, problems })
}

fn problems_of(transaction: &Transaction<'_, '_>) -> Vec<String> {
    let missing = transaction.missing.iter().map(|m| unsolvable::missing(&transaction.chosen, m));
    let conflicts = transaction.chosen.conflicts();
    let conflicts = conflicts.into_iter().map(|c| unsolvable::conflict(&transaction.chosen, c));
    missing.chain(conflicts).collect()
}

/// Adds what `word` names with all that it needs, or returns why not and leaves the rest as it is.
fn try_also(transaction: &mut Transaction<'_, '_>, word: &str) -> Result<Result<(), String>> {
    let found = select::named(transaction, word)?;
    if found.is_empty() {
        return Ok(Err("not on the media".to_owned()));
    }
    let before = transaction.clone();
    for id in found {
        transaction.install(id, None, &Reason::Requested)?;
    }
    transaction.resolve()?;
    match problems_of(transaction).into_iter().next() {
        Some(problem) => {
            *transaction = before;
            Ok(Err(problem))
        }
        None => Ok(Ok(())),
    }
}

/// Deselected packages that are installed all the same.
fn came_back(chosen: &Chosen<'_, '_>, deselect: &[String]) -> Vec<String> {
    let index = chosen.index;
    let unwanted = |id: &Id| deselect.iter().find(|word| pattern::names(word, index.package(*id)));
    let found = chosen.members().filter_map(|id| unwanted(&id).map(|word| (id, word)));
    found
        .map(|(id, word)| {
            format!(
                "-{word} removes a package from the list, but others need it: {}",
                unsolvable::chain(chosen, id)
            )
        })
        .collect()
}

#[cfg(test)]
mod tests;
