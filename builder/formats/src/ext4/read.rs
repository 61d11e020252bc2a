//! ext2/3/4 filesystems read: files mapped by extents or blocks, linear and indexed directories,
//! extended attributes in inodes and blocks. Checksums are not checked. Source: kernel
//! Documentation/filesystems/ext4.

mod data;

use super::xattr;
use crate::bytes::{le16, le32};
use crate::file_type;
use crate::read_at::ReadAt;
use std::collections::{BTreeMap, HashSet};
use std::io;
use thiserror::Error;

const MAGIC: u16 = 0xef53;
const ROOT: u32 = 2;
const EXTENTS: u32 = 0x8_0000;
/// filetype, recover, extents, 64bit, mmp, flex_bg, csum_seed, largedir.
const READABLE: u32 = 0x02 | 0x04 | 0x40 | 0x80 | 0x100 | 0x200 | 0x2000 | 0x4000;
/// The journal holds changes that are not yet in their places.
const RECOVER: u32 = 0x04;
const WIDE: u32 = 0x80;
/// The kernel's limit for a path; longer ones are damage.
const MAX_PATH: usize = 4096;
/// No directory is this large; a larger one is damage.
const MAX_DIRECTORY: u64 = 1 << 30;

/// Why a filesystem cannot be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// No superblock.
    #[error("it is not an ext4 filesystem")]
    NotExt4,
    /// Something is not as it must be.
    #[error("{0}")]
    Damaged(String),
    /// Features that are not read.
    #[error("it has ext4 features (incompatible {0:#x}) that are not supported")]
    Unsupported(u32),
    /// Reading failed.
    #[error("{0}")]
    Io(#[from] io::Error),
}

type Result<T> = std::result::Result<T, ReadError>;

fn damaged<T>(what: String) -> Result<T> {
    Err(ReadError::Damaged(what))
}

/// A filesystem's constants.
pub struct Ext4Reader<'a> {
    from: &'a dyn ReadAt,
    block: u64,
    inodes: u32,
    inodes_per_group: u32,
    inode_size: u64,
    descriptor: u64,
    descriptors: u64,
    /// The filesystem's UUID, bytes in textual order.
    pub uuid: [u8; 16],
    /// Seed of directory hashes.
    pub hash_seed: [u8; 16],
    /// Its label.
    pub label: String,
    /// Whether its journal holds changes that a mount would make first.
    pub unclean: bool,
}

/// An inode's metadata.
#[derive(Clone, Debug)]
pub struct Inode {
    /// Its number.
    pub number: u32,
    /// File type and permission bits, as in `st_mode`.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Size in bytes.
    pub size: u64,
    /// Modification time, seconds since 1970.
    pub mtime: i64,
    /// Extended attributes by full name.
    pub xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    flags: u32,
    map: [u8; 60],
}

fn array(bytes: &[u8], at: usize) -> [u8; 16] {
    let mut array = [0; 16];
    array.copy_from_slice(&bytes[at..at + 16]);
    array
}

impl<'a> Ext4Reader<'a> {
    /// Reads the superblock of the filesystem that begins at the first byte of `from`.
    ///
    /// # Errors
    /// [`ReadError`]
    pub fn open(from: &'a dyn ReadAt) -> Result<Self> {
        let mut s = [0; 1024];
        if from.size() < 2048 {
            return Err(ReadError::NotExt4);
        }
        from.read_exact_at(&mut s, 1024)?;
        if le16(&s, 56) != MAGIC {
            return Err(ReadError::NotExt4);
        }
        let incompatible = le32(&s, 96);
        if incompatible & !READABLE != 0 {
            return Err(ReadError::Unsupported(incompatible & !READABLE));
        }
        let wide = incompatible & WIDE != 0;
        let log_block = le32(&s, 24);
        if log_block > 6 {
            return damaged(format!("superblock: blocks of 2^{log_block} KiB are not allowed"));
        }
        let block = 1024 << log_block;
        // Revision 0 has a fixed inode size.
        let inode_size = if le32(&s, 76) == 0 { 128 } else { u64::from(le16(&s, 88)) };
        let inodes_per_group = le32(&s, 40);
        if inode_size < 128 || inode_size > block || inodes_per_group == 0 {
            return damaged(format!(
                "superblock: inodes of {inode_size} bytes, {inodes_per_group} in a group"
            ));
        }
        let label = s[120..136].split(|&b| b == 0).next().unwrap_or_default();
        Ok(Self {
            from,
            block,
            inodes: le32(&s, 0),
            inodes_per_group,
            inode_size,
            descriptor: if wide { u64::from(le16(&s, 254)).max(32) } else { 32 },
            descriptors: (u64::from(le32(&s, 20)) + 1) * block,
            uuid: array(&s, 104),
            hash_seed: array(&s, 236),
            label: String::from_utf8_lossy(label).into_owned(),
            unclean: incompatible & RECOVER != 0,
        })
    }

