//! Repositories and packages of a catalog as a plan has them.

use crate::base::error::Result;
use crate::packages::repo::{self, Catalog};
use crate::packages::solve;
use crate::plan::{PlanPackage, Repository};

/// The catalog's repositories as a plan has them.
pub fn repositories(catalog: &Catalog) -> Vec<Repository> {
    let repository = |r: &repo::Repo| Repository {
        id: r.id.clone(),
        packages: r.packages,
        repomd_sha256: r.repomd_sha256.clone(),
    };
    catalog.repos.iter().map(repository).collect()
}

/// A package as a plan has it; `bootstrap` says whether rpm needs it.
///
/// # Errors
/// When the disc that it is on is missing.
pub fn package(catalog: &Catalog, id: solve::Id, bootstrap: bool) -> Result<PlanPackage> {
    let p = &catalog.packages[id];
    let repo = &catalog.repos[p.repo];
    let location = repo.path(&p.location);
    repo.medium.disc(&location).map_err(|mut e| {
        e.message = format!("{}: {}", p.nevra(), e.message);
        e
    })?;
    Ok(PlanPackage {
        name: p.name.clone(),
        epoch: p.evr.epoch,
        version: p.evr.version.clone(),
        release: p.evr.release.clone().unwrap_or_default(),
        arch: p.arch.clone(),
        repo: repo.id.clone(),
        location,
        checksum: p.checksum.clone(),
        size: p.size,
        bootstrap,
    })
}
