//! The names of a request, resolved to packages.

use super::best::{best_of, choose};
use super::chosen::Reason;
use super::index::Id;
use super::outcome::SelectionOutcome;
use super::request::Request;
use super::transaction::Transaction;
use super::unsolvable::nearest;
use super::{groups, pattern};
use crate::base::error::Result;
use crate::base::glob;
use crate::packages::repo::primary::{Package, Relation};

/// Chooses what every word of a request names, in the order of the request.
pub fn select(
    transaction: &mut Transaction<'_, '_>,
    request: &Request,
) -> Result<SelectionOutcome> {
    let mut out = SelectionOutcome::default();
    let asked = request.install.iter().map(|word| (word, request.ignore_missing));
    for (word, may_lack) in asked.chain(request.required.iter().map(|word| (word, false))) {
        if let Some(name) = word.strip_prefix("@^") {
            groups::environment(transaction, request, name.trim(), &mut out)?;
        } else if let Some(name) = word.strip_prefix('@') {
            groups::group(transaction, request, name.trim(), &mut out)?;
        } else {
            let found = named(transaction, word)?;
            if found.is_empty() {
                out.note_missing(unknown(transaction, request, word), may_lack);
            }
            for id in found {
                transaction.install(id, None, &Reason::Requested)?;
            }
        }
    }
    request.deselect.iter().for_each(|word| transaction.deselect(word));
    Ok(out)
}

fn unknown(transaction: &Transaction<'_, '_>, request: &Request, word: &str) -> String {
    let names = transaction.chosen.index.by_name.keys().copied();
    let packages = &transaction.chosen.index.catalog.packages;
    let exists = packages.iter().any(|p| pattern::names(word, p));
    let excluded = |p: &Package| request.exclude.iter().any(|e| pattern::names(e, p));
    if exists && packages.iter().filter(|p| pattern::names(word, p)).all(excluded) {
        return format!("no package `{word}` on the media: the same request excludes it");
    }
    if exists {
        return format!(
            "the package `{word}` is on the media, but excluded there or not for x86_64"
        );
    }
    format!("no package `{word}` on the media{}", nearest(word, names))
}

/// The packages that one word names: by name in one of its spellings, else by what is provided.
pub fn named(transaction: &Transaction<'_, '_>, word: &str) -> Result<Vec<Id>> {
    let index = transaction.chosen.index;
    let mut found: Vec<Id> = match index.by_name.get(word) {
        Some(ids) => ids.clone(),
        None => index.all().filter(|&id| pattern::names(word, index.package(id))).collect(),
    };
    if found.is_empty() {
        if glob::is_pattern(word) {
            found = index.search_pattern(word)?;
        } else {
            let wanted = Relation::parse(word);
            let offers = index.providers(&wanted)?;
            found = best_of(&transaction.chosen, &offers, true, word)?;
        }
    }
    choose(&transaction.chosen, &found)
}
