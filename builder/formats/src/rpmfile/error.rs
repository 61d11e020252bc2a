//! Why a package file cannot be read.

use std::io;
use thiserror::Error;

/// Why a package file cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Malformed {
    /// Damage at a place in the file.
    #[error("at byte {offset}: {what}")]
    At {
        /// Byte offset in the package file.
        offset: u64,
        /// What is wrong.
        what: String,
    },
    /// The header's parts contradict each other.
    #[error("its header: {0}")]
    Header(String),
    /// The payload, with its own offsets.
    #[error("its payload: {0}")]
    Payload(String),
}

impl Malformed {
    pub(super) fn new(offset: u64, what: String) -> Self {
        Self::At { offset, what }
    }

    pub(super) fn header(what: String) -> Self {
        Self::Header(what)
    }
}

/// "unexpected end of file" and "failed to fill whole buffer" in plain words.
pub fn in_words(e: &io::Error) -> String {
    match e.kind() {
        io::ErrorKind::UnexpectedEof => "the file ends inside it".to_owned(),
        _ => e.to_string(),
    }
}
