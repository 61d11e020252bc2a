//! VMDK images ("monolithicSparse") from a sparse raw file. Source: VMware "Virtual Disk
//! Format 5.0": sparse extent header, embedded descriptor, grain directories and tables, of
//! which there are two copies, and grains of 64 KiB.

use super::sparse;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use thiserror::Error;

const SECTOR: u64 = 512;
/// Sectors in a grain.
const GRAIN: u64 = 128;
/// Entries in a grain table, and the sectors that they take.
const ENTRIES: u64 = 512;
const TABLE: u64 = ENTRIES * 4 / SECTOR;
/// The descriptor's place and size in sectors.
const DESCRIPTOR: u64 = 1;
const DESCRIPTOR_SIZE: u64 = 20;
/// Grain offsets are 32-bit sector numbers.
const MAX: u64 = 2 << 40;

/// Why no image was written.
#[derive(Debug, Error)]
pub enum VmdkError {
    /// Reading or writing failed.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The format ends at 2 TiB.
    #[error("a VMDK image has at most 2 TiB, the disk has {0} bytes")]
    TooLarge(u64),
    /// The caller asked to stop.
    #[error("stopped")]
    Stopped,
}

/// Where the tables lie, in sectors.
struct Places {
    /// Grains of the disk.
    grains: u64,
    /// Grain tables.
    tables: u64,
    /// Sectors of one directory.
    directory: u64,
    /// The first (redundant) and second directory, each with its tables behind it.
    directories: [u64; 2],
    /// Where grains begin.
    data: u64,
}

impl Places {
    fn new(capacity: u64) -> Self {
        let grains = capacity.div_ceil(GRAIN);
        let tables = grains.div_ceil(ENTRIES);
        let directory = (tables * 4).div_ceil(SECTOR);
        let first = DESCRIPTOR + DESCRIPTOR_SIZE;
        let second = first + directory + tables * TABLE;
        let data = (second + directory + tables * TABLE).next_multiple_of(GRAIN);
        Self { grains, tables, directory, directories: [first, second], data }
    }
}

/// Writes the content of `raw`, whose size is a multiple of 512, as a VMDK image into `out`,
/// which is empty. `id` tells this content from others in the descriptor; `progress` as for
/// the other image formats.
///
/// # Errors
/// When the disk is too large, reading or writing fails or `progress` asks to stop.
pub fn write(
    raw: &File,
    out: &File,
    id: u32,
    progress: &mut dyn FnMut(u64, u64) -> bool,
) -> Result<(), VmdkError> {
    let size = raw.metadata()?.len();
    if size > MAX {
        return Err(VmdkError::TooLarge(size));
    }
    let places = Places::new(size / SECTOR);
    let mut entries = vec![0u32; places.grains as usize];
    let bytes = GRAIN * SECTOR;
    let occupied = sparse::blocks(raw, size, bytes)?;
    let mut next = places.data;
    let mut buffer = vec![0; bytes as usize];
    for (done, &grain) in (1..).zip(&occupied) {
        let length = (size - grain * bytes).min(bytes) as usize;
        buffer.fill(0);
        raw.read_exact_at(&mut buffer[..length], grain * bytes)?;
        if buffer.iter().any(|&b| b != 0) {
            out.write_all_at(&buffer, next * SECTOR)?;
            entries[grain as usize] = next as u32;
            next += GRAIN;
        }
        if done % 64 == 0 && !progress(done * bytes, occupied.len() as u64 * bytes) {
            return Err(VmdkError::Stopped);
        }
    }
    out.set_len(next * SECTOR)?;
    for start in places.directories {
        let first = start + places.directory;
        let tables: Vec<u32> = (0..places.tables).map(|n| (first + n * TABLE) as u32).collect();
        out.write_all_at(&little_endian(&tables), start * SECTOR)?;
        for (n, table) in (0..).zip(entries.chunks(ENTRIES as usize)) {
            if table.iter().any(|&e| e != 0) {
                out.write_all_at(&little_endian(table), (first + n * TABLE) * SECTOR)?;
            }
        }
    }
    out.write_all_at(descriptor(size / SECTOR, id).as_bytes(), DESCRIPTOR * SECTOR)?;
    out.write_all_at(&header(size / SECTOR, &places), 0)?;
    Ok(())
}

fn header(capacity: u64, places: &Places) -> Vec<u8> {
    let mut h = b"KDMV".to_vec();
    h.extend(1u32.to_le_bytes());
    h.extend(3u32.to_le_bytes()); // line ends can be checked; the redundant tables are there
    for number in [capacity, GRAIN, DESCRIPTOR, DESCRIPTOR_SIZE] {
        h.extend(number.to_le_bytes());
    }
    h.extend((ENTRIES as u32).to_le_bytes());
    for number in [places.directories[0], places.directories[1], places.data] {
        h.extend(number.to_le_bytes());
    }
    h.push(0); // closed in order
    h.extend(b"\n \r\n"); // what a transfer as text would have spoilt
    h.resize(SECTOR as usize, 0); // no compression
    h
}

fn descriptor(capacity: u64, id: u32) -> String {
    let cylinders = (capacity / (16 * 63)).min(65535);
    format!(
        "# Disk DescriptorFile\nversion=1\nCID={id:08x}\nparentCID=ffffffff\n\
         createType=\"monolithicSparse\"\n\n# Extent description\n\
         RW {capacity} SPARSE \"disk.vmdk\"\n\n# The Disk Data Base\n#DDB\n\n\
         ddb.virtualHWVersion = \"4\"\nddb.geometry.cylinders = \"{cylinders}\"\n\
         ddb.geometry.heads = \"16\"\nddb.geometry.sectors = \"63\"\n\
         ddb.adapterType = \"lsilogic\"\n"
    )
}

fn little_endian(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|w| w.to_le_bytes()).collect()
}
