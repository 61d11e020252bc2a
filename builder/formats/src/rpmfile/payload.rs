//! The payload: a compressed cpio archive. Names, types and sizes in it count for nothing
//! unless the header, which is what is signed, says the same.

use super::error::Malformed;
use super::files::{PackagedFile, flag};
use super::header::Header;
use super::package::RpmPackage;
use super::tag;
use crate::cpio;
use crate::digest::DigestKind;
use crate::file_type::{self, DIRECTORY, REGULAR, SYMLINK};
use sha2::Digest;
use std::collections::HashMap;
use std::io::{self, BufRead, Read};

/// Memory that one payload's decompression may take: `xz -9` needs 65 MiB.
const MAX_MEMORY: u64 = 512 << 20;

/// The uncompressed payload.
fn uncompressed<'a>(
    header: &Header,
    rest: impl BufRead + 'a,
) -> Result<Box<dyn Read + 'a>, Malformed> {
    let fail = |what: String| Malformed::Payload(what);
    let compressor = header.text(tag::PAYLOAD_COMPRESSOR);
    Ok(match compressor.as_deref().unwrap_or("gzip") {
        "gzip" => Box::new(flate2::bufread::MultiGzDecoder::new(rest)),
        "xz" | "lzma" => {
            let stream = liblzma::stream::Stream::new_auto_decoder(MAX_MEMORY, 0)
                .map_err(|e| fail(format!("cannot start liblzma: {e}")))?;
            Box::new(liblzma::bufread::XzDecoder::new_stream(rest, stream))
        }
        "zstd" => Box::new(
            zstd::stream::read::Decoder::with_buffer(rest)
                .map_err(|e| fail(format!("cannot start zstd: {e}")))?,
        ),
        "bzip2" => Box::new(bzip2::bufread::MultiBzDecoder::new(rest)),
        other => return Err(fail(format!("the compressor `{other}` is not known"))),
    })
}

/// Reads a payload entry by entry, each matched with its file of the header.
pub struct Contents<'p> {
    package: &'p RpmPackage,
    by_path: HashMap<&'p [u8], usize>,
    seen: Vec<bool>,
    archive: cpio::CpioReader<Box<dyn Read + 'p>>,
}

/// One entry of a payload.
pub struct PayloadItem<'p> {
    /// The header's word for it.
    pub file: &'p PackagedFile,
    /// Whether its content comes with another link of the same file (same inode number),
    /// later in the payload.
    pub elsewhere: bool,
}

impl<'p> Contents<'p> {
    /// Over the payload that follows the headers.
    ///
    /// # Errors
    /// When the compressor is not known, or the header has a path twice.
    pub fn new(
        header: &Header,
        package: &'p RpmPackage,
        rest: impl BufRead + 'p,
    ) -> Result<Self, Malformed> {
        let mut by_path = HashMap::with_capacity(package.files.len());
        for (n, file) in package.files.iter().enumerate() {
            if by_path.insert(file.path.as_slice(), n).is_some() {
                let path = String::from_utf8_lossy(&file.path);
                return Err(Malformed::header(format!("it lists {path} twice")));
            }
        }
        let archive = cpio::CpioReader::new(uncompressed(header, rest)?);
        Ok(Self { package, by_path, seen: vec![false; package.files.len()], archive })
    }

