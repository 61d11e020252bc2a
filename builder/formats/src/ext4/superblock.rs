//! Superblock, group descriptors, resize inode and journal: what a filesystem has before
//! it has files. The feature set is mke2fs 1.42.9's default of EL7.

use super::geometry::{BLOCK, GROUP_BLOCKS, Geometry, INODE, LOG_FLEX};
use super::inode::EXTRA_SIZE;
use super::options::{Ext4Options, ExtKind};

/// ext_attr resize_inode dir_index; filetype; sparse_super large_file.
const FEATURES: Features = Features { compat: 0x08 | 0x10 | 0x20, incompat: 0x02, ro_compat: 0x03 };
const HAS_JOURNAL: u32 = 0x04;
/// extents flex_bg.
const EXT4_INCOMPAT: u32 = 0x40 | 0x200;
/// huge_file uninit_bg dir_nlink extra_isize.
const EXT4_RO_COMPAT: u32 = 0x08 | 0x10 | 0x20 | 0x40;

struct Features {
    compat: u32,
    incompat: u32,
    ro_compat: u32,
}

impl Features {
    fn new(kind: ExtKind, has_journal: bool) -> Self {
        let mut features = FEATURES;
        if has_journal {
            features.compat |= HAS_JOURNAL;
        }
        if kind.is_ext4() {
            features.incompat |= EXT4_INCOMPAT;
            features.ro_compat |= EXT4_RO_COMPAT;
        }
        features
    }
}

/// The group's inode table and inode bitmap are not initialised.
pub const INODE_UNINIT: u16 = 1;
/// The group's block bitmap is not initialised.
pub const BLOCK_UNINIT: u16 = 2;
/// The inode table reads as zeros.
pub const INODE_ZEROED: u16 = 4;

/// Counts that superblock and descriptors hold.
pub struct Totals {
    pub free_blocks: u64,
    pub free_inodes: u64,
}

/// The superblock of the copy in `group`.
pub fn superblock(
    g: &Geometry,
    o: &Ext4Options,
    totals: &Totals,
    journal: Option<(&[u8; 60], u64)>,
    group: u64,
) -> Vec<u8> {
    let features = Features::new(o.kind, journal.is_some());
    let mut b = vec![0; 1024];
    let mut put = |at: usize, bytes: &[u8]| b[at..at + bytes.len()].copy_from_slice(bytes);
    let mut word = |at: usize, value: u64| put(at, &(value as u32).to_le_bytes());
    word(0, g.inodes_per_group * g.groups);
    word(4, g.blocks);
    word(8, g.blocks * o.reserved_percent / 100);
    word(12, totals.free_blocks);
    word(16, totals.free_inodes);
    word(24, 2); // block size 1024 << 2
    word(28, 2);
    word(32, GROUP_BLOCKS);
    word(36, GROUP_BLOCKS);
    word(40, g.inodes_per_group);
    word(48, u64::from(o.time));
    word(64, u64::from(o.time));
    word(76, 1); // dynamic inode sizes
    word(84, 11); // first inode for files
    word(92, u64::from(features.compat));
    word(96, u64::from(features.incompat));
    word(100, u64::from(features.ro_compat));
    word(256, 0x0c); // user_xattr, acl
    word(264, u64::from(o.time));
    word(352, 1); // directory hashes of signed characters
    if let Some((_, size)) = journal {
        word(224, 8); // the journal's inode
        // Backup of the journal's inode: its map, then the size's high and low words.
        word(268 + 60, size >> 32);
        word(268 + 64, size);
    }
    put(54, &0xffffu16.to_le_bytes()); // no maximal mount count
    put(56, &0xef53u16.to_le_bytes());
    put(58, &1u16.to_le_bytes()); // clean
    put(60, &1u16.to_le_bytes()); // continue on errors
    put(88, &(INODE as u16).to_le_bytes());
    put(90, &(group as u16).to_le_bytes());
    put(104, &o.uuid);
    let label = &o.label.as_bytes()[..o.label.len().min(16)];
    put(120, label);
    put(206, &(g.reserved_blocks as u16).to_le_bytes());
    put(236, &o.hash_seed);
    put(252, &[1, u8::from(journal.is_some())]); // half MD4; the journal's inode is backed up
    if let Some((map, _)) = journal {
        put(268, map);
    }
    put(348, &EXTRA_SIZE.to_le_bytes());
    put(350, &EXTRA_SIZE.to_le_bytes());
    if o.kind.is_ext4() {
        put(372, &[LOG_FLEX as u8]);
    }
    b
}

