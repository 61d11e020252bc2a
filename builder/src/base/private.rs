//! Files and directories that nobody else may use: private from the first byte, whatever the
//! user's umask is. Everything that may hold a secret, or a program that is set-user-ID, is
//! created here; what is public is opened to others only when it is whole
//! ([`publish`], [`public_mode`]).

use crate::base::durable;
use nix::fcntl::{Flock, FlockArg};
use nix::sys::stat::{Mode, umask};
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// Mode of a private directory.
pub const DIRECTORY: u32 = 0o700;
/// Mode of a private file.
pub const FILE: u32 = 0o600;
/// The umask of this process, whatever the user's is.
const OURS: u32 = 0o022;

static USERS: AtomicU32 = AtomicU32::new(OURS);

/// Sets this process's umask to 022, so that no file's mode depends on the user's, and
/// remembers that one for [`public_mode`]. To be called while the process has one thread.
pub fn take_umask() {
    let users = umask(Mode::from_bits_truncate(OURS));
    USERS.store(users.bits(), Ordering::Relaxed);
}

/// The mode of something public: `wanted`, less what the user's umask takes, and never
/// writable by others.
pub fn public_mode(wanted: u32) -> u32 {
    wanted & !USERS.load(Ordering::Relaxed) & !OURS
}

/// Opens a whole file to everybody whom the user's umask lets read it.
///
/// # Errors
/// When its mode cannot be set.
pub fn publish(path: &Path) -> io::Result<()> {
    fs::set_permissions(path, Permissions::from_mode(public_mode(0o644)))
}

/// Creates the directory `path` (0700), and those above it that do not exist.
///
/// # Errors
/// When one of them cannot be created.
pub fn create_dir_all(path: &Path) -> io::Result<()> {
    durable::create_dir_all(path, DIRECTORY).map(drop)
}

/// imgbuild's directory `path`: created, or closed to others if an older version or another
/// program left it open.
///
/// # Errors
/// When it cannot be created, or its mode not be set.
pub fn own_dir(path: &Path) -> io::Result<()> {
    create_dir_all(path)?;
    restrict(path, DIRECTORY)
}

/// Takes every permission from imgbuild's directory that is not in `most`; where an access
/// control list names other users, its mask (the group's bits) still lets them pass.
///
/// # Errors
/// When its mode cannot be set.
pub fn restrict(path: &Path, most: u32) -> io::Result<()> {
    let meta = fs::symlink_metadata(path)?;
    if !meta.is_dir() || meta.uid() != nix::unistd::geteuid().as_raw() {
        return Ok(());
    }
    let most = if has_access_list(path) { most | 0o010 } else { most };
    let mode = meta.mode() & 0o7777;
    // What is neither permission nor set-group-ID's inheritance stays as it is.
    let wanted = mode & (most | 0o7000);
    if wanted == mode {
        return Ok(());
    }
    fs::set_permissions(path, Permissions::from_mode(wanted))
}

fn has_access_list(path: &Path) -> bool {
    rustix::fs::getxattr_query(path, c"system.posix_acl_access").is_ok_and(|length| length > 0)
}

/// Creates the file `path` (0600), which must not exist, for reading and writing.
///
/// # Errors
/// When it exists or cannot be created.
pub fn create_file(path: &Path) -> io::Result<File> {
    File::options().read(true).write(true).create_new(true).mode(FILE).open(path)
}

/// Creates the file `path` (0600), which must not exist, with these bytes.
///
/// # Errors
/// When it exists or cannot be written.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    io::Write::write_all(&mut create_file(path)?, bytes)
}

/// Opens the file `path` to lock it: created if it does not exist. Nobody else may open it, or
/// they could hold us up.
///
/// # Errors
/// When it cannot be opened.
pub fn open_lock(path: &Path) -> io::Result<File> {
    let file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(FILE)
        .open(path)?;
    let meta = file.metadata()?;
    if meta.mode() & 0o077 != 0 && meta.uid() == nix::unistd::geteuid().as_raw() {
        file.set_permissions(Permissions::from_mode(FILE))?;
    }
    Ok(file)
}

/// A temporary directory (0700) that is removed when dropped, and locked while it is used: so
/// the next program tells what a killed one left ([`remove_dead`]) from what is in use.
#[derive(Debug)]
pub struct Scratch {
    directory: tempfile::TempDir,
    /// None where the filesystem has no locks; then nothing is ever taken for dead.
    _lock: Option<Flock<File>>,
}

