//! Writing an image.

use super::eltorito::{self, Boot};
use super::entries::{both32, ce};
use super::error::IsoWriteError;
use super::layout::{self, Dir, EXTENT_MAX, Layout, NewRecord, RecordTarget};
use super::model::SECTOR;
use super::{time, volume};
use crate::tree::Tree;
use std::io::{self, Read, Write};

/// What an image is besides its tree.
#[derive(Clone, Debug)]
pub struct IsoOptions {
    /// Volume identifier: 1 to 32 characters of `A-Z0-9_-` (media have `-` though ECMA-119
    /// does not).
    pub volume_id: String,
    /// Time of creation, seconds since 1970.
    pub time: i64,
    /// Boot images, the default one first; at most 32.
    pub boot: Vec<Boot>,
}

/// Sectors of everything but directories and files.
struct Places {
    path_table: Vec<u8>,
    path_table_m: Vec<u8>,
    /// First sectors of the two path tables, and of the boot catalogue.
    l: u32,
    m: u32,
    catalogue: u32,
    /// Length of the image.
    end: u32,
}

/// Writes `tree` as an ISO 9660 level 3 image with Rock Ridge to `out`, from its current
/// position on. Directories are nested as deep as the tree is, without the relocation that
/// ECMA-119's limit of eight levels would ask for: Linux, GRUB and isolinux read them so.
///
/// # Errors
/// When the tree or an option does not fit the format, a file cannot be read or has not the
/// size that its entry declares, or writing fails.
pub fn write(out: &mut impl Write, options: &IsoOptions, tree: &Tree) -> Result<(), IsoWriteError> {
    let legal = |byte: u8| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-');
    if !(1..=32).contains(&options.volume_id.len()) || !options.volume_id.bytes().all(legal) {
        return Err(IsoWriteError::VolumeId(options.volume_id.clone()));
    }
    if options.boot.len() > eltorito::BOOT_MAX {
        return Err(IsoWriteError::TooLarge("more than 32 boot images"));
    }
    let mut layout = layout::plan(tree)?;
    let images = boot_files(options, &layout)?;
    let places = place(&mut layout, !options.boot.is_empty())?;
    pad(out, volume::FIRST * SECTOR)?;
    out.write_all(&primary(options, &layout, &places))?;
    if !options.boot.is_empty() {
        out.write_all(&eltorito::descriptor(places.catalogue))?;
    }
    let mut terminator = [0; SECTOR as usize];
    terminator[..7].copy_from_slice(b"\xffCD001\x01");
    out.write_all(&terminator)?;
    for table in [&places.path_table, &places.path_table_m] {
        out.write_all(table)?;
        pad_sector(out, table.len() as u64)?;
    }
    if !options.boot.is_empty() {
        let at: Vec<_> = images
            .iter()
            .map(|number| (layout.files[*number].sector, layout.files[*number].entry.size()))
            .collect();
        out.write_all(&eltorito::catalogue(&options.boot, &at))?;
    }
    for dir in &layout.dirs {
        write_dir(out, dir, &layout)?;
    }
    for number in 0..layout.files.len() {
        let patched = images
            .iter()
            .zip(&options.boot)
            .any(|(image, boot)| *image == number && boot.boot_info_table);
        write_file(out, &layout, number, patched)?;
    }
    Ok(out.flush()?)
}

/// The file numbers of the boot images.
fn boot_files(options: &IsoOptions, layout: &Layout) -> Result<Vec<usize>, IsoWriteError> {
    let number = |boot: &Boot| {
        let path = boot.path.as_bytes();
        let number = layout.files.iter().position(|file| file.path == path);
        let number = number.ok_or_else(|| {
            IsoWriteError::path(path, "boot image is not a regular file of the tree with data")
        })?;
        if boot.boot_info_table && layout.files[number].entry.size() > eltorito::PATCHED_MAX {
            return Err(IsoWriteError::path(path, "boot image to patch is larger than 32 MiB"));
        }
        Ok(number)
    };
    options.boot.iter().map(number).collect()
}

