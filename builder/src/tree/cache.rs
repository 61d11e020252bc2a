//! Installed trees, kept by the digest of everything that created them.

use crate::base::durable;
use crate::base::error::{Context, Error, Result};
use crate::base::private::{self, Scratch};
use crate::packages::cache;
use crate::tree::sandbox::userns;
use nix::fcntl::{Flock, FlockArg};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// Finished trees in a directory, one per digest. They hold set-user-ID programs of other releases,
/// so nobody but their owner can reach them.
#[derive(Clone, Debug)]
pub struct Cache {
    directory: PathBuf,
}

impl Cache {
    /// Over `directory`, which need not exist.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into() }
    }

    /// The tree of this digest: from the cache, or created by `make` in a directory that is removed
    /// again unless `make` succeeds. One build at a time creates trees.
    ///
    /// # Errors
    /// What `make` fails with, or an environment error about the cache directory.
    pub fn get(&self, digest: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
        let place = self.place(digest);
        let what = || format!("cannot use the cache {}", self.directory.display());
        if cache::is_read_only(&self.directory) {
            let missing =
                || cache::require_writable(&self.directory, &format!("the tree {digest}"));
            return if place.is_dir() { Ok(place) } else { missing().map(|()| place) };
        }
        private::own_dir(&self.directory).or_environment(what)?;
        let lock = private::open_lock(&self.directory.join("lock")).or_environment(what)?;
        let _lock = Flock::lock(lock, FlockArg::LockExclusive).map_err(|(_, e)| match e {
            nix::errno::Errno::EINTR => Error::interrupted(),
            e => Error::environment(format!("{}: {e}", what())),
        })?;
        private::remove_dead(&self.directory, cache::TREE);
        if place.is_dir() {
            private::restrict(&place, private::DIRECTORY).or_environment(what)?;
            return Ok(place);
        }
        let temporary = Scratch::new(&self.directory, cache::TREE).or_environment(what)?;
        make(temporary.path())?;
        // A tree that exists is trusted: all of it has to be on the disk before its name is.
        durable::sync_filesystem(temporary.path()).or_environment(what)?;
        durable::rename(temporary.path(), &place).or_environment(what)?;
        temporary.keep();
        Ok(place)
    }

    /// Where the tree of this digest is. What is made through id maps has other owners on
    /// the disk, so it has another name.
    pub fn place(&self, digest: &str) -> PathBuf {
        match userns::id_maps() {
            None => self.directory.join(digest),
            Some(maps) => {
                self.directory.join(hex::encode(Sha256::digest(digest.to_owned() + &maps)))
            }
        }
    }

    /// Whether the tree of this digest exists.
    pub fn has(&self, digest: &str) -> bool {
        self.place(digest).is_dir()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    #[test]
    fn a_failed_tree_is_not_kept() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::new(dir.path().join("trees"));
        assert!(cache.get("x", |_| Err(Error::build("no"))).is_err());
        assert!(!cache.has("x"));
        let trees = dir.path().join("trees");
        fs::create_dir(trees.join("partial-dead")).unwrap();
        fs::set_permissions(&trees, Permissions::from_mode(0o755)).unwrap();
        let made = cache.get("x", |p| fs::write(p.join("f"), "1").or_build(String::new)).unwrap();
        for private in [&trees, &made] {
            assert_eq!(fs::metadata(private).unwrap().mode() & 0o7777, 0o700);
        }
        assert_eq!(fs::read_to_string(made.join("f")).unwrap(), "1");
        cache.get("x", |_| panic!("made twice")).unwrap();
        assert_eq!(fs::read_dir(dir.path().join("trees")).unwrap().count(), 2);
    }
}
