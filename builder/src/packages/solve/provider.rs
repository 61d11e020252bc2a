//! Which of several packages that fit is taken. The rules are those of yum 3.4.3
//! (`_compare_providers` in its `depsolve.py`), as are the weights.

use super::arch;
use super::chosen::Chosen;
use super::index::Id;
use crate::base::error::Result;
use crate::packages::repo::primary::{Compare, Package};
use formats::rpmfile::Evr;
use std::cmp::Reverse;

/// More than all other points together: not the newest of its name, or replaced by another
/// candidate.
const OUT_OF_QUESTION: i64 = 1024;
/// Built from the same source package as the one that asks.
const SAME_SOURCE: i64 = 20;
/// Nearer architecture than another candidate; a package of its source's name is chosen.
const EDGE: i64 = 5;

/// A candidate; the greatest is the best.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Score {
    /// What the asking package conflicts with comes last.
    welcome: bool,
    points: i64,
    /// Newest version of the capability itself, where that is known for all of the best.
    newest_offer: bool,
    /// How few requirements it would add.
    needs: Reverse<usize>,
    /// Shorter names first.
    length: Reverse<usize>,
    /// yum's order decides in the end.
    rank: usize,
}

/// The best of `candidates` for the capability `wanted`, which `by` requires (or the user).
pub fn best(
    chosen: &Chosen<'_, '_>,
    candidates: &[Id],
    by: Option<Id>,
    wanted: &str,
) -> Result<Option<Id>> {
    if candidates.len() < 2 {
        return Ok(candidates.first().copied());
    }
    let index = chosen.index;
    let points: Vec<i64> =
        candidates.iter().map(|&id| points(chosen, candidates, id, by)).collect();
    let most = points.iter().copied().max().unwrap_or_default();
    let leading = |n: usize| points[n] == most;
    let offers = newest_offers(chosen, candidates, &leading, wanted);
    let mut best: Option<(Score, Id)> = None;
    for (n, &id) in candidates.iter().enumerate() {
        let package = index.package(id);
        // What a package needs is only asked of those that are level until then.
        let needs = if leading(n) && offers[n] { chosen.unmet(id)?.len() } else { usize::MAX };
        let score = Score {
            welcome: by.is_none_or(|by| !conflicts(index.package(by), package)),
            points: points[n],
            newest_offer: offers[n],
            needs: Reverse(needs),
            length: Reverse(package.name.len()),
            rank: index.rank(id),
        };
        if best.as_ref().is_none_or(|(leader, _)| score > *leader) {
            best = Some((score, id));
        }
    }
    Ok(best.map(|(_, id)| id))
}

fn points(chosen: &Chosen<'_, '_>, candidates: &[Id], id: Id, by: Option<Id>) -> i64 {
    let index = chosen.index;
    let package = index.package(id);
    let requirer = by.map(|by| index.package(by));
    let mut points = 0;
    let outdated = index.newest(&package.name).is_some_and(|n| !package.evr.compare(n).is_eq());
    for &other in candidates.iter().filter(|&&other| other != id) {
        if outdated {
            points -= OUT_OF_QUESTION;
        }
        if index.replaces(other, id) {
            points -= OUT_OF_QUESTION;
        }
        let wanted = requirer.map(|r| r.arch.as_str()).into_iter().chain(["x86_64"]);
        let theirs = &index.package(other).arch;
        points += wanted.filter(|from| nearer(from, &package.arch, theirs)).count() as i64 * EDGE;
    }
    if let Some(requirer) = requirer {
        if package.source == requirer.source {
            points += SAME_SOURCE;
        }
        let same = |(a, b): &(u8, u8)| a == b;
        let common = package.name.bytes().zip(requirer.name.bytes()).take_while(same).count();
        if common > 2 {
            points += common as i64 * 2;
        }
    }
    if chosen.has_name(base_name(package)) {
        points += EDGE;
    }
    points
}

/// Whether `own` is strictly nearer to `from` than `other`.
fn nearer(from: &str, own: &str, other: &str) -> bool {
    match (arch::distance(from, own), arch::distance(from, other)) {
        (Some(own), Some(other)) => own < other,
        (own, _) => own.is_some(),
    }
}

/// The name of the source package, which mostly is the main package's too.
fn base_name(package: &Package) -> &str {
    // NAME-VERSION-RELEASE.src.rpm
    package.source.rsplitn(3, '-').nth(2).unwrap_or(&package.name)
}

fn conflicts(by: &Package, candidate: &Package) -> bool {
    by.conflicts.iter().any(|c| candidate.provides.iter().any(|p| c.met_by(p)))
}

/// Of the leading candidates, those whose version of the capability is the newest. All, unless
/// each leading one offers exactly one version.
fn newest_offers(
    chosen: &Chosen<'_, '_>,
    candidates: &[Id],
    leading: &dyn Fn(usize) -> bool,
    wanted: &str,
) -> Vec<bool> {
    let offer = |n: &usize| offered(chosen.index.package(candidates[*n]), wanted);
    let places: Vec<usize> = (0..candidates.len()).filter(|n| leading(*n)).collect();
    let offers: Option<Vec<&Evr>> = places.iter().map(offer).collect();
    let mut newest = vec![true; candidates.len()];
    if let Some(offers) = offers
        && let Some(best) = offers.iter().copied().max_by(|a, b| a.compare(b))
    {
        for (n, evr) in places.into_iter().zip(&offers) {
            newest[n] = evr.compare(best).is_eq();
        }
    }
    newest
}

/// The one exact version in which a package provides `wanted`.
fn offered<'p>(package: &'p Package, wanted: &str) -> Option<&'p Evr> {
    let mut exact = package.provides.iter().filter(|p| p.name == wanted).filter_map(|p| {
        let (compare, evr) = p.version.as_ref()?;
        (*compare == Compare::Equal).then_some(evr)
    });
    let first = exact.next()?;
    exact.next().is_none().then_some(first)
}
