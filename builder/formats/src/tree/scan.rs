//! A directory read as a tree.

use super::model::{Content, Entry, Tree};
use rustix::fs::{lgetxattr, llistxattr, major, minor};
use rustix::io::Errno;
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The kernel's limits for a list of names and for a value (`XATTR_LIST_MAX`, `XATTR_SIZE_MAX`).
const MAX_XATTR: usize = 1 << 16;

/// Why no tree was read.
#[derive(Debug, Error)]
pub enum ScanError {
    /// Something in the directory cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// What.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The caller asked to stop.
    #[error("stopped")]
    Stopped,
}

/// Names by inode number of the files with several, the first one of each.
type Links = HashMap<u64, Vec<u8>>;

/// Reads the directory `root` as a tree. Nothing is followed, sockets are left out, and time
/// stamps later than `latest` (seconds since 1970) become `latest`: they are when the
/// build ran, not what it built. `go_on` is asked before each entry.
///
/// # Errors
/// What cannot be read, or that `go_on` asks to stop.
pub fn scan(root: &Path, latest: i64, go_on: &mut dyn FnMut() -> bool) -> Result<Tree, ScanError> {
    let mut tree = Tree::default();
    let mut links = Links::new();
    let mut pending = vec![(root.to_owned(), Vec::new())];
    while let Some((path, name)) = pending.pop() {
        if !go_on() {
            return Err(ScanError::Stopped);
        }
        let fail = |source| ScanError::Read { path: path.clone(), source };
        let meta = fs::symlink_metadata(&path).map_err(fail)?;
        if meta.is_dir() {
            for child in fs::read_dir(&path).map_err(fail)? {
                let child = child.map_err(fail)?.file_name();
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
        let Some(content) = content(&path, &meta).map_err(fail)? else { continue };
        let entry = Entry {
            mode: (meta.mode() & 0o7777) as u16,
            uid: meta.uid(),
            gid: meta.gid(),
            mtime: meta.mtime().min(latest),
            xattrs: xattrs(&path).map_err(fail)?,
            content,
        };
        tree.entries.insert(name, entry);
    }
    link(&mut tree, &links)?;
    debug_assert!(tree.get("").is_some(), "{} is a directory", root.display());
    Ok(tree)
}

/// What there is at `path`; `None` for what no tree keeps.
fn content(path: &Path, meta: &Metadata) -> io::Result<Option<Content>> {
    let (major, minor) = (major(meta.rdev()), minor(meta.rdev()));
    Ok(Some(match meta.file_type() {
        kind if kind.is_dir() => Content::Dir,
        kind if kind.is_symlink() => {
            Content::Symlink(fs::read_link(path)?.as_os_str().as_bytes().to_vec())
        }
        kind if kind.is_char_device() => Content::CharDevice { major, minor },
        kind if kind.is_block_device() => Content::BlockDevice { major, minor },
        kind if kind.is_fifo() => Content::Fifo,
        kind if kind.is_file() => Content::File { path: path.to_owned(), size: meta.size() },
        _ => return Ok(None),
    }))
}

/// Turns all names but the first of a file into links to that.
fn link(tree: &mut Tree, links: &Links) -> Result<(), ScanError> {
    for (name, entry) in &mut tree.entries {
        if let Content::File { path, .. } = &entry.content {
            let meta = fs::symlink_metadata(path)
                .map_err(|source| ScanError::Read { path: path.clone(), source })?;
            match links.get(&meta.ino()) {
                Some(first) if meta.nlink() > 1 && first != name => {
                    entry.content = Content::Hardlink(first.clone())
                }
                _ => {}
            }
        }
    }
    Ok(())
}

fn xattrs(path: &Path) -> io::Result<BTreeMap<Vec<u8>, Vec<u8>>> {
    let mut buffer = vec![0; MAX_XATTR];
    let names = match llistxattr(path, &mut buffer[..]) {
        Ok(size) => buffer[..size].to_vec(),
        Err(Errno::NOTSUP) => Vec::new(),
        Err(e) => return Err(e.into()),
    };
    let mut found = BTreeMap::new();
    for name in names.split(|&b| b == 0).filter(|name| !name.is_empty()) {
        // The host's own labels are not part of the tree.
        if name == b"security.selinux" {
            continue;
        }
        let size = lgetxattr(path, name, &mut buffer[..])?;
        found.insert(name.to_vec(), buffer[..size].to_vec());
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scan_keeps_links_and_caps_times() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("b"), "data").unwrap();
        fs::hard_link(dir.path().join("b"), dir.path().join("a")).unwrap();
        std::os::unix::fs::symlink("a", dir.path().join("s")).unwrap();
        let tree = scan(dir.path(), 1000, &mut || true).unwrap();
        assert_eq!(tree.get("a").unwrap().size(), 4);
        assert_eq!(tree.get("a").unwrap().mtime, 1000);
        assert_eq!(tree.get("b").unwrap().content, Content::Hardlink(b"a".to_vec()));
        assert_eq!(tree.get("s").unwrap().content, Content::Symlink(b"a".to_vec()));
        assert_eq!(tree.get("").unwrap().content, Content::Dir);
    }

    #[test]
    fn scan_stops_and_names_what_it_cannot_read() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(scan(dir.path(), 0, &mut || false), Err(ScanError::Stopped)));
        let absent = dir.path().join("absent");
        let error = scan(&absent, 0, &mut || true).unwrap_err().to_string();
        assert!(error.starts_with(&format!("cannot read {}: ", absent.display())), "{error}");
    }
}
