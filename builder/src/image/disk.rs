//! Tree + identity → disk image: partition table, boot loader and filesystems written
//! straight into a sparse file, without mount, loop device or root (XFS excepted).

mod split;
mod xfs;

use crate::base::error::{Context, Error, Result};
use crate::base::interrupt;
use crate::base::private::{self, Scratch};
use crate::layout::{
    self, Device, DiskLabel, DiskRange, Files, Format, Layout, Partition, SECTOR, uuid_bytes,
};
use formats::area::Area;
use formats::tree::Tree;
use formats::{ext4, fat, gpt, grub, lvm2, msdos, sparse, swap};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// What goes onto one disk.
pub struct DiskContent<'a> {
    /// The tree of all filesystems but the ESP, boot loader files included.
    pub root: &'a Tree,
    /// The ESP's tree.
    pub esp: &'a Tree,
    /// GRUB for BIOS, where the disk starts under it.
    pub grub: Option<&'a GrubImages>,
    /// The installed tree as a directory, for the target's own programs.
    pub target: &'a Path,
    /// Where temporary files of the image's size (but sparse) may be.
    pub scratch: &'a Path,
    /// Time stamp of the filesystems, seconds since 1970.
    pub time: i64,
}

/// GRUB's parts that BIOS reads from outside of filesystems.
pub struct GrubImages {
    /// boot.img, 512 bytes, as the target's package has it.
    pub boot: Vec<u8>,
    /// core.img, as the target's grub2-mkimage created it.
    pub core: Vec<u8>,
}

/// Fails where this machine cannot write what the layout asks for: before anything is written.
///
/// # Errors
/// An environment error that names what is missing.
pub fn check(layout: &Layout) -> Result<()> {
    match layout.filesystems().iter().find(|(_, files)| files.format == Format::Xfs) {
        Some((_, files)) => xfs::check(&files.mount),
        None => Ok(()),
    }
}

/// Where the raw image of a disk is whose first disk's is at `path`.
pub fn raw_path(path: &Path, disk: &DiskRange<'_>) -> PathBuf {
    match (disk.offset, path.extension()) {
        (0, _) => path.to_owned(),
        (_, Some(extension)) => {
            path.with_extension(format!("{}.{}", disk.name, extension.to_string_lossy()))
        }
        (_, None) => path.with_extension(&disk.name),
    }
}

/// Writes a raw image of each disk: the first to `path`, which must not exist. `progress`
/// gets bytes of file data written and to write; `log` the output of programs.
///
/// # Errors
/// A build error when writing fails or the content does not fit.
pub fn write(
    path: &Path,
    layout: &Layout,
    content: &DiskContent,
    log: &mut dyn FnMut(&str),
    progress: &mut (dyn FnMut(u64, u64) + Send),
) -> Result<()> {
    let what = || format!("cannot write {}", path.display());
    let file = private::create_file(path).or_build(what)?;
    // All disks are one file first: filesystems may lie on several.
    file.set_len(layout.total_size()).or_build(what)?;
    let boot = match content.grub {
        Some(grub) => Some(write_grub(&file, layout, grub)?),
        None => None,
    };
    for group in &layout.groups {
        lvm2::write(&file, &volume_group(layout, group, content.time)?).or_build(what)?;
    }
    for device in layout.devices() {
        if let layout::DeviceContent::Swap { uuid, label, .. } = device.content {
            let label = label.as_deref().unwrap_or_default();
            swap::write(&area(&file, &device), uuid_bytes(uuid)?, label).or_build(what)?;
        }
    }
    write_filesystems(&file, layout, content, log, progress)?;
    for disk in layout.disks().iter().skip(1) {
        let own = private::create_file(&raw_path(path, disk)).or_build(what)?;
        own.set_len(disk.size).or_build(what)?;
        copy_range(&file, disk, &own).or_build(what)?;
        interrupt::check()?;
        write_table(&own, layout, disk, None).or_build(what)?;
        own.sync_all().or_build(what)?;
    }
    file.set_len(layout.size).or_build(what)?;
    for disk in layout.disks().iter().take(1) {
        write_table(&file, layout, disk, boot.as_ref()).or_build(what)?;
    }
    file.sync_all().or_build(what)
}

