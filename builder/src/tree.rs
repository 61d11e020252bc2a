//! Installed trees: a folder read as a value, and the cache that keeps them by the digest
//! of everything that made them.

pub mod bootloader;
pub mod bootstrap;
pub mod install;
mod read;
pub mod sandbox;
pub mod selinux;
mod write;

pub use read::{has, read_file, rewrite_file};
pub use write::write;

use crate::base::durable;
use crate::base::error::{Context, Error, Result};
use crate::base::interrupt;
use crate::base::private::{self, Scratch};
use crate::format::tree::{Content, Entry, Tree};
use crate::packages::cache;
use crate::tree::sandbox::userns;
use nix::fcntl::{Flock, FlockArg};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::ffi::{CStr, CString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Reads the folder `root` as a tree. Nothing is followed, sockets are left out, and time
/// stamps later than `latest` (seconds since 1970) become `latest`: they are when the
/// build ran, not what it built.
///
/// # Errors
/// A build error naming what cannot be read.
pub fn scan(root: &Path, latest: i64) -> Result<Tree> {
    let mut tree = Tree::default();
    let mut links: HashMap<u64, Vec<u8>> = HashMap::new();
    let mut pending = vec![(root.to_owned(), Vec::new())];
    while let Some((path, name)) = pending.pop() {
        interrupt::check()?;
        let what = || format!("cannot read {}", path.display());
        let meta = fs::symlink_metadata(&path).or_build(what)?;
        let kind = meta.file_type();
        if kind.is_dir() {
            for child in fs::read_dir(&path).or_build(what)? {
                let child = child.or_build(what)?.file_name();
                let mut inside = name.clone();
                if !inside.is_empty() {
                    inside.push(b'/');
                }
                inside.extend_from_slice(child.as_bytes());
                pending.push((path.join(child), inside));
            }
        } else if meta.nlink() > 1 {
            links
                .entry(meta.ino())
                .and_modify(|first| *first = name.clone().min(first.clone()))
                .or_insert(name.clone());
        }
        let (major, minor) =
            (nix::sys::stat::major(meta.rdev()) as u32, nix::sys::stat::minor(meta.rdev()) as u32);
        let content = if kind.is_dir() {
            Content::Dir
        } else if kind.is_symlink() {
            Content::Symlink(fs::read_link(&path).or_build(what)?.as_os_str().as_bytes().to_vec())
        } else if kind.is_char_device() {
            Content::CharDevice { major, minor }
        } else if kind.is_block_device() {
            Content::BlockDevice { major, minor }
        } else if kind.is_fifo() {
            Content::Fifo
        } else if kind.is_file() {
            Content::File { path: path.clone(), size: meta.size() }
        } else {
            continue;
        };
        let entry = Entry {
            mode: (meta.mode() & 0o7777) as u16,
            uid: meta.uid(),
            gid: meta.gid(),
            mtime: meta.mtime().min(latest),
            xattrs: xattrs(&path).or_build(what)?,
            content,
        };
        tree.entries.insert(name, entry);
    }
    link(root, &mut tree, &links)?;
    Ok(tree)
}

/// The place of the file `name` below `root`; `None` where there is none. For reading and
/// writing a tree from outside of its sandbox.
///
/// # Errors
/// A build error where a symbolic link is in the path, which could lead out of the tree.
pub fn inside(root: &Path, name: &str) -> Result<Option<PathBuf>> {
    if name.split('/').any(|part| part == "..") {
        return Err(Error::build(format!("the image's /{name} leads out of the image")));
    }
    let mut place = root.to_owned();
    for part in name.split('/') {
        place.push(part);
        match fs::symlink_metadata(&place) {
            Ok(meta) if meta.is_symlink() => {
                return Err(Error::build(format!(
                    "the image's /{name} is behind a symbolic link, which is not followed"
                )));
            }
            Ok(_) => {}
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Error::build(format!("cannot read {}: {e}", place.display()))),
        }
    }
    Ok(Some(place))
}

/// Names beyond the first of a file become links to the first.
fn link(root: &Path, tree: &mut Tree, links: &HashMap<u64, Vec<u8>>) -> Result<()> {
    for (name, entry) in &mut tree.entries {
        if let Content::File { path, .. } = &entry.content {
            let meta = fs::symlink_metadata(path)
                .or_build(|| format!("cannot read {}", path.display()))?;
            match links.get(&meta.ino()) {
                Some(first) if meta.nlink() > 1 && first != name => {
                    entry.content = Content::Hardlink(first.clone())
                }
                _ => {}
            }
        }
    }
    debug_assert!(tree.get("").is_some(), "{} is a folder", root.display());
    Ok(())
}

