//! The system area of an image that starts from a disk as well: isohybrid's boot record, MBR
//! partition table and GPT (UEFI 2.10, 5.2 and 5.3), which name places of the image.

use super::error::IsoWriteError;
use super::model::{FIRST, SECTOR};
use crate::bytes::{le16, le32, le64};
use flate2::Crc;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;

/// Images are padded to whole cylinders of isohybrid's geometry, 64 heads of 32 sectors.
pub const CYLINDER: u64 = 1 << 20;
/// Bytes of a sector as partition tables count them.
const BLOCK: u64 = 512;
/// A partition that begins before this block holds the whole image.
const WHOLE: u64 = FIRST * SECTOR / BLOCK;
/// The parts of a boot record: code, sector of isolinux, disk identifier, table, signature.
const CODE: usize = 432;
const DISK_ID: usize = 440;
const TABLE: usize = 446;
const TABLE_ENTRY: usize = 16;
const SIGNATURE: usize = 510;
const EFI_PARTITION: u8 = 0xef;
/// An end that cylinders, heads and sectors cannot express.
const NO_CHS: [u8; 3] = [0xfe, 0xff, 0xff];
/// The fields of a GPT header.
const HEADER_SIZE: usize = 92;
const HEADER_CRC: Range<usize> = 16..20;
const CURRENT: Range<usize> = 24..32;
const BACKUP: Range<usize> = 32..40;
const LAST_USABLE: Range<usize> = 48..56;
const ENTRIES_AT: Range<usize> = 72..80;
const ENTRIES_CRC: Range<usize> = 88..92;
/// The fields of an entry.
const ENTRY_FIRST: Range<usize> = 32..40;
const ENTRY_LAST: Range<usize> = 40..48;
const ENTRY_NAME: usize = 56;
/// Entries of a GPT as everybody writes them.
const ENTRIES: usize = 128;
const ENTRY: usize = 128;
/// More bytes of entries than any table has.
const ENTRIES_MAX: u64 = 1 << 20;
/// Microsoft's basic data, in the bytes' order on the disk: the type that isohybrid gives.
const BASIC_DATA: [u8; 16] = [
    0xa2, 0xa0, 0xd0, 0xeb, 0xe5, 0xb9, 0x33, 0x44, 0x87, 0xc0, 0x68, 0xb6, 0xb7, 0x26, 0x99, 0xc7,
];

/// Why an image without boot record is refused.
pub const NO_BOOT_RECORD: IsoWriteError = IsoWriteError::Unbootable(
    "the image has no boot record in its system area: it does not start from a USB stick",
);

/// A boot image that is somewhere else than before, in 512-byte blocks.
pub struct Moved {
    /// Its first block before.
    pub from: u64,
    /// Its first block now.
    pub to: u64,
    /// How many it has now.
    pub blocks: u64,
}

/// What a new system area is made of; places are in 512-byte blocks.
pub struct Hybrid<'a> {
    /// Code of the boot record that starts isolinux, at most 432 bytes (syslinux' `isohdpfx.bin`).
    pub code: &'a [u8],
    /// The first block of isolinux.
    pub isolinux: u64,
    /// The first block of the EFI image, and how many it has.
    pub efi: (u64, u64),
    /// The disk's identifier; those of the GPT derive from it.
    pub id: u32,
}

/// The tables of an image's system area.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemArea {
    /// MBR partitions: type, first block, blocks.
    pub partitions: Vec<(u8, u64, u64)>,
    /// GPT partitions: name, first block, last block.
    pub gpt: Vec<(String, u64, u64)>,
}

fn field(bytes: &mut [u8], range: Range<usize>, value: u64) {
    let length = range.len();
    bytes[range].copy_from_slice(&value.to_le_bytes()[..length]);
}

fn crc(bytes: &[u8]) -> u64 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum().into()
}

/// The boot record, if there is one with a partition.
fn boot_record(image: &File) -> Result<Option<[u8; BLOCK as usize]>, IsoWriteError> {
    let mut record = [0; BLOCK as usize];
    image.read_exact_at(&mut record, 0)?;
    let used = record[..CODE].iter().any(|byte| *byte != 0);
    Ok((used && record[SIGNATURE..] == [0x55, 0xaa]).then_some(record))
}

