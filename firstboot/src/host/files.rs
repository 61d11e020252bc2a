//! Files below a root directory, replaced atomically.

use nix::fcntl::{Flock, FlockArg};
use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

/// Files larger than this (bytes) are not what firstboot reads.
pub const MAX_FILE: u64 = 1 << 20;

/// The kernel's own limit of symbolic links in one path.
const MAX_LINKS: usize = 40;

/// A lock on a directory, held until dropped.
#[derive(Debug)]
pub struct Lock {
    _directory: Flock<File>,
}

/// Where `path` of the tree at `root` is, symbolic links followed as on the node:
/// an absolute link starts at `root` again, and nothing leads out of it.
///
/// # Errors
/// [`io::ErrorKind::InvalidInput`] after 40 links.
pub fn resolve(root: &Path, path: &Path) -> io::Result<PathBuf> {
    if root == Path::new("/") {
        return Ok(path.to_owned());
    }
    let mut left: VecDeque<OsString> = parts(path);
    let mut inside = PathBuf::new();
    let mut links = 0;
    while let Some(part) = left.pop_front() {
        if part == ".." {
            inside.pop();
            continue;
        }
        let next = inside.join(&part);
        let Ok(link) = fs::read_link(root.join(&next)) else {
            inside = next;
            continue;
        };
        links += 1;
        if links > MAX_LINKS {
            let what = format!("{}: too many symbolic links", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        if link.is_absolute() {
            inside = PathBuf::new();
        }
        for part in parts(&link).into_iter().rev() {
            left.push_front(part);
        }
    }
    Ok(root.join(inside))
}

/// Where a file that replaces `path` goes: its directory resolved, its last part
/// as it is, so that a symbolic link there is replaced and not followed.
///
/// # Errors
/// As [`resolve`]; also when `path` has no file name.
pub fn replaceable(root: &Path, path: &Path) -> io::Result<PathBuf> {
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
        let what = format!("{} names no file", path.display());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    };
    Ok(resolve(root, directory)?.join(name))
}

/// The names and `..` of `path`.
fn parts(path: &Path) -> VecDeque<OsString> {
    path.components()
        .filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir))
        .map(|part| part.as_os_str().to_owned())
        .collect()
}

/// The file `path` to be read, `None` if there is nothing of that name.
fn open(path: &Path) -> io::Result<Option<File>> {
    // Non-blocking: a FIFO of that name must not hang the boot.
    match OpenOptions::new().read(true).custom_flags(nix::libc::O_NONBLOCK).open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The content of the regular file `path`, `None` if there is nothing of that name.
///
/// # Errors
/// As reading a file; [`io::ErrorKind::FileTooLarge`] above [`MAX_FILE`].
pub fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let Some(file) = open(path)? else { return Ok(None) };
    let mut bytes = Vec::new();
    file.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "larger than 1 MiB"));
    }
    Ok(Some(bytes))
}

/// The last [`MAX_FILE`] bytes of the regular file `path`, `None` if there is nothing of
/// that name.
///
/// # Errors
/// As reading a file.
pub fn read_end(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let Some(mut file) = open(path)? else { return Ok(None) };
    let start = file.metadata()?.len().saturating_sub(MAX_FILE);
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// Puts `content` at `target`, mode `mode`: a temporary file next to it, synced,
/// renamed over it, the directory synced. The temporary file's name is fixed, so what
/// a power cut leaves behind is overwritten by the next try.
///
/// # Errors
/// As writing a file; `target` is then unchanged.
pub fn write_atomic(target: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let (Some(parent), Some(name)) = (target.parent(), target.file_name()) else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "names no file"));
    };
    // The parent of a bare name is empty, which no call takes as a directory.
    let directory = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    create_directories(directory)?;
    let mut temporary = OsString::from(".");
    temporary.push(name);
    temporary.push(".firstboot");
    let temporary = directory.join(temporary);
    let written = write_synced(&temporary, content, mode)
        .and_then(|()| fs::rename(&temporary, target))
        .and_then(|()| File::open(directory)?.sync_all());
    if written.is_err() {
        // The write's error is the one to report.
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// Puts `content` in place of the file `target`, as [`write_atomic`], with the mode,
/// owner and group that it has.
///
/// # Errors
/// As writing a file, or when it does not exist; `target` is then unchanged.
pub fn replace_atomic(target: &Path, content: &[u8]) -> io::Result<()> {
    let meta = fs::metadata(target)?;
    write_atomic(target, content, meta.permissions().mode() & 0o7777)?;
    std::os::unix::fs::chown(target, Some(meta.uid()), Some(meta.gid()))
}

fn write_synced(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .custom_flags(nix::libc::O_NOFOLLOW)
        .open(path)?;
    // The umask, or an earlier try, may have given it another mode.
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.write_all(content)?;
    file.sync_all()
}

/// Creates `directory` and its parents, mode 0755.
///
/// # Errors
/// As creating directories.
pub fn create_directories(directory: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o755).create(directory)
}

