//! A new image from an existing one: its bytes as they are, and behind them what is added, with
//! directories that name both. Whatever is not replaced keeps its place.

use super::data::write_file;
use super::directories::{self, write_dir};
use super::eltorito::{BootImage, Platform};
use super::entries::both32;
use super::error::{IsoError, IsoWriteError};
use super::finish;
use super::hybrid::{self, Moved};
use super::image::Iso;
use super::layout::{self, Layout};
use super::media_sum::implant_media_sum;
use super::model::{IsoNode, NodeKind, SECTOR, VOLUME_SIZE};
use super::names::Hierarchy;
use crate::tree::{Content, Entry, Tree};
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

/// 512-byte blocks in a sector.
const BLOCKS: u64 = SECTOR / 512;
/// Bytes that are copied at once.
const PIECE: u64 = 16 << 20;
/// Fields of a volume descriptor.
const VOLUME_ID: u64 = 40;
const VOLUME_ID_SIZE: usize = 32;
const TABLE_SIZE: u64 = 132;
const TABLE_L: u64 = 140;
const TABLE_M: u64 = 148;
const ROOT_EXTENT: u64 = 156 + 2;
const ROOT_SIZE: u64 = 156 + 10;

/// The files of the source and of the addition together.
struct Merged {
    tree: Tree,
    /// First sectors of the files that stay where they are.
    kept: HashMap<Vec<u8>, u32>,
    /// Paths of boot images that are replaced.
    replaced: Vec<(BootImage, Vec<u8>)>,
}

/// One hierarchy of directories with its places.
struct Placed<'a> {
    layout: Layout<'a>,
    /// Where its volume descriptor is.
    descriptor: u64,
    l: u32,
    m: u32,
}

/// Gives out sectors, one after the other.
struct Sectors(u64);

impl Sectors {
    fn take(&mut self, count: u64) -> Result<u32, IsoWriteError> {
        let first = u32::try_from(self.0);
        self.0 += count;
        match (first, u32::try_from(self.0)) {
            (Ok(first), Ok(_)) => Ok(first),
            _ => Err(IsoWriteError::TooLarge("more than 8 TiB")),
        }
    }
}

/// Writes to the empty file `out` the image `source` with `additions`, whose files replace those
/// of the same paths. Boot catalogue, system area and media sum are then right for the result;
/// `volume_id` replaces the identifier, which has at most 32 bytes of ASCII (16 where there is
/// Joliet). `progress` gets bytes done and all bytes, and says whether to go on.
///
/// # Errors
/// When the source does not start from CD and disk, or is malformed; when an addition does not
/// fit the format or cannot be read; when writing fails or `progress` asks to stop.
pub fn append(
    source: &Iso,
    out: &File,
    additions: &Tree,
    volume_id: Option<&str>,
    progress: &mut dyn FnMut(u64, u64) -> bool,
) -> Result<(), IsoWriteError> {
    let images = source.boot_images()?;
    if images.is_empty() {
        return Err(IsoWriteError::Unbootable(
            "the image has no El Torito boot record: it does not start from a CD",
        ));
    }
    if hybrid::read_system_area(&source.file)?.is_none() {
        return Err(hybrid::NO_BOOT_RECORD);
    }
    let merged = merge(source, additions, &images)?;
    // Copying and the media sum read all of it, which is what takes time.
    let whole = source.length * 2;
    copy(source, out, &mut |done| progress(done, whole))?;
    let mut sectors = Sectors(source.length.div_ceil(SECTOR));
    let mut hierarchies =
        vec![place(&merged, Hierarchy::Primary, source.primary_at, &mut sectors)?];
    if let Some(joliet) = source.joliet_at {
        hierarchies.push(place(&merged, Hierarchy::Joliet, joliet, &mut sectors)?);
    }
    place_files(&merged, &mut hierarchies, &mut sectors)?;
    write_added(out, &merged, &hierarchies, source.length)?;
    let end = finish::padded(sectors.0 * SECTOR);
    out.set_len(end)?;
    for placed in &hierarchies {
        describe(out, placed, end, volume_id, placed.descriptor != source.primary_at)?;
    }
    let moved = move_images(source, out, &merged, &hierarchies[0].layout)?;
    hybrid::update(out, end, &moved)?;
    implant_media_sum(out, &mut |done, total| {
        progress(source.length + done * source.length / total, whole)
    })
}

