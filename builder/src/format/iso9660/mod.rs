//! ISO 9660 images: read in place, and written.
//!
//! Sources: ECMA-119 (ISO 9660), SUSP 1.12 and RRIP 1.12 (Rock Ridge), the
//! Joliet specification, and the El Torito specification 1.0.

mod boot;
mod date;
mod directory;
mod node;
mod read;
mod reader;
mod susp;
mod write;

pub use boot::{BootImage, Platform};
pub use node::{Extent, Kind, Node};
pub use read::Iso;
pub use reader::Reader;
pub use write::{BootEntry, Hybrid, Options, write};

use std::io;

/// Bytes of a logical sector: descriptors and directories are aligned to it.
pub const SECTOR: u64 = 2048;

/// Why an image could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused to read or write.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// There is no ISO 9660 volume descriptor where one must be.
    #[error("not an ISO 9660 image: no primary volume descriptor at byte {offset}")]
    NotIso {
        /// Where it was looked for.
        offset: u64,
    },
    /// Something lies beyond the end of the image.
    #[error("image is cut off: {what} needs bytes {offset} to {end}, the image has {size}")]
    Truncated {
        /// What lies there.
        what: &'static str,
        /// Its first byte.
        offset: u64,
        /// The byte after its last.
        end: u64,
        /// Bytes the image has.
        size: u64,
    },
    /// The image contradicts its format.
    #[error("malformed ISO 9660 image at byte {offset}: {what}")]
    Malformed {
        /// Where the wrong value is.
        offset: u64,
        /// What is wrong with it.
        what: String,
    },
    /// A tree's entry does not fit the format, or is not what it says.
    #[error("cannot put /{path} into the image: {what}")]
    Entry {
        /// The entry's path.
        path: String,
        /// What is wrong with it.
        what: String,
    },
    /// An option's value does not fit the format.
    #[error("cannot write the image: {0}")]
    Option(String),
}

impl Error {
    fn malformed(offset: u64, what: impl Into<String>) -> Self {
        Self::Malformed { offset, what: what.into() }
    }

    fn entry(path: &[u8], what: impl Into<String>) -> Self {
        Self::Entry { path: String::from_utf8_lossy(path).into_owned(), what: what.into() }
    }
}

/// Little-endian `u16` at `at`; the caller has checked the length.
fn le16(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

/// Little-endian `u32` at `at`; the caller has checked the length.
fn le32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
