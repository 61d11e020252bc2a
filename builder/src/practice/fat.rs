//! `images/efiboot.img`: a FAT filesystem with `EFI/BOOT`, as the firmware
//! finds it through the ISO's boot catalogue.

use std::io::{self, Cursor, Write};

/// Smallest image made, in bytes; firmware dislikes tiny FAT12 ones.
const LEAST: usize = 4 << 20;

/// An image holding `files`, given as paths in it and their bytes.
pub fn image(label: [u8; 11], files: &[(&str, &[u8])]) -> io::Result<Vec<u8>> {
    let needed: usize = files.iter().map(|(_, bytes)| bytes.len().next_multiple_of(4096)).sum();
    let size = (needed + needed / 16 + (512 << 10)).next_multiple_of(1 << 20).max(LEAST);
    let mut disk = Cursor::new(vec![0_u8; size]);
    let options = fatfs::FormatVolumeOptions::new().volume_label(label).volume_id(0x5052_4143);
    fatfs::format_volume(&mut disk, options)?;
    {
        let volume = fatfs::FileSystem::new(&mut disk, fatfs::FsOptions::new())?;
        let root = volume.root_dir();
        for (path, bytes) in files {
            let mut folder = root.clone();
            let mut parts = path.split('/').peekable();
            while let Some(part) = parts.next() {
                if parts.peek().is_some() {
                    folder = folder.create_dir(part)?;
                } else {
                    let mut file = folder.create_file(part)?;
                    file.write_all(bytes)?;
                    file.flush()?;
                }
            }
        }
    }
    let mut bytes = disk.into_inner();
    drop_dot_long_names(&mut bytes);
    Ok(bytes)
}

/// One directory entry, in bytes.
const ENTRY: usize = 32;

/// fatfs gives `.` and `..` long names, which fsck.fat rejects: where a
/// directory starts so, the two short entries move to its start and the rest
/// is marked deleted.
fn drop_dot_long_names(image: &mut [u8]) {
    for sector in image.chunks_exact_mut(512) {
        let long = |at: usize| sector[at * ENTRY] == 0x41 && sector[at * ENTRY + 11] == 0x0f;
        let short = |at: usize, name: &[u8; 11]| sector[at * ENTRY..][..11] == name[..];
        if long(0) && short(1, b".          ") && long(2) && short(3, b"..         ") {
            sector.copy_within(ENTRY..2 * ENTRY, 0);
            sector.copy_within(3 * ENTRY..4 * ENTRY, ENTRY);
            sector[2 * ENTRY] = 0xe5;
            sector[3 * ENTRY] = 0xe5;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn fsck_and_mtools_read_it() {
        let big = vec![7_u8; 3_000_000];
        let files: &[(&str, &[u8])] =
            &[("EFI/BOOT/BOOTX64.EFI", &big), ("EFI/BOOT/grub.cfg", b"set x=1\n")];
        let bytes = image(*b"PRACTICE   ", files).expect("image");
        assert_eq!(bytes, image(*b"PRACTICE   ", files).expect("the same image again"));
        let dir = tempfile::tempdir().expect("temporary folder");
        let path = dir.path().join("efiboot.img");
        std::fs::write(&path, &bytes).expect("image file");
        let out = Command::new("fsck.fat")
            .arg("-n")
            .arg(&path)
            .output()
            .expect("fsck.fat of the Debian package dosfstools");
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stdout));
        let out = Command::new("mtype")
            .arg("-i")
            .arg(&path)
            .arg("::/EFI/BOOT/grub.cfg")
            .output()
            .expect("mtype of the Debian package mtools");
        assert_eq!(out.stdout, b"set x=1\n");
    }
}
