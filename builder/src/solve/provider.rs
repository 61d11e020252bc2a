//! Which of several packages that fit is taken: yum 3.4.3's rules (`_compare_providers`).

use super::Id;
use super::index::{Index, distance};

/// The best of `candidates` for what `by` requires.
pub fn best(index: &Index, candidates: &[Id], by: Id) -> Option<Id> {
    candidates
        .iter()
        .copied()
        .max_by_key(|&id| (score(index, candidates, id, by), std::cmp::Reverse(tie(index, id))))
}

fn score(index: &Index, candidates: &[Id], id: Id, by: Id) -> i64 {
    let packages = &index.catalog.packages;
    let (package, requirer) = (&packages[id], &packages[by]);
    let mut score = 0;
    // One that another candidate replaces is out of the question.
    if index.is_obsoleted(id) {
        score -= 1024;
    }
    let nearest = candidates.iter().map(|&c| distance(&packages[c].arch)).min().unwrap_or(0);
    let own = distance(&package.arch);
    if own == nearest || package.arch == requirer.arch {
        score += 5;
    }
    if requirer.arch == "x86_64" && own >= 2 {
        // A 64-bit package is never served by a 32-bit one where there is a choice.
        score -= 512;
    }
    if !package.source.is_empty() && package.source == requirer.source {
        score += 20;
    }
    let common =
        package.name.bytes().zip(requirer.name.bytes()).take_while(|(a, b)| a == b).count() as i64;
    if common > 2 {
        score += common * 2;
    }
    score - package.name.len() as i64
}

/// What is left to decide by is the same on every machine.
fn tie<'a>(index: &Index<'a>, id: Id) -> (&'a str, usize) {
    let package = &index.catalog.packages[id];
    (&package.name, package.repo)
}
