//! The partition table of PC BIOS machines, an "msdos label": four entries in the master boot
//! record, one of which may be an extended partition with a chain of logical ones in it. Source:
//! UEFI specification 2.10, section 5.2 (legacy MBR); the kernel's `block/partitions/msdos.c` for
//! the chain.

use super::read_at::ReadAt;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use thiserror::Error;

/// Blocks before a logical partition whose first one links it into the chain; a MiB, so that
/// logical partitions are aligned as all others are.
pub const LINK_BLOCKS: u64 = 2048;
/// Partitions in the master boot record; logical ones have the numbers after it.
pub const MAX_PRIMARY: u32 = 4;

const SECTOR: u64 = 512;
/// Logical partitions of one disk; the kernel itself ends at 256 partitions.
const MAX_LOGICAL: usize = 252;
const SIGNATURE: usize = 440;
const ENTRIES: usize = 446;
const ENTRY: usize = 16;
const MAGIC: [u8; 2] = [0x55, 0xaa];
const ACTIVE: u8 = 0x80;
/// Types of an extended partition; parted writes the first.
const EXTENDED: u8 = 0x05;
const EXTENDED_LBA: u8 = 0x0f;
const EXTENDED_LINUX: u8 = 0x85;
/// The type by which a GUID partition table keeps others off its disk.
const PROTECTIVE: u8 = 0xee;
/// The geometry that all BIOSes and tools assume.
const HEADS: u64 = 255;
const SECTORS_PER_TRACK: u64 = 63;
const LAST_CYLINDER: u64 = 1023;

/// Why no table was written or read.
#[derive(Debug, Error)]
pub enum MsdosError {
    /// Not such a table.
    #[error("no partition table in the master boot record")]
    None,
    /// More than the table holds.
    #[error("an msdos label holds four primary and extended partitions: {0} are too many")]
    TooMany(usize),
    /// A partition that its numbers of 32 bits cannot hold.
    #[error("block {0} is beyond the end of an msdos label, 2 TiB")]
    TooLarge(u64),
    /// A logical partition without room for its link.
    #[error("no free block before the logical partition at block {0}")]
    NoLink(u64),
    /// Reading or writing failed.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// One partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MsdosPartition {
    /// Its type, such as 0x83.
    pub kind: u8,
    /// Whether old BIOSes take it as the one to start from.
    pub active: bool,
    /// Whether it is in the extended partition; such ones come last.
    pub logical: bool,
    /// First 512-byte block.
    pub first_lba: u64,
    /// Last 512-byte block, inclusive.
    pub last_lba: u64,
}

/// Number of each partition in the order of the table: logical ones count from 5.
pub fn numbers(partitions: impl Iterator<Item = bool>) -> impl Iterator<Item = u32> {
    let mut next = (1, MAX_PRIMARY + 1);
    partitions.map(move |logical| {
        let number = if logical { &mut next.1 } else { &mut next.0 };
        *number += 1;
        *number - 1
    })
}

/// Writes the table with `boot` as the disk's first 440 bytes.
///
/// # Errors
/// When a partition does not fit or writing fails.
pub fn write(
    disk: &File,
    signature: u32,
    partitions: &[MsdosPartition],
    boot: Option<&[u8; SIGNATURE]>,
) -> Result<(), MsdosError> {
    let logical: Vec<&MsdosPartition> = partitions.iter().filter(|p| p.logical).collect();
    let mut record: Vec<Entry> =
        partitions.iter().filter(|p| !p.logical).map(Entry::of_partition).collect();
    if let (Some(first), Some(last)) = (logical.first(), logical.last()) {
        let start = link_lba(first)?;
        record.push(Entry::of_extended(start, last.last_lba));
        for (partition, next) in logical.iter().zip(logical.iter().skip(1).map(Some).chain([None]))
        {
            let link = link_lba(partition)?;
            let mut entries = vec![Entry { base_lba: link, ..Entry::of_partition(partition) }];
            if let Some(next) = next {
                let extent = Entry::of_extended(link_lba(next)?, next.last_lba);
                entries.push(Entry { base_lba: start, ..extent });
            }
            let mut sector = [0; SECTOR as usize];
            put_entries(&mut sector, &entries)?;
            disk.write_all_at(&sector, link * SECTOR)?;
        }
    }
    if record.len() > MAX_PRIMARY as usize {
        return Err(MsdosError::TooMany(record.len()));
    }
    let mut sector = [0; SECTOR as usize];
    sector[..SIGNATURE].copy_from_slice(boot.unwrap_or(&[0; SIGNATURE]));
    sector[SIGNATURE..SIGNATURE + 4].copy_from_slice(&signature.to_le_bytes());
    put_entries(&mut sector, &record)?;
    disk.write_all_at(&sector, 0)?;
    Ok(())
}

