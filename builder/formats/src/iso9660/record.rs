//! Directory records (ECMA-119, 9.1) and the fields they are made of.

use super::error::IsoError;
use crate::bytes::{get_le16, get_le32};

/// The file is hidden.
pub const HIDDEN: u8 = 0x01;
/// The record is of a directory.
pub const DIRECTORY: u8 = 0x02;
/// The record is of a file's associated data, not of a file.
pub const ASSOCIATED: u8 = 0x04;
/// Another record of the same file follows.
pub const MULTI_EXTENT: u8 = 0x80;
/// Bytes before the name.
pub const FIXED: usize = 33;

/// Little-endian number at `at`, 0 past the end.
pub fn le32(bytes: &[u8], at: usize) -> u32 {
    get_le32(bytes, at).unwrap_or(0)
}

/// Little-endian number at `at`, 0 past the end.
pub fn le16(bytes: &[u8], at: usize) -> u16 {
    get_le16(bytes, at).unwrap_or(0)
}

/// One directory record, borrowed from its sector.
pub struct DirectoryRecord<'a> {
    /// Where it is in the image, for messages.
    pub at: u64,
    /// First block, the extended attribute record skipped.
    pub block: u64,
    /// Data length of this extent in bytes.
    pub size: u64,
    /// Recording time.
    pub time: [u8; 7],
    /// The file flags.
    pub flags: u8,
    /// Whether the data is interleaved with other files'.
    pub interleaved: bool,
    /// The identifier as stored.
    pub name: &'a [u8],
    /// The system use area.
    pub system_use: &'a [u8],
}

impl<'a> DirectoryRecord<'a> {
    /// Reads the record at the start of `bytes` (the rest of a sector), which is at byte `at`
    /// of the image. Gives the record and its length, or `None` at the sector's padding.
    pub fn parse(bytes: &'a [u8], at: u64) -> Result<Option<(Self, usize)>, IsoError> {
        let malformed = |what| IsoError::Malformed { offset: at, what };
        let length = usize::from(bytes.first().copied().unwrap_or(0));
        if length == 0 {
            return Ok(None);
        }
        let record = bytes
            .get(..length)
            .filter(|_| length > FIXED)
            .ok_or_else(|| malformed("length of the directory record"))?;
        let name_length = usize::from(record[32]);
        let name = record
            .get(FIXED..FIXED + name_length)
            .filter(|name| !name.is_empty())
            .ok_or_else(|| malformed("name outside of its directory record"))?;
        let after = FIXED + name_length + usize::from(name_length % 2 == 0);
        let mut time = [0; 7];
        time.copy_from_slice(&record[18..25]);
        let parsed = Self {
            at,
            block: u64::from(le32(record, 2)) + u64::from(record[1]),
            size: u64::from(le32(record, 10)),
            time,
            flags: record[25],
            interleaved: record[26] != 0 || record[27] != 0,
            name,
            system_use: record.get(after..).unwrap_or_default(),
        };
        Ok(Some((parsed, length)))
    }

    /// Whether this is the record of the directory itself or of its parent.
    pub fn is_dot(&self) -> bool {
        matches!(self.name, [0 | 1])
    }
}
