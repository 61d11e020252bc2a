//! Writes package files.

use super::compression::{LEVEL, PayloadCompression};
use super::dependency::FileDependency;
use super::entries::{Entries, header};
use super::files::flag;
use super::header::Which;
use super::lead::{LEAD, lead};
use super::main_entries::{PayloadDigests, main_entries, small};
use super::package::RpmPackage;
use crate::cpio;
use crate::file_type::{REGULAR, SYMLINK};
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};
use std::io::{self, Write};

/// A package to be written.
#[derive(Debug)]
pub struct RpmContent<'a> {
    /// What the header says. The files are in ascending order of their paths.
    pub package: &'a RpmPackage,
    /// For each file its bytes; only those of regular files count.
    pub contents: &'a [&'a [u8]],
    /// Which of the package's dependencies are there because of a file.
    pub file_dependencies: &'a [FileDependency],
    /// How its payload is compressed.
    pub compression: PayloadCompression,
}

/// A package file without its signature header.
#[derive(Debug)]
pub struct UnsignedRpm {
    /// What it begins with.
    pub lead: Vec<u8>,
    /// The main header.
    pub header: Vec<u8>,
    /// The compressed payload.
    pub payload: Vec<u8>,
}

/// A package file of a lead, a signature header, and what that signs: header and payload.
pub fn with_signatures(lead: &[u8], entries: Entries, content: &[u8]) -> Vec<u8> {
    let mut file = lead[..LEAD.min(lead.len())].to_vec();
    file.extend(header(Which::Signature, entries));
    file.resize(file.len().next_multiple_of(8), 0);
    file.extend_from_slice(content);
    file
}

impl RpmContent<'_> {
    /// The package file's parts.
    ///
    /// # Errors
    /// When a number does not fit the format's 32 bits, or the compression fails.
    pub fn write(&self) -> io::Result<UnsignedRpm> {
        let (payload, archive) = self.payload()?;
        let digests = PayloadDigests { archive, payload: hex::encode(Sha256::digest(&payload)) };
        let entries =
            main_entries(self.package, self.file_dependencies, self.compression, digests)?;
        let header = header(Which::Main, entries);
        Ok(UnsignedRpm { lead: lead(&self.package.name), header, payload })
    }

    /// The compressed payload, and the SHA-256 of the archive in it.
    fn payload(&self) -> io::Result<(Vec<u8>, String)> {
        match self.compression {
            PayloadCompression::Gzip => {
                let level = flate2::Compression::new(LEVEL.into());
                let (to, digest) = self.archive(GzEncoder::new(Vec::new(), level))?;
                Ok((to.finish()?, digest))
            }
            PayloadCompression::Zstd => {
                let to = zstd::stream::Encoder::new(Vec::new(), LEVEL.into())?;
                let (to, digest) = self.archive(to)?;
                Ok((to.finish()?, digest))
            }
        }
    }

    /// Writes the archive, and returns its SHA-256.
    fn archive<W: Write>(&self, mut compressed: W) -> io::Result<(W, String)> {
        let mut digest = Sha256::new();
        let mut append = |mut entry: Vec<u8>| {
            // As rpm writes numbers.
            entry[..cpio::HEADER].make_ascii_lowercase();
            digest.update(&entry);
            compressed.write_all(&entry)?;
            // Each entry begins a block. It costs 1 %, and packages of the same content that were
            // written before have the same digest.
            compressed.flush()
        };
        for (file, content) in self.package.files.iter().zip(self.contents) {
            let data = match file.kind() {
                _ if file.is(flag::GHOST) => continue,
                REGULAR => content,
                SYMLINK => file.target.as_slice(),
                _ => &[],
            };
            small(data.len() as u64)?;
            let header = cpio::Header {
                name: [b".", file.path.as_slice()].concat(),
                inode: small(file.inode)?,
                mode: file.mode,
                owner: (0, 0),
                links: 1,
                mtime: small(file.mtime)?,
                size: 0,
                device: (file.rdev >> 8, file.rdev & 0xff),
            };
            let mut entry = Vec::new();
            cpio::append_entry(&mut entry, &header, data);
            append(entry)?;
        }
        let mut trailer = Vec::new();
        cpio::finish(&mut trailer);
        append(trailer)?;
        Ok((compressed, hex::encode(digest.finalize())))
    }
}