/// Locks `directory`, `None` if another process has it locked.
///
/// # Errors
/// As opening a directory.
pub fn lock(directory: &Path) -> io::Result<Option<Lock>> {
    match Flock::lock(File::open(directory)?, FlockArg::LockExclusiveNonblock) {
        Ok(directory) => Ok(Some(Lock { _directory: directory })),
        Err((_, nix::errno::Errno::EWOULDBLOCK)) => Ok(None),
        Err((_, errno)) => Err(errno.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_stay_inside_the_root() {
        let root = tempfile::tempdir().unwrap();
        let at = root.path();
        fs::create_dir_all(at.join("usr/etc")).unwrap();
        symlink("/usr/etc", at.join("etc")).unwrap();
        symlink("../../../../outside", at.join("usr/etc/up")).unwrap();
        symlink("loop", at.join("loop")).unwrap();
        assert_eq!(resolve(at, Path::new("/etc/hosts")).unwrap(), at.join("usr/etc/hosts"));
        assert_eq!(resolve(at, Path::new("/etc/up/x")).unwrap(), at.join("outside/x"));
        assert_eq!(
            resolve(at, Path::new("/loop")).unwrap_err().kind(),
            io::ErrorKind::InvalidInput
        );
        assert_eq!(
            replaceable(at, Path::new("/etc/up")).unwrap(),
            at.join("usr/etc/up"),
            "the last link is replaced, not followed"
        );
    }

    #[test]
    fn a_link_is_replaced_by_the_file_and_its_target_stays() {
        let root = tempfile::tempdir().unwrap();
        let at = root.path();
        fs::write(at.join("stub"), "kept").unwrap();
        symlink("stub", at.join("resolv.conf")).unwrap();
        write_atomic(&at.join("resolv.conf"), b"new", 0o640).unwrap();
        let meta = fs::symlink_metadata(at.join("resolv.conf")).unwrap();
        assert!(meta.is_file());
        assert_eq!(meta.permissions().mode() & 0o7777, 0o640);
        assert_eq!(fs::read(at.join("stub")).unwrap(), b"kept");
        assert_eq!(fs::read_dir(at).unwrap().count(), 2, "no temporary file is left");
    }

    #[test]
    fn a_failed_write_leaves_nothing() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("hosts/full")).unwrap();
        write_atomic(&root.path().join("hosts"), b"x", 0o644).unwrap_err();
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
    }

    #[test]
    fn only_files_of_sensible_size_are_read() {
        let root = tempfile::tempdir().unwrap();
        let big = root.path().join("big");
        File::create(&big).unwrap().set_len(MAX_FILE + 1).unwrap();
        assert_eq!(read(&big).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(read(&root.path().join("none")).unwrap(), None);
    }

    #[test]
    fn a_lock_excludes_others_until_it_is_dropped() {
        let root = tempfile::tempdir().unwrap();
        let held = lock(root.path()).unwrap();
        assert!(held.is_some());
        assert!(lock(root.path()).unwrap().is_none());
        drop(held);
        assert!(lock(root.path()).unwrap().is_some());
    }
}