fn link_lba(partition: &MsdosPartition) -> Result<u64, MsdosError> {
    partition.first_lba.checked_sub(LINK_BLOCKS).ok_or(MsdosError::NoLink(partition.first_lba))
}

/// What an entry of a table says; its addresses count from a base of their own.
#[derive(Clone, Copy)]
struct Entry {
    kind: u8,
    active: bool,
    base_lba: u64,
    first_lba: u64,
    last_lba: u64,
}

impl Entry {
    fn of_partition(p: &MsdosPartition) -> Self {
        let MsdosPartition { kind, active, first_lba, last_lba, .. } = *p;
        Self { kind, active, base_lba: 0, first_lba, last_lba }
    }

    fn of_extended(first_lba: u64, last_lba: u64) -> Self {
        Self { kind: EXTENDED, active: false, base_lba: 0, first_lba, last_lba }
    }

    fn to_bytes(self) -> Result<[u8; ENTRY], MsdosError> {
        let number = |lba: u64| u32::try_from(lba).map_err(|_| MsdosError::TooLarge(lba));
        let first = number(self.first_lba)?.to_le_bytes();
        number(self.last_lba)?;
        let relative = number(self.first_lba - self.base_lba)?.to_le_bytes();
        let blocks = number(self.last_lba + 1 - self.first_lba)?.to_le_bytes();
        let mut entry = [0; ENTRY];
        entry[0] = if self.active { ACTIVE } else { 0 };
        entry[1..4].copy_from_slice(&address(u64::from(u32::from_le_bytes(first))));
        entry[4] = self.kind;
        entry[5..8].copy_from_slice(&address(self.last_lba));
        entry[8..12].copy_from_slice(&relative);
        entry[12..16].copy_from_slice(&blocks);
        Ok(entry)
    }
}

/// Head, sector and cylinder of a block; the last ones that there are where it is beyond them.
fn address(lba: u64) -> [u8; 3] {
    let cylinder = lba / (HEADS * SECTORS_PER_TRACK);
    let (cylinder, head, sector) = match cylinder <= LAST_CYLINDER {
        true => (cylinder, lba / SECTORS_PER_TRACK % HEADS, lba % SECTORS_PER_TRACK + 1),
        false => (LAST_CYLINDER, HEADS - 1, SECTORS_PER_TRACK),
    };
    // Each is below 256: the cylinder's upper two bits are above the sector's six.
    [head as u8, (sector | cylinder >> 8 << 6) as u8, (cylinder & 0xff) as u8]
}

fn put_entries(sector: &mut [u8; SECTOR as usize], entries: &[Entry]) -> Result<(), MsdosError> {
    for (number, entry) in entries.iter().enumerate() {
        let at = ENTRIES + number * ENTRY;
        sector[at..at + ENTRY].copy_from_slice(&entry.to_bytes()?);
    }
    sector[SECTOR as usize - 2..].copy_from_slice(&MAGIC);
    Ok(())
}

/// A table read from a disk.
#[derive(Clone, Debug)]
pub struct MsdosTable {
    /// The disk's signature.
    pub signature: u32,
    /// Partitions by number, the extended one left out.
    pub partitions: BTreeMap<u32, MsdosPartition>,
    /// What is wrong with the chain of logical partitions; those before it are known.
    pub damage: Option<String>,
}

