//! The El Torito boot catalogue.

use super::{Error, Iso, SECTOR, le16, le32};

/// Firmware that a boot image is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    /// x86 BIOS (platform 0x00).
    Bios,
    /// UEFI (platform 0xEF).
    Efi,
    /// Another platform number.
    Other(u8),
}

impl Platform {
    fn from_id(id: u8) -> Self {
        match id {
            0 => Self::Bios,
            0xef => Self::Efi,
            other => Self::Other(other),
        }
    }
}

/// One boot image that the catalogue names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BootImage {
    /// The firmware it is for.
    pub platform: Platform,
    /// Whether firmware may boot it.
    pub bootable: bool,
    /// Emulated medium: 0 none, 1..=3 a floppy, 4 a hard disk.
    pub emulation: u8,
    /// 512-byte sectors that firmware loads; not always the image's size.
    pub load_sectors: u16,
    /// First block of the image in 2048-byte sectors.
    pub lba: u32,
}

impl BootImage {
    fn parse(platform: Platform, entry: &[u8]) -> Self {
        Self {
            platform,
            bootable: entry[0] == 0x88,
            emulation: entry[1] & 0x0f,
            load_sectors: le16(entry, 6),
            lba: le32(entry, 8),
        }
    }
}

/// Reads the catalogue in sector `lba`. One sector holds 64 entries of 32
/// bytes; no catalogue in use is longer.
pub(super) fn catalogue(iso: &Iso, lba: u32) -> Result<Vec<BootImage>, Error> {
    let offset = u64::from(lba) * SECTOR;
    let sector = iso.bytes_at(offset, SECTOR as usize, "the El Torito boot catalogue")?;
    let mut entries = sector.chunks_exact(32).enumerate();
    let mut images = Vec::new();
    let (Some((_, validation)), Some((_, default))) = (entries.next(), entries.next()) else {
        return Ok(images);
    };
    let sum = (0..16).fold(0u16, |sum, word| sum.wrapping_add(le16(validation, word * 2)));
    if validation[0] != 1 || validation[30..] != [0x55, 0xaa] || sum != 0 {
        return Err(Error::malformed(offset, "El Torito validation entry is invalid"));
    }
    images.push(BootImage::parse(Platform::from_id(validation[1]), default));
    while let Some((at, header)) = entries.next() {
        // 0x90: more headers follow; 0x91: the last one; anything else: no more.
        if !matches!(header[0], 0x90 | 0x91) {
            break;
        }
        let platform = Platform::from_id(header[1]);
        let mut expected = le16(header, 2);
        while expected > 0 {
            let Some((_, entry)) = entries.next() else {
                let what = format!("El Torito section lacks {expected} of its entries");
                return Err(Error::malformed(offset + at as u64 * 32, what));
            };
            // 0x44 extends the entry before it with selection criteria.
            if entry[0] != 0x44 {
                images.push(BootImage::parse(platform, entry));
                expected -= 1;
            }
        }
        if header[0] == 0x91 {
            break;
        }
    }
    Ok(images)
}
