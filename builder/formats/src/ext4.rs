//! ext4, written straight from a tree into a sparse file: no mount, no loop device, no root.
//! Exactly the features that EL7's e2fsprogs 1.42.9 and 3.10 kernel know: no metadata_csum,
//! no 64bit, no orphan_file. Directories are linear, which any kernel reads; it indexes those
//! that grow. Source: kernel Documentation/filesystems/ext4.

mod alloc;
mod geometry;
mod inode;
mod read;
mod superblock;
mod writer;
mod xattr;

pub use read::{Inode, ReadError, Reader};

use super::area::Area;
use super::tree::Tree;
use std::io;
use thiserror::Error;

/// What the filesystem is to be.
#[derive(Clone, Debug)]
pub struct Options {
    /// Filesystem UUID, bytes in textual order.
    pub uuid: [u8; 16],
    /// Seed of directory hashes.
    pub hash_seed: [u8; 16],
    /// Volume label, at most 16 bytes.
    pub label: String,
    /// When it was made, seconds since 1970.
    pub time: u32,
    /// Part of the blocks kept for root, in percent.
    pub reserved_percent: u64,
}

/// Why no filesystem was written.
#[derive(Debug, Error)]
pub enum Error {
    /// The region is too small for any filesystem, or for these files.
    #[error("the filesystem has {have} bytes, its content needs about {need}")]
    TooSmall {
        /// Estimate of the least size in bytes.
        need: u64,
        /// The region's size in bytes.
        have: u64,
    },
    /// More files than the size gives inodes for.
    #[error("the filesystem has {have} inodes, its content needs {need}; a larger one has more")]
    TooManyFiles {
        /// Entries in the tree.
        need: u64,
        /// Inodes.
        have: u64,
    },
    /// An entry that ext4 cannot hold, and why.
    #[error("/{path}: {why}")]
    Unsupported {
        /// Its path.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// Reading a file of the tree failed.
    #[error("/{path}: {source}")]
    Read {
        /// The path in the tree.
        path: String,
        /// The error.
        source: io::Error,
    },
    /// Writing failed.
    #[error("write: {0}")]
    Write(#[from] io::Error),
    /// The caller asked to stop.
    #[error("stopped")]
    Stopped,
}

/// Writes a filesystem with the content of `tree` into `out`, which must read as zeros: only
/// what is not zero is written. What does not fill a block or a group worth having stays
/// unused. `progress` gets the bytes of file data so far and returns whether to go on.
///
/// # Errors
/// When the tree does not fit or cannot be represented, or I/O fails.
pub fn write(
    out: &Area<'_>,
    options: &Options,
    tree: &Tree,
    progress: &mut dyn FnMut(u64) -> bool,
) -> Result<(), Error> {
    writer::write(out, options, tree, progress)
}

/// Bytes that a filesystem needs to hold `tree`, with some room over: for the check before
/// anything is written.
pub fn required_size(tree: &Tree) -> u64 {
    let block = geometry::BLOCK;
    let data: u64 = tree.entries.values().map(|e| e.size().next_multiple_of(block)).sum();
    let directories = tree.entries.len() as u64 * 300;
    // Inodes at the default ratio, journal, and a sixteenth for tables and bitmaps.
    let inodes = tree.entries.len() as u64 * 16_384;
    let content = data + directories + superblock::journal_blocks(data / block) * block;
    (content + content / 16).max(inodes) + (16 << 20)
}
