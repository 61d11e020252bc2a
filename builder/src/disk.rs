//! Tree + identity → disk image: partition table, boot loader, ESP and root filesystem
//! written straight into a sparse file, without mount, loop device or root.

use crate::error::{Context, Error, Result};
use crate::format::tree::Tree;
use crate::format::{ext4, fat, gpt, grub};
use crate::interrupt;
use crate::layout::{Layout, Partition, Purpose, uuid_bytes};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// What goes onto one disk.
pub struct Content<'a> {
    /// The root filesystem's tree, boot loader files included.
    pub root: &'a Tree,
    /// The ESP's tree.
    pub esp: &'a Tree,
    /// GRUB's boot.img, 512 bytes, as the target's package has it.
    pub boot_img: &'a [u8],
    /// GRUB's core.img, as the target's grub2-mkimage made it.
    pub core_img: &'a [u8],
    /// Time stamp of the filesystems, seconds since 1970.
    pub time: i64,
}

/// Writes a raw image of `layout.size` bytes to `path`, which must not exist. `progress`
/// gets bytes of file data written and to write.
///
/// # Errors
/// A build error when writing fails or the content does not fit.
pub fn write(
    path: &Path,
    layout: &Layout,
    content: &Content,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<()> {
    let what = || format!("cannot write {}", path.display());
    let file = File::options().read(true).write(true).create_new(true).open(path).or_build(what)?;
    file.set_len(layout.size).or_build(what)?;
    let core = region(layout, Purpose::BiosBoot)?;
    let boot = grub::boot_sector(content.boot_img, core.first_lba()).or_build(what)?;
    let image = grub::core_image(content.core_img, core.first_lba()).or_build(what)?;
    if image.len() as u64 > core.size {
        return Err(Error::build(format!(
            "GRUB's core.img has {} bytes, the BIOS boot partition {}",
            image.len(),
            core.size
        )));
    }
    write_table(&file, layout, &boot).or_build(what)?;
    file.write_all_at(&image, core.offset).or_build(what)?;
    write_esp(&file, layout, content).or_build(what)?;
    write_root(&file, layout, content, progress)?;
    file.sync_all().or_build(what)
}

fn region(layout: &Layout, purpose: Purpose) -> Result<&Partition> {
    layout
        .partition(purpose)
        .ok_or_else(|| Error::build(format!("the plan's disk has no {} partition", purpose.name())))
}

fn write_table(file: &File, layout: &Layout, boot: &[u8; 440]) -> Result<()> {
    let partitions = layout
        .partitions
        .iter()
        .map(|p| {
            Ok(gpt::Partition {
                name: p.purpose.name().to_owned(),
                type_guid: uuid_bytes(p.purpose.type_guid())?,
                guid: uuid_bytes(&p.guid)?,
                first_lba: p.first_lba(),
                last_lba: p.last_lba(),
                attributes: 0,
            })
        })
        .collect::<Result<Vec<_>>>()?;
    gpt::write(file, layout.size, uuid_bytes(&layout.guid)?, &partitions, Some(boot))
        .or_build(|| "partition table".to_owned())
}

fn write_esp(file: &File, layout: &Layout, content: &Content) -> Result<()> {
    let esp = region(layout, Purpose::Esp)?;
    let mut window = Window { file, start: esp.offset, size: esp.size, at: 0 };
    let options = fat::Options {
        size: esp.size,
        serial: layout.esp_serial,
        label: "ESP".to_owned(),
        fat32: true,
    };
    fat::write(&mut window, &options, content.esp).or_build(|| "EFI system partition".to_owned())
}

fn write_root(
    file: &File,
    layout: &Layout,
    content: &Content,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<()> {
    let root = region(layout, Purpose::Root)?;
    let options = ext4::Options {
        size: root.size,
        uuid: uuid_bytes(&layout.root_uuid)?,
        hash_seed: uuid_bytes(&layout.hash_seed)?,
        label: "root".to_owned(),
        time: u32::try_from(content.time).unwrap_or(0),
        reserved_percent: 5,
    };
    let total = content.root.entries.values().map(|e| e.size()).sum();
    let mut on = |done| {
        progress(done, total);
        !interrupt::requested()
    };
    let written = ext4::write(file, root.offset, &options, content.root, &mut on);
    interrupt::check()?;
    written.or_build(|| "root filesystem".to_owned())?;
    Ok(())
}

/// A partition of the image as a file of its own.
struct Window<'a> {
    file: &'a File,
    start: u64,
    size: u64,
    at: u64,
}

impl Window<'_> {
    fn room(&self, wanted: usize) -> usize {
        usize::try_from(self.size.saturating_sub(self.at)).map_or(wanted, |left| wanted.min(left))
    }
}

impl Read for Window<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = self.room(buffer.len());
        let n = self.file.read_at(&mut buffer[..room], self.start + self.at)?;
        self.at += n as u64;
        Ok(n)
    }
}

impl Write for Window<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let room = self.room(buffer.len());
        let n = self.file.write_at(&buffer[..room], self.start + self.at)?;
        self.at += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Window<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let (base, offset) = match to {
            SeekFrom::Start(at) => (at, 0),
            SeekFrom::End(offset) => (self.size, offset),
            SeekFrom::Current(offset) => (self.at, offset),
        };
        self.at = base.checked_add_signed(offset).ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}
