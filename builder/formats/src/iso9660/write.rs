//! Writing an image.

use super::data::{pad, pad_sector, write_file};
use super::directories::{self, write_dir};
use super::eltorito::{self, Boot};
use super::entries::both32;
use super::error::IsoWriteError;
use super::layout::{self, EXTENT_MAX, Layout, NewRecord, RecordTarget};
use super::model::{FIRST, SECTOR};
use super::names::Hierarchy;
use super::time;
use crate::tree::Tree;
use std::io::Write;

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
    let mut layout = layout::plan(tree, Hierarchy::Primary)?;
    let images = boot_files(options, &layout)?;
    let places = place(&mut layout, !options.boot.is_empty())?;
    pad(out, FIRST * SECTOR)?;
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
    let mut next = FIRST + 2 + u64::from(boots);
    let mut take = |sectors: u64| {
        let first = next;
        next += sectors;
        u32::try_from(next).map_err(|_| IsoWriteError::TooLarge("more than 8 TiB"))?;
        u32::try_from(first).map_err(|_| IsoWriteError::TooLarge("more than 8 TiB"))
    };
    let table_sectors = directories::table_size(layout).div_ceil(SECTOR);
    let (l, m) = (take(table_sectors)?, take(table_sectors)?);
    let catalogue = take(u64::from(boots))?;
    for dir in &mut layout.dirs {
        dir.sector = take(u64::from(dir.sectors) + u64::from(dir.continuation_sectors))?;
    }
    for file in &mut layout.files {
        file.sector = take(file.entry.size().div_ceil(SECTOR))?;
    }
    let end = take(0)?;
    let (path_table, path_table_m) =
        (directories::path_table(layout, false), directories::path_table(layout, true));
    Ok(Places { path_table, path_table_m, l, m, catalogue, end })
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
    put(156, &directories::record_bytes(&bare, layout, 0).0);
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

// Every extent of a file starts at a sector.
const _: () = assert!(EXTENT_MAX.is_multiple_of(SECTOR));
