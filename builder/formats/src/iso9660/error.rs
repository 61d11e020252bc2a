//! Why an image could not be read or written.

use std::io;
use thiserror::Error;

/// Why an image could not be read.
#[derive(Debug, Error)]
pub enum IsoError {
    /// Reading the image failed.
    #[error("cannot read at byte {offset}: {source}")]
    Io {
        /// Where, in bytes from the image's start.
        offset: u64,
        /// The system's error.
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

/// Why an image could not be written.
#[derive(Debug, Error)]
pub enum IsoWriteError {
    /// Writing the image failed.
    #[error("cannot write the image: {0}")]
    Io(#[from] io::Error),
    /// A file of the tree could not be read.
    #[error("cannot read {path}: {source}")]
    File {
        /// Path in the tree.
        path: String,
        /// The system's error.
        source: io::Error,
    },
    /// An entry of the tree, or a boot image, that the format cannot take.
    #[error("{path}: {why}")]
    Path {
        /// Path in the tree.
        path: String,
        /// Which rule it breaks.
        why: &'static str,
    },
    /// The volume identifier is not 1 to 32 characters of `A-Z0-9_-`.
    #[error("volume identifier {0:?} is not 1 to 32 characters of A-Z, 0-9, _ and -")]
    VolumeId(String),
    /// The image that another one is made from cannot be read.
    #[error("{0}")]
    Source(#[from] IsoError),
    /// The image that another one is made from lacks what a machine starts it by.
    #[error("{0}")]
    Unbootable(&'static str),
    /// The caller asked to stop.
    #[error("stopped")]
    Stopped,
    /// The volume identifier of an image that is made from another one.
    #[error("volume identifier {0:?} is not 1 to {1} printable ASCII characters")]
    Label(String, usize),
    /// More than the format can address.
    #[error("too large for an ISO 9660 image: {0}")]
    TooLarge(&'static str),
}

impl IsoWriteError {
    pub(super) fn path(path: &[u8], why: &'static str) -> Self {
        Self::Path { path: format!("/{}", String::from_utf8_lossy(path)), why }
    }
}
