//! Writes the parts of a filesystem to their places.

use super::alloc::{Allocator, Run};
use super::error::Ext4Error;
use super::geometry::{BLOCK, Geometry, INODE};
use super::inode::{self, ATTRIBUTE_ROOM, FAST_SYMLINK, Inode};
use super::numbering::{LOST_FOUND, Names, ROOT, number_entries};
use super::options::Ext4Options;
use super::size::required_size;
use super::superblock::{
    self, BLOCK_UNINIT, GroupCounts, INODE_UNINIT, INODE_ZEROED, RESIZE_SIZE, Totals,
};
use super::xattr::Attributes;
use crate::area::Area;
use crate::file_type;
use crate::tree::{Content, Entry, Tree};
use std::io::{self, Read};

const RESIZE: u32 = 7;
const JOURNAL: u32 = 8;
/// Blocks of `lost+found`, so that e2fsck need not allocate when it has to put files there.
const LOST_FOUND_BLOCKS: usize = 4;
/// Type and permissions of the journal and the resize inode.
const SYSTEM_FILE: u16 = file_type::REGULAR as u16 | 0o600;
const CHUNK: usize = 1 << 20;
/// Links that ext2 and ext3 count, without `dir_nlink`.
const MAX_LINKS: u16 = 32_000;

struct Writer<'a> {
    out: &'a Area<'a>,
    geometry: Geometry,
    options: &'a Ext4Options,
    allocator: Allocator,
    /// The inode tables' used part, by inode number.
    inodes: Vec<u8>,
    directories: Vec<u64>,
    written: u64,
}

/// Writes a filesystem with the content of `tree` into `out`, which must read as zeros: only
/// what is not zero is written. What does not fill a block or a group worth having stays
/// unused. `progress` gets the bytes of file data so far and returns whether to go on.
///
/// # Errors
/// When the tree does not fit or cannot be represented, or I/O fails.
pub fn write(
    out: &Area<'_>,
    options: &Ext4Options,
    tree: &Tree,
    progress: &mut dyn FnMut(u64) -> bool,
) -> Result<(), Ext4Error> {
    let too_small = || Ext4Error::TooSmall { need: required_size(tree), have: out.size() };
    let geometry = Geometry::new(out.size(), options.kind).ok_or_else(too_small)?;
    let mut with_lost_found;
    let tree = if tree.get("lost+found").is_some() {
        tree
    } else {
        with_lost_found = tree.clone();
        with_lost_found.put("lost+found", Entry::new(0o700, i64::from(options.time), Content::Dir));
        &with_lost_found
    };
    let names = number_entries(tree)?;
    let inodes = geometry.inodes_per_group * geometry.groups;
    if u64::from(names.last) > inodes {
        return Err(Ext4Error::TooManyFiles { need: names.last.into(), have: inodes });
    }
    let mut writer = Writer {
        out,
        allocator: Allocator::new(&geometry),
        inodes: vec![0; names.last as usize * INODE as usize],
        directories: vec![0; geometry.groups as usize],
        geometry,
        options,
        written: 0,
    };
    let journal = writer.journal()?;
    writer.resize_inode()?;
    for (path, entry) in &tree.entries {
        if matches!(entry.content, Content::Hardlink(_)) {
            continue;
        }
        writer.entry(path, entry, &names, progress)?;
    }
    writer.finish(&names, journal.as_ref())
}