/// Gives out the sectors.
fn place(layout: &mut Layout, boots: bool) -> Result<Places, IsoWriteError> {
    let mut next = volume::FIRST + 2 + u64::from(boots);
    let mut take = |sectors: u64| {
        let first = next;
        next += sectors;
        u32::try_from(next).map_err(|_| IsoWriteError::TooLarge("more than 8 TiB"))?;
        u32::try_from(first).map_err(|_| IsoWriteError::TooLarge("more than 8 TiB"))
    };
    if layout.dirs.len() > usize::from(u16::MAX) {
        return Err(IsoWriteError::TooLarge("more than 65535 directories"));
    }
    let size: usize = layout.dirs.iter().map(|dir| table_entry(dir, [0; 4], [0; 2]).len()).sum();
    let table_sectors = (size as u64).div_ceil(SECTOR);
    let (l, m) = (take(table_sectors)?, take(table_sectors)?);
    let catalogue = take(u64::from(boots))?;
    for dir in &mut layout.dirs {
        dir.sector = take(u64::from(dir.sectors) + u64::from(dir.continuation_sectors))?;
    }
    for file in &mut layout.files {
        file.sector = take(file.entry.size().div_ceil(SECTOR))?;
    }
    let end = take(0)?;
    let table = |big: bool| {
        let entry = |dir: &Dir| {
            // Fewer than 65536 directories, counted from 1.
            let (sector, parent) = (dir.sector, (dir.parent + 1) as u16);
            if big {
                table_entry(dir, sector.to_be_bytes(), parent.to_be_bytes())
            } else {
                table_entry(dir, sector.to_le_bytes(), parent.to_le_bytes())
            }
        };
        layout.dirs.iter().flat_map(entry).collect()
    };
    Ok(Places { path_table: table(false), path_table_m: table(true), l, m, catalogue, end })
}

/// One entry of a path table (ECMA-119, 9.4).
fn table_entry(dir: &Dir, sector: [u8; 4], parent: [u8; 2]) -> Vec<u8> {
    let mut bytes = vec![dir.identifier.len() as u8, 0];
    bytes.extend(sector);
    bytes.extend(parent);
    bytes.extend_from_slice(&dir.identifier);
    bytes.resize(bytes.len().next_multiple_of(2), 0);
    bytes
}

/// The primary volume descriptor (ECMA-119, 8.4).
fn primary(options: &IsoOptions, layout: &Layout, places: &Places) -> [u8; SECTOR as usize] {
    let mut sector = [0; SECTOR as usize];
    let mut put = |at: usize, bytes: &[u8]| sector[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"\x01CD001\x01");
    put(8, &[b' '; 64]);
    put(40, options.volume_id.as_bytes());
    put(80, &both32(places.end));
    // Volume set size, sequence number, logical block size.
    put(120, &[1, 0, 0, 1, 1, 0, 0, 1, 0, 8, 8, 0]);
    // A path table has fewer than 65536 entries of at most 40 bytes.
    put(132, &both32(places.path_table.len() as u32));
    put(140, &places.l.to_le_bytes());
    put(148, &places.m.to_be_bytes());
    let root = &layout.dirs[0];
    let bare = NewRecord {
        identifier: vec![0],
        target: RecordTarget::Dir(0),
        mtime: root.entry.mtime,
        flags: super::record::DIRECTORY,
        areas: vec![Vec::new()],
        places: Vec::new(),
    };
    put(156, &record_bytes(&bare, layout, 0).0);
    put(190, &[b' '; 623]);
    let time = time::to_long(options.time);
    put(813, &time);
    put(830, &time);
    // Expiration: never.
    put(847, b"0000000000000000\0");
    put(864, &time);
    put(881, &[1]);
    sector
}

