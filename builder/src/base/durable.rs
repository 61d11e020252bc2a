//! What has a name is on the disk: a file is synced before it gets its name, and the directory
//! after it, new parent directories included. So a power cut leaves the old state or the new
//! one.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Makes the names in a directory durable. A filesystem that cannot sync directories does not
/// have to, and one that may not be read is left to the kernel.
///
/// # Errors
/// When the disk fails.
pub fn sync_dir(path: &Path) -> io::Result<()> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    match File::open(path).and_then(|directory| directory.sync_all()) {
        Err(e) if e.raw_os_error() == Some(nix::libc::EINVAL) => Ok(()),
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        result => result,
    }
}

/// Makes the whole filesystem durable that `path` is on: cheaper than each of many files.
///
/// # Errors
/// When the disk fails.
pub fn sync_filesystem(path: &Path) -> io::Result<()> {
    Ok(rustix::fs::syncfs(File::open(path)?)?)
}

fn sync_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |parent| sync_dir(directory(parent)))
}

/// The parent of a bare name is empty, which no call takes as a directory.
fn directory(parent: &Path) -> &Path {
    if parent.as_os_str().is_empty() { Path::new(".") } else { parent }
}

/// Creates the directory `path` and those above it that do not exist, with the permissions
/// `mode` whatever the umask. Returns those that it created, the innermost first.
///
/// # Errors
/// When one of them cannot be created; those above it stay.
pub fn create_dir_all(path: &Path, mode: u32) -> io::Result<Vec<PathBuf>> {
    let missing = path.ancestors().take_while(|p| !p.as_os_str().is_empty() && !p.exists());
    let missing: Vec<PathBuf> = missing.map(Path::to_owned).collect();
    let mut created = Vec::new();
    for directory in missing.into_iter().rev() {
        match DirBuilder::new().mode(mode).create(&directory) {
            Ok(()) => {
                let made = fs::metadata(&directory)?.permissions().mode();
                if made & 0o777 != mode {
                    let inherited = made & 0o7000;
                    fs::set_permissions(&directory, Permissions::from_mode(mode | inherited))?;
                }
                sync_parent(&directory)?;
                created.insert(0, directory);
            }
            // Somebody else was faster.
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists && directory.is_dir() => {}
            Err(e) => return Err(e),
        }
    }
    if path.is_dir() { Ok(created) } else { Err(io::ErrorKind::NotADirectory.into()) }
}

/// Renames what is synced already, in the place of what has that name.
///
/// # Errors
/// When renaming or syncing the directories fails.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    sync_parent(to)?;
    if from.parent() == to.parent() { Ok(()) } else { sync_parent(from) }
}

/// Renames a file unless `to` exists. The caller syncs the directories.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`], or when renaming fails.
pub fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    use nix::errno::Errno;
    use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
    match renameat2(AT_FDCWD, from, AT_FDCWD, to, RenameFlags::RENAME_NOREPLACE) {
        // Linux before 3.15 does not have the call, some filesystems do not have the flag.
        Err(Errno::ENOSYS | Errno::EINVAL) => link_new(from, to),
        result => Ok(result?),
    }
}

fn link_new(from: &Path, to: &Path) -> io::Result<()> {
    fs::hard_link(from, to)?;
    fs::remove_file(from)
}

/// Puts a whole private file (0600) in the place of the one at `path`, if there is one.
///
/// # Errors
/// When it cannot be written; the old one stays then.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let directory = directory(path.parent().unwrap_or(Path::new("")));
    let mut file = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(directory)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    sync_dir(directory)
}

/// How the temporary files of [`replace`] begin.
pub const TEMPORARY: &str = ".tmp";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_have_the_mode_that_was_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a"), dir.path().join("a/b"));
        assert_eq!(create_dir_all(&b, 0o711).unwrap(), [b.clone(), a.clone()]);
        assert_eq!(fs::metadata(&a).unwrap().permissions().mode() & 0o7777, 0o711);
        assert_eq!(create_dir_all(&b, 0o700).unwrap(), [""; 0].map(PathBuf::from));
        fs::write(dir.path().join("file"), "").unwrap();
        assert!(create_dir_all(&dir.path().join("file"), 0o700).is_err());
    }

    #[test]
    fn nothing_is_replaced_unasked() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        for rename in [rename_new, link_new] {
            fs::write(path("old"), "old").unwrap();
            fs::write(path("new"), "new").unwrap();
            let error = rename(&path("new"), &path("old")).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
            assert_eq!(fs::read_to_string(path("old")).unwrap(), "old");
            fs::remove_file(path("old")).unwrap();
            rename(&path("new"), &path("old")).unwrap();
            assert_eq!(fs::read_to_string(path("old")).unwrap(), "new");
            assert!(!path("new").exists());
        }
    }

    #[test]
    fn a_replaced_file_is_whole_and_private() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, "old").unwrap();
        replace(&path, b"new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
