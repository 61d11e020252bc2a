//! qcow2 images read: versions 2 and 3, deflate and zstd, any cluster size, backing files.

use super::entry::{COMPRESSED, COPIED, ZERO};
use crate::read_at::ReadAt;
use flate2::{Decompress, FlushDecompress};
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, PoisonError};
use thiserror::Error;

/// The first four bytes of every qcow2 image.
pub const MAGIC: [u8; 4] = *b"QFI\xfb";
/// QEMU's own limit for the L1 table.
const MAX_L1: u64 = 32 << 20;
/// Incompatible features that do not matter to a reader: dirty, compression type.
const READABLE: u64 = 1 | 1 << 3;
/// Uncompressed clusters that are kept, as files are smaller than clusters.
const KEPT: usize = 256;
const DECODED_WINDOW: u8 = 12;

/// Why an image cannot be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The file is not a qcow2 image.
    #[error("it is not a qcow2 image")]
    NotQcow2,
    /// Damage at a byte of the file.
    #[error("at byte {offset}: {what}")]
    Damaged {
        /// Where in the file.
        offset: u64,
        /// What is wrong there.
        what: String,
    },
    /// Something that only QEMU reads.
    #[error("it uses {0}, which is not supported; convert it with qemu-img")]
    Unsupported(&'static str),
    /// Reading failed.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// An opened image.
pub struct Qcow2Reader {
    file: File,
    size: u64,
    bits: u32,
    zstd: bool,
    /// L2 tables by L1 index; `None` where the image holds nothing.
    tables: Vec<Option<Vec<u64>>>,
    backing: Option<Box<dyn ReadAt>>,
    backing_name: Option<String>,
    cache: Mutex<HashMap<u64, Arc<Vec<u8>>>>,
}

impl Qcow2Reader {
    /// Opens an image and reads its tables. If it has a backing file, [`Qcow2Reader::back`] has to
    /// be called before its content is read.
    ///
    /// # Errors
    /// [`ReadError`]
    pub fn open(file: File) -> Result<Self, ReadError> {
        let mut h = [0; 112];
        let there = file.read_at(&mut h, 0)?;
        let u32_at = |at: usize| u32::from_be_bytes([h[at], h[at + 1], h[at + 2], h[at + 3]]);
        let u64_at = |at: usize| u64::from(u32_at(at)) << 32 | u64::from(u32_at(at + 4));
        if there < 72 || h[..4] != MAGIC {
            return Err(ReadError::NotQcow2);
        }
        let damaged = |offset, what: String| Err(ReadError::Damaged { offset, what });
        let (version, bits, size) = (u32_at(4), u32_at(20), u64_at(24));
        let (features, length) = if version >= 3 { (u64_at(72), u32_at(100)) } else { (0, 72) };
        if !(2..=3).contains(&version) {
            return damaged(4, format!("version {version} is not known"));
        }
        if !(9..=21).contains(&bits) {
            return damaged(20, format!("clusters of 2^{bits} bytes are not allowed"));
        }
        if u32_at(32) != 0 {
            return Err(ReadError::Unsupported("encryption"));
        }
        match features & !READABLE {
            0 => {}
            f if f & 2 != 0 => return damaged(72, "it is marked as corrupt".to_owned()),
            f if f & 4 != 0 => return Err(ReadError::Unsupported("an external data file")),
            _ => return Err(ReadError::Unsupported("a feature unknown to imgbuild")),
        }
        let zstd = features & 1 << 3 != 0 && length > 104 && h[104] == 1;
        let backing_name = name(&file, u64_at(8), u32_at(16))?;
        let mut this = Self {
            file,
            size,
            bits,
            zstd,
            tables: Vec::new(),
            backing: None,
            backing_name,
            cache: Mutex::default(),
        };
        this.read_tables(u64_at(40), u32_at(36))?;
        Ok(this)
    }

    fn read_tables(&mut self, l1: u64, entries: u32) -> Result<(), ReadError> {
        let per_table = 1 << (self.bits - 3);
        let need = self.size.div_ceil(1 << self.bits).div_ceil(per_table);
        if u64::from(entries) < need || need * 8 > MAX_L1 {
            let what = format!("an L1 table of {entries} entries for {} bytes", self.size);
            return Err(ReadError::Damaged { offset: 36, what });
        }
        for entry in table(&self.file, l1, need)? {
            let place = entry & !COPIED & !0x1ff;
            self.tables.push(match place {
                0 => None,
                place => Some(table(&self.file, place, per_table)?),
            });
        }
        Ok(())
    }

    /// The backing file's name as the image has it, if it has one.
    pub fn backing_name(&self) -> Option<&str> {
        self.backing_name.as_deref()
    }

    /// Sets what is read where the image itself holds nothing.
    pub fn back(&mut self, backing: Box<dyn ReadAt>) {
        self.backing = Some(backing);
    }

    /// A part of one cluster.
    fn read_in_cluster(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let index = offset >> self.bits;
        let inside = offset & ((1 << self.bits) - 1);
        let per_table = 1 << (self.bits - 3);
        let entry = self.tables[(index / per_table) as usize]
            .as_ref()
            .map_or(0, |table| table[(index % per_table) as usize]);
        if entry & COMPRESSED != 0 {
            let cluster = self.decoded(entry)?;
            buffer.copy_from_slice(&cluster[inside as usize..inside as usize + buffer.len()]);
            return Ok(());
        }
        let place = entry & !COPIED & !0x1ff;
        match (&self.backing, place) {
            _ if entry & ZERO != 0 => buffer.fill(0),
            (None, 0) => buffer.fill(0),
            (Some(backing), 0) => {
                let there = backing.size().saturating_sub(offset).min(buffer.len() as u64);
                let (own, beyond) = buffer.split_at_mut(there as usize);
                backing.read_exact_at(own, offset)?;
                beyond.fill(0);
            }
            (_, place) => {
                // A file that ends inside its last cluster is read as if zeros followed.
                let mut done = 0;
                while done < buffer.len() {
                    match self.file.read_at(&mut buffer[done..], place + inside + done as u64)? {
                        0 => break,
                        n => done += n,
                    }
                }
                buffer[done..].fill(0);
            }
        }
        Ok(())
    }

    fn decoded(&self, entry: u64) -> io::Result<Arc<Vec<u8>>> {
        let lock = || self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cluster) = lock().get(&entry) {
            return Ok(cluster.clone());
        }
        let x = 62 - (self.bits - 8);
        let place = entry & ((1 << x) - 1);
        let sectors = (entry & !COMPRESSED & !COPIED) >> x;
        let length = (sectors + 1) * 512 - place % 512;
        let mut small = vec![0; length as usize];
        let there = self.file.read_at(&mut small, place)?;
        let cluster = self.decode(&small[..there]).map_err(|e| {
            let what = format!("the compressed cluster at byte {place} cannot be read: {e}");
            io::Error::new(io::ErrorKind::InvalidData, what)
        })?;
        let cluster = Arc::new(cluster);
        let mut cache = lock();
        if cache.len() >= KEPT {
            cache.clear();
        }
        cache.insert(entry, cluster.clone());
        Ok(cluster)
    }

    fn decode(&self, small: &[u8]) -> io::Result<Vec<u8>> {
        let mut cluster = vec![0; 1 << self.bits];
        let length = if self.zstd {
            // What follows the frame in its last sector is another cluster's.
            let mut stream = zstd::stream::read::Decoder::new(small)?.single_frame();
            io::Read::read_exact(&mut stream, &mut cluster).map(|()| cluster.len())?
        } else {
            let mut stream = Decompress::new_with_window_bits(false, DECODED_WINDOW);
            stream.decompress(small, &mut cluster, FlushDecompress::Finish)?;
            stream.total_out() as usize
        };
        if length != cluster.len() {
            return Err(io::Error::other(format!("it has {length} bytes")));
        }
        Ok(cluster)
    }
}

