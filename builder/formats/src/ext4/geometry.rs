//! Block groups: where superblocks, descriptors, bitmaps and inode tables are.

use super::options::ExtKind;

/// Bytes in a block.
pub const BLOCK: u64 = 4096;
/// Blocks in a group, the maximum that one bitmap block can describe.
pub const GROUP_BLOCKS: u64 = 8 * BLOCK;
/// Bytes in an inode.
pub const INODE: u64 = 256;
/// Bytes of filesystem per inode, mke2fs's default.
const INODE_RATIO: u64 = 16_384;
/// log2 of the groups whose bitmaps and tables lie together, in ext4.
pub const LOG_FLEX: u32 = 4;
const DESCRIPTOR: u64 = 32;
/// Fewest blocks for files that make a last, partial group worth having (mke2fs: 50).
const LEAST_DATA: u64 = 50;

/// The arithmetic of one filesystem.
#[derive(Clone, Debug)]
pub struct Geometry {
    /// Blocks in the filesystem.
    pub blocks: u64,
    /// Block groups.
    pub groups: u64,
    /// Inodes in each group.
    pub inodes_per_group: u64,
    /// Blocks of one inode table.
    pub table_blocks: u64,
    /// Blocks of group descriptors.
    pub descriptor_blocks: u64,
    /// Blocks after them that are kept for growing.
    pub reserved_blocks: u64,
    /// Groups whose bitmaps and tables lie together.
    flex: u64,
}

impl Geometry {
    /// For a region of `size` bytes. `None` when nothing fits.
    pub fn new(size: u64, kind: ExtKind) -> Option<Self> {
        let flex = if kind.is_ext4() { 1 << LOG_FLEX } else { 1 };
        let mut blocks = size / BLOCK;
        loop {
            let groups = blocks.div_ceil(GROUP_BLOCKS);
            let per_group = (blocks * BLOCK / INODE_RATIO).div_ceil(groups.max(1));
            // Whole bytes of bitmap and whole blocks of table.
            let inodes_per_group = per_group.next_multiple_of(BLOCK / INODE).max(BLOCK / INODE);
            let descriptor_blocks = (groups * DESCRIPTOR).div_ceil(BLOCK);
            let most_blocks = (blocks * 1024).min(u64::from(u32::MAX));
            let most = (most_blocks.div_ceil(GROUP_BLOCKS) * DESCRIPTOR).div_ceil(BLOCK);
            let this = Self {
                blocks,
                groups,
                inodes_per_group,
                table_blocks: inodes_per_group * INODE / BLOCK,
                descriptor_blocks,
                reserved_blocks: most.saturating_sub(descriptor_blocks).min(BLOCK / 4),
                flex,
            };
            let last = groups.checked_sub(1)?;
            let flex_groups = if last % flex == 0 { 1 } else { 0 };
            let overhead = this.super_blocks(last) + flex_groups * (2 + this.table_blocks);
            let size_of_last = blocks - last * GROUP_BLOCKS;
            if size_of_last >= overhead + LEAST_DATA {
                return Some(this);
            }
            // The last group has no room even for itself: the blocks stay unused, as with mke2fs.
            blocks = last * GROUP_BLOCKS;
        }
    }

    /// First block of a group.
    pub fn start(&self, group: u64) -> u64 {
        group * GROUP_BLOCKS
    }

    /// Blocks of a group; the last one may have fewer.
    pub fn group_size(&self, group: u64) -> u64 {
        (self.blocks - self.start(group)).min(GROUP_BLOCKS)
    }

    /// Whether a group has copies of superblock and descriptors (`sparse_super`).
    pub fn has_super(group: u64) -> bool {
        let power_of = |base: u64| {
            let mut n = base;
            while n < group {
                n *= base;
            }
            n == group
        };
        group <= 1 || power_of(3) || power_of(5) || power_of(7)
    }

    /// Blocks that a group spends on superblock, descriptors and room for more of them.
    pub fn super_blocks(&self, group: u64) -> u64 {
        if Self::has_super(group) { 1 + self.descriptor_blocks + self.reserved_blocks } else { 0 }
    }

    fn flex(&self, group: u64) -> (u64, u64, u64) {
        let first = group / self.flex * self.flex;
        let count = (self.groups - first).min(self.flex);
        (self.start(first) + self.super_blocks(first), count, group - first)
    }

    /// The block of a group's block bitmap.
    pub fn block_bitmap(&self, group: u64) -> u64 {
        let (base, _, index) = self.flex(group);
        base + index
    }

    /// The block of a group's inode bitmap.
    pub fn inode_bitmap(&self, group: u64) -> u64 {
        let (base, count, index) = self.flex(group);
        base + count + index
    }

    /// The first block of a group's inode table.
    pub fn inode_table(&self, group: u64) -> u64 {
        let (base, count, index) = self.flex(group);
        base + 2 * count + index * self.table_blocks
    }

    /// Blocks of bitmaps and tables that lie in this group, for its whole flex group.
    pub fn flex_blocks(&self, group: u64) -> u64 {
        match self.flex(group) {
            (_, count, 0) => count * (2 + self.table_blocks),
            _ => 0,
        }
    }
}