    /// Calls `found` with the path (relative, the root is empty) and inode of everything in the
    /// filesystem, parents before their children.
    ///
    /// # Errors
    /// [`ReadError`], or what `found` fails with.
    pub fn walk<E: From<ReadError>>(
        &self,
        mut found: impl FnMut(&[u8], Inode) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let mut seen = HashSet::from([ROOT]);
        let mut pending = vec![(Vec::new(), self.inode(ROOT)?)];
        while let Some((path, inode)) = pending.pop() {
            let children = if inode.is_directory() { self.children(&inode)? } else { Vec::new() };
            found(&path, inode)?;
            for (name, number) in children {
                let mut child = path.clone();
                if !child.is_empty() {
                    child.push(b'/');
                }
                child.extend_from_slice(&name);
                let shown = String::from_utf8_lossy(&child).into_owned();
                if child.len() > MAX_PATH {
                    return damaged(format!("/{shown}: the path is too long")).map_err(E::from);
                }
                let inode = self.inode(number)?;
                if inode.is_directory() && !seen.insert(number) {
                    let what = format!("/{shown}: its inode {number} is already a directory's");
                    return damaged(what).map_err(E::from);
                }
                pending.push((child, inode));
            }
        }
        Ok(())
    }

    /// Reads an inode.
    ///
    /// # Errors
    /// [`ReadError`]
    pub fn inode(&self, number: u32) -> Result<Inode> {
        if number == 0 || number > self.inodes {
            return damaged(format!("there is no inode {number}"));
        }
        let group = u64::from((number - 1) / self.inodes_per_group);
        let index = u64::from((number - 1) % self.inodes_per_group);
        let mut d = [0; 64];
        let length = self.descriptor.min(64) as usize;
        let at = self.descriptors + group * self.descriptor;
        self.from.read_exact_at(&mut d[..length], at)?;
        let high = if length == 64 { u64::from(le32(&d, 40)) << 32 } else { 0 };
        let table = u64::from(le32(&d, 8)) | high;
        let mut b = vec![0; self.inode_size as usize];
        let at = table.checked_mul(self.block).and_then(|t| t.checked_add(index * self.inode_size));
        let at = at.ok_or_else(|| ReadError::Damaged(format!("group {group}: no inode table")))?;
        self.from.read_exact_at(&mut b, at)?;
        let extra = if b.len() > 132 { usize::from(le16(&b, 128)) } else { 0 };
        // Bits 32 and 33 of the seconds are in the extra field.
        let epoch = if extra >= 12 { i64::from(le32(&b, 136) & 3) << 32 } else { 0 };
        let mut map = [0; 60];
        map.copy_from_slice(&b[40..100]);
        let mut inode = Inode {
            number,
            mode: le16(&b, 0),
            uid: u32::from(le16(&b, 2)) | u32::from(le16(&b, 120)) << 16,
            gid: u32::from(le16(&b, 24)) | u32::from(le16(&b, 122)) << 16,
            size: u64::from(le32(&b, 4)) | u64::from(le32(&b, 108)) << 32,
            mtime: i64::from(le32(&b, 16) as i32) + epoch,
            xattrs: BTreeMap::new(),
            flags: le32(&b, 32),
            map,
        };
        if let Some(room) = b.get(128 + extra..) {
            xattr::read_inode(room, &mut inode.xattrs);
        }
        let attributes = u64::from(le32(&b, 104)) | u64::from(le16(&b, 118)) << 32;
        if attributes != 0 {
            xattr::read_block(&self.block_at(attributes)?, &mut inode.xattrs);
        }
        Ok(inode)
    }