impl ReadAt for Qcow2Reader {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let end = offset.checked_add(buffer.len() as u64);
        if end.is_none_or(|end| end > self.size) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut rest = buffer;
        let mut at = offset;
        while !rest.is_empty() {
            let left = (1 << self.bits) - (at & ((1 << self.bits) - 1));
            let (now, later) = rest.split_at_mut(rest.len().min(left as usize));
            self.read_in_cluster(now, at)?;
            at += now.len() as u64;
            rest = later;
        }
        Ok(())
    }
}

/// A table of `entries` big-endian words at byte `place`.
fn table(file: &File, place: u64, entries: u64) -> Result<Vec<u64>, ReadError> {
    let mut bytes = vec![0; (entries * 8) as usize];
    file.read_exact_at(&mut bytes, place).map_err(|e| ReadError::Damaged {
        offset: place,
        what: format!("a table of {entries} entries cannot be read: {e}"),
    })?;
    Ok(bytes
        .chunks_exact(8)
        .map(|b| u64::from_be_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]))
        .collect())
}

fn name(file: &File, place: u64, length: u32) -> Result<Option<String>, ReadError> {
    if place == 0 || length == 0 {
        return Ok(None);
    }
    let damaged = |what: String| ReadError::Damaged { offset: 8, what };
    if length > 1023 {
        return Err(damaged(format!("the backing file's name has {length} bytes")));
    }
    let mut bytes = vec![0; length as usize];
    file.read_exact_at(&mut bytes, place).map_err(|e| damaged(e.to_string()))?;
    let name = String::from_utf8(bytes).map_err(|e| damaged(e.to_string()))?;
    Ok(Some(name))
}
