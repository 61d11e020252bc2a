//! One guest cluster at a time: read, compared, compressed, placed.

use super::entry::{CLUSTER, CLUSTER_BITS, COMPRESSED, COPIED, ZERO};
use super::model::Compression;
use flate2::{Compress, FlushCompress, Status};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;

const WINDOW_BITS: u8 = 12;

/// One guest cluster as it will be in the file.
pub enum Stored {
    /// Not at all: zeros, or what the base has.
    Absent,
    /// As a flag that says zeros where the base has something else.
    Zeros,
    Plain(Vec<u8>),
    Compressed(Vec<u8>),
}

/// Reads a cluster; what is beyond the disk's end is zero.
fn read(file: &File, size: u64, cluster: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; CLUSTER as usize];
    let length = (size - cluster * CLUSTER).min(CLUSTER) as usize;
    file.read_exact_at(&mut bytes[..length], cluster * CLUSTER)?;
    Ok(bytes)
}

pub fn store(
    raw: &File,
    base: Option<&File>,
    size: u64,
    cluster: u64,
    compression: Compression,
) -> io::Result<Stored> {
    let bytes = read(raw, size, cluster)?;
    let zeros = bytes.iter().all(|&b| b == 0);
    if let Some(base) = base {
        if read(base, size, cluster)? == bytes {
            return Ok(Stored::Absent);
        }
        if zeros {
            return Ok(Stored::Zeros);
        }
    }
    if zeros {
        return Ok(Stored::Absent);
    }
    let small = match compression {
        Compression::None => None,
        Compression::Zlib(level) => deflate(&bytes, level),
        Compression::Zstd(level) => Some(zstd::bulk::compress(&bytes, level)?),
    };
    Ok(match small.filter(|small| small.len() < CLUSTER as usize) {
        Some(small) => Stored::Compressed(small),
        None => Stored::Plain(bytes),
    })
}

fn deflate(bytes: &[u8], level: u32) -> Option<Vec<u8>> {
    // zlib-rs wants slack in the output buffer.
    let mut deflated = Vec::with_capacity(CLUSTER as usize + 1024);
    let mut stream =
        Compress::new_with_window_bits(flate2::Compression::new(level), false, WINDOW_BITS);
    let status = stream.compress_vec(bytes, &mut deflated, FlushCompress::Finish);
    matches!(status, Ok(Status::StreamEnd)).then_some(deflated)
}

/// Writes a cluster at the end and returns its L2 entry.
pub fn append(data: &mut BufWriter<&File>, end: &mut u64, stored: Stored) -> io::Result<u64> {
    match stored {
        Stored::Absent => Ok(0),
        Stored::Zeros => Ok(ZERO),
        Stored::Plain(bytes) => {
            let start = end.next_multiple_of(CLUSTER);
            data.write_all(&vec![0; (start - *end) as usize])?;
            data.write_all(&bytes)?;
            *end = start + CLUSTER;
            Ok(start | COPIED)
        }
        Stored::Compressed(bytes) => {
            // Offset in the low bits, sectors beyond the first above them (x = 62 - (16 - 8)).
            let x = 62 - (CLUSTER_BITS - 8);
            let start = *end;
            data.write_all(&bytes)?;
            *end += bytes.len() as u64;
            let sectors = (*end - 1) / 512 - start / 512;
            Ok(COMPRESSED | sectors << x | start)
        }
    }
}
