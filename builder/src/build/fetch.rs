//! Packages from the media, each checked against its repository's metadata before anything
//! reads it. Folders are used in place; from ISO files and http(s) they come into the cache.

use super::Context;
use crate::error::{Context as _, Error, Result};
use crate::interrupt;
use crate::plan::Package;
use crate::progress::{Progress, Unit};
use crate::repo::{Repo, checksum};
use rayon::prelude::*;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Packages that are read and checked at a time.
const BATCH: usize = 16;

/// The files of the plan's packages, in the plan's order.
pub fn packages(context: &Context, cache: &Path, progress: &mut Progress) -> Result<Vec<PathBuf>> {
    let folder = cache.join("packages");
    fs::create_dir_all(&folder)
        .or_environment(|| format!("cannot use the cache {}", folder.display()))?;
    progress.stage("fetching and checking packages", Unit::Bytes);
    let total = context.plan.packages.iter().map(|p| p.size).sum();
    let mut done = 0;
    let mut files = Vec::new();
    for batch in context.plan.packages.chunks(BATCH) {
        interrupt::check()?;
        let fetched: Vec<PathBuf> =
            batch.par_iter().map(|p| package(context, p, &folder)).collect::<Result<_>>()?;
        files.extend(fetched);
        done += batch.iter().map(|p| p.size).sum::<u64>();
        progress.at(done, total, &batch[batch.len() - 1].name);
    }
    Ok(files)
}

fn package(context: &Context, package: &Package, folder: &Path) -> Result<PathBuf> {
    interrupt::check()?;
    let repo = context.catalog.repos.iter().find(|r| r.id == package.repo).ok_or_else(|| {
        Error::build(format!("{}: its repository {} is gone", package.nevra(), package.repo))
    })?;
    if let Some(path) = repo.medium.local(&package.location) {
        let bytes = repo.medium.read(&package.location, u64::MAX - 1)?;
        verify(package, repo, &bytes)?;
        return Ok(path);
    }
    let place = folder.join(format!("{}.rpm", package.sha256));
    if let Ok(bytes) = fs::read(&place)
        && verify(package, repo, &bytes).is_ok()
    {
        return Ok(place);
    }
    // The declared size bounds what is read.
    let bytes = repo.medium.read(&package.location, package.size)?;
    verify(package, repo, &bytes)?;
    let what = || format!("cannot write to the cache {}", folder.display());
    let mut temporary = tempfile::NamedTempFile::new_in(folder).or_environment(what)?;
    temporary.write_all(&bytes).or_environment(what)?;
    temporary.persist(&place).or_environment(what)?;
    Ok(place)
}

fn verify(package: &Package, repo: &Repo, bytes: &[u8]) -> Result<()> {
    let found = checksum(&package.checksum, bytes).ok_or_else(|| {
        Error::input(format!(
            "{}: checksum kind `{}` is not known",
            package.nevra(),
            package.checksum
        ))
    })?;
    if found == package.sha256 {
        return Ok(());
    }
    Err(Error::verification(format!(
        "{} in {} ({}) is damaged or was changed: {} is {found}, the repository says {}",
        package.nevra(),
        repo.place(),
        package.location,
        package.checksum,
        package.sha256
    ))
    .hint("copy the medium again and compare its checksum with the publisher's"))
}
