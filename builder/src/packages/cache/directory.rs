//! The cache directory: its parts, and who is using it.

use crate::base::durable;
use crate::base::error::{Context, Error, Result};
use crate::base::private;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

fn cannot_use(path: &Path) -> String {
    format!("cannot use the cache {}", path.display())
}

/// Whether `path`, or the nearest existing directory above it, is on a read-only filesystem.
pub fn is_read_only(path: &Path) -> bool {
    let Some(existing) = path.ancestors().find(|p| p.exists()) else { return false };
    let existing = if existing.as_os_str().is_empty() { Path::new(".") } else { existing };
    nix::sys::statvfs::statvfs(existing)
        .is_ok_and(|s| s.flags().contains(nix::sys::statvfs::FsFlags::ST_RDONLY))
}

/// Fails where `what`, which is not in the cache at `root`, cannot be put there.
///
/// # Errors
/// An environment error when that is on a read-only filesystem.
pub fn require_writable(root: &Path, what: &str) -> Result<()> {
    if !is_read_only(root) {
        return Ok(());
    }
    Err(Error::environment(format!(
        "{what} is not in the cache {}, and its filesystem is read-only",
        root.display()
    ))
    .hint("mount it writable and build once, or give another directory by --cache"))
}

/// The cache directory.
pub struct CacheDirectory {
    root: PathBuf,
    running: Mutex<Option<Running>>,
    read_only: OnceLock<bool>,
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

impl CacheDirectory {
    /// Over `root`, which need not exist.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), running: Mutex::default(), read_only: OnceLock::new() }
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whether nothing in it can be written, because its filesystem is read-only.
    pub fn is_read_only(&self) -> bool {
        *self.read_only.get_or_init(|| is_read_only(&self.root))
    }

    /// Fails where `what`, which is not in the cache, cannot be put there.
    ///
    /// # Errors
    /// An environment error when the cache is read-only.
    pub fn require_writable(&self, what: &str) -> Result<()> {
        require_writable(&self.root, what)
    }

    /// One of its directories, created if it does not exist. From now on nothing that is used is
    /// removed by others.
    ///
    /// # Errors
    /// An environment error when the cache cannot be written.
    pub fn part(&self, name: &str) -> Result<PathBuf> {
        self.begin()?;
        let path = self.root.join(name);
        if !self.is_read_only() {
            durable::create_dir_all(&path, 0o755).or_environment(|| cannot_use(&path))?;
        }
        Ok(path)
    }

    /// One of its directories that nobody else may see.
    ///
    /// # Errors
    /// An environment error when the cache cannot be written.
    pub fn private_part(&self, name: &str) -> Result<PathBuf> {
        let path = self.root.join(name);
        self.make_root()?;
        private::own_dir(&path).or_environment(|| cannot_use(&path))?;
        Ok(path)
    }

    fn make_root(&self) -> Result<()> {
        durable::create_dir_all(&self.root, private::public_mode(0o755))
            .map(drop)
            .or_environment(|| cannot_use(&self.root))
    }

    /// Notes that something in the cache is used, and whether it is there at all. It stays for
    /// as long as this program runs.
    ///
    /// # Errors
    /// An environment error when the cache cannot be written.
    pub fn use_entry(&self, path: &Path) -> Result<bool> {
        self.begin()?;
        if self.is_read_only() {
            return Ok(path.exists());
        }
        let _lock = self.lock(FlockArg::LockShared)?;
        let Ok(file) = File::open(path) else { return Ok(false) };
        // A cache that belongs to somebody else serves all the same.
        let _ = file.set_modified(SystemTime::now());
        Ok(true)
    }

    /// Says, once, that this program uses the cache.
    fn begin(&self) -> Result<()> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if running.is_some() || self.is_read_only() {
            return Ok(());
        }
        let directory = self.private_part("running")?;
        self.restrict();
        let _lock = self.lock(FlockArg::LockShared)?;
        let what = || cannot_use(&self.root);
        let file = tempfile::Builder::new()
            .prefix(&format!("{}-", std::process::id()))
            .tempfile_in(&directory)
            .or_environment(what)?;
        let (file, path) = file.keep().or_environment(what)?;
        let lock = Flock::lock(file, FlockArg::LockExclusiveNonblock)
            .map_err(|(_, e)| Error::environment(format!("{}: {e}", what())))?;
        *running = Some(Running { path, _lock: lock });
        Ok(())
    }

    /// Closes what an older version, or one with another umask, left open to others.
    fn restrict(&self) {
        for entry in fs::read_dir(&self.root).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let most = match name.to_string_lossy().as_ref() {
                "logs" | "running" => private::DIRECTORY,
                name if name == "trees" || name.starts_with("trees-") => private::DIRECTORY,
                "packages" | "metadata" | "pages" | "partial" | "sizes" | "debs" => 0o755,
                _ => continue,
            };
            // Those of other users are theirs to close.
            let _ = private::restrict(&entry.path(), most);
        }
    }

    /// Held shared to use things, exclusively to remove them.
    pub(super) fn lock(&self, how: FlockArg) -> Result<Flock<File>> {
        let what = || cannot_use(&self.root);
        let file = private::open_lock(&self.root.join("lock")).or_environment(what)?;
        Flock::lock(file, how).map_err(|(_, e)| match e {
            Errno::EINTR => Error::interrupted(),
            e => Error::environment(format!("{}: {e}", what())),
        })
    }

    /// Since when the oldest other program has been using the cache, if there is one.
    pub(super) fn others_since(&self) -> Option<SystemTime> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn what_an_older_version_left_open_is_closed() {
        let dir = tempfile::tempdir().unwrap();
        let place = |name: &str| dir.path().join(name);
        for name in ["trees", "trees-01234567", "logs", "packages", "mine", "lock"] {
            match name {
                "lock" => fs::write(place(name), "").unwrap(),
                _ => fs::create_dir(place(name)).unwrap(),
            }
            fs::set_permissions(place(name), Permissions::from_mode(0o777)).unwrap();
        }
        CacheDirectory::new(dir.path()).part("packages").unwrap();
        let mode = |name| fs::metadata(place(name)).unwrap().permissions().mode() & 0o777;
        for name in ["trees", "trees-01234567", "logs", "running"] {
            assert_eq!(mode(name), 0o700, "{name}");
        }
        assert_eq!((mode("packages"), mode("lock"), mode("mine")), (0o755, 0o600, 0o777));
    }
}
