//! What was asked for, as packages.

use super::Id;
use super::index::{Index, better, distance};
use super::unsolvable::nearest;
use crate::repo::comps::Group;
use crate::repo::primary::{Compare, Package, Relation};
use std::collections::BTreeSet;

/// A request in the words of a kickstart's `%packages`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// `NAME`, `NAME.ARCH`, a NEVRA, `@group`, `@^environment`, `/path`, a capability, or a glob.
    pub install: Vec<String>,
    /// Package names that are not to be installed, not even for others.
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

/// A request as packages.
#[derive(Default)]
pub struct Expanded {
    pub packages: Vec<Id>,
    pub skipped: Vec<String>,
}

/// Resolves every item of a request; what is nowhere becomes a problem.
pub fn expand(index: &Index, request: &Request, problems: &mut Vec<String>) -> Expanded {
    let mut out = Expanded::default();
    for item in &request.install {
        if let Some(id) = item.strip_prefix("@^") {
            match index.catalog.environments.iter().find(|e| e.id == id) {
                Some(environment) => {
                    environment
                        .groups
                        .iter()
                        .for_each(|g| group(index, request, g, &mut out, problems));
                }
                None => {
                    let ids = index.catalog.environments.iter().map(|e| e.id.as_str());
                    problems
                        .push(format!("no environment `{id}` on the media{}", nearest(id, ids)));
                }
            }
        } else if let Some(id) = item.strip_prefix('@') {
            group(index, request, id, &mut out, problems);
        } else {
            let found = named(index, item);
            if found.is_empty() {
                let excluded = if request.exclude.contains(item) {
                    " (it is excluded by the same request)"
                } else {
                    ""
                };
                let text = format!(
                    "no package `{item}` on the media{excluded}{}",
                    nearest(item, index.by_name.keys().copied())
                );
                if request.ignore_missing { out.skipped.push(text) } else { problems.push(text) }
            }
            out.packages.extend(found);
        }
    }
    conditional(index, request, &mut out);
    out
}

fn group(
    index: &Index,
    request: &Request,
    id: &str,
    out: &mut Expanded,
    problems: &mut Vec<String>,
) {
    let Some(group) = index.catalog.groups.iter().find(|g| g.id == id) else {
        let ids = index.catalog.groups.iter().map(|g| g.id.as_str());
        problems.push(format!("no group `@{id}` on the media{}", nearest(id, ids)));
        return;
    };
    let mut members: Vec<&String> = group.mandatory.iter().collect();
    if !request.without_defaults.contains(id) {
        members.extend(&group.default);
    }
    if request.with_optional.contains(id) {
        members.extend(&group.optional);
    }
    for member in members {
        let found = named(index, member);
        // yum and Anaconda pass over members that a medium lacks; excluded ones were meant to.
        if found.is_empty() && !request.exclude.contains(member) {
            out.skipped.push(format!("{member}: a member of @{id} that is not on the media"));
        }
        out.packages.extend(found);
    }
}

/// Conditional members of the groups asked for, where their condition is among the packages.
fn conditional(index: &Index, request: &Request, out: &mut Expanded) {
    let asked = |g: &&Group| request.install.iter().any(|i| i.strip_prefix('@') == Some(&g.id));
    let names: BTreeSet<&str> =
        out.packages.iter().map(|&id| index.catalog.packages[id].name.as_str()).collect();
    let wanted: Vec<&str> = index
        .catalog
        .groups
        .iter()
        .filter(asked)
        .flat_map(|g| &g.conditional)
        .filter(|(_, condition)| names.contains(condition.as_str()))
        .map(|(member, _)| member.as_str())
        .collect();
    out.packages.extend(wanted.into_iter().flat_map(|member| named(index, member)));
}

/// The packages that one word names.
pub fn named(index: &Index, word: &str) -> Vec<Id> {
    let packages = &index.catalog.packages;
    if word.contains(['*', '?', '[']) {
        let mut found: Vec<Id> = index
            .by_name
            .iter()
            .filter(|(name, _)| glob(word.as_bytes(), name.as_bytes()))
            .filter_map(|(_, ids)| best_arch(index, ids))
            .collect();
        found.sort_unstable();
        return found;
    }
    if let Some(ids) = index.by_name.get(word) {
        return best_arch(index, ids).map(|id| index.replacement(id)).into_iter().collect();
    }
    let spelled = |p: &Package| {
        let (v, r) = (&p.evr.version, p.evr.release.as_deref().unwrap_or_default());
        word == format!("{}.{}", p.name, p.arch)
            || word == p.nevra()
            || word == format!("{}-{v}", p.name)
            || word == format!("{}-{v}-{r}", p.name)
            || word == format!("{}-{v}-{r}.{}", p.name, p.arch)
    };
    let mut exact: Vec<Id> =
        index.by_name.values().flatten().copied().filter(|&id| spelled(&packages[id])).collect();
    exact.sort_by(|&a, &b| better(index.catalog, a, b));
    if let Some(&id) = exact.first() {
        return vec![id];
    }
    by_capability(index, word)
}

fn by_capability(index: &Index, word: &str) -> Vec<Id> {
    let mut found: Vec<Id> = index
        .by_name
        .values()
        .flatten()
        .copied()
        .filter(|&id| {
            let p = &index.catalog.packages[id];
            p.provides.iter().any(|r| r.name == word) || p.files.iter().any(|f| f == word)
        })
        .collect();
    found.sort_by_key(|&id| {
        let p = &index.catalog.packages[id];
        (distance(&p.arch), p.name.len(), &p.name, id)
    });
    found.first().map(|&id| index.replacement(id)).into_iter().collect()
}

/// `multilib_policy=best`: one package, of the nearest architecture.
fn best_arch(index: &Index, ids: &[Id]) -> Option<Id> {
    let packages = &index.catalog.packages;
    let newest = |a: Id, b: Id| {
        let same = Relation {
            name: String::new(),
            version: Some((Compare::Equal, packages[a].evr.clone())),
        };
        same.met_by(&Relation {
            name: String::new(),
            version: Some((Compare::Equal, packages[b].evr.clone())),
        })
    };
    let &first = ids.first()?;
    let native = |id: &&Id| distance(&packages[**id].arch) < 2;
    // An older 64-bit package is preferred to a newer 32-bit one.
    ids.iter().find(native).copied().or_else(|| {
        ids.iter()
            .copied()
            .filter(|&id| newest(first, id))
            .min_by_key(|&id| distance(&packages[id].arch))
    })
}

/// Shell patterns: `*`, `?`, `[a-z]`.
fn glob(pattern: &[u8], name: &[u8]) -> bool {
    match pattern.split_first() {
        None => name.is_empty(),
        Some((b'*', rest)) => (0..=name.len()).any(|n| glob(rest, &name[n..])),
        Some((b'?', rest)) => !name.is_empty() && glob(rest, &name[1..]),
        Some((b'[', rest)) => {
            let (Some(end), Some((&c, left))) =
                (rest.iter().position(|&b| b == b']'), name.split_first())
            else {
                return false;
            };
            let (negated, set) = match rest[..end].split_first() {
                Some((b'!' | b'^', set)) => (true, set),
                _ => (false, &rest[..end]),
            };
            let range = set.windows(3).any(|w| w[1] == b'-' && (w[0]..=w[2]).contains(&c));
            (range || set.contains(&c)) != negated && glob(&rest[end + 1..], left)
        }
        Some((c, rest)) => name.first() == Some(c) && glob(rest, &name[1..]),
    }
}
