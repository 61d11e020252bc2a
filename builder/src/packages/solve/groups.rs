//! Groups and environments of a request, as yum and Anaconda take them.

use super::best::choose;
use super::chosen::Reason;
use super::index::Id;
use super::outcome::SelectionOutcome;
use super::request::Request;
use super::transaction::Transaction;
use super::unsolvable::nearest;
use crate::base::error::Result;
use crate::base::glob;
use crate::packages::repo::comps::CompsGroup;

/// Chooses the groups of an environment, named by its id or title.
pub fn environment(
    transaction: &mut Transaction<'_, '_>,
    request: &Request,
    name: &str,
    out: &mut SelectionOutcome,
) -> Result<()> {
    let catalog = transaction.chosen.index.catalog;
    let all = catalog.environments.iter().map(|e| (e.id.as_str(), e.name.as_str()));
    let found = matching(name, all);
    if found.is_empty() {
        let ids = catalog.environments.iter().map(|e| e.id.as_str());
        let text = format!("no environment `{name}` on the media{}", nearest(name, ids));
        out.note_missing(text, request.ignore_missing);
    }
    for n in found {
        let environment = &catalog.environments[n];
        let mut groups = environment.groups.clone();
        groups.retain(|g| !request.without_groups.contains(g));
        groups.sort();
        groups.dedup();
        for id in &groups {
            match catalog.groups.iter().find(|g| g.id == *id) {
                Some(group) => members(transaction, request, group, out)?,
                None => out.skipped.push(format!(
                    "@{id}: a group of the environment {} that the media do not have",
                    environment.id
                )),
            }
        }
    }
    Ok(())
}

/// Chooses the members of a group, named by its id or title.
pub fn group(
    transaction: &mut Transaction<'_, '_>,
    request: &Request,
    name: &str,
    out: &mut SelectionOutcome,
) -> Result<()> {
    let catalog = transaction.chosen.index.catalog;
    let found = matching(name, catalog.groups.iter().map(|g| (g.id.as_str(), g.name.as_str())));
    if found.is_empty() {
        let ids = catalog.groups.iter().map(|g| g.id.as_str());
        let text = format!("no group `@{name}` on the media{}", nearest(name, ids));
        out.note_missing(text, request.ignore_missing);
    }
    for n in found {
        members(transaction, request, &catalog.groups[n], out)?;
    }
    Ok(())
}

/// Places of what `name` means: the one with this id, else all whose id or title it fits as a
/// glob, in either case.
fn matching<'c>(name: &str, all: impl Iterator<Item = (&'c str, &'c str)> + Clone) -> Vec<usize> {
    if let Some(exact) = all.clone().position(|(id, _)| id == name) {
        return vec![exact];
    }
    let lower = name.to_lowercase();
    let fits = |text: &str| glob::fits(&lower, &text.to_lowercase());
    all.enumerate().filter(|(_, (id, title))| fits(id) || fits(title)).map(|(n, _)| n).collect()
}

fn members(
    transaction: &mut Transaction<'_, '_>,
    request: &Request,
    group: &CompsGroup,
    out: &mut SelectionOutcome,
) -> Result<()> {
    let mut names: Vec<&String> = group.mandatory.iter().collect();
    if !request.without_defaults.contains(&group.id) {
        names.extend(&group.default);
    }
    if request.with_optional.contains(&group.id) {
        names.extend(&group.optional);
    }
    let reason = Reason::Member(group.id.clone());
    for name in names {
        let found = member(transaction, name)?;
        // yum and Anaconda pass over members that a medium lacks.
        if found.is_empty() && !unwanted(request, name) {
            let text = format!("{name}: a member of @{} that is not on the media", group.id);
            out.note_missing(text, true);
        }
        for id in found {
            transaction.install(id, None, &reason)?;
        }
    }
    for (name, condition) in &group.conditional {
        let found = member(transaction, name)?;
        transaction.install_if(condition, &found, &reason)?;
    }
    Ok(())
}

/// The packages of a group's member, which is always a name.
fn member(transaction: &Transaction<'_, '_>, name: &str) -> Result<Vec<Id>> {
    let found = transaction.chosen.index.by_name.get(name).map_or(&[][..], Vec::as_slice);
    choose(&transaction.chosen, found)
}

/// Whether the request itself says that it does not want the name.
fn unwanted(request: &Request, name: &str) -> bool {
    let fits = |word: &String| word == name || glob::fits(word, name);
    request.deselect.iter().chain(&request.exclude).any(fits)
}
