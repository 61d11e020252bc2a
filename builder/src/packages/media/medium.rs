//! The interface of every medium, and what media share in implementing it.

use super::network::Network;
use super::stored::StoredFile;
use crate::base::error::{Context, Error, Result};
use crate::base::malformed::Malformed;
use crate::packages::checksum::{Checksum, Known};
use std::fs::File;
use std::io::{self, Read, Write};

/// A medium. Paths are relative, `/`-separated.
pub trait Medium: Send + Sync {
    /// For messages: the path or URL as given.
    fn location(&self) -> String;

    /// A short name for a repository on it.
    fn name(&self) -> String;

    /// A file's whole content; an error when it has more than `limit` bytes.
    ///
    /// # Errors
    /// An input error naming the medium and path.
    fn read(&self, path: &str, limit: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        match self.open(path)?.take(limit.saturating_add(1)).read_to_end(&mut bytes) {
            Ok(_) => whole(self, path, bytes, limit),
            Err(e) => Err(unreadable(self.location(), path, &e)),
        }
    }

    /// The content of a file whose checksum is known. It need not be the right one: who knows
    /// the checksum compares. Media that fetch keep the file under it.
    ///
    /// # Errors
    /// As [`Medium::read`].
    fn read_known(&self, path: &str, known: &Known) -> Result<Vec<u8>> {
        self.read(path, known.size)
    }

    /// A reader over a file.
    ///
    /// # Errors
    /// An input error naming the medium and path.
    fn open(&self, path: &str) -> Result<Box<dyn Read + Send + '_>>;

    /// Writes a file whose checksum is known to `to`, an empty file or, if the medium
    /// [resumes](Medium::resumes), one with what an earlier attempt left. `advance` hears of
    /// each number of bytes that came.
    ///
    /// # Errors
    /// As [`Medium::read`]; a verification error when it has other content.
    fn copy(
        &self,
        path: &str,
        known: &Known,
        to: &File,
        advance: &(dyn Fn(u64) + Sync),
    ) -> Result<()> {
        copy_pieces(self, path, known, to, advance)
    }

    /// Whether there is a file at `path` that can be read.
    fn has(&self, path: &str) -> bool {
        self.open(path).is_ok()
    }

    /// That the disc which a path names is at hand.
    ///
    /// # Errors
    /// An input error naming the disc.
    fn disc(&self, path: &str) -> Result<()> {
        plain(path).map(|_| ()).map_err(|e| unreadable(self.location(), path, &e))
    }

    /// Whether [`Medium::copy`] goes on with what is there.
    fn resumes(&self) -> bool {
        false
    }

    /// The network that the medium is behind, if it is.
    fn remote(&self) -> Option<&Network> {
        None
    }

    /// Directories that hold `repodata/repomd.xml`: the root (empty), or up to two levels below it.
    ///
    /// # Errors
    /// When the medium cannot be read.
    fn repositories(&self) -> Result<Vec<String>>;

    /// Where the file at `path` is on this machine's disks; `None` where there is no such file, or
    /// the medium is behind the network. Symbolic links do not lead out of the medium.
    ///
    /// # Errors
    /// When it cannot be read, or must not be.
    fn stored(&self, _path: &str) -> io::Result<Option<StoredFile>> {
        Ok(None)
    }

    /// Words that open the medium again from anywhere on this machine.
    fn words(&self) -> Vec<String> {
        vec![self.location()]
    }

    /// Names of the files in a directory; empty where a medium cannot be listed.
    ///
    /// # Errors
    /// As [`Medium::repositories`].
    fn files(&self, _directory: &str) -> Result<Vec<String>> {
        Ok(Vec::new())
    }
}

/// How a path begins that is on a certain disc of a set: `media:2#Packages/x.rpm`.
pub(super) const DISC: &str = "media:";

/// The path of something on disc `number` of a set.
pub fn path_on_disc(number: u32, path: &str) -> String {
    format!("{DISC}{number}#{path}")
}

/// The disc that a path names, and the path there.
pub fn on_disc(path: &str) -> (Option<u32>, &str) {
    let parts = path.strip_prefix(DISC).and_then(|rest| rest.split_once('#'));
    match parts.and_then(|(number, inside)| Some((number.parse().ok()?, inside))) {
        Some((number, inside)) => (Some(number), inside),
        None => (None, path),
    }
}

