//! El Torito 1.0 boot catalogues (with UEFI 2.10, 13.3.2.1 for the EFI platform), and the boot
//! information table that isolinux wants in its image.

use super::error::IsoWriteError;
use super::model::SECTOR;

/// The catalogue has one sector of 32-byte entries: one for validation, then one for the
/// default image and two for each further one.
pub const BOOT_MAX: usize = 32;
/// Largest boot image that is patched, as it is held in memory.
pub const PATCHED_MAX: u64 = 32 << 20;
/// Bytes that the table is put after, and from which the checksum counts.
const TABLE: std::ops::Range<usize> = 8..64;

/// What starts a boot image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    /// A PC's BIOS.
    Bios,
    /// UEFI firmware; the image is a FAT file system.
    Efi,
}

/// One boot image, of the kind without emulation.
#[derive(Clone, Debug)]
pub struct Boot {
    /// What starts it.
    pub platform: Platform,
    /// A regular file of the tree.
    pub path: String,
    /// Whether to put isolinux' boot information table into the file's bytes 8 to 63.
    pub boot_info_table: bool,
    /// How many 512-byte sectors firmware loads; 0 for all of the file (at most 65535).
    pub load_sectors: u16,
}

impl Platform {
    fn id(self) -> u8 {
        match self {
            Self::Bios => 0,
            Self::Efi => 0xef,
        }
    }
}

/// The boot record volume descriptor, naming the catalogue's sector.
pub fn descriptor(catalogue: u32) -> [u8; SECTOR as usize] {
    let mut sector = [0; SECTOR as usize];
    sector[1..7].copy_from_slice(b"CD001\x01");
    sector[7..30].copy_from_slice(b"EL TORITO SPECIFICATION");
    sector[71..75].copy_from_slice(&catalogue.to_le_bytes());
    sector
}

/// The catalogue of at least one image; `images` has each one's first sector and size in bytes.
pub fn catalogue(boot: &[Boot], images: &[(u32, u64)]) -> [u8; SECTOR as usize] {
    let mut sector = [0; SECTOR as usize];
    sector[0] = 1;
    sector[1] = boot.first().map_or(0, |first| first.platform.id());
    sector[30..32].copy_from_slice(&[0x55, 0xaa]);
    let sum = sector[..32]
        .chunks_exact(2)
        .fold(0u16, |sum, pair| sum.wrapping_add(u16::from_le_bytes([pair[0], pair[1]])));
    sector[28..30].copy_from_slice(&sum.wrapping_neg().to_le_bytes());
    let mut at = 32;
    for (number, (boot_image, (first, size))) in boot.iter().zip(images).enumerate() {
        if number > 0 {
            sector[at] = if number + 1 == boot.len() { 0x91 } else { 0x90 };
            sector[at + 1] = boot_image.platform.id();
            sector[at + 2] = 1;
            at += 32;
        }
        sector[at] = 0x88;
        let load = match boot_image.load_sectors {
            0 => u16::try_from(size.div_ceil(512)).unwrap_or(u16::MAX),
            load => load,
        };
        sector[at + 6..at + 8].copy_from_slice(&load.to_le_bytes());
        sector[at + 8..at + 12].copy_from_slice(&first.to_le_bytes());
        at += 32;
    }
    sector
}

/// Puts the boot information table into a boot image that starts at `sector`.
pub fn patch(image: &mut [u8], sector: u32, path: &str) -> Result<(), IsoWriteError> {
    if image.len() < TABLE.end {
        return Err(IsoWriteError::path(path.as_bytes(), "too short for a boot information table"));
    }
    let sum = image[TABLE.end..].chunks(4).fold(0u32, |sum, chunk| {
        let mut word = [0; 4];
        word[..chunk.len()].copy_from_slice(chunk);
        sum.wrapping_add(u32::from_le_bytes(word))
    });
    image[TABLE].fill(0);
    // At most `PATCHED_MAX`.
    let length = image.len() as u32;
    let fields = [super::volume::FIRST as u32, sector, length, sum];
    for (at, field) in (TABLE.start..).step_by(4).zip(fields) {
        image[at..at + 4].copy_from_slice(&field.to_le_bytes());
    }
    Ok(())
}
