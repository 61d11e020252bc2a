//! RPM package files: lead, signature header, main header, payload.
//! Source: "RPM Package Format", rpm.org (format version 3/4, as EL7's rpm 4.11 writes and reads).

use crate::error::{Error, Result};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

const LEAD: usize = 96;
const LEAD_MAGIC: [u8; 4] = [0xed, 0xab, 0xee, 0xdb];
const HEADER_MAGIC: [u8; 4] = [0x8e, 0xad, 0xe8, 1];
/// rpm's own limits (`headerVerify`): more is damage.
const MOST_ENTRIES: u32 = 0xffff;
const MOST_BYTES: u32 = 0x0fff_ffff;

/// Tags that are read here, by rpm's numbers.
pub mod tag {
    /// Package name.
    pub const NAME: u32 = 1000;
    /// Version.
    pub const VERSION: u32 = 1001;
    /// Release.
    pub const RELEASE: u32 = 1002;
    /// Architecture.
    pub const ARCH: u32 = 1022;
    /// Payload compressor.
    pub const PAYLOAD_COMPRESSOR: u32 = 1125;
}

/// A header: tag number to (type, bytes from its offset to the store's end, count).
#[derive(Debug)]
pub struct Header {
    index: BTreeMap<u32, (u32, u32)>,
    store: Vec<u8>,
    /// Its length in the file in bytes, without padding.
    pub length: u64,
}

impl Header {
    /// A string tag's value.
    pub fn string(&self, tag: u32) -> Option<&str> {
        let &(kind, offset) = self.index.get(&tag)?;
        // 6 STRING, 8 STRING_ARRAY, 9 I18NSTRING: the first string.
        if !matches!(kind, 6 | 8 | 9) {
            return None;
        }
        let bytes = self.store.get(offset as usize..)?;
        std::str::from_utf8(bytes.split(|&b| b == 0).next()?).ok()
    }

    fn read(from: &mut impl Read) -> io::Result<Self> {
        let mut intro = [0; 16];
        from.read_exact(&mut intro)?;
        if intro[..4] != HEADER_MAGIC {
            return Err(damage("a header does not begin with its magic number"));
        }
        let number = |at: usize| {
            u32::from_be_bytes([intro[at], intro[at + 1], intro[at + 2], intro[at + 3]])
        };
        let (entries, bytes) = (number(8), number(12));
        if entries > MOST_ENTRIES || bytes > MOST_BYTES {
            return Err(damage("a header declares an impossible size"));
        }
        let mut index = BTreeMap::new();
        for _ in 0..entries {
            let mut entry = [0; 16];
            from.read_exact(&mut entry)?;
            let field = |at: usize| {
                u32::from_be_bytes([entry[at], entry[at + 1], entry[at + 2], entry[at + 3]])
            };
            index.insert(field(0), (field(4), field(8)));
        }
        // Grows as data arrive, so that a false size costs nothing.
        let mut store = Vec::new();
        from.take(u64::from(bytes)).read_to_end(&mut store)?;
        if store.len() != bytes as usize {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(Self { index, store, length: 16 + u64::from(entries) * 16 + u64::from(bytes) })
    }
}

fn damage(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// An opened package, its headers read.
pub struct RpmFile {
    /// The main header.
    pub header: Header,
    rest: BufReader<File>,
}

impl RpmFile {
    /// Opens a package file and reads its headers.
    ///
    /// # Errors
    /// An input error when it is truncated or not an RPM.
    pub fn open(path: &Path) -> Result<Self> {
        Self::read(path).map_err(|e| {
            Error::input(format!("{} is not a whole RPM package: {e}", path.display()))
                .hint("the medium may be damaged; compare its checksum with the publisher's")
        })
    }

    fn read(path: &Path) -> io::Result<Self> {
        let mut rest = BufReader::with_capacity(1 << 16, File::open(path)?);
        let mut lead = [0; LEAD];
        rest.read_exact(&mut lead)?;
        if lead[..4] != LEAD_MAGIC {
            return Err(damage("no RPM lead at its beginning"));
        }
        let signature = Header::read(&mut rest)?;
        // The signature header is padded to 8 bytes; its 96-byte lead keeps the alignment.
        let padding = (8 - signature.length % 8) % 8;
        rest.read_exact(&mut [0; 8][..padding as usize])?;
        Ok(Self { header: Header::read(&mut rest)?, rest })
    }

    /// `name-version-release.arch`.
    pub fn nevra(&self) -> String {
        let get = |tag| self.header.string(tag).unwrap_or("?");
        format!("{}-{}-{}.{}", get(tag::NAME), get(tag::VERSION), get(tag::RELEASE), get(tag::ARCH))
    }

    /// The uncompressed payload, a cpio archive.
    ///
    /// # Errors
    /// An input error for a compressor that rpm does not know.
    pub fn payload(self) -> Result<Box<dyn Read>> {
        let compressor = self.header.string(tag::PAYLOAD_COMPRESSOR).unwrap_or("gzip").to_owned();
        let nevra = self.nevra();
        let rest = self.rest;
        Ok(match compressor.as_str() {
            "gzip" => Box::new(flate2::bufread::MultiGzDecoder::new(rest)),
            "xz" | "lzma" => {
                let stream =
                    liblzma::stream::Stream::new_auto_decoder(u64::MAX, 0).map_err(|e| {
                        Error::environment(format!("{nevra}: cannot start liblzma: {e}"))
                    })?;
                Box::new(liblzma::bufread::XzDecoder::new_stream(rest, stream))
            }
            "zstd" => Box::new(
                zstd::stream::read::Decoder::with_buffer(rest)
                    .map_err(|e| Error::environment(format!("{nevra}: cannot start zstd: {e}")))?,
            ),
            "bzip2" => Box::new(bzip2::bufread::MultiBzDecoder::new(rest)),
            other => {
                return Err(Error::input(format!(
                    "{nevra}: payload compressor `{other}` is not known"
                )));
            }
        })
    }
}
