//! A package file with its headers read.

use super::error::{Malformed, in_words};
use super::header::{Header, Which};
use super::lead::{LEAD, LEAD_MAGIC};
use super::package::RpmPackage;
use std::io::BufRead;

/// An opened package, its headers read; `rest` is the compressed payload.
#[derive(Debug)]
pub struct RpmFile<R> {
    /// The signature header.
    pub signature: Header,
    /// The main header.
    pub header: Header,
    /// Where it begins in the file.
    pub header_at: u64,
    /// The main header typed.
    pub package: RpmPackage,
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
        let package = RpmPackage::new(&header)?;
        Ok(Self { signature, header, header_at: at, package, rest: from })
    }
}
