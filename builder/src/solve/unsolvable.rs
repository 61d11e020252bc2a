//! Why something cannot be installed, in words.

use super::index::Index;
use super::{Id, Missing};
use std::collections::BTreeMap;

/// A package and for whom it was chosen: `a (for b, for c, requested)`.
pub fn chain(index: &Index, why: &BTreeMap<Id, Id>, id: Id) -> String {
    let name = |id: Id| index.catalog.packages[id].nevra();
    let mut text = format!("{} (", name(id));
    let mut at = id;
    // A package is chosen once, for one that was chosen before it: this ends.
    while let Some(&by) = why.get(&at) {
        text.push_str(&format!("for {}, ", index.catalog.packages[by].name));
        at = by;
    }
    text + "requested)"
}

/// An unmet requirement with its chain and what comes near.
pub fn missing(index: &Index, why: &BTreeMap<Id, Id>, missing: &Missing) -> String {
    let who = chain(index, why, missing.by);
    let what = &missing.requirement;
    if let Some(blocking) = missing.blocked_by {
        return format!(
            "{who} needs {what}, but {} is chosen already",
            chain(index, why, blocking)
        );
    }
    let others: Vec<String> = index
        .by_name
        .values()
        .flatten()
        .flat_map(|&id| index.catalog.packages[id].provides.iter().map(move |p| (id, p)))
        .filter(|(_, p)| p.name == what.name)
        .map(|(id, p)| format!("{} provides {p}", index.catalog.packages[id].nevra()))
        .take(3)
        .collect();
    if others.is_empty() {
        let names = index.by_name.keys().copied();
        format!(
            "{who} needs {what}, which no package on the media provides{}",
            nearest(&what.name, names)
        )
    } else {
        format!("{who} needs {what}; there is only: {}", others.join(", "))
    }
}

/// `; did you mean …` when a name is close to one that exists.
pub fn nearest<'a>(word: &str, names: impl Iterator<Item = &'a str>) -> String {
    match crate::problem::nearest(word, names) {
        Some(name) => format!("; did you mean `{name}`?"),
        None => String::new(),
    }
}