    fn block_at(&self, number: u64) -> Result<Vec<u8>> {
        let mut bytes = vec![0; self.block as usize];
        let at = number
            .checked_mul(self.block)
            .ok_or_else(|| ReadError::Damaged(format!("there is no block {number}")))?;
        self.from.read_exact_at(&mut bytes, at)?;
        Ok(bytes)
    }

    /// Names and inode numbers of a directory's entries, `.` and `..` aside.
    ///
    /// # Errors
    /// [`ReadError`]
    pub fn children(&self, directory: &Inode) -> Result<Vec<(Vec<u8>, u32)>> {
        let number = directory.number;
        if directory.size > MAX_DIRECTORY {
            return damaged(format!("inode {number}: a directory of {} bytes", directory.size));
        }
        let mut data = Vec::new();
        self.read(directory, &mut |bytes| {
            data.extend_from_slice(bytes);
            Ok(())
        })?;
        let mut children = Vec::new();
        for block in data.chunks(self.block as usize) {
            let mut at = 0;
            while at + 8 <= block.len() {
                let entry = &block[at..];
                let length = usize::from(le16(entry, 4));
                let name_length = usize::from(entry[6]);
                if length < 8 || length > entry.len() || 8 + name_length > length {
                    return damaged(format!("inode {number}: a directory's entry is damaged"));
                }
                let (child, name) = (le32(entry, 0), &entry[8..8 + name_length]);
                // Inner nodes of an index look like an entry without an inode.
                if child != 0 && name != b"." && name != b".." {
                    if name.is_empty() || name.contains(&b'/') || name.contains(&0) {
                        return damaged(format!("inode {number}: an entry's name is damaged"));
                    }
                    children.push((name.to_vec(), child));
                }
                at += length;
            }
        }
        Ok(children)
    }

    /// The inode at a relative path; links are not followed.
    ///
    /// # Errors
    /// [`ReadError`]
    pub fn find(&self, path: &[u8]) -> Result<Option<Inode>> {
        let mut inode = self.inode(ROOT)?;
        for part in path.split(|&b| b == b'/').filter(|part| !part.is_empty()) {
            if !inode.is_directory() {
                return Ok(None);
            }
            match self.children(&inode)?.into_iter().find(|(name, _)| name == part) {
                Some((_, number)) => inode = self.inode(number)?,
                None => return Ok(None),
            }
        }
        Ok(Some(inode))
    }

    /// Where a symbolic link points to.
    ///
    /// # Errors
    /// [`ReadError`]
    pub fn target(&self, link: &Inode) -> Result<Vec<u8>> {
        if link.size > MAX_PATH as u64 {
            return damaged(format!("inode {}: a link of {} bytes", link.number, link.size));
        }
        if link.size < 60 && link.flags & EXTENTS == 0 {
            return Ok(link.map[..link.size as usize].to_vec());
        }
        let mut target = Vec::new();
        self.read(link, &mut |bytes| {
            target.extend_from_slice(bytes);
            Ok(())
        })?;
        Ok(target)
    }
}

impl Inode {
    /// The file type's bits of its mode, see [`file_type`].
    pub fn file_type(&self) -> u32 {
        u32::from(self.mode) & file_type::MASK
    }

    /// Whether it is a directory.
    pub fn is_directory(&self) -> bool {
        self.file_type() == file_type::DIRECTORY
    }

    /// A device's major and minor number.
    pub fn device(&self) -> (u32, u32) {
        match (le32(&self.map, 0), le32(&self.map, 4)) {
            (0, new) => (new >> 8 & 0xfff, new & 0xff | new >> 12 & 0xfff00),
            (old, _) => (old >> 8 & 0xff, old & 0xff),
        }
    }
}

#[cfg(test)]
mod tests;
