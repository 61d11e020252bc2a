//! An image's partition table, of either kind.

use super::volume::uuid_text;
use formats::gpt::{self, GptError};
use formats::msdos;
use formats::read_at::ReadAt;
use std::collections::BTreeMap;

/// A disk's partition table.
pub struct PartitionTable {
    /// `gpt` or `msdos`, as parted calls them.
    pub label: &'static str,
    /// The disk's GUID, or the signature of an msdos label, `0x1234abcd`.
    pub identifier: String,
    /// Partitions by number, an extended one left out.
    pub partitions: BTreeMap<u32, TablePartition>,
    /// What is wrong with it, though it can be read.
    pub damage: Option<String>,
}

/// One partition.
pub struct TablePartition {
    /// Its name; empty on an msdos label, which has none.
    pub name: String,
    /// Its type's GUID, or the number of an msdos label, `0x83`.
    pub kind: String,
    /// Its GUID; empty on an msdos label.
    pub guid: String,
    /// First 512-byte block.
    pub first_lba: u64,
    /// Last 512-byte block, inclusive.
    pub last_lba: u64,
}

impl PartitionTable {
    /// Reads the table of a whole disk.
    ///
    /// # Errors
    /// When it has neither kind.
    pub fn read(disk: &dyn ReadAt) -> Result<Self, GptError> {
        match msdos::read(disk) {
            Ok(table) => Ok(Self::of_msdos(table)),
            Err(_) => gpt::read(disk).map(Self::of_gpt),
        }
    }

    fn of_gpt(table: gpt::Table) -> Self {
        let partition = |p: gpt::GptPartition| TablePartition {
            name: p.name,
            kind: uuid_text(&p.type_guid),
            guid: uuid_text(&p.guid),
            first_lba: p.first_lba,
            last_lba: p.last_lba,
        };
        let partitions = table.partitions.into_iter().map(|(n, p)| (n, partition(p))).collect();
        let identifier = uuid_text(&table.guid);
        Self { label: "gpt", identifier, partitions, damage: table.damage }
    }

    fn of_msdos(table: msdos::MsdosTable) -> Self {
        let partition = |p: msdos::MsdosPartition| TablePartition {
            name: String::new(),
            kind: format!("{:#04x}", p.kind),
            guid: String::new(),
            first_lba: p.first_lba,
            last_lba: p.last_lba,
        };
        let partitions = table.partitions.into_iter().map(|(n, p)| (n, partition(p))).collect();
        let identifier = signature_text(table.signature);
        Self { label: "msdos", identifier, partitions, damage: table.damage }
    }
}

/// The signature of an msdos label as sfdisk shows it.
pub fn signature_text(signature: u32) -> String {
    format!("{signature:#010x}")
}
