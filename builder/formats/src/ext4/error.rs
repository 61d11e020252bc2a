//! Why no filesystem was written.

use std::io;
use thiserror::Error;

/// Why no filesystem was written.
#[derive(Debug, Error)]
pub enum Ext4Error {
    /// The region is too small for any filesystem, or for these files.
    #[error("the filesystem has {have} bytes, its content needs about {need}")]
    TooSmall {
        /// Estimate of the minimum size in bytes.
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
