//! Of several packages the best for the machine's architectures.

use super::chosen::Chosen;
use super::index::Id;
use super::{arch, provider};
use crate::base::error::Result;
use std::collections::BTreeMap;

/// Of packages of several names, versions and architectures what a bare word means: each
/// name's newest version, in the machine's architecture if there is one
/// (`multilib_policy=best`).
pub fn choose(chosen: &Chosen<'_, '_>, found: &[Id]) -> Result<Vec<Id>> {
    let index = chosen.index;
    let mut by_name: BTreeMap<&str, Vec<Id>> = BTreeMap::new();
    for &id in found {
        by_name.entry(&index.package(id).name).or_default().push(id);
    }
    let mut found = Vec::new();
    for mut ids in by_name.into_values() {
        if ids.iter().any(|&id| arch::native(&index.package(id).arch)) {
            ids.retain(|&id| arch::native(&index.package(id).arch));
        }
        let evr = |id: &Id| &index.package(*id).evr;
        if let Some(newest) = ids.iter().copied().max_by(|a, b| evr(a).compare(evr(b))) {
            ids.retain(|id| evr(id).compare(evr(&newest)).is_eq());
        }
        found.extend(best_of(chosen, &ids, false, "")?);
    }
    Ok(found)
}

/// The best package for the machine's architecture, and with it the best 32-bit one; or one
/// for any machine in place of both, where it is better (yum's `bestPackagesFromList`).
pub(super) fn best_of(
    chosen: &Chosen<'_, '_>,
    ids: &[Id],
    one_name: bool,
    wanted: &str,
) -> Result<Vec<Id>> {
    let index = chosen.index;
    let package = |id: Id| index.package(id);
    let best = |fits: &dyn Fn(&str) -> bool| {
        let fitting: Vec<Id> = ids.iter().copied().filter(|&id| fits(&package(id).arch)).collect();
        provider::best(chosen, &fitting, None, wanted)
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
    if provider::best(chosen, &[rival, any], None, wanted)? == Some(any) {
        return Ok(vec![any]);
    }
    Ok(own.into_iter().chain(other).collect())
}