impl Writer<'_> {
    fn put(&self, block: u64, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all_at(bytes, block * BLOCK)
    }

    fn allocate(&mut self, blocks: u64) -> Result<Vec<Run>, Ext4Error> {
        let have = self.out.size();
        // What was asked for so far, and this: at least so much is needed.
        let need = have + blocks * BLOCK;
        self.allocator.allocate(blocks).ok_or(Ext4Error::TooSmall { need, have })
    }

    fn store(&mut self, number: u32, bytes: &[u8]) {
        let at = (number as usize - 1) * INODE as usize;
        self.inodes[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// Maps runs into an inode and writes the blocks that this takes.
    fn map(&mut self, inode: &mut Inode, runs: &[Run]) -> Result<(), Ext4Error> {
        let have = self.out.size();
        let allocator = &mut self.allocator;
        let allocate = || allocator.allocate(1)?.first().map(|run| run.0);
        let leaves = match self.options.kind.is_ext4() {
            true => inode.map_runs(runs, allocate),
            false => inode.map_blocks(runs, allocate),
        };
        let leaves = leaves.ok_or(Ext4Error::TooSmall { need: have + BLOCK, have })?;
        for (block, bytes) in leaves {
            self.put(block, &bytes)?;
        }
        Ok(())
    }

    fn journal(&mut self) -> Result<Option<Inode>, Ext4Error> {
        let blocks = superblock::journal_blocks(self.options.kind, self.geometry.blocks);
        if blocks == 0 {
            return Ok(None);
        }
        let runs = self.allocate(blocks)?;
        let mut inode = Inode { size: blocks * BLOCK, links: 1, ..Inode::default() };
        self.map(&mut inode, &runs)?;
        self.put(runs[0].0, &superblock::journal_superblock(blocks))?;
        let time = self.options.time;
        self.store(JOURNAL, &inode.bytes(SYSTEM_FILE, 0, 0, time.into(), time));
        Ok(Some(inode))
    }

    fn resize_inode(&mut self) -> Result<(), Ext4Error> {
        let indirect = self.allocate(1)?[0].0;
        let blocks = superblock::resize_blocks(&self.geometry, indirect);
        let copies = (1..self.geometry.groups).filter(|&g| Geometry::has_super(g)).count() as u64;
        let mut inode = Inode {
            size: RESIZE_SIZE,
            links: 1,
            blocks: 1 + self.geometry.reserved_blocks * (1 + copies),
            ..Inode::default()
        };
        // The doubly indirect pointer is the 14th of 15.
        inode.map[13 * 4..14 * 4].copy_from_slice(&(indirect as u32).to_le_bytes());
        for (block, bytes) in blocks {
            self.put(block, &bytes)?;
        }
        let time = self.options.time;
        self.store(RESIZE, &inode.bytes(SYSTEM_FILE, 0, 0, time.into(), time));
        Ok(())
    }

    fn entry(
        &mut self,
        path: &[u8],
        entry: &Entry,
        names: &Names,
        progress: &mut dyn FnMut(u64) -> bool,
    ) -> Result<(), Ext4Error> {
        let number = names.numbers[path];
        let mut inode =
            Inode { links: names.links[&number], size: entry.size(), ..Inode::default() };
        match &entry.content {
            Content::Dir => {
                if !self.options.kind.is_ext4() && !(2..=MAX_LINKS).contains(&inode.links) {
                    let path = String::from_utf8_lossy(path).into_owned();
                    let why = format!("it has more directories than ext3 counts, {MAX_LINKS}");
                    return Err(Ext4Error::Unsupported { path, why });
                }
                let data = self.directory(path, number, names);
                self.directories
                    [((number - 1) as u64 / self.geometry.inodes_per_group) as usize] += 1;
                self.data(&mut inode, &data)?;
            }
            Content::Symlink(target) if target.len() < FAST_SYMLINK => {
                inode.size = target.len() as u64;
                inode.map[..target.len()].copy_from_slice(target);
            }
            Content::Symlink(target) => {
                self.data(&mut inode, target)?;
                inode.size = target.len() as u64;
            }
            Content::CharDevice { major, minor } | Content::BlockDevice { major, minor } => {
                inode.map_device(*major, *minor);
            }
            Content::File { .. } | Content::Bytes(_) => {
                self.file(path, entry, &mut inode, progress)?
            }
            Content::Hardlink(_) | Content::Fifo | Content::Socket => {}
        }
        self.attributes(path, entry, &mut inode)?;
        let bytes =
            inode.bytes(inode::mode(entry), entry.uid, entry.gid, entry.mtime, self.options.time);
        self.store(number, &bytes);
        Ok(())
    }

    fn directory(&self, path: &[u8], number: u32, names: &Names) -> Vec<u8> {
        let up = match path.iter().rposition(|&b| b == b'/') {
            Some(at) => names.numbers[&path[..at]],
            None => ROOT,
        };
        let mut entries: Vec<(u32, u8, &[u8])> = vec![(number, 2, b"."), (up, 2, b"..")];
        entries.extend(names.children.get(path).into_iter().flatten());
        inode::directory(&entries, if number == LOST_FOUND { LOST_FOUND_BLOCKS } else { 1 })
    }

    /// Data at hand: directories and long symbolic links.
    fn data(&mut self, inode: &mut Inode, data: &[u8]) -> Result<(), Ext4Error> {
        let runs = self.allocate((data.len() as u64).div_ceil(BLOCK))?;
        let mut rest = data;
        for &(start, length) in &runs {
            let (now, later) = rest.split_at(rest.len().min((length * BLOCK) as usize));
            self.put(start, now)?;
            rest = later;
        }
        inode.size = data.len() as u64;
        self.map(inode, &runs)
    }

    fn file(
        &mut self,
        path: &[u8],
        entry: &Entry,
        inode: &mut Inode,
        progress: &mut dyn FnMut(u64) -> bool,
    ) -> Result<(), Ext4Error> {
        let read =
            |source| Ext4Error::Read { path: String::from_utf8_lossy(path).into_owned(), source };
        let runs = self.allocate(entry.size().div_ceil(BLOCK))?;
        self.map(inode, &runs)?;
        let mut from = entry.open().map_err(read)?;
        let mut left = entry.size();
        let mut buffer = vec![0; CHUNK.min(entry.size() as usize)];
        for &(start, length) in &runs {
            let mut at = 0;
            while at < length * BLOCK && left > 0 {
                let want = (length * BLOCK - at).min(left).min(CHUNK as u64) as usize;
                from.read_exact(&mut buffer[..want]).map_err(read)?;
                // Zeros too, or a copy of what was written alone would not have them.
                self.out.write_all_at(&buffer[..want], start * BLOCK + at)?;
                at += want as u64;
                left -= want as u64;
                self.written += want as u64;
            }
        }
        if from.read(&mut [0]).map_err(read)? != 0 {
            return Err(read(io::Error::other("it grew while it was read")));
        }
        if progress(self.written) { Ok(()) } else { Err(Ext4Error::Stopped) }
    }

    fn attributes(
        &mut self,
        path: &[u8],
        entry: &Entry,
        inode: &mut Inode,
    ) -> Result<(), Ext4Error> {
        let unsupported = |why: String| Ext4Error::Unsupported {
            path: String::from_utf8_lossy(path).into_owned(),
            why,
        };
        let attributes = Attributes::new(&entry.xattrs).map_err(|e| unsupported(e.to_string()))?;
        if attributes.is_empty() {
            return Ok(());
        }
        let mut room = vec![0; ATTRIBUTE_ROOM];
        if attributes.in_inode(&mut room) {
            inode.attributes = Some(room);
            return Ok(());
        }
        let bytes = attributes
            .block()
            .ok_or_else(|| unsupported("its extended attributes exceed one block".to_owned()))?;
        let block = self.allocate(1)?[0].0;
        self.put(block, &bytes)?;
        inode.attribute_block = block;
        inode.blocks += 1;
        Ok(())
    }

    /// Bitmaps, inode tables, descriptors and superblocks.
    fn finish(&mut self, names: &Names, journal: Option<&Inode>) -> Result<(), Ext4Error> {
        let g = self.geometry.clone();
        let per_group = g.inodes_per_group;
        let last = u64::from(names.last);
        let mut descriptors = Vec::new();
        let mut totals = Totals { free_blocks: 0, free_inodes: 0 };
        for group in 0..g.groups {
            let used_inodes = last.saturating_sub(group * per_group).min(per_group);
            let mut flags = INODE_ZEROED;
            if used_inodes == 0 && self.options.kind.is_ext4() {
                flags |= INODE_UNINIT;
            } else {
                let mut bitmap = vec![0xff; BLOCK as usize];
                for bit in used_inodes..per_group {
                    bitmap[(bit / 8) as usize] &= !(1 << (bit % 8));
                }
                self.put(g.inode_bitmap(group), &bitmap)?;
                let first = (group * per_group * INODE) as usize;
                let table = self.inodes.get(first..).unwrap_or_default();
                self.put(g.inode_table(group), &table[..(used_inodes * INODE) as usize])?;
            }
            match self.allocator.bitmap(group, g.group_size(group)) {
                Some(bitmap) => self.put(g.block_bitmap(group), &bitmap)?,
                None => flags |= BLOCK_UNINIT,
            }
            let counts = GroupCounts {
                free_blocks: g.group_size(group) - self.allocator.used(group),
                free_inodes: per_group - used_inodes,
                unused_inodes: per_group - used_inodes,
                directories: self.directories[group as usize],
                flags,
            };
            totals.free_blocks += counts.free_blocks;
            totals.free_inodes += counts.free_inodes;
            let descriptor = superblock::descriptor(&g, self.options, group, &counts);
            descriptors.extend_from_slice(&descriptor);
        }
        for group in (0..g.groups).filter(|&group| Geometry::has_super(group)) {
            let bytes = superblock::superblock(
                &g,
                self.options,
                &totals,
                journal.map(|inode| (&inode.map, inode.size)),
                group,
            );
            // The first one leaves room for a boot sector.
            let at = g.start(group) * BLOCK + if group == 0 { 1024 } else { 0 };
            self.out.write_all_at(&bytes, at)?;
            self.put(g.start(group) + 1, &descriptors)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