/// Copies a disk's bytes to a file of its own, but for holes.
fn copy_range(from: &File, disk: &DiskRange<'_>, to: &File) -> io::Result<()> {
    const BLOCK: u64 = 4096;
    let end = disk.offset + disk.size;
    for extent in sparse::extents(from, end, BLOCK)? {
        let extent = extent.start.max(disk.offset)..extent.end.max(disk.offset);
        sparse::read(from, extent, &mut |at, bytes| {
            to.write_all_at(bytes, at - disk.offset)?;
            Ok(!interrupt::requested())
        })?;
    }
    Ok(())
}

/// Writes core.img where BIOS finds it, and returns the code of the boot record.
fn write_grub(file: &File, layout: &Layout, grub: &GrubImages) -> Result<[u8; grub::BOOT_CODE]> {
    let what = || "GRUB for BIOS".to_owned();
    // On an msdos label it is between the boot record and the first partition.
    let (lba, room, hint) = match (layout.label, layout.bios_boot()) {
        (DiskLabel::Msdos, _) => {
            let first = layout.partitions.iter().map(|p| p.offset / SECTOR).min().unwrap_or(1);
            (1, first.saturating_sub(1) * SECTOR, "write clearpart --disklabel=gpt")
        }
        (DiskLabel::Gpt, Some(p)) => {
            (p.offset / SECTOR, p.size, "give `part biosboot` a --size of 2")
        }
        (DiskLabel::Gpt, None) => {
            return Err(Error::build("the plan's disk has no BIOS boot partition"));
        }
    };
    let boot = grub::boot_sector(&grub.boot, lba).or_build(what)?;
    let image = grub::core_image(&grub.core, lba).or_build(what)?;
    if image.len() as u64 > room {
        let size = image.len();
        let message = format!("GRUB's core.img has {size} bytes, the place for it {room}");
        return Err(Error::build(message).hint(hint));
    }
    file.write_all_at(&image, lba * SECTOR).or_build(what)?;
    Ok(boot)
}

fn write_table(
    file: &File,
    layout: &Layout,
    disk: &DiskRange<'_>,
    boot: Option<&[u8; grub::BOOT_CODE]>,
) -> Result<()> {
    let what = || "partition table".to_owned();
    let own = layout.numbered(disk);
    if layout.label == DiskLabel::Msdos {
        let partition = |(_, p): &(u32, &Partition)| {
            let (first_lba, last_lba) = p.blocks(disk);
            let (kind, active, logical) = (p.msdos_type(), p.active, p.logical);
            msdos::MsdosPartition { kind, active, logical, first_lba, last_lba }
        };
        let partitions: Vec<_> = own.iter().map(partition).collect();
        return msdos::write(file, Layout::signature(disk)?, &partitions, boot).or_build(what);
    }
    let partitions = own
        .iter()
        .map(|(_, p)| {
            let (first_lba, last_lba) = p.blocks(disk);
            Ok(gpt::GptPartition {
                name: p.name.clone(),
                type_guid: uuid_bytes(p.type_guid())?,
                guid: uuid_bytes(&p.guid)?,
                first_lba,
                last_lba,
                attributes: 0,
            })
        })
        .collect::<Result<Vec<_>>>()?;
    gpt::write(file, disk.size, uuid_bytes(disk.guid)?, &partitions, boot).or_build(what)
}

/// A group in LVM's terms: where its logical volumes are is given in extents.
fn volume_group(
    layout: &Layout,
    group: &layout::VolumeGroup,
    time: i64,
) -> Result<lvm2::VolumeGroup> {
    let mut physical: Vec<lvm2::Physical> = Vec::new();
    for disk in layout.disks() {
        for (number, p) in layout.numbered(&disk) {
            let layout::DeviceContent::Physical { group: name, uuid } = &p.content else {
                continue;
            };
            if *name == group.name {
                let (uuid, device) = (uuid.clone(), format!("/dev/{}{number}", disk.name));
                physical.push(lvm2::Physical { uuid, device, offset: p.offset, size: p.size });
            }
        }
    }
    let segment = |piece: &layout::Piece| {
        let holds = |p: &lvm2::Physical| (p.offset..p.offset + p.size).contains(&piece.offset);
        let on = physical.iter().position(holds)?;
        let first = piece.offset.checked_sub(physical[on].offset + lvm2::DATA)? / group.extent;
        Some(lvm2::Segment { physical: on, first, extents: piece.size / group.extent })
    };
    let volume = |v: &layout::Volume| {
        let segments = v.pieces.iter().map(segment).collect::<Option<Vec<_>>>();
        let outside = || format!("the plan has {}/{} outside its group", group.name, v.name);
        let segments = segments.ok_or_else(|| Error::input(outside()))?;
        Ok(lvm2::Volume { name: v.name.clone(), uuid: v.uuid.clone(), segments })
    };
    let volumes = group.volumes.iter().map(volume).collect::<Result<_>>()?;
    let (name, uuid, extent) = (group.name.clone(), group.uuid.clone(), group.extent);
    Ok(lvm2::VolumeGroup { name, uuid, extent, physical, volumes, time })
}