/// A record's bytes and its continuation areas with their CE entries; `continuation` is the
/// first sector of its directory's continuation areas.
fn record_bytes(record: &NewRecord, layout: &Layout, continuation: u32) -> (Vec<u8>, Vec<Vec<u8>>) {
    let (sector, size) = match record.target {
        RecordTarget::Dir(number) => {
            let dir = &layout.dirs[number];
            (dir.sector, dir.sectors * SECTOR as u32)
        }
        // An image's sectors fit 32 bits, so the sector of a part of a file does.
        RecordTarget::File(number, before, size) => {
            (layout.files[number].sector + (before / SECTOR) as u32, size)
        }
        RecordTarget::Nothing => (0, 0),
    };
    let mut areas = record.areas.clone();
    for (number, (block, offset)) in record.places.iter().enumerate() {
        let last = number + 2 == record.areas.len();
        let size = record.areas[number + 1].len() + if last { 0 } else { super::entries::CE };
        areas[number].extend(ce(continuation + block, *offset, size as u32));
    }
    let own = areas.remove(0);
    let mut bytes = vec![record.length() as u8, 0];
    bytes.extend(both32(sector));
    bytes.extend(both32(size));
    bytes.extend(time::to_short(record.mtime));
    bytes.extend([record.flags, 0, 0, 1, 0, 0, 1, record.identifier.len() as u8]);
    bytes.extend_from_slice(&record.identifier);
    bytes.resize(bytes.len().next_multiple_of(2), 0);
    bytes.extend(own);
    bytes.resize(bytes.len().next_multiple_of(2), 0);
    (bytes, areas)
}

/// Writes a directory's records, then its continuation areas.
fn write_dir(out: &mut impl Write, dir: &Dir, layout: &Layout) -> Result<(), IsoWriteError> {
    let sector_size = SECTOR as usize;
    let (mut records, mut continuations) = (Vec::new(), Vec::new());
    for record in &dir.records {
        let (bytes, areas) = record_bytes(record, layout, dir.sector + dir.sectors);
        if records.len() % sector_size + bytes.len() > sector_size {
            records.resize(records.len().next_multiple_of(sector_size), 0);
        }
        records.extend(bytes);
        for (area, (sector, offset)) in areas.iter().zip(&record.places) {
            continuations.resize(*sector as usize * sector_size + *offset as usize, 0);
            continuations.extend_from_slice(area);
        }
    }
    for mut part in [records, continuations] {
        part.resize(part.len().next_multiple_of(sector_size), 0);
        out.write_all(&part)?;
    }
    Ok(())
}

/// Writes a file's data up to the next sector.
fn write_file(
    out: &mut impl Write,
    layout: &Layout,
    number: usize,
    patched: bool,
) -> Result<(), IsoWriteError> {
    let file = &layout.files[number];
    let path = || format!("/{}", String::from_utf8_lossy(file.path));
    let failed = |source| IsoWriteError::File { path: path(), source };
    let size = file.entry.size();
    let mut reader = file.entry.open().map_err(failed)?.take(size);
    let mut done = 0;
    if patched {
        let mut image = Vec::new();
        done = reader.read_to_end(&mut image).map_err(failed)? as u64;
        eltorito::patch(&mut image, file.sector, &path())?;
        out.write_all(&image)?;
    }
    let mut buffer = vec![0; 1 << 18];
    loop {
        let count = reader.read(&mut buffer).map_err(failed)?;
        if count == 0 {
            break;
        }
        out.write_all(&buffer[..count])?;
        done += count as u64;
    }
    let mut rest = reader.into_inner();
    if done != size || rest.read(&mut buffer[..1]).map_err(failed)? != 0 {
        return Err(IsoWriteError::path(file.path, "its length changed while it was read"));
    }
    pad_sector(out, size)
}

/// Zeros after `written` bytes up to a sector's end.
fn pad_sector(out: &mut impl Write, written: u64) -> Result<(), IsoWriteError> {
    pad(out, written.next_multiple_of(SECTOR) - written)
}

fn pad(out: &mut impl Write, size: u64) -> Result<(), IsoWriteError> {
    io::copy(&mut io::repeat(0).take(size), out)?;
    Ok(())
}

// Every extent of a file starts at a sector.
const _: () = assert!(EXTENT_MAX.is_multiple_of(SECTOR));
