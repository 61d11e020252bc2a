//! A disk image, opened: raw or qcow2, its partitions and volumes.

use super::table::PartitionTable;
use super::volume::{Filesystem, Volume};
use crate::base::error::{Context, Error, Result};
use crate::base::files::open_regular;
use crate::layout::SECTOR;
use formats::read_at::{Joined, Plain, ReadAt, Window};
use formats::{lvm2, qcow2};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Images on images; QEMU itself has no limit, but no more than this make sense.
const MAX_BACKING: usize = 16;

/// The other size of sectors that disks have (4Kn).
const LARGE_SECTOR: u64 = 4096;

/// An opened disk image.
pub struct Image {
    disk: Box<dyn ReadAt>,
    /// The files it consists of: itself, and the backing files below it.
    pub files: Vec<PathBuf>,
    /// `raw` or `qcow2`.
    pub format: &'static str,
    /// Its partition table.
    pub table: PartitionTable,
    /// Further disks of its machine, in their order.
    pub further: Vec<FurtherImage>,
}

/// A further disk of the same machine.
pub struct FurtherImage {
    disk: Box<dyn ReadAt>,
    /// Its partition table.
    pub table: PartitionTable,
}

impl FurtherImage {
    /// The disk's size in bytes.
    pub fn size(&self) -> u64 {
        self.disk.size()
    }
}

impl Image {
    /// Opens the image at `path`.
    ///
    /// # Errors
    /// An input error when it cannot be read or is not a disk image with a partition table.
    pub fn open(path: &Path) -> Result<Self> {
        let mut files = Vec::new();
        let (disk, format, table) = open_disk(path, &mut files)?;
        Ok(Self { disk, files, format, table, further: Vec::new() })
    }

    /// With the images of further disks of its machine: volumes may lie on all of them.
    ///
    /// # Errors
    /// As [`Image::open`].
    pub fn with_further(mut self, paths: &[PathBuf]) -> Result<Self> {
        for path in paths {
            let (disk, _, table) = open_disk(path, &mut self.files)?;
            self.further.push(FurtherImage { disk, table });
        }
        Ok(self)
    }

    /// The disk's size in bytes.
    pub fn size(&self) -> u64 {
        self.disk.size()
    }

    /// Bytes of the disk.
    ///
    /// # Errors
    /// An input error when they cannot be read.
    pub fn bytes(&self, offset: u64, size: u64) -> Result<Vec<u8>> {
        let what = || format!("cannot read the image's {size} bytes at byte {offset}");
        let window = Window::new(self.disk.as_ref(), offset, size).or_input(what)?;
        let mut bytes = vec![0; usize::try_from(size).or_input(what)?];
        window.read_exact_at(&mut bytes, 0).or_input(what)?;
        Ok(bytes)
    }

    /// Looks into every partition and every logical volume in them.
    ///
    /// # Errors
    /// An input error when a filesystem or LVM's metadata is damaged.
    pub fn volumes(&self) -> Result<Vec<Volume<'_>>> {
        let mut volumes = Vec::new();
        let mut physical = Vec::new();
        let first = [(&self.disk, &self.table)].into_iter();
        let disks = first.chain(self.further.iter().map(|disk| (&disk.disk, &disk.table)));
        for (index, (disk, table)) in disks.enumerate() {
            for (&number, p) in &table.partitions {
                let size = (p.last_lba + 1).saturating_sub(p.first_lba) * SECTOR;
                let window = Window::new(disk.as_ref(), p.first_lba * SECTOR, size)
                    .or_input(|| format!("partition {number} ({})", p.name))?;
                let mut volume = Volume::probe(Some(number), p.name.clone(), Box::new(window))?;
                volume.disk = index;
                if matches!(volume.filesystem, Filesystem::Physical) {
                    physical.push(window);
                }
                volumes.push(volume);
            }
        }
        volumes.extend(logical(&physical)?);
        Ok(volumes)
    }
}

/// A disk with its format and partition table; `files` gets every file read.
fn open_disk(
    path: &Path,
    files: &mut Vec<PathBuf>,
) -> Result<(Box<dyn ReadAt>, &'static str, PartitionTable)> {
    let (disk, format) = disk(path, files)?;
    let table = PartitionTable::read(disk.as_ref()).map_err(|e| {
        if has_large_sectors(disk.as_ref()) {
            return Error::input(format!(
                "{} is a disk of {LARGE_SECTOR}-byte sectors, which imgbuild neither writes nor reads",
                path.display()
            ))
            .hint("imgbuild's images are for disks of 512-byte sectors; put them on such a disk, \
                   or on one that emulates them (512e)");
        }
        Error::input(format!(
            "{} is not a disk image that can be read: no partition table ({e})",
            path.display()
        ))
        .hint("images are raw or qcow2 disks as imgbuild writes them")
    })?;
    Ok((disk, format, table))
}

/// Whether a GUID partition table is in the second sector of such a disk.
fn has_large_sectors(disk: &dyn ReadAt) -> bool {
    let mut signature = [0; 8];
    let place = Window::new(disk, LARGE_SECTOR, signature.len() as u64);
    place.is_ok_and(|place| place.read_exact_at(&mut signature, 0).is_ok())
        && signature == *b"EFI PART"
}

/// The logical volumes on these physical volumes.
fn logical<'a>(physical: &[Window<'a>]) -> Result<Vec<Volume<'a>>> {
    let all: Vec<&dyn ReadAt> = physical.iter().map(|window| window as &dyn ReadAt).collect();
    let found = lvm2::read(&all).or_input(|| "the image's volume groups".to_owned())?;
    let volume = |found: lvm2::Found| {
        let name = format!("{}/{}", found.group, found.name);
        let Some(pieces) = found.pieces else { return Ok(Volume::opaque(name)) };
        let mut joined = Joined::default();
        for piece in pieces {
            let part = physical[piece.physical]
                .part(piece.offset, piece.size)
                .or_input(|| format!("logical volume {name}"))?;
            joined.push(part);
        }
        Volume::probe(None, name, Box::new(joined))
    };
    found.into_iter().map(volume).collect()
}

/// The files that the image at `path` consists of: itself, and the backing files below it.
///
/// # Errors
/// An input error when one cannot be read.
pub fn files(path: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    disk(path, &mut files)?;
    Ok(files)
}

/// The disk that an image file holds, and the file's format; `files` gets every file read.
fn disk(path: &Path, files: &mut Vec<PathBuf>) -> Result<(Box<dyn ReadAt>, &'static str)> {
    let what = || format!("cannot read the image {}", path.display());
    let file = open_regular(path).or_input(what)?;
    files.push(path.to_owned());
    let mut magic = [0; 4];
    let there = file.read_at(&mut magic, 0).or_input(what)?;
    if there < magic.len() || magic != qcow2::MAGIC {
        return Ok((Box::new(Plain::new(file).or_input(what)?), "raw"));
    }
    let mut image = qcow2::Qcow2Reader::open(file).or_input(what)?;
    if let Some(name) = image.backing_name().map(str::to_owned) {
        if files.len() > MAX_BACKING {
            return Err(Error::input(format!("{}: more than {MAX_BACKING} backing files", what())));
        }
        let base = path.parent().unwrap_or(Path::new("")).join(&name);
        let (base, _) = disk(&base, files).map_err(|mut e| {
            e.message = format!("{}: its backing file: {}", path.display(), e.message);
            e
        })?;
        image.back(base);
    }
    Ok((Box::new(image), "qcow2"))
}
