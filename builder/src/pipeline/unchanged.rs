//! Whether inputs and media are still those that a plan was created from. Nothing is decided here.

use crate::base::error::{Class, Error, Result};
use crate::packages::checksum::Checksum;
use crate::packages::repo::Catalog;
use crate::plan::{self, Plan, Script};
use std::collections::HashMap;

/// That inputs and scripts are those of the plan.
///
/// # Errors
/// A verification error naming all that differs.
pub fn check_inputs(
    plan: &Plan,
    found: &[plan::Input],
    scripts: &[(Script, String)],
) -> Result<()> {
    same_inputs(plan, found)?;
    if scripts.iter().map(|(s, _)| &s.sha256).ne(plan.scripts.iter().map(|s| &s.sha256)) {
        return Err(Error::verification("the kickstart's %post scripts are not those of the plan")
            .hint("the plan was created by another version of imgbuild; create a new one"));
    }
    Ok(())
}

/// Finds the plan's repositories and packages on the media.
///
/// # Errors
/// A verification error naming all that differs.
pub fn find_packages(plan: &mut Plan, catalog: &mut Catalog) -> Result<()> {
    let repositories = same_repositories(plan, catalog)?;
    locate(plan, catalog, &repositories)
}

/// A package that cannot be read any more is a changed medium, whatever the reason.
pub fn unreadable(mut error: Error) -> Error {
    if error.class == Class::Input {
        error.class = Class::Verification;
        error.message = format!("media changed since the plan was created:\n  {}", error.message);
    }
    error
}

fn changed(what: &str, differences: &[String], hint: &str) -> Result<()> {
    if differences.is_empty() {
        return Ok(());
    }
    let list = differences.join("\n  ");
    Err(Error::verification(format!("{what} changed since the plan was created:\n  {list}"))
        .hint(hint))
}

fn same_inputs(plan: &Plan, found: &[plan::Input]) -> Result<()> {
    let mut differences = Vec::new();
    for (number, expected) in plan.inputs.iter().enumerate() {
        match found.get(number) {
            Some(input) if input.sha256 == expected.sha256 => {}
            Some(input) => differences.push(format!(
                "{}: SHA-256 is {}, the plan (made from {}) says {}",
                input.name, input.sha256, expected.name, expected.sha256
            )),
            None => differences.push(format!("{} is gone", expected.name)),
        }
    }
    changed("inputs", &differences, "put the old ones back, or create a new plan")
}

/// Finds the plan's repositories by their digests and gives them the plan's names. Returns
/// the index in the catalog of each.
fn same_repositories(plan: &Plan, catalog: &mut Catalog) -> Result<HashMap<String, usize>> {
    let mut places = HashMap::new();
    let mut differences = Vec::new();
    for expected in &plan.repositories {
        let place = catalog.repos.iter().position(|r| r.repomd_sha256 == expected.repomd_sha256);
        if let Some(place) = place {
            places.insert(expected.id.clone(), place);
            continue;
        }
        let candidate = catalog.repos.iter().find(|r| r.id == expected.id);
        differences.push(match candidate {
            Some(repo) => format!(
                "repository {} in {}: SHA-256 of repomd.xml is {}, the plan says {}",
                expected.id,
                repo.place(),
                repo.repomd_sha256,
                expected.repomd_sha256
            ),
            None => format!(
                "repository {} (SHA-256 of its repomd.xml: {}) is on none of the media",
                expected.id, expected.repomd_sha256
            ),
        });
    }
    changed("media", &differences, "give the media of the plan by --media, or create a new plan")?;
    for (id, &place) in &places {
        catalog.repos[place].id.clone_from(id);
    }
    Ok(places)
}

/// Where each package of the plan is on the media at hand, whose directories may be others.
fn locate(plan: &mut Plan, catalog: &Catalog, places: &HashMap<String, usize>) -> Result<()> {
    let by_checksum: HashMap<(usize, &Checksum), &str> =
        catalog.packages.iter().map(|p| ((p.repo, &p.checksum), p.location.as_str())).collect();
    let mut gone = Vec::new();
    for package in &mut plan.packages {
        let place = places.get(&package.repo);
        let location = place.and_then(|&p| by_checksum.get(&(p, &package.checksum)));
        match (place, location) {
            (Some(&place), Some(location)) => {
                package.location = catalog.repos[place].path(location);
            }
            _ => gone.push(format!(
                "{} ({} {}) is not in repository {}",
                package.nevra(),
                package.checksum.kind(),
                package.checksum.hex(),
                package.repo
            )),
        }
    }
    changed("media", &gone, "give the media of the plan by --media, or create a new plan")
}
