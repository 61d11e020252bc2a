//! What an image needs to start from a disk as well, and for the installer's check of its medium.

use super::eltorito::Platform;
use super::entries::both32;
use super::error::IsoWriteError;
use super::hybrid::{self, CYLINDER, Hybrid};
use super::image::Iso;
use super::media_sum::{implant_media_sum, is_unambiguous};
use super::model::{SECTOR, VOLUME_SIZE};
use std::fs::File;
use std::os::unix::fs::FileExt;

/// Bytes at the end that hold the second GPT, and that the media sum leaves out.
const TAIL: u64 = 64 << 10;

/// How long an image with `used` bytes has to be: whole cylinders, of which the last bytes are
/// free, and a length for which every checkisomd5 finds the same fragments.
pub fn padded(used: u64) -> u64 {
    let mut end = (used + TAIL).next_multiple_of(CYLINDER);
    while !is_unambiguous(end) {
        end += CYLINDER;
    }
    end
}

/// Makes a finished image with a BIOS and an EFI boot image start from a disk as well, as
/// isohybrid does: with `code` (syslinux' `isohdpfx.bin`) as boot record, partition tables whose
/// identifiers derive from `id`, and the media sum.
///
/// # Errors
/// When one of the boot images is missing, or reading or writing fails.
pub fn make_hybrid(image: &File, code: &[u8], id: u32) -> Result<(), IsoWriteError> {
    let iso = Iso::open(image.try_clone()?)?;
    let images = iso.boot_images()?;
    let find = |platform| {
        let found = images.iter().find(|image| image.platform == Some(platform));
        found.ok_or(IsoWriteError::Unbootable("the image has no boot image for BIOS or for EFI"))
    };
    let blocks = |sector: u32| u64::from(sector) * (SECTOR / 512);
    let (isolinux, efi) = (blocks(find(Platform::Bios)?.sector), find(Platform::Efi)?);
    let efi = (blocks(efi.sector), u64::from(efi.load_sectors));
    let end = padded(iso.length);
    image.set_len(end)?;
    // An image of 2^32 sectors has failed to be written.
    image.write_all_at(&both32((end / SECTOR) as u32), iso.primary_at + VOLUME_SIZE)?;
    hybrid::create(image, &Hybrid { code, isolinux, efi, id }, end)?;
    implant_media_sum(image, &mut |_, _| true)
}
