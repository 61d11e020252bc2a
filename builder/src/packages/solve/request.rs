//! What was asked for, as packages.

use super::groups;
use super::transaction::{Reason, Transaction};
use super::unsolvable::nearest;
use super::{Id, arch, pattern, provider};
use crate::base::error::Result;
use crate::base::glob;
use crate::packages::repo::primary::{Package, Relation};
use std::collections::{BTreeMap, BTreeSet};

/// A request in the words of a kickstart's `%packages`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// `NAME`, `NAME.ARCH`, a NEVRA, `@group`, `@^environment`, `/path`, a capability (with a
    /// version: `NAME >= 1`), or a glob of these.
    pub install: Vec<String>,
    /// What is taken back from the groups and names above, as `-NAME` of a kickstart: names or
    /// globs. What another package requires is installed all the same.
    pub deselect: Vec<String>,
    /// Groups that the environments are to go without, by id.
    pub without_groups: Vec<String>,
    /// Packages that are not to be used at all, as if no repository had them: names or globs.
    pub exclude: Vec<String>,
    /// Wanted where the media have them.
    pub if_available: Vec<String>,
    /// Groups without their default members (`--nodefaults`), by id.
    pub without_defaults: BTreeSet<String>,
    /// Groups with their optional members (`--optional`), by id.
    pub with_optional: BTreeSet<String>,
    /// Whether packages that are nowhere are only noted (`--ignoremissing`).
    pub ignore_missing: bool,
}

impl Request {
    /// Reads words as lines of `%packages`: `-NAME`, `-@GROUP`, `@GROUP --nodefaults` or
    /// `--optional` too.
    pub fn of_words(install: &[String], exclude: &[String]) -> Self {
        let mut request = Self { exclude: exclude.to_vec(), ..Self::default() };
        for word in install {
            let word = word.trim();
            if let Some(group) = word.strip_prefix("-@") {
                request.without_groups.push(group.to_owned());
                request.install.retain(|other| other.strip_prefix('@') != Some(group));
            } else if let Some(name) = word.strip_prefix('-') {
                request.deselect.push(name.to_owned());
            } else if let Some(group) = word.strip_suffix(" --nodefaults") {
                request.without_defaults.insert(group.trim_start_matches('@').to_owned());
                request.install.push(group.to_owned());
            } else if let Some(group) = word.strip_suffix(" --optional") {
                request.with_optional.insert(group.trim_start_matches('@').to_owned());
                request.install.push(group.to_owned());
            } else {
                request.install.push(word.to_owned());
            }
        }
        request
    }
}

/// What became of a request's words.
#[derive(Default)]
pub struct Outcome {
    /// Words that name nothing, as sentences.
    pub problems: Vec<String>,
    /// What is left out, and why that is no error.
    pub skipped: Vec<String>,
}

/// Chooses what every word of a request names, in the order of the request.
pub fn select(transaction: &mut Transaction<'_, '_>, request: &Request) -> Result<Outcome> {
    let mut out = Outcome::default();
    for word in &request.install {
        if let Some(name) = word.strip_prefix("@^") {
            groups::environment(transaction, request, name.trim(), &mut out)?;
        } else if let Some(name) = word.strip_prefix('@') {
            groups::group(transaction, request, name.trim(), &mut out)?;
        } else {
            let found = named(transaction, word)?;
            if found.is_empty() {
                let text = unknown(transaction, request, word);
                if request.ignore_missing {
                    out.skipped.push(text);
                } else {
                    out.problems.push(text);
                }
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
    let names = transaction.index.by_name.keys().copied();
    let packages = &transaction.index.catalog.packages;
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
    let index = transaction.index;
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
            found = best_of(transaction, &offers, true, word)?;
        }
    }
    choose(transaction, &found)
}

/// Of packages of several names, versions and architectures what a bare word means: each
/// name's newest version, in the machine's architecture if there is one
/// (`multilib_policy=best`).
pub fn choose(transaction: &Transaction<'_, '_>, found: &[Id]) -> Result<Vec<Id>> {
    let index = transaction.index;
    let mut by_name: BTreeMap<&str, Vec<Id>> = BTreeMap::new();
    for &id in found {
        by_name.entry(&index.package(id).name).or_default().push(id);
    }
    let mut chosen = Vec::new();
    for mut ids in by_name.into_values() {
        if ids.iter().any(|&id| arch::native(&index.package(id).arch)) {
            ids.retain(|&id| arch::native(&index.package(id).arch));
        }
        let evr = |id: &Id| &index.package(*id).evr;
        if let Some(newest) = ids.iter().copied().max_by(|a, b| evr(a).compare(evr(b))) {
            ids.retain(|id| evr(id).compare(evr(&newest)).is_eq());
        }
        chosen.extend(best_of(transaction, &ids, false, "")?);
    }
    Ok(chosen)
}

/// The best package for the machine's architecture, and beside it the best 32-bit one; or one
/// for any machine in place of both, where it is better (yum's `bestPackagesFromList`).
fn best_of(
    transaction: &Transaction<'_, '_>,
    ids: &[Id],
    one_name: bool,
    wanted: &str,
) -> Result<Vec<Id>> {
    let index = transaction.index;
    let package = |id: Id| index.package(id);
    let best = |fits: &dyn Fn(&str) -> bool| {
        let fitting: Vec<Id> = ids.iter().copied().filter(|&id| fits(&package(id).arch)).collect();
        provider::best(transaction, &fitting, None, wanted)
    };
    let own = best(&|arch| arch == "x86_64")?;
    let any = best(&|arch| arch == "noarch")?;
    let mut other = best(&|arch| arch != "x86_64" && arch != "noarch")?;
    if let (Some(own), Some(narrow)) = (own, other)
        && one_name
        && package(own).name != package(narrow).name
    {
        other = None;
    }
    let (Some(any), Some(rival)) = (any, own.or(other)) else {
        return Ok(any.into_iter().chain(own).chain(other).collect());
    };
    if provider::best(transaction, &[rival, any], None, wanted)? == Some(any) {
        return Ok(vec![any]);
    }
    Ok(own.into_iter().chain(other).collect())
}
