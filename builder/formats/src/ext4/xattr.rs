//! Extended attributes as ext4 stores them.

use super::geometry::BLOCK;
use std::collections::BTreeMap;
use thiserror::Error;

const MAGIC: u32 = 0xea02_0000;
const ENTRY: usize = 16;

struct Attribute<'a> {
    index: u8,
    name: &'a [u8],
    value: Vec<u8>,
}

/// Splits a full name into ext4's prefix number and the rest.
fn prefix(name: &[u8]) -> Option<(u8, &[u8])> {
    match name {
        b"system.posix_acl_access" => Some((2, b"")),
        b"system.posix_acl_default" => Some((3, b"")),
        _ => [(1, "user."), (4, "trusted."), (6, "security.")]
            .into_iter()
            .find_map(|(index, prefix)| Some((index, name.strip_prefix(prefix.as_bytes())?))),
    }
}

/// An access control list as ext4 stores it: version 1, and no id where there can be none.
fn acl(value: &[u8]) -> Option<Vec<u8>> {
    const USER: u16 = 0x02;
    const GROUP: u16 = 0x08;
    let (version, entries) = value.split_first_chunk::<4>()?;
    if u32::from_le_bytes(*version) != 2 || entries.len() % 8 != 0 {
        return None;
    }
    let mut disk = 1u32.to_le_bytes().to_vec();
    for entry in entries.chunks_exact(8) {
        let tag = u16::from_le_bytes([entry[0], entry[1]]);
        disk.extend_from_slice(if matches!(tag, USER | GROUP) { entry } else { &entry[..4] });
    }
    Some(disk)
}

/// An attribute whose name or value ext4 has no place for.
#[derive(Debug, Error)]
#[error("ext4 cannot hold the extended attribute {0}")]
pub struct UnsupportedAttribute(String);

/// The attributes of one inode, ready to be laid out.
pub struct Attributes<'a>(Vec<Attribute<'a>>);

impl<'a> Attributes<'a> {
    pub fn new(all: &'a BTreeMap<Vec<u8>, Vec<u8>>) -> Result<Self, UnsupportedAttribute> {
        let mut list = Vec::new();
        for (full, value) in all {
            let refuse = || UnsupportedAttribute(String::from_utf8_lossy(full).into_owned());
            let (index, name) = prefix(full).filter(|(_, n)| n.len() < 256).ok_or_else(refuse)?;
            let value = if index == 2 || index == 3 {
                acl(value).ok_or_else(refuse)?
            } else {
                value.clone()
            };
            list.push(Attribute { index, name, value });
        }
        list.sort_by(|a, b| (a.index, a.name.len(), a.name).cmp(&(b.index, b.name.len(), b.name)));
        Ok(Self(list))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Lays entries from `start` on and values from the end of `area`; value offsets count
    /// from `base`. `None` when they do not fit.
    fn lay(&self, area: &mut [u8], start: usize, base: usize, hashes: bool) -> Option<()> {
        let mut entry = start;
        let mut value_end = area.len();
        for a in &self.0 {
            let size = ENTRY + a.name.len().next_multiple_of(4);
            let room = a.value.len().next_multiple_of(4);
            let value = value_end.checked_sub(room)?;
            // Four zero bytes end the list of entries.
            if entry + size + 4 > value {
                return None;
            }
            area[entry] = a.name.len() as u8;
            area[entry + 1] = a.index;
            area[entry + 2..entry + 4].copy_from_slice(&((value - base) as u16).to_le_bytes());
            area[entry + 8..entry + 12].copy_from_slice(&(a.value.len() as u32).to_le_bytes());
            if hashes {
                area[entry + 12..entry + 16].copy_from_slice(&a.hash().to_le_bytes());
            }
            area[entry + ENTRY..entry + ENTRY + a.name.len()].copy_from_slice(a.name);
            area[value..value + a.value.len()].copy_from_slice(&a.value);
            entry += size;
            value_end = value;
        }
        Some(())
    }

    /// Into the room behind an inode's fields; `false` when they do not fit.
    pub fn in_inode(&self, room: &mut [u8]) -> bool {
        let mut area = vec![0; room.len()];
        area[..4].copy_from_slice(&MAGIC.to_le_bytes());
        let fits = self.lay(&mut area, 4, 4, false).is_some();
        if fits {
            room.copy_from_slice(&area);
        }
        fits
    }

    /// As a block of their own; `None` when one block does not hold them.
    pub fn block(&self) -> Option<Vec<u8>> {
        let mut block = vec![0; BLOCK as usize];
        block[..4].copy_from_slice(&MAGIC.to_le_bytes());
        block[4..8].copy_from_slice(&1u32.to_le_bytes());
        block[8..12].copy_from_slice(&1u32.to_le_bytes());
        self.lay(&mut block, 32, 0, true)?;
        let hash = self.0.iter().fold(0u32, |h, a| h.rotate_left(16) ^ a.hash());
        block[12..16].copy_from_slice(&hash.to_le_bytes());
        Some(block)
    }
}

impl Attribute<'_> {
    /// `ext4_xattr_hash_entry`: over name and value.
    fn hash(&self) -> u32 {
        let mut hash = self.name.iter().fold(0u32, |h, &b| h.rotate_left(5) ^ u32::from(b));
        for word in self.value.chunks(4) {
            let mut bytes = [0; 4];
            bytes[..word.len()].copy_from_slice(word);
            hash = hash.rotate_left(16) ^ u32::from_le_bytes(bytes);
        }
        hash
    }
}

