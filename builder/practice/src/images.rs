//! The trees as ISO images.

use super::boot::LABEL;
use crate::error::{Context, Error, Result};
use crate::progress::{Cancel, Progress, Stage};
use formats::iso9660::{self, Boot, Platform};
use formats::tree::{ScanError, scan};
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

/// Directory, image and volume identifier of each.
const IMAGES: [(&str, &str, &str); 3] = [
    ("os", "practice-os.iso", LABEL),
    ("extras", "practice-extras.iso", "PRACTICE-EXTRAS"),
    ("osp10", "practice-osp10.iso", "PRACTICE-OSP10"),
];

/// The disk identifier of the install tree's image.
const DISK_ID: u32 = 0x5052_4143;
/// Sectors of 512 bytes of isolinux.bin that the BIOS loads; it loads the rest itself.
const ISOLINUX_SECTORS: u16 = 4;

/// Writes the image of every tree below `root` next to it; no file is newer than `time`.
/// The install tree's starts from a disk too, with `boot_code` in its boot record.
pub fn write(
    root: &Path,
    time: u32,
    boot_code: &[u8],
    progress: Progress<'_>,
    cancel: Cancel<'_>,
) -> Result<()> {
    for (done, (directory, image, volume)) in IMAGES.into_iter().enumerate() {
        cancel.check()?;
        progress(Stage::Images, done as u64, IMAGES.len() as u64);
        let tree = scan(&root.join(directory), time.into(), &mut || !cancel.is_requested())
            .map_err(unread)?;
        let path = root.join(image);
        let what = || format!("cannot write {}", path.display());
        let mut out = BufWriter::with_capacity(1 << 20, new_file(&path).or_build(what)?);
        let boot = if directory == "os" { boot() } else { Vec::new() };
        let options = iso9660::IsoOptions { volume_id: volume.to_owned(), time: time.into(), boot };
        iso9660::write(&mut out, &options, &tree).or_build(what)?;
        let file = out.into_inner().map_err(std::io::IntoInnerError::into_error).or_build(what)?;
        if directory == "os" {
            iso9660::make_hybrid(&file, boot_code, DISK_ID).or_build(what)?;
        }
    }
    progress(Stage::Images, IMAGES.len() as u64, IMAGES.len() as u64);
    Ok(())
}

/// Read again once it is written.
fn new_file(path: &Path) -> std::io::Result<File> {
    File::options().read(true).write(true).create_new(true).open(path)
}

/// As on CentOS's media: isolinux for BIOS, a FAT image with GRUB for UEFI.
fn boot() -> Vec<Boot> {
    vec![
        Boot {
            platform: Platform::Bios,
            path: "isolinux/isolinux.bin".to_owned(),
            boot_info_table: true,
            load_sectors: ISOLINUX_SECTORS,
        },
        Boot {
            platform: Platform::Efi,
            path: "images/efiboot.img".to_owned(),
            boot_info_table: false,
            load_sectors: 0,
        },
    ]
}

fn unread(error: ScanError) -> Error {
    match error {
        ScanError::Stopped => Error::cancelled(),
        error => Error::build(error.to_string()),
    }
}
