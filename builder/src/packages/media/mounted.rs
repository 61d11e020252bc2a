//! A local medium as an installer mounts it, for scripts that take files of their own from it.

use crate::base::error::{Context, Error, Result};
use crate::base::files::open_regular;
use crate::base::interrupt;
use formats::iso9660::{Iso, NodeKind};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use tempfile::TempDir;

/// Larger files on an ISO are the installer's own.
const LARGEST: u64 = 64 << 20;

/// A medium's directory.
pub enum MountedMedium {
    /// As it is.
    Directory(PathBuf),
    /// What scripts may look for on an ISO file: not packages, and nothing large.
    Unpacked(TempDir),
}

impl MountedMedium {
    /// Of the directory or ISO file `path`; an ISO file is unpacked below `parent`.
    ///
    /// # Errors
    /// When the medium cannot be read, or `parent` written.
    pub fn open(path: &Path, parent: &Path) -> Result<Self> {
        if path.is_dir() {
            return Ok(Self::Directory(path.to_owned()));
        }
        let directory = tempfile::Builder::new()
            .prefix("medium-")
            .tempdir_in(parent)
            .or_environment(|| format!("cannot write to {}", parent.display()))?;
        unpack(path, directory.path())?;
        Ok(Self::Unpacked(directory))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        match self {
            Self::Directory(path) => path,
            Self::Unpacked(directory) => directory.path(),
        }
    }
}

fn unpack(path: &Path, to: &Path) -> Result<()> {
    let what = || format!("cannot read the medium {}", path.display());
    let iso = Iso::open(open_regular(path).or_input(what)?).or_input(what)?;
    for (name, node) in iso.walk().or_input(what)? {
        interrupt::check()?;
        let inside = Path::new(OsStr::from_bytes(&name));
        if !inside.components().all(|part| matches!(part, Component::Normal(_))) {
            return Err(Error::input(format!("{}: a path leads out of it", what())));
        }
        let place = to.join(inside);
        let write = || format!("cannot write {}", place.display());
        match node.kind {
            NodeKind::Dir => fs::create_dir_all(&place).or_build(write)?,
            NodeKind::File if node.size <= LARGEST && !name.ends_with(b".rpm") => {
                let mut file = File::create_new(&place).or_build(write)?;
                io::copy(&mut iso.reader(&node).or_input(what)?, &mut file).or_build(write)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// What tells the state of a medium from others: names, sizes and times of its files.
///
/// # Errors
/// When it cannot be read.
pub fn fingerprint(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let mut open = vec![path.to_owned()];
    while let Some(place) = open.pop() {
        let meta = fs::symlink_metadata(&place)?;
        if meta.is_dir() {
            let mut entries: Vec<PathBuf> =
                fs::read_dir(&place)?.map(|e| Ok(e?.path())).collect::<io::Result<_>>()?;
            entries.sort_unstable();
            open.extend(entries);
        } else {
            let changed =
                meta.modified()?.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
            text.extend_from_slice(place.as_os_str().as_bytes());
            text.extend_from_slice(format!("\0{} {}\n", meta.len(), changed.as_nanos()).as_bytes());
        }
    }
    Ok(text)
}
