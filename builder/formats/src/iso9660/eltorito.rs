//! El Torito 1.0 boot catalogues (with UEFI 2.10, 13.3.2.1 for the EFI platform), and the boot
//! information table that isolinux wants in its image.

use super::error::IsoWriteError;
use super::model::{self, SECTOR};
use crate::bytes::{le16, le32};

/// The catalogue has one sector of 32-byte entries: one for validation, then one for the
/// default image and two for each further one.
pub const BOOT_MAX: usize = 32;
/// Largest boot image that is patched, as it is held in memory.
pub const PATCHED_MAX: u64 = 32 << 20;
/// The boot system identifier of a boot record, and where it names the catalogue's sector.
pub const SYSTEM: &[u8] = b"EL TORITO SPECIFICATION";
pub const CATALOGUE: usize = 71;
/// Bytes of an entry of the catalogue, and where it has how much is loaded and from which sector.
const ENTRY: usize = 32;
const LOAD: usize = 6;
const FIRST: usize = 8;
/// What entries begin with.
const BOOTABLE: u8 = 0x88;
const HEADER: u8 = 0x90;
const LAST_HEADER: u8 = 0x91;
const EXTENSION: u8 = 0x44;
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

/// One image of an existing catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BootImage {
    /// What starts it; nothing for a platform of another kind.
    pub platform: Option<Platform>,
    /// Its first sector of 2048 bytes.
    pub sector: u32,
    /// How many 512-byte sectors firmware loads.
    pub load_sectors: u16,
    /// Where its entry is in the catalogue.
    pub(super) at: usize,
}

impl BootImage {
    /// The entry's bytes from [`LOAD`] on for an image that is at `sector` and has `size` bytes.
    ///
    /// # Errors
    /// When the field for the size, in 512-byte sectors, is too small for it.
    pub(super) fn moved(
        &self,
        sector: u32,
        size: u64,
        path: &[u8],
    ) -> Result<[u8; 6], IsoWriteError> {
        let sectors = u16::try_from(size.div_ceil(512))
            .map_err(|_| IsoWriteError::path(path, "boot image of 32 MiB or more"))?;
        let mut bytes = [0; 6];
        bytes[..2].copy_from_slice(&sectors.to_le_bytes());
        bytes[2..].copy_from_slice(&sector.to_le_bytes());
        Ok(bytes)
    }

    /// Where in the catalogue [`BootImage::moved`]'s bytes go.
    pub(super) fn field(&self) -> u64 {
        (self.at + LOAD) as u64
    }
}

/// The images of a catalogue's first sector.
pub fn parse(catalogue: &[u8]) -> Result<Vec<BootImage>, &'static str> {
    let sum = catalogue[..ENTRY]
        .chunks_exact(2)
        .fold(0u16, |sum, pair| sum.wrapping_add(u16::from_le_bytes([pair[0], pair[1]])));
    if catalogue[0] != 1 || catalogue[30..ENTRY] != [0x55, 0xaa] || sum != 0 {
        return Err("validation entry of the boot catalogue");
    }
    let image = |at: usize, platform: u8| BootImage {
        platform: [Platform::Bios, Platform::Efi].into_iter().find(|p| p.id() == platform),
        sector: le32(catalogue, at + FIRST),
        load_sectors: le16(catalogue, at + LOAD),
        at,
    };
    let mut images = Vec::new();
    let (mut left, mut platform) = (1, catalogue[1]);
    for at in (ENTRY..catalogue.len()).step_by(ENTRY) {
        match catalogue[at] {
            EXTENSION => {}
            _ if left > 0 => {
                left -= 1;
                images.extend((catalogue[at] == BOOTABLE).then(|| image(at, platform)));
            }
            HEADER | LAST_HEADER => (left, platform) = (le16(catalogue, at + 2), catalogue[at + 1]),
            _ => break,
        }
    }
    Ok(images)
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
    sector[7..7 + SYSTEM.len()].copy_from_slice(SYSTEM);
    sector[CATALOGUE..CATALOGUE + 4].copy_from_slice(&catalogue.to_le_bytes());
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
    let mut at = ENTRY;
    for (number, (boot_image, (first, size))) in boot.iter().zip(images).enumerate() {
        if number > 0 {
            sector[at] = if number + 1 == boot.len() { LAST_HEADER } else { HEADER };
            sector[at + 1] = boot_image.platform.id();
            sector[at + 2] = 1;
            at += ENTRY;
        }
        sector[at] = BOOTABLE;
        let load = match boot_image.load_sectors {
            0 => u16::try_from(size.div_ceil(512)).unwrap_or(u16::MAX),
            load => load,
        };
        sector[at + LOAD..at + LOAD + 2].copy_from_slice(&load.to_le_bytes());
        sector[at + FIRST..at + FIRST + 4].copy_from_slice(&first.to_le_bytes());
        at += ENTRY;
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
    let fields = [model::FIRST as u32, sector, length, sum];
    for (at, field) in (TABLE.start..).step_by(4).zip(fields) {
        image[at..at + 4].copy_from_slice(&field.to_le_bytes());
    }
    Ok(())
}
