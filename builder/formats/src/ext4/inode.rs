//! Inodes, extents and directory blocks as bytes.

use super::alloc::Run;
use super::geometry::{BLOCK, INODE};
use crate::tree::{Content, Entry};

/// Room for fields behind the first 128 bytes, as mke2fs of EL7 sets it.
pub const EXTRA_SIZE: u16 = 28;
const FLAG_EXTENTS: u32 = 0x8_0000;
const EXTENT_MAGIC: u16 = 0xf30a;
/// The longest run that one initialised extent can describe.
const LONGEST_EXTENT: u64 = 32_768;
const EXTENTS_IN_INODE: usize = 4;
const EXTENTS_IN_BLOCK: usize = 340;
/// Symbolic links shorter than this are kept in the inode.
pub const FAST_SYMLINK: usize = 60;

/// One inode's variable parts.
#[derive(Clone, Debug)]
pub struct Inode {
    pub size: u64,
    pub links: u16,
    /// Blocks of data, extent tree and attributes together.
    pub blocks: u64,
    /// The 60 bytes of block map, extents, link target or device number.
    pub map: [u8; 60],
    pub extents: bool,
    pub attribute_block: u64,
    /// Attributes in the inode itself, with their magic number.
    pub attributes: Option<Vec<u8>>,
}

impl Default for Inode {
    fn default() -> Self {
        Self {
            size: 0,
            links: 0,
            blocks: 0,
            map: [0; 60],
            extents: false,
            attribute_block: 0,
            attributes: None,
        }
    }
}

/// File type and permission bits of `st_mode`.
pub fn mode(entry: &Entry) -> u16 {
    // The type has no bits above the sixteenth.
    entry.content.file_type_bits() as u16 | entry.mode & 0o7777
}

/// A directory entry's file type.
pub fn file_type(entry: &Entry) -> u8 {
    match entry.content {
        Content::File { .. } | Content::Bytes(_) | Content::Hardlink(_) => 1,
        Content::Dir => 2,
        Content::CharDevice { .. } => 3,
        Content::BlockDevice { .. } => 4,
        Content::Fifo => 5,
        Content::Socket => 6,
        Content::Symlink(_) => 7,
    }
}

/// Room for attributes in an inode.
pub const ATTRIBUTE_ROOM: usize = INODE as usize - 128 - EXTRA_SIZE as usize;

impl Inode {
    /// The inode's bytes. Times are seconds since 1970.
    pub fn bytes(&self, mode: u16, uid: u32, gid: u32, mtime: i64, ctime: u32) -> Vec<u8> {
        let mut b = vec![0; INODE as usize];
        let mut put = |at: usize, bytes: &[u8]| b[at..at + bytes.len()].copy_from_slice(bytes);
        let low = |n: u64| (n as u32).to_le_bytes();
        put(0, &mode.to_le_bytes());
        put(2, &(uid as u16).to_le_bytes());
        put(4, &low(self.size));
        put(8, &low(mtime as u64));
        put(12, &ctime.to_le_bytes());
        put(16, &low(mtime as u64));
        put(24, &(gid as u16).to_le_bytes());
        put(26, &self.links.to_le_bytes());
        let sectors = self.blocks * (BLOCK / 512);
        put(28, &low(sectors));
        put(32, &(if self.extents { FLAG_EXTENTS } else { 0 }).to_le_bytes());
        put(40, &self.map);
        put(104, &low(self.attribute_block));
        put(108, &low(self.size >> 32));
        put(116, &((sectors >> 32) as u16).to_le_bytes());
        put(118, &((self.attribute_block >> 32) as u16).to_le_bytes());
        put(120, &((uid >> 16) as u16).to_le_bytes());
        put(122, &((gid >> 16) as u16).to_le_bytes());
        put(128, &EXTRA_SIZE.to_le_bytes());
        // The two low bits of the extra times are bits 32 and 33 of the seconds.
        let epoch = |t: i64| (((t - i64::from(t as i32)) >> 32) as u32 & 3).to_le_bytes();
        put(136, &epoch(mtime));
        put(140, &epoch(mtime));
        put(144, &ctime.to_le_bytes());
        if let Some(attributes) = &self.attributes {
            put(128 + EXTRA_SIZE as usize, attributes);
        }
        b
    }

