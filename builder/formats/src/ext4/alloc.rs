//! Which blocks are taken.

use super::geometry::{GROUP_BLOCKS, Geometry};

/// A run of blocks: the first, and how many.
pub type Run = (u64, u64);

/// Hands out free blocks in ascending order and keeps the bitmaps.
pub struct Allocator {
    bitmaps: Vec<Vec<u8>>,
    used: Vec<u64>,
    /// Groups with blocks that only their bitmap records.
    touched: Vec<bool>,
    blocks: u64,
    next: u64,
}

impl Allocator {
    /// With all of the filesystem's own blocks taken.
    pub fn new(geometry: &Geometry) -> Self {
        let groups = geometry.groups as usize;
        let mut this = Self {
            bitmaps: vec![vec![0; (GROUP_BLOCKS / 8) as usize]; groups],
            used: vec![0; groups],
            touched: vec![false; groups],
            blocks: geometry.blocks,
            next: 0,
        };
        for group in 0..geometry.groups {
            let own = geometry.super_blocks(group);
            let flex = geometry.flex_blocks(group);
            for block in 0..own + flex {
                this.take(geometry.start(group) + block);
            }
            // The kernel works out copies of the superblock by itself, tables of other groups not.
            this.touched[group as usize] = flex > 0;
        }
        if let Some(last) = this.touched.last_mut() {
            // Its bitmap also says where the filesystem ends.
            *last = true;
        }
        this
    }

    fn take(&mut self, block: u64) {
        let (group, bit) = ((block / GROUP_BLOCKS) as usize, block % GROUP_BLOCKS);
        self.bitmaps[group][(bit / 8) as usize] |= 1 << (bit % 8);
        self.used[group] += 1;
    }

    fn is_taken(&self, block: u64) -> bool {
        let (group, bit) = ((block / GROUP_BLOCKS) as usize, block % GROUP_BLOCKS);
        self.bitmaps[group][(bit / 8) as usize] & 1 << (bit % 8) != 0
    }

    /// Takes `count` blocks in as few runs as the filesystem's own blocks allow; `None` when
    /// they are not there.
    pub fn allocate(&mut self, count: u64) -> Option<Vec<Run>> {
        let mut runs: Vec<Run> = Vec::new();
        let mut left = count;
        while left > 0 {
            while self.next < self.blocks && self.is_taken(self.next) {
                self.next += 1;
            }
            if self.next >= self.blocks {
                return None;
            }
            let block = self.next;
            self.take(block);
            self.touched[(block / GROUP_BLOCKS) as usize] = true;
            match runs.last_mut() {
                Some((start, length)) if *start + *length == block => *length += 1,
                _ => runs.push((block, 1)),
            }
            left -= 1;
        }
        Some(runs)
    }

    /// Blocks taken in a group.
    pub fn used(&self, group: u64) -> u64 {
        self.used[group as usize]
    }

    /// A group's bitmap, bits beyond the filesystem's end set; `None` for a group whose bitmap
    /// need not be read (`BLOCK_UNINIT`).
    pub fn bitmap(&self, group: u64, size: u64) -> Option<Vec<u8>> {
        let index = group as usize;
        if !self.touched[index] {
            return None;
        }
        let mut bitmap = self.bitmaps[index].clone();
        for bit in size..GROUP_BLOCKS {
            bitmap[(bit / 8) as usize] |= 1 << (bit % 8);
        }
        Some(bitmap)
    }
}
