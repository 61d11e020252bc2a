//! FAT filesystem of an EFI system partition, from a tree. By the `fatfs` crate, with
//! its directory entries corrected where `fsck.fat` rejects them.
//! Source: Microsoft FAT32 File System Specification 1.03.

use super::bytes::{le16, le32};
use super::tree::{Content, Tree};
use fatfs::{FatType, FileSystem, FormatVolumeOptions, FsOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use thiserror::Error;

/// FAT32 is told from FAT16 by its number of clusters alone.
const FAT32_MINIMUM_CLUSTERS: u64 = 65_525;
const SECTOR: u64 = 512;
/// Fields of the boot sector, which the specification calls `BPB_SecPerClus`, `RsvdSecCnt`,
/// `NumFATs`, `RootEntCnt`, `TotSec16`, `FATSz16`, `TotSec32`, `FATSz32` and `RootClus`.
const SECTORS_PER_CLUSTER: usize = 13;
const RESERVED_SECTORS: usize = 14;
const TABLES: usize = 16;
const ROOT_ENTRIES: usize = 17;
const SECTORS_16: usize = 19;
const TABLE_SECTORS_16: usize = 22;
const SECTORS_32: usize = 32;
const TABLE_SECTORS_32: usize = 36;
const ROOT_CLUSTER: usize = 44;
/// A volume of fewer clusters is FAT12.
const FAT16_MINIMUM_CLUSTERS: u64 = 4085;
/// Bytes of a directory's entry, and its fields.
const ENTRY: usize = 32;
const ATTRIBUTES: usize = 11;
const CLUSTER_HIGH: usize = 20;
const CLUSTER_LOW: usize = 26;
const ATTRIBUTE_LONG_NAME: u8 = 0x0f;
const ATTRIBUTE_DIRECTORY: u8 = 0x10;
const DELETED: u8 = 0xe5;

/// What the filesystem is to be.
#[derive(Clone, Debug)]
pub struct FatOptions {
    /// Size of the region in bytes.
    pub size: u64,
    /// Volume serial number.
    pub serial: u32,
    /// Volume label, at most 11 ASCII characters.
    pub label: String,
    /// Whether it has to be FAT32, as on a disk's ESP; else the size decides the kind.
    pub fat32: bool,
}

/// Why no filesystem was written.
#[derive(Debug, Error)]
pub enum FatError {
    /// The region is too small for FAT32.
    #[error("FAT32 needs at least {need} bytes, the region has {have}")]
    TooSmall {
        /// Least number of bytes.
        need: u64,
        /// The region's.
        have: u64,
    },
    /// An entry that FAT cannot hold.
    #[error("FAT cannot hold {0}")]
    Unsupported(String),
    /// Reading the tree's data or writing failed.
    #[error("{path}: {source}")]
    Io {
        /// The file at hand.
        path: String,
        /// The error.
        source: io::Error,
    },
}

/// Writes a filesystem with the tree's directories and files; owners and modes have
/// no place in FAT and are dropped.
///
/// # Errors
/// When the region is too small or full, an entry is neither directory nor file, or I/O fails.
pub fn write<S: Read + Write + Seek>(
    out: &mut S,
    options: &FatOptions,
    tree: &Tree,
) -> Result<(), FatError> {
    // Reserved sectors and two tables of 4 bytes a cluster come on top.
    let need = FAT32_MINIMUM_CLUSTERS * (SECTOR + 8) + 64 * SECTOR;
    if options.fat32 && options.size < need {
        return Err(FatError::TooSmall { need, have: options.size });
    }
    let io = |path: &str| {
        let path = path.to_owned();
        move |source| FatError::Io { path, source }
    };
    let mut label = [b' '; 11];
    for (to, from) in label.iter_mut().zip(options.label.bytes()) {
        *to = from;
    }
    let sectors =
        u32::try_from(options.size / SECTOR).map_err(|_| FatError::Unsupported("2 TiB".into()))?;
    let mut format = FormatVolumeOptions::new()
        .volume_id(options.serial)
        .volume_label(label)
        .total_sectors(sectors);
    if options.fat32 {
        let mut cluster = 4096;
        while cluster > 512 && options.size / u64::from(cluster) < FAT32_MINIMUM_CLUSTERS + 1024 {
            cluster /= 2;
        }
        format = format.fat_type(FatType::Fat32).bytes_per_cluster(cluster);
    }
    fatfs::format_volume(&mut *out, format).map_err(io("format"))?;
    {
        let filesystem = FileSystem::new(&mut *out, FsOptions::new()).map_err(io("mount"))?;
        let root = filesystem.root_dir();
        for (path, entry) in &tree.entries {
            let path = std::str::from_utf8(path)
                .map_err(|_| FatError::Unsupported("a non-UTF-8 name".into()))?;
            match &entry.content {
                Content::Dir if path.is_empty() => {}
                Content::Dir => drop(root.create_dir(path).map_err(io(path))?),
                Content::File { .. } | Content::Bytes(_) => {
                    let mut file = root.create_file(path).map_err(io(path))?;
                    let mut from = entry.open().map_err(io(path))?;
                    io::copy(&mut from, &mut file).and_then(|_| file.flush()).map_err(io(path))?;
                }
                _ => {
                    return Err(FatError::Unsupported(format!(
                        "{path}, which is neither directory nor file"
                    )));
                }
            }
        }
        // Counts the free clusters, which a fresh volume's FSInfo sector lacks.
        filesystem.stats().map_err(io("free clusters"))?;
    }
    correct_dot_entries(out).map_err(io("directory entries"))
}

/// The data of a file of a filesystem, at most `limit` bytes.
///
/// # Errors
/// When the file does not exist, or the filesystem is damaged.
pub fn read_file(image: &[u8], path: &str, limit: u64) -> io::Result<Vec<u8>> {
    let filesystem = FileSystem::new(io::Cursor::new(image.to_vec()), FsOptions::new())?;
    let mut bytes = Vec::new();
    filesystem.root_dir().open_file(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Where tables and directories are.
struct Geometry {
    /// Bits of a table's entry: 12, 16 or 32.
    bits: u64,
    /// Byte of the first table.
    fat: u64,
    /// Byte of cluster 2.
    data: u64,
    /// Bytes in a cluster.
    cluster: u64,
    /// First cluster of FAT32's root directory; 0 for the others, whose root has a region of its own.
    root: u32,
    /// Byte and length of that region.
    root_region: (u64, u64),
}

/// The specification's arithmetic ("FAT Type Determination", "Root Directory").
fn geometry(disk: &mut (impl Read + Seek)) -> io::Result<Geometry> {
    let mut boot = [0; 512];
    disk.seek(SeekFrom::Start(0))?;
    disk.read_exact(&mut boot)?;
    let u16_at = |at: usize| u64::from(le16(&boot, at));
    let u32_at = |at: usize| u64::from(le32(&boot, at));
    let or = |small: u64, large: u64| if small != 0 { small } else { large };
    let fat = u16_at(RESERVED_SECTORS) * SECTOR;
    let table = or(u16_at(TABLE_SECTORS_16), u32_at(TABLE_SECTORS_32)) * SECTOR;
    let root_start = fat + u64::from(boot[TABLES]) * table;
    let root_length = (u16_at(ROOT_ENTRIES) * ENTRY as u64).next_multiple_of(SECTOR);
    let data = root_start + root_length;
    let cluster = u64::from(boot[SECTORS_PER_CLUSTER]) * SECTOR;
    let clusters = (or(u16_at(SECTORS_16), u32_at(SECTORS_32)) * SECTOR - data) / cluster;
    let bits = match clusters {
        0..FAT16_MINIMUM_CLUSTERS => 12,
        FAT16_MINIMUM_CLUSTERS..FAT32_MINIMUM_CLUSTERS => 16,
        _ => 32,
    };
    let root = if bits == 32 { u32_at(ROOT_CLUSTER) as u32 } else { 0 };
    Ok(Geometry { bits, fat, data, cluster, root, root_region: (root_start, root_length) })
}

impl Geometry {
    /// The cluster after `cluster`, if it is not the last one.
    fn next(&self, disk: &mut (impl Read + Seek), cluster: u32) -> io::Result<Option<u32>> {
        let mut entry = [0; 4];
        disk.seek(SeekFrom::Start(self.fat + u64::from(cluster) * self.bits / 8))?;
        disk.read_exact(&mut entry)?;
        let word = u32::from_le_bytes(entry);
        let (next, end) = match self.bits {
            12 => (word >> (cluster % 2 * 4) & 0xfff, 0xff8),
            16 => (word & 0xffff, 0xfff8),
            _ => (word & 0x0fff_ffff, 0x0fff_fff8),
        };
        Ok((2..end).contains(&next).then_some(next))
    }
}

/// `fatfs` gives `.` and `..` long names, which take the place where the specification
/// wants the two entries themselves: they move to the front, the long names are freed.
/// Where the parent is the root directory, `..` is to name cluster 0.
fn correct_dot_entries(disk: &mut (impl Read + Write + Seek)) -> io::Result<()> {
    let g = geometry(disk)?;
    let mut pending = Vec::new();
    if g.root == 0 {
        let mut bytes = vec![0; g.root_region.1 as usize];
        disk.seek(SeekFrom::Start(g.root_region.0))?;
        disk.read_exact(&mut bytes)?;
        pending.extend(subdirectories(&bytes));
    } else {
        pending.push(g.root);
    }
    while let Some(first) = pending.pop() {
        let mut at = Some(first);
        while let Some(cluster) = at {
            let place = g.data + u64::from(cluster - 2) * g.cluster;
            let mut bytes = vec![0; g.cluster as usize];
            disk.seek(SeekFrom::Start(place))?;
            disk.read_exact(&mut bytes)?;
            if cluster == first && first != g.root {
                move_dots_to_front(&mut bytes, g.root);
                disk.seek(SeekFrom::Start(place))?;
                disk.write_all(&bytes)?;
            }
            pending.extend(subdirectories(&bytes));
            at = g.next(disk, cluster)?;
        }
    }
    Ok(())
}

/// First clusters of the directories that a piece of a directory lists, `.` and `..` aside.
fn subdirectories(bytes: &[u8]) -> Vec<u32> {
    let is_directory = |e: &&[u8]| {
        e[ATTRIBUTES] & ATTRIBUTE_DIRECTORY != 0 && e[ATTRIBUTES] != ATTRIBUTE_LONG_NAME
    };
    let entries = bytes.chunks_exact(ENTRY).take_while(|e| e[0] != 0);
    entries
        .filter(|e| e[0] != DELETED && e[0] != b'.')
        .filter(is_directory)
        .map(first_cluster)
        .collect()
}

fn first_cluster(entry: &[u8]) -> u32 {
    u32::from(le16(entry, CLUSTER_HIGH)) << 16 | u32::from(le16(entry, CLUSTER_LOW))
}

fn move_dots_to_front(cluster: &mut [u8], root: u32) {
    let entry = |c: &[u8], i: usize| c[i * ENTRY..(i + 1) * ENTRY].to_vec();
    let long = |e: &[u8]| e[ATTRIBUTES] == ATTRIBUTE_LONG_NAME;
    let first: Vec<Vec<u8>> = (0..4).map(|i| entry(cluster, i)).collect();
    if !(long(&first[0]) && first[1][0] == b'.' && long(&first[2]) && first[3].starts_with(b"..")) {
        return;
    }
    cluster[..ENTRY].copy_from_slice(&first[1]);
    cluster[ENTRY..2 * ENTRY].copy_from_slice(&first[3]);
    let dotdot = &mut cluster[ENTRY..2 * ENTRY];
    if first_cluster(dotdot) == root {
        dotdot[CLUSTER_HIGH..CLUSTER_HIGH + 2].fill(0);
        dotdot[CLUSTER_LOW..CLUSTER_LOW + 2].fill(0);
    }
    for i in [2, 3] {
        cluster[i * ENTRY..(i + 1) * ENTRY].fill(0);
        cluster[i * ENTRY] = DELETED;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Entry;
    use std::process::Command;

    fn options(size: u64) -> FatOptions {
        FatOptions { size, serial: 0x1234_abcd, label: "ESP".into(), fat32: size >= 40 << 20 }
    }

    #[test]
    fn fsck_and_mtools_accept_it() {
        let mut tree = Tree::default();
        let file = |bytes: &[u8]| Entry::new(0o644, 0, Content::Bytes(bytes.to_vec()));
        tree.put("EFI/BOOT/BOOTX64.EFI", file(&[7; 100_000]));
        tree.put("EFI/centos/grub.cfg", file(b"set timeout=1\n"));
        tree.put("EFI/centos/a rather long file name.txt", file(b"x"));
        for (size, bits) in [(200 << 20, 32), (40 << 20, 32), (20 << 20, 16), (2 << 20, 12)] {
            let image = tempfile::NamedTempFile::new().unwrap();
            image.as_file().set_len(size).unwrap();
            write(&mut image.as_file(), &options(size), &tree).unwrap();
            let fsck =
                Command::new("fsck.fat").arg("-nv").arg(image.path()).output().expect("dosfstools");
            let said = String::from_utf8_lossy(&fsck.stdout);
            assert!(
                fsck.status.success() && said.contains(&format!("{bits} bit entries")),
                "{said}"
            );
            let typed = Command::new("mtype")
                .arg("-i")
                .arg(image.path())
                .arg("::/EFI/centos/grub.cfg")
                .output()
                .expect("mtools");
            assert_eq!(typed.stdout, b"set timeout=1\n");
            let bytes = std::fs::read(image.path()).unwrap();
            let read = read_file(&bytes, "EFI/centos/grub.cfg", 100).unwrap();
            assert_eq!(read, typed.stdout);
            assert!(read_file(&bytes, "EFI/centos/none", 100).is_err());
        }
    }

    #[test]
    fn too_small_is_refused() {
        let error = write(
            &mut io::Cursor::new(vec![0; 1 << 20]),
            &FatOptions { fat32: true, ..options(1 << 20) },
            &Tree::default(),
        )
        .unwrap_err();
        assert!(matches!(error, FatError::TooSmall { have: 1_048_576, .. }));
    }
}
