//! Packages from the media, each checked against its repository's metadata before anything
//! reads it. From whatever medium, they come into the cache first, where nobody else writes: the
//! bytes that were checked are those that are installed.

use super::context::PackageSet;
use crate::base::error::{Error, Result};
use crate::base::interrupt;
use crate::base::progress::{Progress, Unit};
use crate::packages::checksum::Known;
use crate::packages::media;
use crate::packages::media::keep::{self, Part};
use crate::packages::repo::Repo;
use crate::plan::PlanPackage;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// Packages that are fetched or checked at a time: more than a machine has cores, as servers
/// make one wait.
const WORKERS: usize = 6;
/// How often progress is shown.
const GLANCE: Duration = Duration::from_millis(100);
/// Most missing packages that a message names.
const NAMED: usize = 10;

/// The files of the packages, in their order. With `again`, packages that the cache
/// has are compared with the media as well, except those behind a network.
pub fn packages(set: PackageSet<'_>, again: bool, progress: &mut Progress) -> Result<Vec<PathBuf>> {
    let packages = set.packages;
    refuse_missing(set)?;
    progress.stage("fetching and checking packages", Unit::Bytes);
    let total = packages.iter().map(|p| p.size).sum();
    let work = Work {
        set,
        again,
        next: AtomicUsize::new(0),
        bytes: AtomicU64::new(0),
        failed: AtomicBool::new(false),
        done: Mutex::new(vec![None; packages.len()]),
        error: Mutex::new(None),
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(|| work.run())).collect();
        while !workers.iter().all(|worker| worker.is_finished()) {
            let at = work.next.load(Ordering::Relaxed).min(packages.len());
            let name = packages.get(at.saturating_sub(1)).map_or("", |p| p.name.as_str());
            progress.at(work.bytes.load(Ordering::Relaxed).min(total), total, name);
            thread::sleep(GLANCE);
        }
    });
    interrupt::check()?;
    if let Some(error) = work.error.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    let done = work.done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.into_iter()
        .collect::<Option<_>>()
        .ok_or_else(|| Error::build("fetching packages ended early"))
}

struct Work<'a> {
    set: PackageSet<'a>,
    again: bool,
    next: AtomicUsize,
    bytes: AtomicU64,
    failed: AtomicBool,
    done: Mutex<Vec<Option<PathBuf>>>,
    error: Mutex<Option<Error>>,
}

impl Work<'_> {
    /// Takes one package after the other until none is left or one failed.
    fn run(&self) {
        loop {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(wanted) = self.set.packages.get(index) else { return };
            if interrupt::requested() || self.failed.load(Ordering::Relaxed) {
                return;
            }
            let came = AtomicU64::new(0);
            let advance = |bytes: u64| {
                came.fetch_add(bytes, Ordering::Relaxed);
                self.bytes.fetch_add(bytes, Ordering::Relaxed);
            };
            match package(self.set, wanted, self.again, &advance) {
                Ok(path) => {
                    // What was at hand already counts as well.
                    let rest = wanted.size.saturating_sub(came.into_inner());
                    self.bytes.fetch_add(rest, Ordering::Relaxed);
                    self.done.lock().unwrap_or_else(PoisonError::into_inner)[index] = Some(path);
                }
                Err(error) => {
                    self.failed.store(true, Ordering::Relaxed);
                    let mut first = self.error.lock().unwrap_or_else(PoisonError::into_inner);
                    first.get_or_insert(error);
                }
            }
        }
    }
}

fn package(
    set: PackageSet<'_>,
    package: &PlanPackage,
    again: bool,
    advance: &(dyn Fn(u64) + Sync),
) -> Result<PathBuf> {
    let repo = repository(set, package)?;
    let name = |mut e: Error| {
        e.message = format!("{} in {}: {}", package.nevra(), repo.place(), e.message);
        e
    };
    let known = known(package);
    let cache = &set.access.network.cache;
    let medium = repo.medium.as_ref();
    if again && medium.remote().is_none() {
        media::verify(medium, &package.location, &known).map_err(name)?;
    }
    keep::obtain(cache, Part::Packages, medium, &package.location, &known, advance).map_err(name)
}

fn repository<'a>(set: PackageSet<'a>, package: &PlanPackage) -> Result<&'a Repo> {
    set.catalog.repos.iter().find(|r| r.id == package.repo).ok_or_else(|| {
        Error::build(format!("{}: its repository {} is gone", package.nevra(), package.repo))
    })
}

fn known(package: &PlanPackage) -> Known {
    Known { checksum: package.checksum.clone(), size: package.size }
}

/// Offline: one error that names the packages that would have to be fetched.
fn refuse_missing(set: PackageSet<'_>) -> Result<()> {
    if !set.access.network.offline {
        return Ok(());
    }
    let cache = &set.access.network.cache;
    let mut missing = Vec::new();
    for package in set.packages {
        let here = Part::Packages.place(cache, &package.checksum)?;
        if repository(set, package)?.medium.remote().is_some() && !here.exists() {
            missing.push(package.nevra());
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let count = missing.len();
    let mut list = missing[..count.min(NAMED)].join(", ");
    if count > NAMED {
        list.push_str(&format!(" and {} more", count - NAMED));
    }
    Err(Error::environment(format!(
        "{count} packages are not in the cache, and --offline forbids to fetch them: {list}"
    ))
    .hint("run the command once without --offline, or give ISO files or directories as --media"))
}
