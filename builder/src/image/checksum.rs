//! Digests of output files and what tells two files apart, without reading holes: a raw image
//! has gigabytes of them. Its own digest is the block map next to it.

use crate::base::error::{Context, Error, Result};
use crate::base::files::read_regular;
use crate::base::interrupt;
use crate::base::private;
use formats::bmap::Bmap;
use formats::sparse;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// A block map of a disk of some terabytes, every other block of it written, is smaller.
const LARGEST_MAP: u64 = 1 << 30;

/// The block map of the image called `image`; `None` where it has none, as all but raw ones.
pub fn block_map_name(image: &str) -> Option<String> {
    image.ends_with(".raw").then(|| format!("{image}.bmap"))
}

/// SHA-256 of a file, lower-case hexadecimal; `read` gets how many bytes were hashed each time.
///
/// # Errors
/// When it cannot be read, or a signal has arrived.
pub fn sha256(path: &Path, read: &mut dyn FnMut(u64)) -> Result<String> {
    let what = || format!("cannot read {}", path.display());
    let file = File::open(path).or_build(what)?;
    let digest = sparse::sha256(&file, &mut |bytes| {
        read(bytes);
        !interrupt::requested()
    });
    digest.or_build(what)?.map(hex::encode).ok_or_else(Error::interrupted)
}

/// Writes the block map of the raw image `raw`. `progress` gets bytes hashed and to hash.
///
/// # Errors
/// When the image cannot be read or the map not be written, or a signal has arrived.
pub fn write_block_map(
    raw: &Path,
    to: &Path,
    progress: &mut (dyn FnMut(u64, u64) + Send),
) -> Result<()> {
    let file = File::open(raw).or_build(|| format!("cannot read {}", raw.display()))?;
    let map = counted(progress, |on| Bmap::of(&file, on));
    interrupt::check()?;
    let map = map.or_build(|| format!("cannot map {}", raw.display()))?;
    private::write(to, map.to_xml().as_bytes())
        .or_build(|| format!("cannot write {}", to.display()))
}

/// The first byte of `raw` that is not what the block map `map` says, whose digest is `sha256`;
/// `None` when there is none.
///
/// # Errors
/// An input error when one of them cannot be read, a verification error when the map is another
/// one, or a signal has arrived.
pub fn mapped_difference(
    raw: &Path,
    map: &Path,
    sha256: &str,
    progress: &mut (dyn FnMut(u64, u64) + Send),
) -> Result<Option<u64>> {
    let text = read_regular(map, LARGEST_MAP).map_err(|e| {
        Error::input(format!("cannot read the block map {}: {e}", map.display()))
            .hint("a build leaves it next to the raw image and the manifest; take it along")
    })?;
    let found = hex::encode(Sha256::digest(&text));
    if found != sha256 {
        return Err(Error::verification(format!(
            "{}: SHA-256 is {found}, the manifest says {sha256}",
            map.display()
        )));
    }
    let what = || format!("cannot read the block map {}", map.display());
    let map = Bmap::parse(&String::from_utf8_lossy(&text)).or_input(what)?;
    let file = File::open(raw).or_input(|| format!("cannot read {}", raw.display()))?;
    let difference = counted(progress, |on| map.difference(&file, on));
    interrupt::check()?;
    difference.or_input(|| format!("cannot read {}", raw.display()))
}

/// The first byte in which two files differ; `None` when they are equal. `read` gets how many
/// bytes were compared each time.
///
/// # Errors
/// When one cannot be read, or a signal has arrived.
pub fn difference(a: &Path, b: &Path, read: &mut dyn FnMut(u64)) -> Result<Option<u64>> {
    let open =
        |path: &Path| File::open(path).or_build(|| format!("cannot read {}", path.display()));
    let found = sparse::difference(&open(a)?, &open(b)?, &mut |bytes| {
        read(bytes);
        !interrupt::requested()
    });
    interrupt::check()?;
    found.or_build(|| format!("cannot compare {} and {}", a.display(), b.display()))
}

/// Runs `work`, which reports from several threads, with one that reports to `progress` and
/// stops at a signal.
fn counted<T>(
    progress: &mut (dyn FnMut(u64, u64) + Send),
    work: impl FnOnce(&(dyn Fn(u64, u64) -> bool + Sync)) -> T,
) -> T {
    let done = AtomicU64::new(0);
    let progress = Mutex::new(progress);
    work(&|bytes, total| {
        let done = done.fetch_add(bytes, Ordering::Relaxed) + bytes;
        progress.lock().unwrap_or_else(PoisonError::into_inner)(done, total);
        !interrupt::requested()
    })
}