/// Reads the tables of the system area; nothing when a disk with the image does not start.
///
/// # Errors
/// When the image cannot be read.
pub fn read_system_area(image: &File) -> Result<Option<SystemArea>, IsoWriteError> {
    let Some(record) = boot_record(image)? else { return Ok(None) };
    let entry = |number: usize| {
        let entry = &record[TABLE + number * TABLE_ENTRY..][..TABLE_ENTRY];
        (entry[4], u64::from(le32(entry, 8)), u64::from(le32(entry, 12)))
    };
    let partitions = (0..4).map(entry).filter(|(_, _, blocks)| *blocks > 0).collect();
    let mut gpt = Vec::new();
    if let Some((header, entries)) = read_gpt(image)? {
        let size = le32(&header, 84) as usize;
        for entry in entries.chunks_exact(size).filter(|entry| is_used(entry)) {
            let units = entry[ENTRY_NAME..].chunks_exact(2).map(|pair| le16(pair, 0));
            let name: Vec<u16> = units.take_while(|unit| *unit != 0).collect();
            let (first, last) = (le64(entry, ENTRY_FIRST.start), le64(entry, ENTRY_LAST.start));
            gpt.push((String::from_utf16_lossy(&name), first, last));
        }
    }
    Ok(Some(SystemArea { partitions, gpt }))
}

fn is_used(entry: &[u8]) -> bool {
    entry[..16].iter().any(|byte| *byte != 0)
}

/// A header, and its entries.
type Gpt = ([u8; BLOCK as usize], Vec<u8>);

/// The header in block 1 and its entries, if there is a GPT.
fn read_gpt(image: &File) -> Result<Option<Gpt>, IsoWriteError> {
    let mut header = [0; BLOCK as usize];
    image.read_exact_at(&mut header, BLOCK)?;
    if !header.starts_with(b"EFI PART") {
        return Ok(None);
    }
    let (count, size) = (u64::from(le32(&header, 80)), u64::from(le32(&header, 84)));
    let (bytes, at) = (count * size, le64(&header, ENTRIES_AT.start));
    let too_long = image.metadata()?.len() / BLOCK;
    if !(ENTRY as u64..=4096).contains(&size) || bytes > ENTRIES_MAX || at >= too_long {
        return Err(IsoWriteError::Unbootable("the GPT in its system area is damaged"));
    }
    let mut entries = vec![0; bytes as usize];
    image.read_exact_at(&mut entries, at * BLOCK)?;
    Ok(Some((header, entries)))
}

/// Writes a system area for a whole image of `end` bytes, which has room for a second GPT.
///
/// # Errors
/// When writing fails.
pub fn create(image: &File, hybrid: &Hybrid<'_>, end: u64) -> Result<(), IsoWriteError> {
    let mut record = [0; BLOCK as usize];
    let code = &hybrid.code[..hybrid.code.len().min(CODE)];
    record[..code.len()].copy_from_slice(code);
    field(&mut record, CODE..DISK_ID, hybrid.isolinux);
    field(&mut record, DISK_ID..DISK_ID + 4, hybrid.id.into());
    let whole = [0x80, 0, 1, 0, 0, 63, 32, 0];
    record[TABLE..TABLE + 8].copy_from_slice(&whole);
    // The block counts follow with the rest of the places.
    record[TABLE + 12] = 1;
    let efi = &mut record[TABLE + TABLE_ENTRY..][..TABLE_ENTRY];
    efi[1..4].copy_from_slice(&NO_CHS);
    efi[4] = EFI_PARTITION;
    efi[5..8].copy_from_slice(&NO_CHS);
    field(efi, 8..12, hybrid.efi.0);
    field(efi, 12..16, hybrid.efi.1);
    record[SIGNATURE..].copy_from_slice(&[0x55, 0xaa]);
    image.write_all_at(&record, 0)?;
    let guid = |number: u8| {
        let mut guid = [number; 16];
        guid[..4].copy_from_slice(&hybrid.id.to_le_bytes());
        // Version 8, "vendor specific" (RFC 9562, 5.8).
        (guid[7], guid[8]) = (0x80 | number & 0xf, 0x80 | number & 0x3f);
        guid
    };
    let mut header = [0; BLOCK as usize];
    header[..16].copy_from_slice(b"EFI PART\0\0\x01\0\x5c\0\0\0");
    field(&mut header, CURRENT, 1);
    field(&mut header, 40..48, 64);
    header[56..72].copy_from_slice(&guid(0));
    field(&mut header, ENTRIES_AT, 2);
    field(&mut header, 80..84, ENTRIES as u64);
    field(&mut header, 84..88, ENTRY as u64);
    image.write_all_at(&header, BLOCK)?;
    let mut entries = vec![0; ENTRIES * ENTRY];
    let names = [("ISOHybrid ISO", 0, 0), ("ISOHybrid", hybrid.efi.0, hybrid.efi.1)];
    for (number, (name, first, blocks)) in names.into_iter().enumerate() {
        let entry = &mut entries[number * ENTRY..][..ENTRY];
        entry[..16].copy_from_slice(&BASIC_DATA);
        entry[16..32].copy_from_slice(&guid(number as u8 + 1));
        field(entry, ENTRY_FIRST, first);
        field(entry, ENTRY_LAST, (first + blocks).saturating_sub(1));
        for (at, unit) in (ENTRY_NAME..).step_by(2).zip(name.encode_utf16()) {
            entry[at..at + 2].copy_from_slice(&unit.to_le_bytes());
        }
    }
    image.write_all_at(&entries, 2 * BLOCK)?;
    update(image, end, &[])
}

