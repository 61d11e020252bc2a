//! Volume descriptors (ECMA-119, 8): which of them to read, and what they say.

use super::eltorito;
use super::error::IsoError;
use super::model::{FIRST, SECTOR};
use super::record::{le16, le32};
use std::fs::File;
use std::os::unix::fs::FileExt;

/// More descriptors than any image has; the set is otherwise ended by a terminator.
const MOST: u64 = 64;
/// Offset of the root directory's record in a descriptor.
const ROOT_RECORD: usize = 156;

/// One primary or Joliet descriptor.
pub struct Descriptor {
    /// Where it is in the image.
    pub at: u64,
    /// The volume identifier's bytes.
    pub id: Vec<u8>,
    /// Bytes per logical block.
    pub block: u64,
    /// Volume space size in bytes.
    pub size: u64,
    /// The root directory's record.
    pub root: [u8; 34],
}

/// The descriptors that matter.
pub struct Descriptors {
    /// The primary one.
    pub primary: Descriptor,
    /// Joliet's supplementary one.
    pub joliet: Option<Descriptor>,
    /// The sector of El Torito's boot catalogue, by the boot record.
    pub boot_catalogue: Option<u32>,
}

impl Descriptor {
    fn parse(sector: &[u8; SECTOR as usize], at: u64) -> Result<Self, IsoError> {
        let block = u64::from(le16(sector, 128));
        if !matches!(block, 512 | 1024 | 2048) {
            return Err(IsoError::Malformed { offset: at + 128, what: "logical block size" });
        }
        let mut root = [0; 34];
        root.copy_from_slice(&sector[ROOT_RECORD..ROOT_RECORD + 34]);
        let size = u64::from(le32(sector, 80)) * block;
        Ok(Self { at, id: sector[40..72].to_vec(), block, size, root })
    }

    /// Where the root directory's record is in the image.
    pub fn root_at(&self) -> u64 {
        self.at + ROOT_RECORD as u64
    }
}

/// Reads the descriptor set of an image of `length` bytes.
pub fn read(file: &File, length: u64) -> Result<Descriptors, IsoError> {
    let (mut primary, mut joliet, mut boot_catalogue) = (None, None, None);
    for number in FIRST..FIRST + MOST {
        let at = number * SECTOR;
        if at + SECTOR > length {
            break;
        }
        let mut sector = [0; SECTOR as usize];
        file.read_exact_at(&mut sector, at)
            .map_err(|source| IsoError::Io { offset: at, source })?;
        if &sector[1..6] != b"CD001" {
            break;
        }
        match sector[0] {
            0 if sector[7..].starts_with(eltorito::SYSTEM) => {
                boot_catalogue.get_or_insert(le32(&sector, eltorito::CATALOGUE));
            }
            1 if primary.is_none() => primary = Some(Descriptor::parse(&sector, at)?),
            2 if matches!(&sector[88..91], b"%/@" | b"%/C" | b"%/E") && joliet.is_none() => {
                joliet = Some(Descriptor::parse(&sector, at)?);
            }
            255 => break,
            _ => {}
        }
    }
    Ok(Descriptors { primary: primary.ok_or(IsoError::NotIso)?, joliet, boot_catalogue })
}