fn merge(source: &Iso, additions: &Tree, images: &[BootImage]) -> Result<Merged, IsoWriteError> {
    let mut merged = Merged { tree: Tree::default(), kept: HashMap::new(), replaced: Vec::new() };
    let mut boot_paths = Vec::new();
    let root = (Vec::new(), source.root());
    for (path, node) in std::iter::once(root).chain(source.walk()?) {
        let content = match &node.kind {
            NodeKind::Dir => Content::Dir,
            NodeKind::Symlink(target) => Content::Symlink(target.clone()),
            NodeKind::File => {
                let sector = first_sector(&path, &node)?;
                let image = images.iter().find(|image| image.sector == sector && node.size > 0);
                boot_paths.extend(image.map(|image| (*image, path.clone())));
                merged.kept.insert(path.clone(), sector);
                Content::File { path: PathBuf::new(), size: node.size }
            }
            NodeKind::Other => {
                return Err(IsoWriteError::path(&path, "device, or a file that is stored coded"));
            }
        };
        let IsoNode { mode, uid, gid, mtime, .. } = node;
        let entry = Entry { uid, gid, ..Entry::new(mode, mtime, content) };
        merged.tree.entries.insert(path, entry);
    }
    for (path, entry) in &additions.entries {
        let old = merged.tree.entries.get(path).map(|old| old.content == Content::Dir);
        match (old, entry.content == Content::Dir) {
            (Some(true), true) => continue,
            (Some(true), false) | (Some(false), true) => {
                return Err(IsoWriteError::path(path, "directory and file of the same name"));
            }
            _ => {}
        }
        merged.kept.remove(path);
        let image = boot_paths.iter().find(|(_, other)| other == path);
        merged.replaced.extend(image.cloned());
        merged.tree.entries.insert(path.clone(), entry.clone());
    }
    // isolinux knows its own place and sum.
    if let Some((_, path)) = merged.replaced.iter().find(|i| i.0.platform != Some(Platform::Efi)) {
        return Err(IsoWriteError::path(path, "only an EFI boot image can be replaced"));
    }
    Ok(merged)
}

/// The first sector of a file of the source, whose extents follow each other.
fn first_sector(path: &[u8], node: &IsoNode) -> Result<u32, IsoWriteError> {
    let first = node.extents.first().map_or(0, |extent| extent.offset);
    let mut next = first;
    for extent in &node.extents {
        if extent.offset != next {
            return Err(IsoWriteError::path(path, "stored in pieces"));
        }
        next += extent.size;
    }
    if !first.is_multiple_of(SECTOR) {
        return Err(IsoWriteError::path(path, "does not start at a sector"));
    }
    u32::try_from(first / SECTOR).map_err(|_| IsoWriteError::TooLarge("more than 8 TiB"))
}

/// Copies the source: shares its blocks where the filesystem can, else lets the kernel copy.
fn copy(
    source: &Iso,
    out: &File,
    progress: &mut dyn FnMut(u64) -> bool,
) -> Result<(), IsoWriteError> {
    if rustix::fs::ioctl_ficlone(out, &source.file).is_ok() {
        return Ok(());
    }
    let (mut done, mut buffer) = (0, Vec::new());
    let mut by_kernel = true;
    while done < source.length {
        if !progress(done) {
            return Err(IsoWriteError::Stopped);
        }
        let size = PIECE.min(source.length - done) as usize;
        let (mut from, mut to) = (done, done);
        if by_kernel {
            // Before Linux 4.5, and between some filesystems, it cannot.
            let file = &source.file;
            match rustix::fs::copy_file_range(file, Some(&mut from), out, Some(&mut to), size) {
                Ok(count) if count > 0 => {
                    done += count as u64;
                    continue;
                }
                _ => by_kernel = false,
            }
        }
        buffer.resize(size, 0);
        source
            .file
            .read_exact_at(&mut buffer, done)
            .map_err(|error| IsoError::Io { offset: done, source: error })?;
        out.write_all_at(&buffer, done)?;
        done += size as u64;
    }
    Ok(())
}

/// Lays a hierarchy out and gives its tables and directories their sectors.
fn place<'a>(
    merged: &'a Merged,
    hierarchy: Hierarchy,
    descriptor: u64,
    sectors: &mut Sectors,
) -> Result<Placed<'a>, IsoWriteError> {
    let mut layout = layout::plan(&merged.tree, hierarchy)?;
    let table = directories::table_size(&layout).div_ceil(SECTOR);
    let (l, m) = (sectors.take(table)?, sectors.take(table)?);
    for dir in &mut layout.dirs {
        dir.sector = sectors.take(u64::from(dir.sectors) + u64::from(dir.continuation_sectors))?;
    }
    Ok(Placed { layout, descriptor, l, m })
}

