//! RPM package files: lead, signature header, main header, payload.
//! Source: "RPM Package Format", rpm.org (format version 3/4, as EL7's rpm 4.11 writes and reads).

mod files;
mod header;
mod package;
mod payload;
pub mod tag;
mod write;

pub use files::{DigestKind, File, flag};
pub use header::{Header, Which};
pub use package::{Dependency, Package, Scriptlet, Trigger, When};
pub use payload::{Contents, Item};
pub use write::{Value, package as with_signatures};

use std::io::{self, BufRead};
use thiserror::Error;

/// Bytes of the lead, which only says that this is a package.
pub const LEAD: usize = 96;
const LEAD_MAGIC: [u8; 4] = [0xed, 0xab, 0xee, 0xdb];

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
    fn new(offset: u64, what: String) -> Self {
        Self::At { offset, what }
    }

    fn header(what: String) -> Self {
        Self::Header(what)
    }
}

/// "unexpected end of file" and "failed to fill whole buffer" in plain words.
fn in_words(e: &io::Error) -> String {
    match e.kind() {
        io::ErrorKind::UnexpectedEof => "the file ends inside it".to_owned(),
        _ => e.to_string(),
    }
}

/// An opened package, its headers read; `rest` is the compressed payload.
#[derive(Debug)]
pub struct RpmFile<R> {
    /// The signature header.
    pub signature: Header,
    /// The main header.
    pub header: Header,
    /// The main header typed.
    pub package: Package,
    /// What follows the headers.
    pub rest: R,
}

impl<R: BufRead> RpmFile<R> {
    /// Reads the headers from the beginning of a package file.
    ///
    /// # Errors
    /// [`Malformed`]
    pub fn read(mut from: R) -> Result<Self, Malformed> {
        let mut lead = [0; LEAD];
        from.read_exact(&mut lead).map_err(|e| Malformed::new(0, in_words(&e)))?;
        if lead[..4] != LEAD_MAGIC {
            return Err(Malformed::new(0, "no RPM lead at its beginning".to_owned()));
        }
        let mut at = LEAD as u64;
        let signature = Header::read(&mut from, Which::Signature, at)?;
        // The signature header is padded to 8 bytes; its 96-byte lead keeps the alignment.
        let length = signature.bytes().len();
        at += length as u64;
        let mut padding = vec![0; length.next_multiple_of(8) - length];
        from.read_exact(&mut padding).map_err(|e| Malformed::new(at, in_words(&e)))?;
        at += padding.len() as u64;
        let header = Header::read(&mut from, Which::Main, at)?;
        let package = Package::new(&header)?;
        Ok(Self { signature, header, package, rest: from })
    }
}