    /// Maps `runs` by extents. Where they do not fit into the inode, `allocate` gives a block for
    /// a leaf, which is returned with its bytes. `None` when there is no room.
    pub fn map_runs(
        &mut self,
        runs: &[Run],
        mut allocate: impl FnMut() -> Option<u64>,
    ) -> Option<Vec<(u64, Vec<u8>)>> {
        let mut extents = Vec::new();
        let mut logical = 0;
        for &(start, length) in runs {
            let mut done = 0;
            while done < length {
                let count = (length - done).min(LONGEST_EXTENT);
                extents.push((logical as u32, count as u16, start + done));
                logical += count;
                done += count;
            }
        }
        self.extents = true;
        self.blocks += logical;
        if extents.len() <= EXTENTS_IN_INODE {
            header(&mut self.map, extents.len(), EXTENTS_IN_INODE, 0);
            for (slot, extent) in self.map[12..].chunks_exact_mut(12).zip(&extents) {
                leaf(slot, extent);
            }
            return Some(Vec::new());
        }
        let chunks: Vec<_> = extents.chunks(EXTENTS_IN_BLOCK).collect();
        if chunks.len() > EXTENTS_IN_INODE {
            return None;
        }
        header(&mut self.map, chunks.len(), EXTENTS_IN_INODE, 1);
        let mut leaves = Vec::new();
        for (slot, chunk) in self.map[12..].chunks_exact_mut(12).zip(chunks) {
            let block = allocate()?;
            slot[..4].copy_from_slice(&chunk[0].0.to_le_bytes());
            slot[4..8].copy_from_slice(&(block as u32).to_le_bytes());
            slot[8..10].copy_from_slice(&((block >> 32) as u16).to_le_bytes());
            let mut bytes = vec![0; BLOCK as usize];
            header(&mut bytes, chunk.len(), EXTENTS_IN_BLOCK, 0);
            for (slot, extent) in bytes[12..].chunks_exact_mut(12).zip(chunk) {
                leaf(slot, extent);
            }
            self.blocks += 1;
            leaves.push((block, bytes));
        }
        Some(leaves)
    }

    /// A device's numbers in the block map, in the old form where they fit it.
    pub fn map_device(&mut self, major: u32, minor: u32) {
        if major < 256 && minor < 256 {
            self.map[..4].copy_from_slice(&(major << 8 | minor).to_le_bytes());
        } else {
            let new = minor & 0xff | major << 8 | (minor & !0xff) << 12;
            self.map[4..8].copy_from_slice(&new.to_le_bytes());
        }
    }
}

fn header(node: &mut [u8], entries: usize, most: usize, depth: u16) {
    node[..2].copy_from_slice(&EXTENT_MAGIC.to_le_bytes());
    node[2..4].copy_from_slice(&(entries as u16).to_le_bytes());
    node[4..6].copy_from_slice(&(most as u16).to_le_bytes());
    node[6..8].copy_from_slice(&depth.to_le_bytes());
}

fn leaf(slot: &mut [u8], &(logical, count, start): &(u32, u16, u64)) {
    slot[..4].copy_from_slice(&logical.to_le_bytes());
    slot[4..6].copy_from_slice(&count.to_le_bytes());
    slot[6..8].copy_from_slice(&((start >> 32) as u16).to_le_bytes());
    slot[8..12].copy_from_slice(&(start as u32).to_le_bytes());
}

/// A directory's blocks from its entries (inode, file type, name), `.` and `..` among them.
/// At least `least` blocks.
pub fn directory(entries: &[(u32, u8, &[u8])], least: usize) -> Vec<u8> {
    let mut data: Vec<u8> = Vec::new();
    let mut last = 0;
    // Entries do not cross blocks; the last one of a block reaches to its end.
    let close = |data: &mut Vec<u8>, last: usize| {
        let end = data.len().next_multiple_of(BLOCK as usize);
        let length = (end - last) as u16;
        data.resize(end, 0);
        data[last + 4..last + 6].copy_from_slice(&length.to_le_bytes());
    };
    for &(inode, kind, name) in entries {
        let length = (8 + name.len()).next_multiple_of(4);
        let used = data.len() % BLOCK as usize;
        if used > 0 && used + length > BLOCK as usize {
            close(&mut data, last);
        }
        last = data.len();
        data.extend_from_slice(&inode.to_le_bytes());
        data.extend_from_slice(&(length as u16).to_le_bytes());
        data.push(name.len() as u8);
        data.push(kind);
        data.extend_from_slice(name);
        data.resize(last + length, 0);
    }
    close(&mut data, last);
    while data.len() < least * BLOCK as usize {
        last = data.len();
        data.resize(last + BLOCK as usize, 0);
        data[last + 4..last + 6].copy_from_slice(&(BLOCK as u16).to_le_bytes());
    }
    data
}