/// Reads the table of a whole disk.
///
/// # Errors
/// When there is none, or it protects a GUID partition table.
pub fn read(disk: &dyn ReadAt) -> Result<MsdosTable, MsdosError> {
    let (sector, entries) = read_sector(disk, 0)?.ok_or(MsdosError::None)?;
    if entries.iter().any(|e| e.kind == PROTECTIVE) || entries.iter().all(|e| e.blocks == 0) {
        return Err(MsdosError::None);
    }
    let mut id = [0; 4];
    id.copy_from_slice(&sector[SIGNATURE..SIGNATURE + 4]);
    let mut table =
        MsdosTable { signature: u32::from_le_bytes(id), partitions: BTreeMap::new(), damage: None };
    for (number, entry) in (1..).zip(&entries) {
        if entry.is_extended() {
            table.damage = read_chain(disk, entry, &mut table.partitions).err();
        } else if entry.blocks > 0 {
            table.partitions.insert(number, entry.at(0, false));
        }
    }
    Ok(table)
}

/// An entry as it is in a sector.
struct Found {
    kind: u8,
    active: bool,
    first: u64,
    blocks: u64,
}

impl Found {
    fn is_extended(&self) -> bool {
        [EXTENDED, EXTENDED_LBA, EXTENDED_LINUX].contains(&self.kind) && self.blocks > 0
    }

    fn at(&self, base_lba: u64, logical: bool) -> MsdosPartition {
        let first_lba = base_lba + self.first;
        let last_lba = first_lba + self.blocks - 1;
        MsdosPartition { kind: self.kind, active: self.active, logical, first_lba, last_lba }
    }
}

type Sector = [u8; SECTOR as usize];

fn read_sector(disk: &dyn ReadAt, lba: u64) -> io::Result<Option<(Sector, Vec<Found>)>> {
    let mut sector = [0; SECTOR as usize];
    disk.read_exact_at(&mut sector, lba * SECTOR)?;
    if sector[SECTOR as usize - 2..] != MAGIC {
        return Ok(None);
    }
    let number = |at: usize| {
        let bytes = [sector[at], sector[at + 1], sector[at + 2], sector[at + 3]];
        u64::from(u32::from_le_bytes(bytes))
    };
    let entry = |n: usize| {
        let at = ENTRIES + n * ENTRY;
        let (first, blocks) = (number(at + 8), number(at + 12));
        Found { kind: sector[at + 4], active: sector[at] == ACTIVE, first, blocks }
    };
    Ok(Some((sector, (0..MAX_PRIMARY as usize).map(entry).collect())))
}

