//! The output directory: everything is written in a private directory inside it and moved to its
//! place when whole, so that a failed or interrupted build leaves nothing, and nobody else sees
//! what is not theirs. What a killed build left is removed by the next one.

pub mod libvirt;

use crate::base::durable;
use crate::base::error::{Context, Error, Result};
use crate::base::private::{self, Leftovers, Scratch};
use nix::fcntl::{AT_FDCWD, Flock, FlockArg, RenameFlags, renameat2};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How the directory of a build under way begins.
const PREFIX: &str = ".imgbuild-";
/// How long another build may take to begin in the same directory.
const BEGINNING: Duration = Duration::from_secs(5);

/// A build's outputs under way; dropped without [`Staging::commit`], it removes all of them.
#[derive(Debug)]
pub struct Staging {
    target: PathBuf,
    temporary: Scratch,
    created: Vec<PathBuf>,
    names: Vec<String>,
    leftovers: Vec<PathBuf>,
    force: bool,
    committed: bool,
}

impl Staging {
    /// Prepares to write `names` into `target`, which is created if it does not exist. What
    /// killed builds left there is removed.
    ///
    /// # Errors
    /// An input error naming every file that already exists unless `force`; an environment
    /// error when another build is writing there, or when the directory cannot be created or
    /// written.
    pub fn new(target: &Path, names: Vec<String>, force: bool) -> Result<Self> {
        let there: Vec<&str> =
            names.iter().filter(|n| target.join(n).exists()).map(String::as_str).collect();
        if !force && !there.is_empty() {
            return Err(exist(target, &there));
        }
        let failed = |e: io::Error| {
            Error::environment(format!("cannot write to {}: {e}", target.display()))
                .hint("give an --output directory that you may write to")
        };
        let created =
            durable::create_dir_all(target, private::public_mode(0o777)).map_err(failed)?;
        match begin(target) {
            Ok((temporary, found)) if found.busy.is_empty() => {
                let (target, leftovers) = (target.to_owned(), found.removed);
                Ok(Self { target, temporary, created, names, leftovers, force, committed: false })
            }
            // The other build has created something below, so none of these is empty.
            Ok(_) => {
                Err(Error::environment(format!("another build is writing to {}", target.display()))
                    .hint("wait until it has ended, or give another --output"))
            }
            Err(e) => {
                remove_empty(&created);
                Err(failed(e))
            }
        }
    }

    /// Where the output `name` is to be written for now.
    pub fn path(&self, name: &str) -> PathBuf {
        self.temporary.path().join(name)
    }

    /// What killed builds had left and is removed now.
    pub fn leftovers(&self) -> &[PathBuf] {
        &self.leftovers
    }

    /// Lets others read the output `name`, which is whole, as far as the user's umask lets them.
    /// All others stay their owner's alone. Libvirt's QEMU still can read them: libvirt gives it
    /// the images that it runs from.
    ///
    /// # Errors
    /// A build error when its mode cannot be set.
    pub fn publish(&self, name: &str) -> Result<()> {
        let path = self.path(name);
        private::publish(&path).or_build(|| format!("cannot set the mode of {}", path.display()))
    }

    /// Makes every output durable and moves it to its place.
    ///
    /// # Errors
    /// A build error when syncing or renaming fails; an input error when one of the names
    /// exists by now and was not to be replaced: then none is moved.
    pub fn commit(mut self) -> Result<()> {
        for name in &self.names {
            let path = self.path(name);
            File::open(&path)
                .and_then(|f| f.sync_all())
                .or_build(|| format!("cannot finish {}", path.display()))?;
        }
        for (done, name) in self.names.iter().enumerate() {
            let place = self.target.join(name);
            let moved = match self.force {
                true => replace(&self.path(name), &place),
                false => durable::rename_new(&self.path(name), &place),
            };
            if let Err(e) = moved {
                if !self.force {
                    // They did not exist before: these are our own.
                    self.names[..done]
                        .iter()
                        .for_each(|n| drop(fs::remove_file(self.target.join(n))));
                }
                return Err(match e.kind() {
                    io::ErrorKind::AlreadyExists => exist(&self.target, &[name.as_str()]),
                    _ => Error::build(format!("cannot move to {}: {e}", place.display())),
                });
            }
        }
        durable::sync_dir(&self.target)
            .or_build(|| format!("cannot sync {}", self.target.display()))?;
        self.committed = true;
        Ok(())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if !self.committed {
            // The temporary directory first, or the directories above it are not empty.
            let _ = fs::remove_dir_all(self.temporary.path());
            remove_empty(&self.created);
        }
    }
}

