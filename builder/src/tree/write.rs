//! A tree as a value → files in a directory.

use crate::base::error::{Context, Result};
use crate::base::interrupt;
use formats::tree::{Content, Entry, Tree};
use nix::sys::stat::{Mode, SFlag, UtimensatFlags, makedev, mknod, utimensat};
use nix::sys::time::TimeSpec;
use rustix::fs::{XattrFlags, lsetxattr};
use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, lchown, symlink};
use std::path::{Path, PathBuf};

/// Puts every entry of `tree` below the empty directory `point`: owners, modes, times and extended
/// attributes too, which takes root. `progress` gets the bytes of file data so far.
///
/// # Errors
/// A build error naming what cannot be written.
pub fn write(tree: &Tree, point: &Path, progress: &mut (dyn FnMut(u64) + Send)) -> Result<()> {
    let place = |name: &[u8]| point.join(OsStr::from_bytes(name));
    let shown = |name: &[u8]| format!("/{}", String::from_utf8_lossy(name));
    let mut done = 0;
    // Files before further names of them; directories exist before what is in them.
    for links in [false, true] {
        for (name, entry) in &tree.entries {
            if matches!(entry.content, Content::Hardlink(_)) != links {
                continue;
            }
            interrupt::check()?;
            create(&place(name), entry, name.is_empty(), &place).or_build(|| shown(name))?;
            done += entry.size();
            progress(done);
        }
    }
    // Last: what is put into a directory changes its time.
    for (name, entry) in tree.entries.iter().rev() {
        if !matches!(entry.content, Content::Hardlink(_)) {
            set_time(&place(name), entry.mtime).or_build(|| shown(name))?;
        }
    }
    Ok(())
}

fn create(
    path: &Path,
    entry: &Entry,
    is_root: bool,
    place: &dyn Fn(&[u8]) -> PathBuf,
) -> io::Result<()> {
    let node = |kind, device| mknod(path, kind, Mode::empty(), device);
    match &entry.content {
        Content::Hardlink(target) => return fs::hard_link(place(target), path),
        Content::Dir if is_root => {}
        Content::Dir => fs::create_dir(path)?,
        Content::File { .. } | Content::Bytes(_) => {
            let mut to = File::create_new(path)?;
            let copied = io::copy(&mut entry.open()?, &mut to)?;
            if copied != entry.size() {
                return Err(io::Error::other("its size changed meanwhile"));
            }
        }
        Content::Symlink(target) => symlink(OsStr::from_bytes(target), path)?,
        Content::CharDevice { major, minor } => {
            node(SFlag::S_IFCHR, makedev((*major).into(), (*minor).into()))?;
        }
        Content::BlockDevice { major, minor } => {
            node(SFlag::S_IFBLK, makedev((*major).into(), (*minor).into()))?;
        }
        Content::Fifo => node(SFlag::S_IFIFO, 0)?,
        Content::Socket => node(SFlag::S_IFSOCK, 0)?,
    }
    lchown(path, Some(entry.uid), Some(entry.gid))?;
    if !matches!(entry.content, Content::Symlink(_)) {
        fs::set_permissions(path, Permissions::from_mode(entry.mode.into()))?;
    }
    set_attributes(path, entry)
}

fn set_attributes(path: &Path, entry: &Entry) -> io::Result<()> {
    for (name, value) in &entry.xattrs {
        lsetxattr(path, name.as_slice(), value, XattrFlags::empty())?;
    }
    Ok(())
}

fn set_time(path: &Path, seconds: i64) -> nix::Result<()> {
    let time = TimeSpec::new(seconds, 0);
    utimensat(nix::fcntl::AT_FDCWD, path, &time, &time, UtimensatFlags::NoFollowSymlink)
}
