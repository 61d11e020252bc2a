//! Directories and path tables of a laid out tree, as bytes.

use super::entries::{both32, ce};
use super::error::IsoWriteError;
use super::layout::{Dir, Layout, NewRecord, RecordTarget};
use super::model::SECTOR;
use super::{entries, time};
use std::io::Write;

/// Bytes of a path table.
pub fn table_size(layout: &Layout) -> u64 {
    layout.dirs.iter().map(|dir| table_entry(dir, [0; 4], [0; 2]).len() as u64).sum()
}

/// A path table with big-endian numbers or others, once directories have their sectors.
pub fn path_table(layout: &Layout, big: bool) -> Vec<u8> {
    let entry = |dir: &Dir| {
        // A layout has fewer than 65536 directories; they count from 1.
        let (sector, parent) = (dir.sector, (dir.parent + 1) as u16);
        if big {
            table_entry(dir, sector.to_be_bytes(), parent.to_be_bytes())
        } else {
            table_entry(dir, sector.to_le_bytes(), parent.to_le_bytes())
        }
    };
    layout.dirs.iter().flat_map(entry).collect()
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

/// A record's bytes and its continuation areas with their CE entries; `continuation` is the
/// first sector of its directory's continuation areas.
pub fn record_bytes(
    record: &NewRecord,
    layout: &Layout,
    continuation: u32,
) -> (Vec<u8>, Vec<Vec<u8>>) {
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
        let size = record.areas[number + 1].len() + if last { 0 } else { entries::CE };
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
pub fn write_dir(out: &mut impl Write, dir: &Dir, layout: &Layout) -> Result<(), IsoWriteError> {
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
