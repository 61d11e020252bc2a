//! GUID partition table with its backup and the protective MBR (UEFI specification 2.10,
//! chapter 5), by the `gpt` crate.

use super::read_at::{ReadAt, Stream};
use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use thiserror::Error;
use uuid::Uuid;

/// Why no table was written or read.
#[derive(Debug, Error)]
pub enum GptError {
    /// The table itself.
    #[error("{0}")]
    Table(#[from] gpt::GptError),
    /// The protective MBR.
    #[error("protective MBR: {0}")]
    Mbr(#[from] gpt::mbr::MBRError),
    /// Writing failed.
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// One entry of the table.
#[derive(Clone, Debug)]
pub struct GptPartition {
    /// Name, at most 36 UTF-16 units.
    pub name: String,
    /// Type GUID, bytes in textual order.
    pub type_guid: [u8; 16],
    /// Unique GUID, bytes in textual order.
    pub guid: [u8; 16],
    /// First 512-byte block.
    pub first_lba: u64,
    /// Last 512-byte block, inclusive.
    pub last_lba: u64,
    /// Attribute bits.
    pub attributes: u64,
}

/// Writes both tables of a disk of `size` bytes, and the protective MBR with `boot` as its
/// first 440 bytes.
///
/// # Errors
/// When a partition does not fit or writing fails.
pub fn write(
    disk: &File,
    size: u64,
    guid: [u8; 16],
    partitions: &[GptPartition],
    boot: Option<&[u8; 440]>,
) -> Result<(), GptError> {
    let blocks = u32::try_from(size / 512 - 1).unwrap_or(u32::MAX);
    gpt::mbr::ProtectiveMBR::with_lb_size(blocks).overwrite_lba0(&mut &*disk)?;
    if let Some(boot) = boot {
        disk.write_all_at(boot, 0)?;
    }
    let mut table = gpt::GptConfig::new()
        .writable(true)
        .logical_block_size(gpt::disk::LogicalBlockSize::Lb512)
        .create_from_device(disk, Some(Uuid::from_bytes(guid)))?;
    let entries: BTreeMap<u32, gpt::partition::Partition> = (1..)
        .zip(partitions)
        .map(|(number, p)| {
            let type_guid = gpt::partition_types::Type {
                guid: Uuid::from_bytes(p.type_guid),
                os: gpt::partition_types::OperatingSystem::None,
            };
            let entry = gpt::partition::Partition {
                part_type_guid: type_guid,
                part_guid: Uuid::from_bytes(p.guid),
                first_lba: p.first_lba,
                last_lba: p.last_lba,
                flags: p.attributes,
                name: p.name.clone(),
            };
            (number, entry)
        })
        .collect();
    table.update_partitions(entries)?;
    table.write()?;
    Ok(())
}

/// A table as it is on a disk.
#[derive(Clone, Debug)]
pub struct Table {
    /// The disk's GUID, bytes in textual order.
    pub guid: [u8; 16],
    /// Partitions by their number in the table, which is from 1.
    pub partitions: BTreeMap<u32, GptPartition>,
    /// What is wrong with one of the two copies of the table; the other one was read.
    pub damage: Option<String>,
}

/// Reads the table of a whole disk.
///
/// # Errors
/// When neither copy of the table can be read.
pub fn read(disk: &dyn ReadAt) -> Result<Table, GptError> {
    let table = gpt::GptConfig::new()
        .writable(false)
        .logical_block_size(gpt::disk::LogicalBlockSize::Lb512)
        .open_from_device(Stream::new(disk))?;
    let damage = match (table.primary_header(), table.backup_header()) {
        (Err(e), _) => Some(format!("first partition table: {e}")),
        (_, Err(e)) => Some(format!("backup of the partition table: {e}")),
        (Ok(_), Ok(_)) => None,
    };
    let partition = |p: &gpt::partition::Partition| GptPartition {
        name: p.name.clone(),
        type_guid: *p.part_type_guid.guid.as_bytes(),
        guid: *p.part_guid.as_bytes(),
        first_lba: p.first_lba,
        last_lba: p.last_lba,
        attributes: p.flags,
    };
    let partitions = table.partitions().iter().map(|(n, p)| (*n, partition(p))).collect();
    Ok(Table { guid: *table.guid().as_bytes(), partitions, damage })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn sgdisk_accepts_it() {
        let image = tempfile::NamedTempFile::new().unwrap();
        let size = 64 << 20;
        image.as_file().set_len(size).unwrap();
        let linux = Uuid::parse_str("0FC63DAF-8483-4772-8E79-3D69D8477DE4").unwrap();
        let partition = |n: u8, first, last| GptPartition {
            name: format!("part {n}"),
            type_guid: *linux.as_bytes(),
            guid: [n; 16],
            first_lba: first,
            last_lba: last,
            attributes: 0,
        };
        let parts = [partition(1, 2048, 4095), partition(2, 4096, 100_000)];
        write(image.as_file(), size, [9; 16], &parts, Some(&[0x90; 440])).unwrap();
        let output =
            Command::new("sgdisk").arg("-v").arg("-p").arg(image.path()).output().expect("gdisk");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.contains("No problems found"), "{said}");
        assert!(said.contains("part 1") && said.contains("part 2"), "{said}");
        assert!(said.contains("09090909-0909-0909-0909-090909090909"), "{said}");
        let mut first = [0; 440];
        image.as_file().read_exact_at(&mut first, 0).unwrap();
        assert_eq!(first, [0x90; 440]);
    }
}
