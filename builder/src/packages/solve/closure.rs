//! What a package needs of those chosen.

use super::index::Id;
use crate::packages::repo::Catalog;
use crate::packages::repo::primary::Relation;
use std::collections::{BTreeMap, BTreeSet};

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
