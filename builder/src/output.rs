//! The output folder: everything is made under a temporary name beside its place
//! and moved there whole, so that a failed or interrupted build leaves nothing.

pub mod libvirt;

use crate::error::{Context, Error, Result};
use sha2::{Digest, Sha256};
use std::fs::{self, File, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// A build's outputs under way; dropped without [`Staging::commit`], it takes all of them away.
#[derive(Debug)]
pub struct Staging {
    target: PathBuf,
    temporary: tempfile::TempDir,
    created: Vec<PathBuf>,
    names: Vec<String>,
    committed: bool,
}

impl Staging {
    /// Prepares to write `names` into `target`, which is made if it is not there.
    ///
    /// # Errors
    /// An input error naming every file that is already there unless `force`; an
    /// environment error when the folder cannot be made or written.
    pub fn new(target: &Path, names: Vec<String>, force: bool) -> Result<Self> {
        let there: Vec<&str> =
            names.iter().filter(|n| target.join(n).exists()).map(String::as_str).collect();
        if !force && !there.is_empty() {
            return Err(Error::input(format!(
                "{} already holds {}",
                target.display(),
                there.join(", ")
            ))
            .hint(
                "give another --output, or --force to replace them once the build has succeeded",
            ));
        }
        let mut created = Vec::new();
        for folder in target.ancestors().take_while(|f| !f.as_os_str().is_empty() && !f.exists()) {
            created.push(folder.to_owned());
        }
        let made = fs::create_dir_all(target)
            .and_then(|()| tempfile::Builder::new().prefix(".imgbuild-").tempdir_in(target));
        match made {
            Ok(temporary) => {
                let target = target.to_owned();
                Ok(Self { target, temporary, created, names, committed: false })
            }
            Err(e) => {
                remove_empty(&created);
                Err(Error::environment(format!("cannot write to {}: {e}", target.display()))
                    .hint("give an --output folder that you may write to"))
            }
        }
    }

    /// Where the output `name` is to be written for now.
    pub fn path(&self, name: &str) -> PathBuf {
        self.temporary.path().join(name)
    }

    /// Lets nobody else read the output `name`. Libvirt's QEMU still can: libvirt gives it the
    /// images that it runs from.
    ///
    /// # Errors
    /// A build error when its mode cannot be set.
    pub fn keep_private(&self, name: &str) -> Result<()> {
        let path = self.path(name);
        fs::set_permissions(&path, Permissions::from_mode(0o600))
            .or_build(|| format!("cannot set the mode of {}", path.display()))
    }

    /// Makes every output durable and moves it to its place.
    ///
    /// # Errors
    /// A build error when syncing or renaming fails.
    pub fn commit(mut self) -> Result<()> {
        for name in &self.names {
            let path = self.path(name);
            File::open(&path)
                .and_then(|f| f.sync_all())
                .or_build(|| format!("cannot finish {}", path.display()))?;
        }
        for name in &self.names {
            let place = self.target.join(name);
            fs::rename(self.path(name), &place)
                .or_build(|| format!("cannot move to {}", place.display()))?;
        }
        File::open(&self.target)
            .and_then(|d| d.sync_all())
            .or_build(|| format!("cannot sync {}", self.target.display()))?;
        self.committed = true;
        Ok(())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if !self.committed {
            // The temporary folder first, or the folders above it are not empty.
            let _ = fs::remove_dir_all(self.temporary.path());
            remove_empty(&self.created);
        }
    }
}

/// Removes folders that we made, innermost first, as far as they are empty.
fn remove_empty(folders: &[PathBuf]) {
    for folder in folders {
        if fs::remove_dir(folder).is_err() {
            break;
        }
    }
}

/// Writes `bytes` compressed by zstd into a new file with the permissions `mode`.
///
/// # Errors
/// A build error when it cannot be written.
pub fn compressed(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let mut options = File::options();
    options.write(true).create_new(true).mode(mode);
    options
        .open(path)
        .and_then(|file| zstd::stream::copy_encode(bytes, file, 6))
        .or_build(|| format!("cannot write {}", path.display()))
}

/// SHA-256 of a file, lower-case hexadecimal; `read` is told how many bytes were read each time.
///
/// # Errors
/// When it cannot be read, or a signal has arrived.
pub fn sha256(path: &Path, read: &mut dyn FnMut(u64)) -> Result<String> {
    let what = || format!("cannot read {}", path.display());
    let mut file = File::open(path).or_build(what)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        crate::interrupt::check()?;
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hex::encode(hasher.finalize())),
            Ok(n) => {
                hasher.update(&buffer[..n]);
                read(n as u64);
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(Error::build(format!("{}: {e}", what()))),
        }
    }
}

/// Fails unless the filesystem of `folder` (or of its nearest existing parent) has `need`
/// bytes free for us.
///
/// # Errors
/// An environment error with need, have and where.
pub fn require_space(folder: &Path, need: u64, what: &str) -> Result<()> {
    let absolute = std::path::absolute(folder)
        .or_environment(|| format!("cannot resolve {}", folder.display()))?;
    let Some(existing) = absolute.ancestors().find(|f| f.exists()) else { return Ok(()) };
    let stat = nix::sys::statvfs::statvfs(existing)
        .or_environment(|| format!("cannot ask {} for free space", existing.display()))?;
    let have = stat.blocks_available() * stat.fragment_size();
    if have >= need {
        return Ok(());
    }
    Err(Error::environment(format!(
        "not enough free space for {what}: need about {} MiB, have {} MiB in {}",
        need >> 20,
        have >> 20,
        existing.display()
    ))
    .hint("free some space there, or choose another folder with --output or --cache"))
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
    fn space_is_named() {
        let error = require_space(Path::new("/proc/nowhere"), 1 << 20, "a test").unwrap_err();
        assert!(error.message.contains("need about 1 MiB, have 0 MiB in /proc"), "{error}");
    }
}