/// A partition or logical volume in the image.
fn area<'a>(file: &'a File, device: &Device<'_>) -> Area<'a> {
    Area::new(file, device.pieces.iter().map(|piece| (piece.offset, piece.size)))
}

fn write_filesystems(
    file: &File,
    layout: &Layout,
    content: &DiskContent,
    log: &mut dyn FnMut(&str),
    progress: &mut (dyn FnMut(u64, u64) + Send),
) -> Result<()> {
    let all = layout.filesystems();
    let (esp, own): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|(_, files)| files.format == Format::Efi);
    for (device, files) in esp {
        write_esp(file, &device, files, content)?;
    }
    let mounts: Vec<&str> = own.iter().map(|(_, files)| files.mount.as_str()).collect();
    let trees = match mounts.as_slice() {
        ["/"] => vec![content.root.clone()],
        mounts => split::split(content.root, mounts, content.time),
    };
    let total = content.root.entries.values().map(|e| e.size()).sum();
    let mut before = 0;
    for ((device, files), tree) in own.iter().zip(&trees) {
        let what = || format!("filesystem of {}", files.mount);
        let Some(kind) = files.format.ext_kind() else {
            let scratch = Scratch::new(content.scratch, "xfs-").or_build(what)?;
            let place = xfs::Place {
                image: file,
                area: area(file, device),
                target: content.target,
                scratch: scratch.path(),
            };
            xfs::write(&place, files, tree, log, &mut |done| progress(before + done, total))?;
            before += tree.entries.values().map(|e| e.size()).sum::<u64>();
            continue;
        };
        let options = ext4::Ext4Options {
            kind,
            uuid: uuid_bytes(&files.uuid)?,
            hash_seed: uuid_bytes(&layout.hash_seed)?,
            label: files.label.clone().unwrap_or_default(),
            time: u32::try_from(content.time).unwrap_or(0),
            reserved_percent: 5,
        };
        let mut on = |done| {
            progress(before + done, total);
            !interrupt::requested()
        };
        let written = ext4::write(&area(file, device), &options, tree, &mut on);
        interrupt::check()?;
        written.or_build(what)?;
        before += tree.entries.values().map(|e| e.size()).sum::<u64>();
    }
    Ok(())
}

fn write_esp(file: &File, device: &Device<'_>, files: &Files, content: &DiskContent) -> Result<()> {
    let mut stream = Stream { area: area(file, device), at: 0 };
    let serial = u32::from_str_radix(&files.uuid.replace('-', ""), 16)
        .or_build(|| format!("`{}` is not a FAT serial number", files.uuid))?;
    let options = fat::FatOptions {
        size: device.size,
        serial,
        label: files.label.clone().unwrap_or_else(|| "ESP".to_owned()),
        fat32: true,
    };
    fat::write(&mut stream, &options, content.esp).or_build(|| "EFI system partition".to_owned())
}

/// A device of the image as a stream.
struct Stream<'a> {
    area: Area<'a>,
    at: u64,
}

impl Read for Stream<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.area.read_at(buffer, self.at)?;
        self.at += n as u64;
        Ok(n)
    }
}

impl Write for Stream<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let n = self.area.write_at(buffer, self.at)?;
        self.at += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Stream<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let (base, offset) = match to {
            SeekFrom::Start(at) => (at, 0),
            SeekFrom::End(offset) => (self.area.size(), offset),
            SeekFrom::Current(offset) => (self.at, offset),
        };
        self.at = base.checked_add_signed(offset).ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}
