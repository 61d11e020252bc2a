//! The build log: kept in the cache while the build runs and when it fails, part of the
//! output when it succeeds. It is its owner's alone, as a kickstart's scripts may print
//! anything.

use crate::base::durable;
use crate::base::error::{Context, Result};
use crate::base::terminal::printable;
use crate::packages::cache::{self, CacheDirectory};
use nix::fcntl::{Flock, FlockArg};
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// The log of a build that runs.
pub struct Log {
    path: PathBuf,
    file: File,
    /// What tells a running build's log from a killed one's; none outside the cache.
    lock: Option<Flock<File>>,
    lines: u64,
    /// Where the part of the role that is being built begins.
    start: u64,
}

impl Log {
    /// A new one in the cache; where that is read-only, among the machine's temporary files.
    ///
    /// # Errors
    /// An environment error when it cannot be written.
    pub fn create(cache: &CacheDirectory) -> Result<Self> {
        if cache.is_read_only() {
            return Self::temporary();
        }
        let directory = cache.private_part("logs")?;
        let what = || format!("cannot write to the cache {}", directory.display());
        loop {
            let prefix = format!("{}{}-", cache::LOG, std::process::id());
            let (file, path) = new(&directory, &prefix).or_environment(what)?;
            let other = file.try_clone().or_environment(what)?;
            let lock = Flock::lock(other, FlockArg::LockExclusiveNonblock).ok();
            // Before it was locked somebody may have taken it for a killed build's.
            if path.exists() {
                return Ok(Self { path, file, lock, lines: 0, start: 0 });
            }
        }
    }

    fn temporary() -> Result<Self> {
        let directory = std::env::temp_dir();
        let (file, path) = new(&directory, "imgbuild-build-")
            .or_environment(|| format!("cannot write the log to {}", directory.display()))?;
        Ok(Self { path, file, lock: None, lines: 0, start: 0 })
    }

    /// Where it is, if that is not in the cache.
    pub fn elsewhere(&self) -> Option<&Path> {
        self.lock.is_none().then_some(&self.path)
    }

    /// A log that cannot be written is not a reason to fail.
    pub fn line(&mut self, text: &str) {
        self.lines += 1;
        let _ = writeln!(self.file, "{}", printable(text));
    }

    /// Begins the part of another role.
    ///
    /// # Errors
    /// A build error when the file cannot be used.
    pub fn begin_role(&mut self) -> Result<()> {
        let end = self.file.seek(SeekFrom::End(0));
        self.start = end.or_build(|| format!("cannot use {}", self.path.display()))?;
        Ok(())
    }

    /// All that it has of the role so far.
    ///
    /// # Errors
    /// A build error when it cannot be read.
    pub fn of_role(&self) -> Result<Vec<u8>> {
        let what = || format!("cannot read {}", self.path.display());
        let mut bytes = Vec::new();
        let mut file = File::open(&self.path).or_build(what)?;
        file.seek(SeekFrom::Start(self.start)).or_build(what)?;
        file.read_to_end(&mut bytes).or_build(what)?;
        Ok(bytes)
    }

    /// Removes it.
    ///
    /// # Errors
    /// A build error when that fails.
    pub fn remove(self) -> Result<()> {
        fs::remove_file(&self.path).or_build(|| format!("cannot remove {}", self.path.display()))
    }

    /// Where the log stays, if it is not empty: under the name of an ended build's log.
    pub fn keep(self) -> Option<PathBuf> {
        if self.lines == 0 {
            let _ = fs::remove_file(&self.path);
            return None;
        }
        if self.lock.is_none() {
            return Some(self.path);
        }
        let ended = self.path.with_file_name(format!("build-{}.log", std::process::id()));
        let moved = self.file.sync_all().and_then(|()| durable::rename(&self.path, &ended));
        Some(if moved.is_ok() { ended } else { self.path })
    }
}

/// A private file of a new name.
fn new(directory: &Path, prefix: &str) -> std::io::Result<(File, PathBuf)> {
    let file = tempfile::Builder::new().prefix(prefix).suffix(".log").tempfile_in(directory)?;
    Ok(file.keep()?)
}