/// Follows the links in the extended partition.
fn read_chain(
    disk: &dyn ReadAt,
    extended: &Found,
    partitions: &mut BTreeMap<u32, MsdosPartition>,
) -> Result<(), String> {
    let mut link = extended.first;
    for number in (MAX_PRIMARY + 1..).take(MAX_LOGICAL) {
        let broken = |why: String| format!("logical partition {number}: {why}");
        let (_, entries) = read_sector(disk, link)
            .map_err(|e| broken(e.to_string()))?
            .ok_or_else(|| broken("its link is damaged".into()))?;
        let partition = entries.iter().find(|e| !e.is_extended() && e.blocks > 0);
        if let Some(partition) = partition {
            partitions.insert(number, partition.at(link, true));
        }
        let Some(next) = entries.iter().find(|e| e.is_extended()) else { return Ok(()) };
        // Forwards only, so that no chain is a circle.
        let following = extended.first + next.first;
        if following <= link {
            return Err(broken("its link leads back".into()));
        }
        link = following;
    }
    Err("more logical partitions than a disk can have".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read_at::Plain;
    use std::process::Command;

    const MIB: u64 = 2048;

    fn partition(kind: u8, first_mib: u64, mib: u64, logical: bool) -> MsdosPartition {
        let (first_lba, last_lba) = (first_mib * MIB, (first_mib + mib) * MIB - 1);
        MsdosPartition { kind, active: kind == 0x83 && !logical, logical, first_lba, last_lba }
    }

    fn output(program: &str, arguments: &[&str]) -> String {
        let output = Command::new(program).args(arguments).output().expect(program);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
        text(&output.stdout) + &text(&output.stderr)
    }

    fn image(mib: u64) -> tempfile::NamedTempFile {
        let image = tempfile::NamedTempFile::new().unwrap();
        image.as_file().set_len(mib << 20).unwrap();
        image
    }

    #[test]
    fn primary_and_logical_partitions_are_what_sfdisk_and_parted_read() {
        let image = image(20_000);
        let path = image.path().to_str().unwrap();
        // Beyond the 1024 cylinders that old addresses reach, too.
        let partitions = [
            partition(0x83, 1, 100, false),
            partition(0x82, 101, 50, false),
            partition(0x8e, 151, 300, false),
            partition(0x83, 452, 10_000, true),
            partition(0x82, 10_453, 64, true),
            partition(0xef, 10_518, 9_000, true),
        ];
        write(image.as_file(), 0x1234_abcd, &partitions, Some(&[0x90; 440])).unwrap();
        let verified = output("sfdisk", &["--verify", path]);
        assert!(verified.contains("No errors detected."), "{verified}");
        assert!(!verified.contains("overlap") && !verified.contains("mismatch"), "{verified}");
        let dump = output("sfdisk", &["--dump", path]);
        assert!(dump.contains("label: dos\nlabel-id: 0x1234abcd\n"), "{dump}");
        let words = dump.replace(' ', "");
        for line in [
            "1:start=2048,size=204800,type=83,bootable",
            "2:start=206848,size=102400,type=82",
            "3:start=309248,size=614400,type=8e",
            "4:start=923648,size=39049216,type=5",
            "5:start=925696,size=20480000,type=83",
            "6:start=21407744,size=131072,type=82",
            "7:start=21540864,size=18432000,type=ef",
        ] {
            assert!(words.contains(line), "{line}: {dump}");
        }
        let parted = output("parted", &["-s", "-m", path, "unit", "s", "print"]);
        assert!(parted.contains("msdos") && parted.contains("7:21540864s:39972863s"), "{parted}");
        let read = read(&Plain::new(image.reopen().unwrap()).unwrap()).unwrap();
        assert_eq!((read.signature, read.damage), (0x1234_abcd, None));
        let numbers: Vec<u32> = numbers(partitions.iter().map(|p| p.logical)).collect();
        let expected: Vec<_> = numbers.into_iter().zip(partitions).collect();
        assert_eq!(read.partitions.into_iter().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn what_the_table_cannot_hold_is_an_error() {
        let image = image(8);
        let five: Vec<_> = (0..5).map(|n| partition(0x83, 1 + n, 1, false)).collect();
        let error = write(image.as_file(), 1, &five, None).unwrap_err();
        assert!(matches!(error, MsdosError::TooMany(5)), "{error}");
        let far = partition(0x83, 2 << 20, 1, false);
        let error = write(image.as_file(), 1, &[far], None).unwrap_err();
        assert!(matches!(error, MsdosError::TooLarge(_)), "{error}");
    }

    #[test]
    fn chains_that_lead_back_end() {
        let image = image(64);
        let two = [partition(0x83, 2, 8, true), partition(0x83, 11, 8, true)];
        write(image.as_file(), 1, &two, None).unwrap();
        // The second link, in the first one's second entry, leads to the first one.
        let at = MIB * SECTOR + (ENTRIES + ENTRY + 8) as u64;
        image.as_file().write_all_at(&[0; 4], at).unwrap();
        let read = read(&Plain::new(image.reopen().unwrap()).unwrap()).unwrap();
        assert_eq!(read.partitions.len(), 1);
        assert!(read.damage.unwrap().contains("leads back"));
    }
}
