//! System use entries as written: SUSP 1.12 and RRIP 1.09 (`RRIP_1991A`).

use super::model::SECTOR;
use super::time;
use crate::tree::{Content, Entry};

/// Length of a CE entry.
pub const CE: usize = 28;
/// Most bytes of a name in one NM, and of components in one SL.
const PART: usize = 250;
/// What ER names, as every writer has it.
const ER_ID: &[u8] = b"RRIP_1991A";
const ER_TEXT: &[u8] =
    b"THE ROCK RIDGE INTERCHANGE PROTOCOL PROVIDES SUPPORT FOR POSIX FILE SYSTEM SEMANTICS";
const ER_SOURCE: &[u8] = b"PLEASE CONTACT DISC PUBLISHER FOR SPECIFICATION SOURCE.  SEE PUBLISHER \
IDENTIFIER IN PRIMARY VOLUME DESCRIPTOR FOR CONTACT INFORMATION.";

/// A number in both byte orders (ECMA-119, 7.3.3).
pub fn both32(value: u32) -> [u8; 8] {
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&value.to_le_bytes());
    bytes[4..].copy_from_slice(&value.to_be_bytes());
    bytes
}

/// An entry; its data has at most 251 bytes by all callers' limits.
fn entry(signature: &[u8; 2], data: &[u8]) -> Vec<u8> {
    let mut bytes = signature.to_vec();
    bytes.push((data.len() + 4) as u8);
    bytes.push(1);
    bytes.extend_from_slice(data);
    bytes
}

/// SP, the first entry of the root directory's own record.
pub fn sp() -> Vec<u8> {
    entry(b"SP", &[0xbe, 0xef, 0])
}

/// ER, naming Rock Ridge.
pub fn er() -> Vec<u8> {
    let mut data = [ER_ID, ER_TEXT, ER_SOURCE].map(|part| part.len() as u8).to_vec();
    data.push(1);
    data.extend([ER_ID, ER_TEXT, ER_SOURCE].concat());
    entry(b"ER", &data)
}

/// CE, naming the continuation area of `size` bytes at `offset` in `block`.
pub fn ce(block: u32, offset: u32, size: u32) -> Vec<u8> {
    entry(b"CE", &[both32(block), both32(offset), both32(size)].concat())
}

/// PX, TF and where they apply PN and SL: everything of an entry but its name.
pub fn metadata(node: &Entry, links: u32) -> Vec<Vec<u8>> {
    let mode = node.content.file_type_bits() | u32::from(node.mode & 0o7777);
    let px = [mode, links, node.uid, node.gid].map(both32).concat();
    let stamp = time::to_short(node.mtime);
    // Modification, access and attribute change times.
    let tf = [&[0x0e][..], &stamp, &stamp, &stamp].concat();
    let mut entries = vec![entry(b"PX", &px), entry(b"TF", &tf)];
    match &node.content {
        Content::CharDevice { major, minor } | Content::BlockDevice { major, minor } => {
            entries.push(entry(b"PN", &[both32(*major), both32(*minor)].concat()));
        }
        Content::Symlink(target) => entries.extend(sl(target)),
        _ => {}
    }
    entries
}

/// NM, as many as the name needs.
pub fn nm(name: &[u8]) -> Vec<Vec<u8>> {
    let count = name.len().div_ceil(PART);
    let part = |(number, part): (usize, &[u8])| {
        let continues = u8::from(number + 1 < count);
        entry(b"NM", &[&[continues], part].concat())
    };
    name.chunks(PART).enumerate().map(part).collect()
}

/// SL, as many as the target needs.
fn sl(target: &[u8]) -> Vec<Vec<u8>> {
    // Components with flags; a component longer than an entry continues in the next.
    let mut components: Vec<Vec<u8>> = Vec::new();
    let relative = target.strip_prefix(b"/").inspect(|_| components.push(vec![8, 0]));
    for name in relative.unwrap_or(target).split(|byte| *byte == b'/') {
        match name {
            b"" => {}
            b"." => components.push(vec![2, 0]),
            b".." => components.push(vec![4, 0]),
            _ => {
                let parts = name.chunks(PART - 2);
                let last = parts.len() - 1;
                components.extend(parts.enumerate().map(|(number, part)| {
                    [&[u8::from(number < last), part.len() as u8], part].concat()
                }));
            }
        }
    }
    let mut groups: Vec<Vec<u8>> = vec![Vec::new()];
    for component in components {
        match groups.last_mut() {
            Some(group) if group.len() + component.len() <= PART => group.extend(component),
            _ => groups.push(component),
        }
    }
    let count = groups.len();
    let group = |(number, group): (usize, Vec<u8>)| {
        let continues = u8::from(number + 1 < count);
        entry(b"SL", &[&[continues], &group[..]].concat())
    };
    groups.into_iter().enumerate().map(group).collect()
}

/// Distributes entries over the record's own area with `room` bytes and continuation areas
/// of a sector each, leaving place for CE in every area but the last.
pub fn areas(entries: Vec<Vec<u8>>, room: usize) -> Vec<Vec<u8>> {
    let mut left: usize = entries.iter().map(Vec::len).sum();
    let (mut areas, mut area, mut room) = (Vec::new(), Vec::new(), room);
    for entry in entries {
        // All that is left fits, or this one does with a CE after it.
        if area.len() + left > room && area.len() + entry.len() + CE > room {
            areas.push(std::mem::take(&mut area));
            room = SECTOR as usize;
        }
        left -= entry.len();
        area.extend(entry);
    }
    areas.push(area);
    areas
}