/// Makes the tables those of an image of `end` bytes with boot images in other places.
///
/// # Errors
/// When the image has no boot record or a damaged GPT, or writing fails.
pub fn update(image: &File, end: u64, moved: &[Moved]) -> Result<(), IsoWriteError> {
    let mut record = boot_record(image)?.ok_or(NO_BOOT_RECORD)?;
    for entry in record[TABLE..SIGNATURE].chunks_exact_mut(TABLE_ENTRY) {
        let (first, blocks) = (u64::from(le32(entry, 8)), u64::from(le32(entry, 12)));
        if blocks == 0 {
            continue;
        }
        if let Some(moved) = moved.iter().find(|moved| moved.from == first) {
            field(entry, 8..12, moved.to);
            field(entry, 12..16, moved.blocks);
        } else if first < WHOLE {
            field(entry, 12..16, end / BLOCK - first);
            if entry[5..8] != NO_CHS {
                let last = (end / CYLINDER).min(1024) - 1;
                // The cylinder's two high bits are those of the sector's byte.
                entry[5..8].copy_from_slice(&[63, 32 | (last >> 2 & 0xc0) as u8, last as u8]);
            }
        }
    }
    image.write_all_at(&record, 0)?;
    update_gpt(image, end, moved)
}

fn update_gpt(image: &File, end: u64, moved: &[Moved]) -> Result<(), IsoWriteError> {
    let Some((mut header, mut entries)) = read_gpt(image)? else { return Ok(()) };
    let last = end / BLOCK - 1;
    let backup = last - (entries.len() as u64).div_ceil(BLOCK);
    let size = le32(&header, 84) as usize;
    for entry in entries.chunks_exact_mut(size).filter(|entry| is_used(entry)) {
        let first = le64(entry, ENTRY_FIRST.start);
        if let Some(moved) = moved.iter().find(|moved| moved.from == first) {
            field(entry, ENTRY_FIRST, moved.to);
            field(entry, ENTRY_LAST, moved.to + moved.blocks - 1);
        } else if first < WHOLE {
            field(entry, ENTRY_LAST, backup - 1);
        }
    }
    field(&mut header, LAST_USABLE, backup - 1);
    field(&mut header, ENTRIES_CRC, crc(&entries));
    let own = le64(&header, ENTRIES_AT.start);
    for (current, other, at) in [(1, last, own), (last, 1, backup)] {
        field(&mut header, CURRENT, current);
        field(&mut header, BACKUP, other);
        field(&mut header, ENTRIES_AT, at);
        header[HEADER_CRC].fill(0);
        let sum = crc(&header[..HEADER_SIZE]);
        field(&mut header, HEADER_CRC, sum);
        image.write_all_at(&entries, at * BLOCK)?;
        image.write_all_at(&header, current * BLOCK)?;
    }
    Ok(())
}