fn xattrs(path: &Path) -> std::io::Result<BTreeMap<Vec<u8>, Vec<u8>>> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let mut names = vec![0; 4096];
    // SAFETY: path is NUL-terminated, the buffer's length is given.
    let n = unsafe { nix::libc::llistxattr(path.as_ptr(), names.as_mut_ptr().cast(), names.len()) };
    let n = match usize::try_from(n) {
        Ok(n) => n,
        Err(_) if std::io::Error::last_os_error().raw_os_error() == Some(nix::libc::ENOTSUP) => 0,
        Err(_) => return Err(std::io::Error::last_os_error()),
    };
    let mut found = BTreeMap::new();
    for name in names[..n].split_inclusive(|&b| b == 0) {
        let Ok(name) = CStr::from_bytes_with_nul(name) else { continue };
        // The host's own labels are no part of the tree.
        if name.to_bytes() == b"security.selinux" {
            continue;
        }
        let mut value = vec![0; 1 << 16];
        // SAFETY: both strings are NUL-terminated, the buffer's length is given.
        let n = unsafe {
            nix::libc::lgetxattr(
                path.as_ptr(),
                name.as_ptr(),
                value.as_mut_ptr().cast(),
                value.len(),
            )
        };
        value.truncate(usize::try_from(n).map_err(|_| std::io::Error::last_os_error())?);
        found.insert(name.to_bytes().to_vec(), value);
    }
    Ok(found)
}

/// Finished trees in a folder, one per digest. They hold set-user-ID programs of other releases,
/// so nobody but their owner can reach them.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// Over `folder`, which need not exist.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The tree of this digest: from the cache, or made by `make` in a folder that is removed
    /// again unless `make` succeeds. One build at a time makes trees.
    ///
    /// # Errors
    /// What `make` fails with, or an environment error about the cache folder.
    pub fn get(&self, digest: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
        let place = self.place(digest);
        let what = || format!("cannot use the cache {}", self.folder.display());
        if cache::is_read_only(&self.folder) {
            let missing = || cache::require_writable(&self.folder, &format!("the tree {digest}"));
            return if place.is_dir() { Ok(place) } else { missing().map(|()| place) };
        }
        private::own_dir(&self.folder).or_environment(what)?;
        let lock = private::open_lock(&self.folder.join("lock")).or_environment(what)?;
        let _lock = Flock::lock(lock, FlockArg::LockExclusive).map_err(|(_, e)| match e {
            nix::errno::Errno::EINTR => Error::interrupted(),
            e => Error::environment(format!("{}: {e}", what())),
        })?;
        private::remove_dead(&self.folder, cache::TREE);
        if place.is_dir() {
            private::restrict(&place, private::DIRECTORY).or_environment(what)?;
            return Ok(place);
        }
        let temporary = Scratch::new(&self.folder, cache::TREE).or_environment(what)?;
        make(temporary.path())?;
        // A tree that is there is trusted: all of it has to be on the disk before its name is.
        durable::sync_filesystem(temporary.path()).or_environment(what)?;
        durable::rename(temporary.path(), &place).or_environment(what)?;
        temporary.keep();
        Ok(place)
    }

    /// Where the tree of this digest is. What is made through id maps has other owners on
    /// the disk, so it has another name.
    pub fn place(&self, digest: &str) -> PathBuf {
        match userns::id_maps() {
            None => self.folder.join(digest),
            Some(maps) => self.folder.join(hex::encode(Sha256::digest(digest.to_owned() + &maps))),
        }
    }

    /// Whether the tree of this digest is there.
    pub fn has(&self, digest: &str) -> bool {
        self.place(digest).is_dir()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn scan_keeps_links_and_caps_times() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("b"), "data").unwrap();
        fs::hard_link(dir.path().join("b"), dir.path().join("a")).unwrap();
        std::os::unix::fs::symlink("a", dir.path().join("s")).unwrap();
        let tree = scan(dir.path(), 1000).unwrap();
        assert_eq!(tree.get("a").unwrap().size(), 4);
        assert_eq!(tree.get("a").unwrap().mtime, 1000);
        assert_eq!(tree.get("b").unwrap().content, Content::Hardlink(b"a".to_vec()));
        assert_eq!(tree.get("s").unwrap().content, Content::Symlink(b"a".to_vec()));
        assert_eq!(tree.get("").unwrap().content, Content::Dir);
    }

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