/// Gives files their sectors, the same in every hierarchy: their old ones, or new ones.
fn place_files(
    merged: &Merged,
    hierarchies: &mut [Placed<'_>],
    sectors: &mut Sectors,
) -> Result<(), IsoWriteError> {
    let Some((first, others)) = hierarchies.split_first_mut() else { return Ok(()) };
    for (number, file) in first.layout.files.iter_mut().enumerate() {
        file.sector = match merged.kept.get(file.path) {
            Some(sector) => *sector,
            None => sectors.take(file.entry.size().div_ceil(SECTOR))?,
        };
        others.iter_mut().for_each(|other| other.layout.files[number].sector = file.sector);
    }
    Ok(())
}

/// Writes everything behind the old end, in the order in which it got its sectors.
fn write_added(
    out: &File,
    merged: &Merged,
    hierarchies: &[Placed<'_>],
    old_end: u64,
) -> Result<(), IsoWriteError> {
    let mut writer = BufWriter::with_capacity(1 << 20, out);
    writer.seek(SeekFrom::Start(old_end.next_multiple_of(SECTOR)))?;
    for Placed { layout, .. } in hierarchies {
        for big in [false, true] {
            let mut table = directories::path_table(layout, big);
            table.resize(table.len().next_multiple_of(SECTOR as usize), 0);
            writer.write_all(&table)?;
        }
        layout.dirs.iter().try_for_each(|dir| write_dir(&mut writer, dir, layout))?;
    }
    let Some(Placed { layout, .. }) = hierarchies.first() else { return Ok(()) };
    for (number, file) in layout.files.iter().enumerate() {
        if !merged.kept.contains_key(file.path) {
            write_file(&mut writer, layout, number, false)?;
        }
    }
    Ok(writer.flush()?)
}

/// Makes a volume descriptor that of the new hierarchy.
fn describe(
    out: &File,
    placed: &Placed<'_>,
    end: u64,
    volume_id: Option<&str>,
    wide: bool,
) -> Result<(), IsoWriteError> {
    let put = |at: u64, bytes: &[u8]| out.write_all_at(bytes, placed.descriptor + at);
    let root = &placed.layout.dirs[0];
    // Fewer than 2^32 sectors, as the last one had a number.
    put(VOLUME_SIZE, &both32((end / SECTOR) as u32))?;
    // At most 65535 entries of a few hundred bytes.
    put(TABLE_SIZE, &both32(directories::table_size(&placed.layout) as u32))?;
    // The optional second tables are gone.
    put(TABLE_L, &[placed.l.to_le_bytes(), [0; 4]].concat())?;
    put(TABLE_M, &[placed.m.to_be_bytes(), [0; 4]].concat())?;
    put(ROOT_EXTENT, &both32(root.sector))?;
    put(ROOT_SIZE, &both32(root.sectors * SECTOR as u32))?;
    let Some(id) = volume_id else { return Ok(()) };
    let limit = if wide { VOLUME_ID_SIZE / 2 } else { VOLUME_ID_SIZE };
    if id.is_empty() || id.len() > limit || !id.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Err(IsoWriteError::Label(id.to_owned(), limit));
    }
    let blank: &[u8] = if wide { b"\0 " } else { b" " };
    let mut field: Vec<u8> = match wide {
        true => id.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        false => id.as_bytes().to_vec(),
    };
    field.extend(blank.iter().cycle().take(VOLUME_ID_SIZE - field.len()));
    Ok(put(VOLUME_ID, &field)?)
}

/// Makes the boot catalogue name the replaced images; gives where these have moved.
fn move_images(
    source: &Iso,
    out: &File,
    merged: &Merged,
    layout: &Layout<'_>,
) -> Result<Vec<Moved>, IsoWriteError> {
    let catalogue = source.boot_catalogue.map_or(0, |sector| u64::from(sector) * SECTOR);
    let mut moved = Vec::new();
    for (image, path) in &merged.replaced {
        let file = layout.files.iter().find(|file| file.path == path);
        let file = file.ok_or_else(|| IsoWriteError::path(path, "boot image without data"))?;
        let size = file.entry.size();
        out.write_all_at(&image.moved(file.sector, size, path)?, catalogue + image.field())?;
        let (from, to) = (u64::from(image.sector) * BLOCKS, u64::from(file.sector) * BLOCKS);
        moved.push(Moved { from, to, blocks: size.div_ceil(512) });
    }
    Ok(moved)
}