/// Moves an output to its place. A directory that is there is exchanged with it, and so goes with
/// the staging directory.
fn replace(from: &Path, to: &Path) -> io::Result<()> {
    match fs::symlink_metadata(to) {
        Ok(there) if there.is_dir() => {
            Ok(renameat2(AT_FDCWD, from, AT_FDCWD, to, RenameFlags::RENAME_EXCHANGE)?)
        }
        _ => fs::rename(from, to),
    }
}

fn exist(target: &Path, names: &[&str]) -> Error {
    Error::input(format!("{} already holds {}", target.display(), names.join(", ")))
        .hint("give another --output, or --force to replace them once the build has succeeded")
}

/// The manifests of all builds in `directories` or directly below them, sorted.
///
/// # Errors
/// An input error when the working directory is unknown.
pub fn manifests(directories: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for directory in directories {
        let directory =
            std::path::absolute(directory).or_input(|| directory.display().to_string())?;
        let below = fs::read_dir(&directory).into_iter().flatten().flatten();
        let places = below.map(|entry| entry.path()).chain([directory]);
        found.extend(places.map(|p| p.join("manifest.json")).filter(|m| m.exists()));
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// The error for directories none of which holds a build.
pub fn no_build(directories: &[PathBuf]) -> Error {
    let list: Vec<String> = directories.iter().map(|f| f.display().to_string()).collect();
    Error::input(format!("no images in {}: no manifest.json there", list.join(", ")))
        .hint("build them first (imgbuild), or name the directory that a build wrote to")
}

/// A directory for a build's outputs in `target`, what was left there by killed builds, and the
/// directories of builds that run.
fn begin(target: &Path) -> io::Result<(Scratch, Leftovers)> {
    // One at a time: of two builds that begin at once one goes on.
    let _turn = turn(target);
    let found = private::remove_dead(target, PREFIX);
    Ok((Scratch::new(target, PREFIX)?, found))
}

/// A lock on the directory itself. None where it cannot be had: the worst is then that both of
/// two builds are refused.
fn turn(target: &Path) -> Option<Flock<File>> {
    const PAUSE: Duration = Duration::from_millis(20);
    let mut directory = File::open(target).ok()?;
    for _ in 0..BEGINNING.as_millis() / PAUSE.as_millis() {
        match Flock::lock(directory, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => return Some(lock),
            Err((again, nix::errno::Errno::EWOULDBLOCK)) => directory = again,
            Err(_) => return None,
        }
        std::thread::sleep(PAUSE);
    }
    None
}

/// Removes directories that we created, innermost first, as far as they are empty.
fn remove_empty(directories: &[PathBuf]) {
    for directory in directories {
        if fs::remove_dir(directory).is_err() {
            break;
        }
    }
}

/// Writes `bytes` compressed by zstd into a new private file.
///
/// # Errors
/// A build error when it cannot be written.
pub fn compressed(path: &Path, bytes: &[u8]) -> Result<()> {
    private::create_file(path)
        .and_then(|file| zstd::stream::copy_encode(bytes, file, 6))
        .or_build(|| format!("cannot write {}", path.display()))
}

/// Fails unless the filesystem of `directory` (or of its nearest existing parent) has `need`
/// bytes free for us.
///
/// # Errors
/// An environment error with need, have and where.
pub fn require_space(directory: &Path, need: u64, what: &str) -> Result<()> {
    let (existing, have) = free_space(directory)?;
    if have >= need {
        return Ok(());
    }
    Err(Error::environment(format!(
        "not enough free space for {what}: need about {} MiB, have {} MiB in {}",
        need >> 20,
        have >> 20,
        existing.display()
    ))
    .hint("free some space there, or choose another directory with --output or --cache"))
}

/// The part of a path that exists, and its free space in bytes.
///
/// # Errors
/// An environment error when the system does not tell.
pub fn free_space(directory: &Path) -> Result<(PathBuf, u64)> {
    let absolute = std::path::absolute(directory)
        .or_environment(|| format!("cannot resolve {}", directory.display()))?;
    // The root directory always exists.
    let existing = absolute.ancestors().find(|f| f.exists()).unwrap_or(Path::new("/"));
    let stat = nix::sys::statvfs::statvfs(existing)
        .or_environment(|| format!("cannot ask {} for free space", existing.display()))?;
    Ok((existing.to_owned(), stat.blocks_available() * stat.fragment_size()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_of_what_is_not_committed() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("a/b");
        let staging = Staging::new(&target, vec!["x".into()], false).unwrap();
        fs::write(staging.path("x"), "half").unwrap();
        drop(staging);
        assert!(fs::read_dir(dir.path()).unwrap().next().is_none());
    }

    #[test]
    fn commit_replaces_only_by_force() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("x"), "old").unwrap();
        let error = Staging::new(dir.path(), vec!["x".into()], false).unwrap_err();
        assert!(error.message.contains("already holds x"), "{error}");
        let staging = Staging::new(dir.path(), vec!["x".into()], true).unwrap();
        fs::write(staging.path("x"), "new").unwrap();
        assert_eq!(fs::read_to_string(dir.path().join("x")).unwrap(), "old");
        staging.commit().unwrap();
        assert_eq!(fs::read_to_string(dir.path().join("x")).unwrap(), "new");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn of_two_builds_into_one_directory_the_second_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("a/b");
        let first = Staging::new(&target, vec!["x".into()], false).unwrap();
        for force in [false, true] {
            let error = Staging::new(&target, vec!["x".into()], force).unwrap_err();
            assert!(error.message.contains("another build is writing to"), "{error}");
            assert_eq!(error.class, crate::base::error::Class::Environment);
        }
        fs::write(first.path("x"), "first").unwrap();
        first.commit().unwrap();
        assert_eq!(fs::read_to_string(target.join("x")).unwrap(), "first");
    }

    #[test]
    fn what_appears_meanwhile_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let staging = Staging::new(dir.path(), vec!["a".into(), "x".into()], false).unwrap();
        for name in ["a", "x"] {
            fs::write(staging.path(name), "ours").unwrap();
        }
        fs::write(dir.path().join("x"), "theirs").unwrap();
        let error = staging.commit().unwrap_err();
        assert!(error.message.contains("already holds x"), "{error}");
        assert_eq!(fs::read_to_string(dir.path().join("x")).unwrap(), "theirs");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_a_killed_build_left_is_removed_by_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let dead = dir.path().join(".imgbuild-dead");
        fs::create_dir(&dead).unwrap();
        fs::write(dead.join("disk"), "secret").unwrap();
        let staging = Staging::new(dir.path(), vec!["x".into()], false).unwrap();
        assert_eq!(staging.leftovers(), std::slice::from_ref(&dead));
        assert!(!dead.exists());
    }

    #[test]
    fn space_is_named() {
        let error = require_space(Path::new("/proc/nowhere"), 1 << 20, "a test").unwrap_err();
        assert!(error.message.contains("need about 1 MiB, have 0 MiB in /proc"), "{error}");
    }
}