/// The path on a medium that is not a disc of a set: a whole set's only disc is number 1.
pub(super) fn plain(path: &str) -> Result<&str, Malformed> {
    match on_disc(path) {
        (None | Some(1), inside) => Ok(inside),
        (Some(number), inside) => {
            Err(format!("{inside} is on disc {number} of a set; give that disc as another --media")
                .into())
        }
    }
}

/// Bytes that were read with a limit.
pub(super) fn whole(
    medium: &(impl Medium + ?Sized),
    path: &str,
    bytes: Vec<u8>,
    limit: u64,
) -> Result<Vec<u8>> {
    if bytes.len() as u64 <= limit {
        return Ok(bytes);
    }
    let mib = limit >> 20;
    Err(Error::input(format!("{}: {path} has more than {mib} MiB", medium.location())))
}

/// [`Medium::copy`] by reading and writing; the checksum is of what is written.
pub(super) fn copy_pieces(
    medium: &(impl Medium + ?Sized),
    path: &str,
    known: &Known,
    mut to: &File,
    advance: &(dyn Fn(u64) + Sync),
) -> Result<()> {
    let what = || "cannot write to the cache".to_owned();
    to.set_len(0).or_environment(what)?;
    let found = checksum(medium, path, known, &mut |piece| {
        to.write_all(piece).or_environment(what)?;
        advance(piece.len() as u64);
        Ok(())
    })?;
    compare(medium, path, known, &found)
}

/// That the file at `path` of a medium has the known content.
///
/// # Errors
/// As [`Medium::copy`].
pub fn verify(medium: &dyn Medium, path: &str, known: &Known) -> Result<()> {
    let found = checksum(medium, path, known, &mut |_| Ok(()))?;
    compare(medium, path, known, &found)
}

/// The checksum of a file on a medium, whose pieces are handed to `each`. No more is read than
/// it has to have.
pub(super) fn checksum(
    medium: &(impl Medium + ?Sized),
    path: &str,
    known: &Known,
    each: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<Checksum> {
    let mut from = medium.open(path)?.take(known.size);
    let (mut hasher, mut piece) = (known.hasher(), vec![0; 1 << 20]);
    loop {
        crate::base::interrupt::check()?;
        match from.read(&mut piece) {
            Ok(0) => return Ok(hasher.finish()),
            Ok(n) => {
                hasher.update(&piece[..n]);
                each(&piece[..n])?;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(unreadable(medium.location(), path, &e)),
        }
    }
}

/// That a file's checksum is the known one.
pub(super) fn compare(
    medium: &(impl Medium + ?Sized),
    path: &str,
    known: &Known,
    found: &Checksum,
) -> Result<()> {
    if *found == known.checksum {
        return Ok(());
    }
    Err(Error::verification(format!(
        "{}: {path} is damaged or was changed: {} is {}, the repository says {}",
        medium.location(),
        found.kind(),
        found.hex(),
        known.checksum.hex()
    ))
    .hint("copy the medium again and compare its checksum with the publisher's"))
}

pub(super) fn unreadable(location: String, path: &str, e: &dyn std::fmt::Display) -> Error {
    Error::input(format!("{location}: cannot read {path}: {e}"))
        .hint("the medium may be damaged or incomplete")
}

/// The repositories of a medium whose directories can be listed.
pub(super) fn search(
    is_file: &dyn Fn(&str) -> Result<bool>,
    directories: &dyn Fn(&str) -> Result<Vec<String>>,
) -> Result<Vec<String>> {
    let has = |directory: &str| {
        is_file(format!("{directory}/repodata/repomd.xml").trim_start_matches('/'))
    };
    if has("")? {
        return Ok(vec![String::new()]);
    }
    let mut found = Vec::new();
    for top in directories("")? {
        if has(&top)? {
            found.push(top);
            continue;
        }
        for below in directories(&top)? {
            let below = format!("{top}/{below}");
            if has(&below)? {
                found.push(below);
            }
        }
    }
    Ok(found)
}
