//! ISO 9660 (ECMA-119) images with Rock Ridge (SUSP 1.12, RRIP 1.12): read in place, and
//! written at interchange level 3 with an El Torito boot catalogue.

mod eltorito;
mod entries;
mod extents;
mod layout;
mod names;
mod node;
mod read;
mod record;
mod rockridge;
mod time;
mod volume;
mod write;

pub use extents::{ExtentReader, OwnedReader, Reader};
pub use node::plain_name;
pub use read::Iso;
pub use time::{date, timestamp};
pub use write::{Boot, Options, Platform, WriteError, write};

use std::io;
use thiserror::Error;

/// Bytes of a logical sector.
pub const SECTOR: u64 = 2048;

/// Which of the names that an image has for a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// ISO 9660's own, upper case and short.
    Plain,
    /// Joliet's.
    Joliet,
    /// Rock Ridge's, with owners, modes and links.
    RockRidge,
}

/// Why an image could not be read.
#[derive(Debug, Error)]
pub enum Error {
    /// Reading the image failed.
    #[error("cannot read at byte {offset}: {source}")]
    Io {
        /// Where, in bytes from the image's start.
        offset: u64,
        /// What the system said.
        source: io::Error,
    },
    /// There is no primary volume descriptor at byte 32768.
    #[error("not an ISO 9660 image: no primary volume descriptor at byte 32768")]
    NotIso,
    /// The image ends before something that it declares.
    #[error(
        "image is truncated: {what} at byte {offset} needs {need} bytes of image, it has {have}"
    )]
    Truncated {
        /// What is cut off.
        what: String,
        /// Where it starts, in bytes from the image's start.
        offset: u64,
        /// How long the image would have to be, in bytes.
        need: u64,
        /// How long it is, in bytes.
        have: u64,
    },
    /// A structure breaks the format's rules.
    #[error("malformed ISO 9660 image at byte {offset}: {what}")]
    Malformed {
        /// Where, in bytes from the image's start.
        offset: u64,
        /// Which rule.
        what: &'static str,
    },
    /// The operation does not apply to this node (a directory was asked of a file, say).
    #[error("{name} is not a {wanted}")]
    Kind {
        /// The node's name.
        name: String,
        /// What it would have to be.
        wanted: &'static str,
    },
}

/// What a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Dir,
    /// A regular file.
    File,
    /// A symbolic link with its target as stored.
    Symlink(Vec<u8>),
    /// A device, pipe or socket, or a file whose stored bytes are not its contents
    /// (interleaved, or compressed by zisofs).
    Other,
}

/// A run of consecutive bytes of the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// First byte, from the image's start.
    pub offset: u64,
    /// Length in bytes.
    pub size: u64,
}

/// One file, directory or symbolic link of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Name within its directory: Rock Ridge's, else Joliet's in UTF-8, else ISO 9660's
    /// without version and trailing dot. Empty for the root.
    pub name: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// Permission bits (0..=0o7777); 0555 where the image records none, as Linux has it.
    pub mode: u16,
    /// Owner; 0 where the image records none.
    pub uid: u32,
    /// Group; 0 where the image records none.
    pub gid: u32,
    /// Modification time, seconds since 1970.
    pub mtime: i64,
    /// Length of the data in bytes, over all extents.
    pub size: u64,
    /// Where the data is, in order.
    pub extents: Vec<Extent>,
}