/// Adds the attributes in the room behind an inode's fields.
pub fn read_inode(room: &[u8], found: &mut BTreeMap<Vec<u8>, Vec<u8>>) {
    if room.len() >= 8 && room[..4] == MAGIC.to_le_bytes() {
        read(&room[4..], 0, found);
    }
}

/// Adds the attributes of a block of their own.
pub fn read_block(block: &[u8], found: &mut BTreeMap<Vec<u8>, Vec<u8>>) {
    if block.len() > 32 && block[..4] == MAGIC.to_le_bytes() {
        read(block, 32, found);
    }
}

/// Entries from `start` on, until one is empty or does not fit; values by their offset in `area`.
fn read(area: &[u8], start: usize, found: &mut BTreeMap<Vec<u8>, Vec<u8>>) {
    let mut at = start;
    while let Some(entry) = area.get(at..at + ENTRY).filter(|e| e[..4] != [0; 4]) {
        let name_length = usize::from(entry[0]);
        let place = usize::from(u16::from_le_bytes([entry[2], entry[3]]));
        let length = u32::from_le_bytes([entry[8], entry[9], entry[10], entry[11]]) as usize;
        let name = area.get(at + ENTRY..at + ENTRY + name_length);
        let value = place.checked_add(length).and_then(|end| area.get(place..end));
        if let (Some(name), Some(value)) = (name, value) {
            let value = if matches!(entry[1], 2 | 3) { wide_acl(value) } else { value.to_vec() };
            found.insert([full_prefix(entry[1]), name].concat(), value);
        }
        at += (ENTRY + name_length).next_multiple_of(4);
    }
}

fn full_prefix(index: u8) -> &'static [u8] {
    match index {
        1 => b"user.",
        2 => b"system.posix_acl_access",
        3 => b"system.posix_acl_default",
        4 => b"trusted.",
        6 => b"security.",
        7 => b"system.",
        _ => b"unknown.",
    }
}

/// The inverse of [`acl`]: version 2 as `getxattr` gives it.
fn wide_acl(value: &[u8]) -> Vec<u8> {
    let mut wide = 2u32.to_le_bytes().to_vec();
    let mut rest = value.get(4..).unwrap_or_default();
    while rest.len() >= 4 {
        let tag = u16::from_le_bytes([rest[0], rest[1]]);
        let named = matches!(tag, 0x02 | 0x08) && rest.len() >= 8;
        wide.extend_from_slice(&rest[..4]);
        wide.extend_from_slice(if named { &rest[4..8] } else { &[0xff; 4] });
        rest = &rest[if named { 8 } else { 4 }..];
    }
    wide
}
