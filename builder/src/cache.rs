//! The cache folder: what lies where in it, who is using it, and how it is kept within bounds.
//!
//! | folder | what | name |
//! |---|---|---|
//! | `packages` | RPMs from ISO files and servers | checksum in their repository's metadata, `.rpm` |
//! | `metadata` | metadata files from servers | checksum in repomd.xml |
//! | `pages` | what has no checksum (repomd.xml, mirror lists) | SHA-256 of the URL |
//! | `partial` | downloads that are not whole | checksum of the whole |
//! | `trees`, `trees-*` | installed trees, by root and without | digest of what made them |
//! | `sizes` | how large trees are | folder and digest |
//! | `practice`, `debs` | the practice medium and what it is made from | |
//! | `logs` | of builds that run or failed | process id |
//! | `running` | one locked file for each program that uses the cache | process id |
//!
//! A thing's modification time says when it was last used.

mod clean;
mod survey;

pub use clean::{Removal, Selection, clean};
pub use survey::{Entry, Kind};

use crate::error::{Context, Error, Result};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// Bytes that the cache may have after a build, unless the user says otherwise.
pub const DEFAULT_LIMIT: u64 = 30 << 30;

/// The cache folder.
pub struct Folder {
    root: PathBuf,
    running: Mutex<Option<Running>>,
}

/// Says to others that this program uses the cache.
struct Running {
    path: PathBuf,
    _lock: Flock<File>,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

impl Folder {
    /// Over `root`, which need not exist.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), running: Mutex::default() }
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// One of its folders, made if it is not there. From now on nothing that is used is
    /// removed by others.
    ///
    /// # Errors
    /// An environment error when the cache cannot be written.
    pub fn part(&self, name: &str) -> Result<PathBuf> {
        self.begin()?;
        self.make(name)
    }

    fn make(&self, name: &str) -> Result<PathBuf> {
        let path = self.root.join(name);
        fs::create_dir_all(&path)
            .or_environment(|| format!("cannot use the cache {}", path.display()))?;
        Ok(path)
    }

    /// Notes that something in the cache is used, and whether it is there at all. It stays for
    /// as long as this program runs.
    ///
    /// # Errors
    /// An environment error when the cache cannot be written.
    pub fn use_entry(&self, path: &Path) -> Result<bool> {
        self.begin()?;
        let _lock = self.lock(FlockArg::LockShared)?;
        let Ok(file) = File::open(path) else { return Ok(false) };
        // A cache that belongs to somebody else serves all the same.
        let _ = file.set_modified(SystemTime::now());
        Ok(true)
    }

    /// Says, once, that this program uses the cache.
    fn begin(&self) -> Result<()> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if running.is_some() {
            return Ok(());
        }
        let folder = self.make("running")?;
        let _lock = self.lock(FlockArg::LockShared)?;
        let what = || format!("cannot use the cache {}", self.root.display());
        let file = tempfile::Builder::new()
            .prefix(&format!("{}-", std::process::id()))
            .tempfile_in(&folder)
            .or_environment(what)?;
        let (file, path) = file.keep().or_environment(what)?;
        let lock = Flock::lock(file, FlockArg::LockExclusiveNonblock)
            .map_err(|(_, e)| Error::environment(format!("{}: {e}", what())))?;
        *running = Some(Running { path, _lock: lock });
        Ok(())
    }

    /// Held shared to use things, exclusively to remove them.
    fn lock(&self, how: FlockArg) -> Result<Flock<File>> {
        let what = || format!("cannot use the cache {}", self.root.display());
        let file = File::create(self.root.join("lock")).or_environment(what)?;
        Flock::lock(file, how).map_err(|(_, e)| match e {
            Errno::EINTR => Error::interrupted(),
            e => Error::environment(format!("{}: {e}", what())),
        })
    }

    /// Since when the oldest other program has been using the cache, if there is one.
    fn others_since(&self) -> Option<SystemTime> {
        let own = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let own = own.as_ref().map(|running| running.path.clone());
        let files = fs::read_dir(self.root.join("running")).ok()?;
        let mut since = None;
        for path in files.filter_map(|f| Some(f.ok()?.path())).filter(|p| own.as_ref() != Some(p)) {
            let Ok(file) = File::open(&path) else { continue };
            let started = file.metadata().and_then(|m| m.modified()).ok();
            match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                // Left by a program that was killed.
                Ok(_) => drop(fs::remove_file(&path)),
                Err(_) => since = since.into_iter().chain(started).min(),
            }
        }
        since
    }
}
