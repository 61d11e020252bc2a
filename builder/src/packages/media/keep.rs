//! Files whose checksum is known, kept in the cache under it. A file has its name there only
//! when it is whole and right; until then it is in `partial`, from where a later attempt goes on.

use super::medium::Medium;
use crate::base::error::{Context, Error, Result};
use crate::packages::cache::CacheDirectory;
use crate::packages::checksum::{Checksum, Known};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A directory of the cache whose files are named after their checksums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Packages.
    Packages,
    /// Metadata files of repositories.
    Metadata,
}

impl Part {
    /// Where a file of this checksum is in the cache, or will be.
    ///
    /// # Errors
    /// An environment error when the cache cannot be written.
    pub fn place(self, cache: &CacheDirectory, checksum: &Checksum) -> Result<PathBuf> {
        let (part, ending) = match self {
            Self::Packages => ("packages", ".rpm"),
            Self::Metadata => ("metadata", ""),
        };
        Ok(cache.part(part)?.join(checksum.file_name(ending)))
    }
}

/// The file at `path` of `medium`, in a directory of the cache: as it is there if it has the
/// known content, else copied. `advance` hears of each number of bytes that came.
///
/// # Errors
/// The medium's error, a verification error when it has other content, an environment error
/// when the cache cannot be written; interruption.
pub fn obtain(
    cache: &CacheDirectory,
    part: Part,
    medium: &dyn Medium,
    path: &str,
    known: &Known,
    advance: &(dyn Fn(u64) + Sync),
) -> Result<PathBuf> {
    let place = part.place(cache, &known.checksum)?;
    if is_there(cache, &place, known)? {
        return Ok(place);
    }
    cache.require_writable(path)?;
    let partial = cache.part("partial")?.join(known.checksum.file_name(""));
    let what = || format!("cannot write to the cache {}", partial.display());
    loop {
        let file = File::options()
            .read(true)
            .append(true)
            .create(true)
            .open(&partial)
            .or_environment(what)?;
        let file = Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, e)| match e {
            Errno::EINTR => Error::interrupted(),
            e => Error::environment(format!("{}: {e}", what())),
        })?;
        // Whoever had the lock before may have finished the file, or given it up.
        if is_there(cache, &place, known)? {
            if file.metadata().is_ok_and(|meta| meta.nlink() > 0 && meta.len() == 0) {
                let _ = fs::remove_file(&partial);
            }
            return Ok(place);
        }
        if !is_at(&file, &partial) {
            continue;
        }
        let copied = medium.copy(path, known, &file, advance);
        let whole = copied.and_then(|()| file.sync_all().or_environment(what));
        if let Err(e) = whole {
            // A part is of use only to a medium that can go on with it.
            if !medium.resumes() || file.metadata().is_ok_and(|meta| meta.len() == 0) {
                let _ = fs::remove_file(&partial);
            }
            return Err(e);
        }
        fs::rename(&partial, &place).or_environment(what)?;
        return Ok(place);
    }
}

/// Whether the cache has the file; one that is damaged is removed.
fn is_there(cache: &CacheDirectory, place: &Path, known: &Known) -> Result<bool> {
    if !cache.use_entry(place)? {
        return Ok(false);
    }
    if known.describes(place)? {
        return Ok(true);
    }
    cache.require_writable(&format!("a good copy of {}", place.display()))?;
    fs::remove_file(place).or_environment(|| format!("cannot remove {}", place.display()))?;
    Ok(false)
}

/// Whether the open file is the one at `path`.
fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::metadata(path)) {
        (Ok(a), Ok(b)) => (a.dev(), a.ino()) == (b.dev(), b.ino()),
        _ => false,
    }
}
