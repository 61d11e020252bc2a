//! Why something cannot be installed, as a message.

use super::chosen::{Chosen, Missing, Reason};
use super::index::Id;
use crate::packages::repo::primary::Relation;

/// A package and for whom it was chosen: `a (for b, for c, requested)`.
pub fn chain(chosen: &Chosen<'_, '_>, id: Id) -> String {
    let index = chosen.index;
    let mut text = format!("{} (", index.package(id).nevra());
    let mut at = id;
    // What it was chosen for may have been replaced meanwhile, and chosen again for another.
    for _ in 0..index.catalog.packages.len() {
        match chosen.reason(at) {
            Some(Reason::For(by)) => {
                text.push_str(&format!("for {}, ", index.package(*by).name));
                at = *by;
            }
            Some(Reason::Member(group)) => return text + &format!("member of @{group})"),
            Some(Reason::Requested) => return text + "requested)",
            None => return text + "replaced meanwhile)",
        }
    }
    text + "…)"
}

/// An unmet requirement with its chain and what comes near.
pub fn missing(chosen: &Chosen<'_, '_>, missing: &Missing<'_>) -> String {
    let who = chain(chosen, missing.by);
    let what = missing.requirement;
    if what.name.starts_with('(') {
        return format!(
            "{who} needs {what}: a rich dependency, which rpm 4.11 of EL7 cannot install"
        );
    }
    if let Some(blocking) = missing.blocked_by {
        return format!("{who} needs {what}, but {} is already chosen", chain(chosen, blocking));
    }
    let others = others(chosen, what);
    if !others.is_empty() {
        return format!("{who} needs {what}; there is only: {}", others.join(", "));
    }
    let index = chosen.index;
    let unread = match index.unread() {
        [first, ..] if what.name.starts_with('/') => {
            format!(" (but not all lists of files could be read: {first})")
        }
        _ => nearest(&what.name, index.by_name.keys().copied()),
    };
    format!("{who} needs {what}, which no package on the media provides{unread}")
}

/// Packages that provide what is wanted in another version, cannot be used, or were replaced.
fn others(chosen: &Chosen<'_, '_>, what: &Relation) -> Vec<String> {
    let index = chosen.index;
    let mut usable: Vec<Id> = index.all().collect();
    usable.sort_by_key(|&id| index.rank(id));
    let offer = |id: Id| {
        let package = index.package(id);
        let provided = package.provides.iter().find(|p| p.name == what.name)?;
        let replaced = index.replacement(id).map_or_else(String::new, |other| {
            format!(", which {} replaces", index.package(other).nevra())
        });
        Some(format!("{} provides {provided}{replaced}", package.nevra()))
    };
    let found: Vec<String> = usable.into_iter().rev().filter_map(offer).take(3).collect();
    if !found.is_empty() {
        return found;
    }
    let packages = index.catalog.packages.iter();
    let fits = packages.filter(|p| {
        p.files.contains(&what.name) || p.provides.iter().any(|offered| what.met_by(offered))
    });
    fits.map(|p| format!("{}, which is excluded or shadowed by another repository", p.nevra()))
        .take(1)
        .collect()
}

/// Two packages that cannot be installed together.
pub fn conflict(
    chosen: &Chosen<'_, '_>,
    (one, relation, other): (Id, Option<&Relation>, Id),
) -> String {
    let (one, other) = (chain(chosen, one), chain(chosen, other));
    match relation {
        Some(relation) => format!("{one} conflicts with {relation}, which {other} is"),
        None => format!("{one} and {other} are two versions of one package"),
    }
}

/// `; did you mean …` when a name is close to one that exists.
pub fn nearest<'a>(word: &str, names: impl Iterator<Item = &'a str>) -> String {
    match crate::base::nearest::nearest(word, names) {
        Some(name) => format!("; did you mean `{name}`?"),
        None => String::new(),
    }
}
