//! A file's data, by its extent tree or its map of blocks.

use super::{EXTENTS, Ext4Reader, Inode, ReadError, Result, damaged};
use crate::bytes::{le16, le32};
use std::io;

const EXTENT_MAGIC: u16 = 0xf30a;
/// The longest run that is written; a larger number stands for one that is not.
const LONGEST_WRITTEN: u64 = 32_768;
/// Extent trees have at most five levels.
const MAX_LEVELS: u16 = 5;

/// A run of blocks that a file maps: first block in the file, number, first block on the disk
/// (none where it is allocated but reads as zeros).
#[derive(Clone, Copy, Debug)]
struct Extent {
    logical: u64,
    length: u64,
    start: Option<u64>,
}

/// Slots of an inode that lead to data directly.
const DIRECT: usize = 12;

/// What of a map of blocks has been read.
struct BlockMap {
    extents: Vec<Extent>,
    /// The next block of the file.
    logical: u64,
    /// Where the file ends, in blocks.
    end: u64,
    /// Blocks that may still be read.
    left: u64,
}

impl Ext4Reader<'_> {
    /// Gives a file's data to `take`, piece by piece; holes as zeros.
    ///
    /// # Errors
    /// [`super::ReadError`], or what `take` fails with.
    pub fn read(&self, file: &Inode, take: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> Result<()> {
        const CHUNK: u64 = 1 << 18;
        let mut buffer = vec![0; CHUNK.min(file.size) as usize];
        let mut at = 0;
        let extents = self.extents(file)?;
        let end = |e: &Extent| (e.logical + e.length) * self.block;
        let mut next = extents.iter().peekable();
        while at < file.size {
            while next.next_if(|e| end(e) <= at).is_some() {}
            let (mapped, until) = match next.peek() {
                Some(e) if e.logical * self.block <= at => {
                    let inside = at - e.logical * self.block;
                    (e.start.map(|start| start * self.block + inside), end(e))
                }
                Some(e) => (None, e.logical * self.block),
                None => (None, file.size),
            };
            let n = (until.min(file.size) - at).min(CHUNK);
            let piece = &mut buffer[..n as usize];
            match mapped {
                Some(place) => self.from.read_exact_at(piece, place)?,
                None => piece.fill(0),
            }
            take(piece)?;
            at += n;
        }
        Ok(())
    }

    /// A file's first block on the disk, for reading files in the disk's order.
    ///
    /// # Errors
    /// [`super::ReadError`]
    pub fn first_block(&self, file: &Inode) -> Result<u64> {
        Ok(self.extents(file)?.first().and_then(|e| e.start).unwrap_or(0))
    }

    fn extents(&self, file: &Inode) -> Result<Vec<Extent>> {
        if file.flags & EXTENTS == 0 {
            if file.map.iter().all(|&b| b == 0) {
                return Ok(Vec::new());
            }
            return self.mapped_blocks(file);
        }
        let mut extents: Vec<Extent> = Vec::new();
        self.extents_in(file.number, &file.map, MAX_LEVELS, &mut extents)?;
        Ok(extents)
    }

    /// The runs of a file that is mapped block by block.
    fn mapped_blocks(&self, file: &Inode) -> Result<Vec<Extent>> {
        let mut map = BlockMap {
            extents: Vec::new(),
            logical: 0,
            end: file.size.div_ceil(self.block),
            left: self.from.size() / self.block,
        };
        for (slot, number) in file.map.chunks_exact(4).enumerate() {
            let level = (slot + 1).saturating_sub(DIRECT) as u32;
            self.blocks_below(le32(number, 0).into(), level, &mut map)?;
        }
        Ok(map.extents)
    }

    fn blocks_below(&self, number: u64, level: u32, map: &mut BlockMap) -> Result<()> {
        if map.logical >= map.end {
            return Ok(());
        }
        if number == 0 {
            map.logical = map.logical.saturating_add((self.block / 4).saturating_pow(level));
            return Ok(());
        }
        // No file has more blocks than the filesystem, whatever its map says.
        map.left = map
            .left
            .checked_sub(1)
            .ok_or_else(|| ReadError::Damaged("a file's map of blocks is endless".into()))?;
        if level > 0 {
            for below in self.block_at(number)?.chunks_exact(4) {
                self.blocks_below(le32(below, 0).into(), level - 1, map)?;
            }
            return Ok(());
        }
        match map.extents.last_mut() {
            Some(last)
                if last.logical + last.length == map.logical
                    && last.start.is_some_and(|start| start + last.length == number) =>
            {
                last.length += 1;
            }
            _ => map.extents.push(Extent { logical: map.logical, length: 1, start: Some(number) }),
        }
        map.logical += 1;
        Ok(())
    }

    fn extents_in(
        &self,
        number: u32,
        node: &[u8],
        levels: u16,
        extents: &mut Vec<Extent>,
    ) -> Result<()> {
        let entries = usize::from(le16(node, 2));
        let depth = le16(node, 6);
        if le16(node, 0) != EXTENT_MAGIC || depth > levels || 12 + entries * 12 > node.len() {
            return damaged(format!("inode {number}: its extent tree is damaged"));
        }
        for entry in node[12..12 + entries * 12].chunks_exact(12) {
            if depth > 0 {
                let before = extents.len();
                let below = u64::from(le32(entry, 4)) | u64::from(le16(entry, 8)) << 32;
                self.extents_in(number, &self.block_at(below)?, depth - 1, extents)?;
                if extents.len() == before {
                    return damaged(format!("inode {number}: its extent tree has an empty branch"));
                }
                continue;
            }
            let length = u64::from(le16(entry, 4));
            let logical = u64::from(le32(entry, 0));
            // Ascending order also bounds how many there can be.
            if extents.last().is_some_and(|e| e.logical + e.length > logical) || length == 0 {
                return damaged(format!("inode {number}: its extents overlap"));
            }
            // Longer ones are allocated but not written: they read as zeros.
            let written = length <= LONGEST_WRITTEN;
            let start = u64::from(le32(entry, 8)) | u64::from(le16(entry, 6)) << 32;
            let length = if written { length } else { length - LONGEST_WRITTEN };
            extents.push(Extent { logical, length, start: written.then_some(start) });
        }
        Ok(())
    }
}