impl Scratch {
    /// A new one in `parent`, called `prefix` and some letters.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn new(parent: &Path, prefix: &str) -> io::Result<Self> {
        loop {
            let directory = tempfile::Builder::new()
                .prefix(prefix)
                .permissions(Permissions::from_mode(DIRECTORY))
                .tempdir_in(parent)?;
            match hold(directory.path())? {
                Hold::Held(lock) if is_at(&lock, directory.path()) => {
                    return Ok(Self { directory, _lock: Some(lock) });
                }
                Hold::Impossible => return Ok(Self { directory, _lock: None }),
                // Between creation and lock somebody took it for dead.
                Hold::Held(_) | Hold::Busy => {}
            }
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Leaves it where it is; to be called when it has got another name.
    pub fn keep(self) {
        let _ = self.directory.keep();
    }
}

enum Hold {
    Held(Flock<File>),
    Busy,
    Impossible,
}

fn hold(path: &Path) -> io::Result<Hold> {
    let flags = nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK;
    let file = File::options().read(true).custom_flags(flags).open(path)?;
    Ok(match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Hold::Held(lock),
        Err((_, nix::errno::Errno::EWOULDBLOCK)) => Hold::Busy,
        Err(_) => Hold::Impossible,
    })
}

/// Whether the open file is the one at `path`.
fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(a), Ok(b)) => (a.dev(), a.ino()) == (b.dev(), b.ino()),
        _ => false,
    }
}

/// Whether another program uses the file or directory `path`.
pub fn is_locked(path: &Path) -> bool {
    matches!(hold(path), Ok(Hold::Busy))
}

/// What killed programs left in a directory, and what running ones hold there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leftovers {
    /// Removed.
    pub removed: Vec<PathBuf>,
    /// In use.
    pub busy: Vec<PathBuf>,
}

/// Removes what is named `prefix` and something in `parent`, belongs to this user and is locked
/// by nobody: files and directories. What cannot be removed stays.
pub fn remove_dead(parent: &Path, prefix: &str) -> Leftovers {
    let mut found = Leftovers::default();
    for (path, state) in candidates(parent, prefix) {
        match state {
            // Held until it is gone, so that nobody else removes it as well.
            Hold::Held(_lock) => {
                let gone = match path.is_dir() {
                    true => fs::remove_dir_all(&path),
                    false => fs::remove_file(&path),
                };
                if gone.is_ok() {
                    found.removed.push(path);
                }
            }
            Hold::Busy => found.busy.push(path),
            Hold::Impossible => {}
        }
    }
    found
}

/// What [`remove_dead`] would remove.
pub fn find_dead(parent: &Path, prefix: &str) -> Vec<PathBuf> {
    let found = candidates(parent, prefix);
    found.filter(|(_, state)| matches!(state, Hold::Held(_))).map(|(path, _)| path).collect()
}

/// Files and directories of this user in `parent` that are named so, and who holds each.
fn candidates(parent: &Path, prefix: &str) -> impl Iterator<Item = (PathBuf, Hold)> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .filter(|entry| {
            entry.metadata().is_ok_and(|meta| {
                (meta.is_dir() || meta.is_file()) && meta.uid() == nix::unistd::geteuid().as_raw()
            })
        })
        .map(|entry| entry.path())
        .collect();
    paths.sort();
    paths.into_iter().filter_map(|path| hold(&path).ok().map(|state| (path, state)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    #[test]
    fn nothing_is_open_to_others() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b");
        create_dir_all(&path).unwrap();
        assert_eq!((mode(&path), mode(&dir.path().join("a"))), (0o700, 0o700));
        create_file(&path.join("f")).unwrap();
        assert_eq!(mode(&path.join("f")), 0o600);
        assert!(create_file(&path.join("f")).is_err());
        fs::set_permissions(&path, Permissions::from_mode(0o777)).unwrap();
        own_dir(&path).unwrap();
        assert_eq!(mode(&path), 0o700);
        fs::write(path.join("lock"), "").unwrap();
        fs::set_permissions(path.join("lock"), Permissions::from_mode(0o644)).unwrap();
        open_lock(&path.join("lock")).unwrap();
        assert_eq!(mode(&path.join("lock")), 0o600);
        assert_eq!(public_mode(0o666), 0o644);
    }

    #[test]
    fn only_what_nobody_holds_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let held = Scratch::new(dir.path(), "x-").unwrap();
        assert_eq!(mode(held.path()), 0o700);
        let dead = dir.path().join("x-dead");
        create_dir_all(&dead.join("below")).unwrap();
        fs::create_dir(dir.path().join("y-other")).unwrap();
        std::os::unix::fs::symlink("y-other", dir.path().join("x-link")).unwrap();
        let found = remove_dead(dir.path(), "x-");
        assert_eq!(found.removed, std::slice::from_ref(&dead));
        assert_eq!(found.busy, [held.path().to_owned()]);
        assert!(dir.path().join("y-other").exists() && !dead.exists());
        let path = held.path().to_owned();
        drop(held);
        assert!(!path.exists());
    }
}
