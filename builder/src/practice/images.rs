//! The EFI boot image and the ISO images of the finished trees.

use super::boot::LABEL;
use crate::error::{Context, Error, Result};
use crate::format::fat;
use crate::format::iso9660::{self, BootEntry, Hybrid, Platform};
use crate::format::tree::{Content, Entry, Tree};
use crate::interrupt;
use std::fs::{self, File};
use std::io::{self, BufWriter, Cursor, Seek, SeekFrom, Write};
use std::path::Path;

/// Smallest FAT16 image made, in bytes: firmware dislikes FAT12 of this size.
const LEAST: u64 = 9 << 20;

/// A FAT image holding `files`, given as paths in it and their bytes, as
/// firmware finds it through the ISO's boot catalogue.
pub fn efi_image(files: &[(&str, &[u8])], time: i64) -> Result<Vec<u8>> {
    let mut tree = Tree::default();
    for (path, bytes) in files {
        tree.put(path, Entry::new(0o644, time, Content::Bytes(bytes.to_vec())));
    }
    let needed: u64 = files.iter().map(|(_, bytes)| bytes.len() as u64).sum();
    let size = (needed + needed / 16 + (1 << 20)).next_multiple_of(1 << 20).max(LEAST);
    let options = fat::Options {
        kind: fat::Kind::Fat16,
        bytes: size,
        volume_id: 0x5052_4143,
        label: "PRACTICE".into(),
        hidden_sectors: 0,
    };
    let mut disk = Cursor::new(vec![0; size as usize]);
    fat::write(&mut disk, &options, &tree).or_build(|| "cannot make efiboot.img".into())?;
    Ok(disk.into_inner())
}

/// Writes the tree at `folder` as the bootable image `path`. `hybrid` is the
/// boot code that starts it from a USB disk.
pub fn bootable(folder: &Path, path: &Path, hybrid: &[u8], time: i64) -> Result<()> {
    let entry = |platform, path: &str, load_sectors, boot_info_table| BootEntry {
        platform,
        path: path.into(),
        load_sectors,
        boot_info_table,
    };
    let efi = folder.join("images/efiboot.img");
    let sectors = fs::metadata(&efi).or_build(|| format!("no {}", efi.display()))?.len() / 512;
    let options = iso9660::Options {
        volume_id: LABEL.into(),
        time,
        el_torito: vec![
            entry(Platform::Bios, "isolinux/isolinux.bin", 4, true),
            entry(Platform::Efi, "images/efiboot.img", u16::try_from(sectors).unwrap_or(0), false),
        ],
        hybrid: Some(Hybrid { code: hybrid.to_vec(), disk_id: 0x5052_4143 }),
    };
    write(folder, path, &options)
}

/// Writes the tree at `folder` as the data image `path` named `label`.
pub fn plain(folder: &Path, path: &Path, label: &str, time: i64) -> Result<()> {
    let volume_id = label.to_string();
    write(folder, path, &iso9660::Options { volume_id, time, ..iso9660::Options::default() })
}

fn write(folder: &Path, path: &Path, options: &iso9660::Options) -> Result<()> {
    let what = || format!("cannot write {}", path.display());
    let mut tree = Tree::default();
    tree.put("", Entry::new(0o755, options.time, Content::Dir));
    gather(folder, "", options.time, &mut tree).or_build(what)?;
    let file = File::create(path).or_build(what)?;
    let mut out = Interruptible(BufWriter::with_capacity(1 << 20, file));
    let written = iso9660::write(&mut out, options, &tree);
    interrupt::check()?;
    written.or_build(what)?;
    out.flush().or_build(what)
}

fn gather(folder: &Path, prefix: &str, time: i64, tree: &mut Tree) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
        let meta = entry.metadata()?;
        if meta.is_dir() {
            tree.put(&path, Entry::new(0o755, time, Content::Dir));
            gather(&entry.path(), &path, time, tree)?;
        } else {
            let content = Content::File { path: entry.path(), size: meta.len() };
            tree.put(&path, Entry::new(0o644, time, content));
        }
    }
    Ok(())
}

/// Fails writing once the user wants to stop.
struct Interruptible<W>(W);

impl<W: Write> Write for Interruptible<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        interrupt::check().map_err(|error: Error| io::Error::other(error.message))?;
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl<W: Seek> Seek for Interruptible<W> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn firmware_tools_read_the_efi_image() {
        let big = vec![7_u8; 3_000_000];
        let files: &[(&str, &[u8])] =
            &[("EFI/BOOT/BOOTX64.EFI", &big), ("EFI/BOOT/grub.cfg", b"set x=1\n")];
        let bytes = efi_image(files, 1).expect("image");
        let dir = tempfile::tempdir().expect("temporary folder");
        let path = dir.path().join("efiboot.img");
        fs::write(&path, &bytes).expect("image file");
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

    #[test]
    fn xorriso_lists_a_data_image() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let tree = dir.path().join("tree");
        fs::create_dir_all(tree.join("repodata")).expect("folder");
        fs::write(tree.join("repodata/repomd.xml"), "<repomd/>").expect("file");
        let image = dir.path().join("x.iso");
        plain(&tree, &image, "PRACTICE-X", 1_686_355_200).expect("image");
        let out = Command::new("xorriso")
            .arg("-indev")
            .arg(&image)
            .args(["-pvd_info", "-find", "/", "-exec", "lsdl"])
            .output()
            .expect("xorriso of the Debian package xorriso");
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(out.status.success(), "{out:?}");
        assert!(text.contains("'/repodata/repomd.xml'"), "{text}");
        assert!(text.contains("PRACTICE-X"), "{text}");
    }
}
