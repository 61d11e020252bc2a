//! ext2, ext3 and ext4, written straight from a tree into a sparse file: no mount, no loop device,
//! no root.
//! Exactly the features that EL7's e2fsprogs 1.42.9 and 3.10 kernel know: no metadata_csum,
//! no 64bit, no orphan_file. Directories are linear, which any kernel reads; it indexes those
//! that grow. Source: kernel Documentation/filesystems/ext4.

mod alloc;
mod block_map;
mod error;
mod geometry;
mod inode;
mod numbering;
mod options;
mod read;
mod size;
mod superblock;
mod writer;
mod xattr;

pub use error::Ext4Error;
pub use options::{Ext4Options, ExtKind};
pub use read::{Ext4Reader, Inode, ReadError};
pub use size::required_size;
pub use writer::write;
