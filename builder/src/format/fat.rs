//! FAT filesystems written from a tree: EFI system partitions and the EFI boot
//! images of media.
//!
//! Source: Microsoft's FAT specification 1.03 ("fatgen103"). A writer of our
//! own, as the `fatfs` crate gives `.` and `..` long names, which `fsck.fat`
//! rejects, and takes directories' times from a global clock.

mod geometry;
mod names;
mod tree;

use super::tree::Tree;
use geometry::{Geometry, SECTOR};
use std::io::{self, Read, Seek, SeekFrom, Write};
use tree::{Directory, Files};

pub use geometry::Kind;

/// What a filesystem has beside its tree.
#[derive(Clone, Debug)]
pub struct Options {
    /// Width of the allocation table's entries.
    pub kind: Kind,
    /// Length of the filesystem in bytes; what exceeds whole sectors is not used.
    pub bytes: u64,
    /// Serial number of the volume (`XXXX-XXXX` in `blkid`).
    pub volume_id: u32,
    /// Volume label, at most 11 ASCII characters without lower-case letters.
    pub label: String,
    /// 512-byte sectors before the filesystem on its disk, 0 for an image by itself.
    pub hidden_sectors: u32,
}

/// Why a filesystem could not be written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused to write.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The length does not fit the kind.
    #[error("{kind} cannot have {bytes} bytes: it has {least} to {most} clusters")]
    Size {
        /// The kind asked for.
        kind: Kind,
        /// The length asked for.
        bytes: u64,
        /// Fewest clusters of the kind.
        least: u32,
        /// Most clusters of the kind.
        most: u32,
    },
    /// The tree does not fit.
    #[error("the filesystem is too small: its tree needs {needed} bytes of {available}")]
    Full {
        /// Bytes of the clusters that the tree needs.
        needed: u64,
        /// Bytes of all clusters.
        available: u64,
    },
    /// The label is not one.
    #[error("volume label {0:?} is not 1 to 11 ASCII characters without lower-case letters")]
    Label(String),
    /// An entry does not fit the format, or is not what it says.
    #[error("cannot put /{path} into a FAT filesystem: {what}")]
    Entry {
        /// The entry's path.
        path: String,
        /// What is wrong with it.
        what: String,
    },
}

impl Error {
    fn entry(path: &[u8], what: impl Into<String>) -> Self {
        Self::Entry { path: String::from_utf8_lossy(path).into_owned(), what: what.into() }
    }
}

/// Writes `tree` as a filesystem from the present position of `out` on. Free
/// clusters are not written, so that a sparse file stays one. Owners, modes and
/// extended attributes are not kept; times are those of the entries, in UTC.
///
/// # Errors
/// When the size, the label or the tree does not fit FAT, a file is not as long
/// as its entry says, or `out` fails.
pub fn write(out: &mut (impl Write + Seek), options: &Options, tree: &Tree) -> Result<(), Error> {
    let label = label(&options.label)?;
    let geometry = Geometry::new(options.kind, options.bytes)?;
    let files = Files::new(tree, &geometry, label)?;
    let start = out.stream_position()?;

    let mut reserved = vec![0; geometry.reserved as usize * SECTOR as usize];
    let boot = geometry.boot_sector(options, &label);
    reserved[..boot.len()].copy_from_slice(&boot);
    if geometry.kind == Kind::Fat32 {
        let info = geometry.info_sector(files.clusters);
        reserved[SECTOR as usize..][..info.len()].copy_from_slice(&info);
        let copy = geometry::BACKUP as usize * SECTOR as usize;
        reserved.copy_within(..2 * SECTOR as usize, copy);
    }
    out.write_all(&reserved)?;
    let table = geometry.table(&files.chains);
    for _ in 0..geometry::TABLES {
        out.write_all(&table)?;
        let bytes = u64::from(geometry.table_sectors) * SECTOR - table.len() as u64;
        io::copy(&mut io::repeat(0).take(bytes), out)?;
    }
    for directory in &files.directories {
        put_directory(out, start, &geometry, directory)?;
    }
    for file in &files.files {
        put_file(out, start, &geometry, file)?;
    }
    Ok(out.flush()?)
}

/// The label padded to 11 bytes.
fn label(text: &str) -> Result<[u8; 11], Error> {
    let allowed = |c: u8| c == b' ' || names::in_short(c);
    let valid = (1..=11).contains(&text.len())
        && !text.starts_with(' ')
        && text.bytes().all(|c| allowed(c) && !c.is_ascii_lowercase());
    if !valid {
        return Err(Error::Label(text.to_owned()));
    }
    let mut label = [b' '; 11];
    label[..text.len()].copy_from_slice(text.as_bytes());
    Ok(label)
}

fn put_directory(
    out: &mut (impl Write + Seek),
    start: u64,
    geometry: &Geometry,
    directory: &Directory,
) -> io::Result<()> {
    let (at, bytes) = match directory.cluster {
        Some(cluster) => {
            let bytes = directory.entries.len() as u64;
            (geometry.offset(cluster), bytes.next_multiple_of(geometry.cluster_bytes()))
        }
        None => geometry.fixed_root(),
    };
    out.seek(SeekFrom::Start(start + at))?;
    out.write_all(&directory.entries)?;
    io::copy(&mut io::repeat(0).take(bytes - directory.entries.len() as u64), out)?;
    Ok(())
}

fn put_file(
    out: &mut (impl Write + Seek),
    start: u64,
    geometry: &Geometry,
    file: &tree::File<'_>,
) -> Result<(), Error> {
    let Some(cluster) = file.cluster else { return Ok(()) };
    let failed = |e: io::Error| Error::entry(file.path, e.to_string());
    let size = file.entry.size();
    let mut reader = file.entry.open().map_err(failed)?;
    out.seek(SeekFrom::Start(start + geometry.offset(cluster)))?;
    let copied = io::copy(&mut (&mut reader).take(size), out)?;
    let more = reader.read(&mut [0]).map_err(failed)?;
    if copied != size || more != 0 {
        return Err(Error::entry(file.path, format!("it does not have the {size} bytes expected")));
    }
    let bytes = size.next_multiple_of(geometry.cluster_bytes()) - size;
    io::copy(&mut io::repeat(0).take(bytes), out)?;
    Ok(())
}
