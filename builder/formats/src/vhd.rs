//! Dynamic VHD images from a sparse raw file. Source: Microsoft "Virtual Hard Disk Image
//! Format Specification" 1.0: footer (with a copy at the front), dynamic disk header, block
//! allocation table, blocks of 2 MiB that begin with a bitmap of their sectors.

use super::sparse;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use thiserror::Error;

const SECTOR: u64 = 512;
const BLOCK: u64 = 2 << 20;
/// One bit for each sector of a block.
const BITMAP: u64 = BLOCK / SECTOR / 8;
/// Where the dynamic header and the table are.
const HEADER: u64 = 512;
const TABLE: u64 = HEADER + 1024;
const UNUSED: u32 = u32::MAX;
/// The specification's end, 2040 GiB.
const MAX: u64 = 2040 << 30;
/// 2000-01-01 in seconds since 1970, from which VHD counts.
const EPOCH: i64 = 946_684_800;

/// Why no image was written.
#[derive(Debug, Error)]
pub enum VhdError {
    /// Reading or writing failed.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The format ends at 2040 GiB.
    #[error("a VHD image has at most 2040 GiB, the disk has {0} bytes")]
    TooLarge(u64),
    /// The caller asked to stop.
    #[error("stopped")]
    Stopped,
}

/// Writes the content of `raw`, whose size is a multiple of 512, as a dynamic VHD image into
/// `out`, which is empty, with this UUID and time (seconds since 1970); `progress` as for the
/// other image formats.
///
/// # Errors
/// When the disk is too large, reading or writing fails or `progress` asks to stop.
pub fn write(
    raw: &File,
    out: &File,
    uuid: [u8; 16],
    time: i64,
    progress: &mut dyn FnMut(u64, u64) -> bool,
) -> Result<(), VhdError> {
    let size = raw.metadata()?.len();
    if size > MAX {
        return Err(VhdError::TooLarge(size));
    }
    let blocks = size.div_ceil(BLOCK);
    let mut table = vec![UNUSED; blocks as usize];
    let mut next = (TABLE + blocks * 4).next_multiple_of(SECTOR);
    let occupied = sparse::blocks(raw, size, BLOCK)?;
    let mut buffer = vec![0; BLOCK as usize];
    for (done, &block) in (1..).zip(&occupied) {
        let length = (size - block * BLOCK).min(BLOCK) as usize;
        buffer.fill(0);
        raw.read_exact_at(&mut buffer[..length], block * BLOCK)?;
        if buffer.iter().any(|&b| b != 0) {
            out.write_all_at(&[0xff; BITMAP as usize], next)?;
            write_sparse(out, &buffer, next + BITMAP)?;
            table[block as usize] = (next / SECTOR) as u32;
            next += BITMAP + BLOCK;
        }
        if !progress(done * BLOCK, occupied.len() as u64 * BLOCK) {
            return Err(VhdError::Stopped);
        }
    }
    let bytes: Vec<u8> = table.iter().flat_map(|e| e.to_be_bytes()).collect();
    out.write_all_at(&bytes, TABLE)?;
    // The table's last sector is full of unused entries.
    let end = TABLE + bytes.len() as u64;
    let fill = vec![0xff; (end.next_multiple_of(SECTOR) - end) as usize];
    out.write_all_at(&fill, end)?;
    let footer = footer(size, uuid, time);
    out.write_all_at(&footer, 0)?;
    out.write_all_at(&header(blocks), HEADER)?;
    out.write_all_at(&footer, next)?;
    Ok(())
}

/// Writes what is not zero of a block; the rest of it stays a hole.
fn write_sparse(out: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    const PIECE: usize = 1 << 16;
    for (n, piece) in (0..).zip(bytes.chunks(PIECE)) {
        if piece.iter().any(|&b| b != 0) {
            out.write_all_at(piece, at + n * PIECE as u64)?;
        }
    }
    Ok(())
}

fn footer(size: u64, uuid: [u8; 16], time: i64) -> Vec<u8> {
    let mut f = b"conectix".to_vec();
    f.extend(2u32.to_be_bytes()); // features: none, with the reserved bit
    f.extend(0x0001_0000u32.to_be_bytes());
    f.extend(HEADER.to_be_bytes());
    f.extend(u32::try_from(time - EPOCH).unwrap_or(0).to_be_bytes());
    // Readers take the size below in place of the geometry's only from creators they know.
    f.extend(b"win ");
    f.extend(0x0006_0001u32.to_be_bytes());
    f.extend(b"Wi2k");
    f.extend(size.to_be_bytes());
    f.extend(size.to_be_bytes());
    let (cylinders, heads, sectors) = geometry(size / SECTOR);
    f.extend(cylinders.to_be_bytes());
    f.extend([heads, sectors]);
    f.extend(3u32.to_be_bytes()); // dynamic
    f.extend(0u32.to_be_bytes()); // checksum, below
    f.extend(uuid);
    f.resize(SECTOR as usize, 0);
    let sum = checksum(&f);
    f[64..68].copy_from_slice(&sum.to_be_bytes());
    f
}

fn header(blocks: u64) -> Vec<u8> {
    let mut h = b"cxsparse".to_vec();
    h.extend(u64::MAX.to_be_bytes());
    h.extend(TABLE.to_be_bytes());
    h.extend(0x0001_0000u32.to_be_bytes());
    h.extend((blocks as u32).to_be_bytes());
    h.extend((BLOCK as u32).to_be_bytes());
    h.resize(1024, 0); // checksum, below; no parent
    let sum = checksum(&h);
    h[36..40].copy_from_slice(&sum.to_be_bytes());
    h
}

/// The specification's "CHS Calculation".
fn geometry(sectors: u64) -> (u16, u8, u8) {
    let total = sectors.min(65535 * 16 * 255);
    if total >= 65535 * 16 * 63 {
        return ((total / 255 / 16) as u16, 16, 255);
    }
    let mut per_track = 17;
    let mut tracks = total / per_track;
    let mut heads = tracks.div_ceil(1024).max(4);
    if tracks >= heads * 1024 || heads > 16 {
        (per_track, heads) = (31, 16);
        tracks = total / per_track;
    }
    if tracks >= heads * 1024 {
        (per_track, heads) = (63, 16);
        tracks = total / per_track;
    }
    ((tracks / heads) as u16, heads as u8, per_track as u8)
}

/// The ones' complement of the sum of all bytes.
fn checksum(bytes: &[u8]) -> u32 {
    !bytes.iter().map(|&b| u32::from(b)).sum::<u32>()
}