    /// The next entry, whose content [`Read`] then gives.
    ///
    /// # Errors
    /// When the archive is damaged or does not fit the header.
    pub fn next_item(&mut self) -> Result<Option<PayloadItem<'p>>, Malformed> {
        let entry = self.archive.next_entry().map_err(|e| Malformed::Payload(e.to_string()))?;
        let Some(entry) = entry else { return Ok(None) };
        let name = &entry.name;
        let bare = name.strip_prefix(b"./").or_else(|| name.strip_prefix(b"/")).unwrap_or(name);
        let path = [b"/", bare].concat();
        let fail = |what: &str| {
            Err(Malformed::Payload(format!("{}: {what}", String::from_utf8_lossy(&entry.name))))
        };
        let Some(&n) = self.by_path.get(path.as_slice()) else {
            return fail("it is not in the package's file list");
        };
        let file = &self.package.files[n];
        if std::mem::replace(&mut self.seen[n], true) {
            return fail("it appears twice");
        }
        if entry.mode & file_type::MASK != file.kind() {
            return fail("the file list has something else");
        }
        if file.is(flag::GHOST) && file.kind() == REGULAR {
            return fail("it is a %ghost, which has no content");
        }
        let size = u64::from(entry.size);
        let elsewhere = file.kind() == REGULAR && entry.links > 1 && size == 0 && file.size > 0;
        let expected = match file.kind() {
            REGULAR => file.size,
            SYMLINK => file.target.len() as u64,
            _ => 0,
        };
        if size != expected && !elsewhere {
            return fail(&format!("it has {size} bytes, the file list says {expected}"));
        }
        Ok(Some(PayloadItem { file, elsewhere }))
    }

    /// Reads the whole payload and compares it with the header: every file is there, its
    /// content has the header's digest, links of one file agree.
    ///
    /// # Errors
    /// [`Malformed::Payload`] naming the first file that differs.
    pub fn verify(mut self) -> Result<(), Malformed> {
        let differ = |file: &PackagedFile, what: &str| {
            let path = String::from_utf8_lossy(&file.path);
            Err(Malformed::Payload(format!("{path}: {what}")))
        };
        let mut waiting: Vec<&PackagedFile> = Vec::new();
        while let Some(item) = self.next_item()? {
            let file = item.file;
            match file.kind() {
                REGULAR if item.elsewhere => waiting.push(file),
                REGULAR => {
                    let found = digest(self.package.digest, &mut self.archive)
                        .map_err(|e| Malformed::Payload(e.to_string()))?;
                    let linked = waiting
                        .extract_if(.., |w| (w.inode, w.device) == (file.inode, file.device));
                    for file in linked.chain([file]) {
                        if !found.eq_ignore_ascii_case(&file.digest) {
                            return differ(file, "its content does not have the header's digest");
                        }
                    }
                }
                SYMLINK => {
                    let mut target = Vec::new();
                    self.read_to_end(&mut target).map_err(|e| Malformed::Payload(e.to_string()))?;
                    if target != file.target {
                        return differ(file, "it points elsewhere than the header says");
                    }
                }
                _ => {}
            }
        }
        if let Some(file) = waiting.first() {
            return differ(file, "its content is missing");
        }
        let ghosts = |file: &PackagedFile| file.is(flag::GHOST) || file.kind() == DIRECTORY;
        let missing =
            self.package.files.iter().zip(&self.seen).find(|(f, seen)| !**seen && !ghosts(f));
        match missing {
            Some((file, _)) => differ(file, "it is not in the payload"),
            None => Ok(()),
        }
    }
}

impl Read for Contents<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.archive.read(buffer)
    }
}

/// Digest of everything that a reader gives, lower-case hexadecimal.
fn digest(kind: DigestKind, from: &mut impl Read) -> io::Result<String> {
    fn of<D: Digest + io::Write>(from: &mut impl Read) -> io::Result<String> {
        let mut digest = D::new();
        io::copy(from, &mut digest)?;
        Ok(hex::encode(digest.finalize()))
    }
    match kind {
        DigestKind::Md5 => of::<md5::Md5>(from),
        DigestKind::Sha1 => of::<sha1::Sha1>(from),
        DigestKind::Sha224 => of::<sha2::Sha224>(from),
        DigestKind::Sha256 => of::<sha2::Sha256>(from),
        DigestKind::Sha384 => of::<sha2::Sha384>(from),
        DigestKind::Sha512 => of::<sha2::Sha512>(from),
    }
}
