//! GRUB for BIOS on a GPT disk: boot.img in the MBR, core.img in the BIOS boot partition,
//! and the addresses by which each finds the next. Source: GRUB 2 manual, "Images" and
//! "BIOS installation"; `boot.h` and `offsets.h` of GRUB for the field places.

use thiserror::Error;

const SECTOR: usize = 512;
/// Bytes of the MBR that are code; its disk signature and partition table follow.
pub const BOOT_CODE: usize = 440;
/// u64 LBA of core.img's first sector, in boot.img.
const KERNEL_SECTOR: usize = 0x5c;
/// The processor's instruction that does nothing.
const NOP: u8 = 0x90;
/// Two bytes of code that boot.img jumps over when the BIOS passes a wrong drive number.
const DRIVE_CHECK: usize = 0x66;
/// The first blocklist in core.img's first sector: u64 LBA, u16 sectors, u16 segment.
const BLOCKLIST: usize = 0x1f4;
const BLOCKLIST_SECTORS: usize = BLOCKLIST + 8;
const BLOCKLIST_SEGMENT: usize = BLOCKLIST + 10;
/// Real-mode segment that the rest of core.img is loaded to: 0x8200 bytes, as the first
/// sector is at 0x8000.
const SEGMENT: u16 = 0x820;

/// Why the images do not serve.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum GrubError {
    /// boot.img is one sector.
    #[error("boot.img has {0} bytes instead of 512")]
    BootSize(usize),
    /// core.img is at least two sectors and at most 65536.
    #[error("core.img has {0} bytes, which cannot be right")]
    CoreSize(usize),
}

/// The first 440 bytes of the MBR: boot.img that loads core.img from block `core_lba`.
///
/// # Errors
/// When `boot_img` is not one sector.
pub fn boot_sector(boot_img: &[u8], core_lba: u64) -> Result<[u8; BOOT_CODE], GrubError> {
    if boot_img.len() != SECTOR {
        return Err(GrubError::BootSize(boot_img.len()));
    }
    let mut boot = [0; BOOT_CODE];
    boot.copy_from_slice(&boot_img[..BOOT_CODE]);
    boot[KERNEL_SECTOR..KERNEL_SECTOR + 8].copy_from_slice(&core_lba.to_le_bytes());
    // As grub-setup does for hard disks: two NOPs, so that the BIOS's drive number is checked.
    boot[DRIVE_CHECK..DRIVE_CHECK + 2].copy_from_slice(&[NOP, NOP]);
    Ok(boot)
}

/// core.img, padded to whole sectors, that loads its own rest from the blocks after `core_lba`.
///
/// # Errors
/// When the size cannot be that of a core.img.
pub fn core_image(core_img: &[u8], core_lba: u64) -> Result<Vec<u8>, GrubError> {
    let mut core = core_img.to_vec();
    core.resize(core.len().next_multiple_of(SECTOR), 0);
    let rest = (core.len() / SECTOR).saturating_sub(1);
    let length =
        u16::try_from(rest).ok().filter(|&n| n > 0).ok_or(GrubError::CoreSize(core_img.len()))?;
    core[BLOCKLIST..BLOCKLIST + 8].copy_from_slice(&(core_lba + 1).to_le_bytes());
    core[BLOCKLIST_SECTORS..BLOCKLIST_SECTORS + 2].copy_from_slice(&length.to_le_bytes());
    core[BLOCKLIST_SEGMENT..BLOCKLIST_SEGMENT + 2].copy_from_slice(&SEGMENT.to_le_bytes());
    Ok(core)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_sizes_are_refused() {
        assert_eq!(boot_sector(&[0; 100], 34).unwrap_err(), GrubError::BootSize(100));
        assert_eq!(core_image(&[0; 512], 34).unwrap_err(), GrubError::CoreSize(512));
        assert_eq!(core_image(&[], 34).unwrap_err(), GrubError::CoreSize(0));
    }

    #[test]
    fn addresses_are_little_endian_blocks() {
        let boot = boot_sector(&[0xff; 512], 2048).unwrap();
        assert_eq!(boot[0x5c..0x68], [0, 8, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0x90, 0x90]);
        let core = core_image(&[0xff; 1300], 2048).unwrap();
        assert_eq!(core.len(), 1536);
        assert_eq!(core[0x1f4..0x200], [1, 8, 0, 0, 0, 0, 0, 0, 2, 0, 0x20, 0x08]);
    }
}