/// One group's counts.
pub struct GroupCounts {
    pub free_blocks: u64,
    pub free_inodes: u64,
    pub unused_inodes: u64,
    pub directories: u64,
    pub flags: u16,
}

/// A group's descriptor, in ext4 with flags and checksum.
pub fn descriptor(g: &Geometry, o: &Ext4Options, number: u64, group: &GroupCounts) -> [u8; 32] {
    let mut b = [0; 32];
    let mut put = |at: usize, bytes: &[u8]| b[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &(g.block_bitmap(number) as u32).to_le_bytes());
    put(4, &(g.inode_bitmap(number) as u32).to_le_bytes());
    put(8, &(g.inode_table(number) as u32).to_le_bytes());
    put(12, &(group.free_blocks as u16).to_le_bytes());
    put(14, &(group.free_inodes as u16).to_le_bytes());
    put(16, &(group.directories as u16).to_le_bytes());
    if !o.kind.is_ext4() {
        return b;
    }
    put(18, &group.flags.to_le_bytes());
    put(28, &(group.unused_inodes as u16).to_le_bytes());
    let crc = crc16(crc16(crc16(!0, &o.uuid), &(number as u32).to_le_bytes()), &b[..30]);
    b[30..].copy_from_slice(&crc.to_le_bytes());
    b
}

/// CRC-16 with the polynomial 0x8005, reflected, as `uninit_bg` uses it.
fn crc16(crc: u16, bytes: &[u8]) -> u16 {
    bytes.iter().fold(crc, |crc, &byte| {
        (0..8).fold(crc ^ u16::from(byte), |c, _| if c & 1 == 1 { c >> 1 ^ 0xa001 } else { c >> 1 })
    })
}

/// Blocks of the journal, as mke2fs 1.42.9 chooses by the filesystem's size: a small filesystem
/// has none, but Linux mounts no ext3 without one.
pub fn journal_blocks(kind: ExtKind, blocks: u64) -> u64 {
    match blocks {
        _ if kind == ExtKind::Ext2 => 0,
        0..2048 if kind == ExtKind::Ext4 => 0,
        0..32_768 => 1024,
        32_768..262_144 => 4096,
        262_144..524_288 => 8192,
        524_288..1_048_576 => 16_384,
        _ => 32_768,
    }
}

/// The journal's first block; all others are zero. Source: jbd2's `journal_superblock_s`.
pub fn journal_superblock(blocks: u64) -> Vec<u8> {
    let mut b = vec![0; BLOCK as usize];
    // Magic number, type (superblock, version 2), sequence of the block; block size, length,
    // first block of log, first sequence, start (0: empty).
    let words = [0xc03b_3998, 4, 0, BLOCK as u32, blocks as u32, 1, 1, 0];
    for (slot, word) in b.chunks_exact_mut(4).zip(words) {
        slot.copy_from_slice(&u32::to_be_bytes(word));
    }
    b[64..68].copy_from_slice(&1u32.to_be_bytes()); // users
    b
}

/// The resize inode's doubly indirect block, then each reserved descriptor block with the
/// places of its copies, by block number.
pub fn resize_blocks(g: &Geometry, indirect: u64) -> Vec<(u64, Vec<u8>)> {
    const POINTERS: u64 = BLOCK / 4;
    let mut top = vec![0; BLOCK as usize];
    let copies: Vec<u64> = (1..g.groups).filter(|&n| Geometry::has_super(n)).collect();
    let mut blocks = Vec::new();
    for n in 0..g.reserved_blocks {
        let block = 1 + g.descriptor_blocks + n;
        let slot = ((g.descriptor_blocks + n) % POINTERS) as usize * 4;
        top[slot..slot + 4].copy_from_slice(&(block as u32).to_le_bytes());
        let mut list = vec![0; BLOCK as usize];
        for (slot, group) in list.chunks_exact_mut(4).zip(&copies) {
            slot.copy_from_slice(&((block + g.start(*group)) as u32).to_le_bytes());
        }
        blocks.push((block, list));
    }
    blocks.push((indirect, top));
    blocks
}

/// Size that mke2fs gives the resize inode: all that 12 direct, one indirect and one doubly
/// indirect block can map.
pub const RESIZE_SIZE: u64 = (12 + BLOCK / 4 + (BLOCK / 4) * (BLOCK / 4)) * BLOCK;
