//! Where the parts of a FAT filesystem lie, and its boot and information sectors.

use super::{Error, Options};
use std::fmt;

/// Bytes of a sector.
pub(super) const SECTOR: u64 = 512;
/// Copies of the allocation table.
pub(super) const TABLES: u32 = 2;
/// Sector of the boot sector's copy, which the information sector's follows (FAT32).
pub(super) const BACKUP: u32 = 6;
/// Entries of the root directory, which has a place of its own before FAT32.
const ROOT_ENTRIES: u32 = 512;
/// Bytes of a directory entry.
const ENTRY: u64 = 32;
/// First cluster number.
const FIRST: u32 = 2;

/// Width of the allocation table's entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 12 bits: below 4085 clusters.
    Fat12,
    /// 16 bits: 4085 to 65524 clusters.
    Fat16,
    /// 32 bits (28 used): from 65525 clusters on, which is 33 MiB and more.
    Fat32,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FAT{}", self.bits())
    }
}

impl Kind {
    fn bits(self) -> u64 {
        match self {
            Self::Fat12 => 12,
            Self::Fat16 => 16,
            Self::Fat32 => 32,
        }
    }

    /// The specification tells the kind by the number of clusters alone.
    fn clusters(self) -> (u32, u32) {
        match self {
            Self::Fat12 => (1, 4084),
            Self::Fat16 => (4085, 65524),
            Self::Fat32 => (65525, 0x0fff_fff5),
        }
    }
}

/// The parts of a filesystem, in sectors.
pub(super) struct Geometry {
    pub kind: Kind,
    pub sectors: u32,
    pub reserved: u32,
    pub table_sectors: u32,
    root_sectors: u32,
    per_cluster: u32,
    /// How many clusters there are.
    pub clusters: u32,
}

impl Geometry {
    pub fn new(kind: Kind, bytes: u64) -> Result<Self, Error> {
        let (least, most) = kind.clusters();
        let wrong = || Error::Size { kind, bytes, least, most };
        let sectors = u32::try_from(bytes / SECTOR).map_err(|_| wrong())?;
        let candidates = match kind {
            // As mkfs.fat and Windows choose: small clusters on small disks.
            Kind::Fat32 if bytes <= 260 << 20 => 1..=1,
            Kind::Fat32 if bytes <= 8 << 30 => 8..=8,
            Kind::Fat32 if bytes <= 16 << 30 => 16..=16,
            Kind::Fat32 if bytes <= 32 << 30 => 32..=32,
            Kind::Fat32 => 64..=64,
            Kind::Fat12 | Kind::Fat16 => 1..=64,
        };
        candidates
            .filter(|per_cluster: &u32| per_cluster.is_power_of_two())
            .filter_map(|per_cluster| Self::with_clusters(kind, sectors, per_cluster))
            .find(|geometry| (least..=most).contains(&geometry.clusters))
            .ok_or_else(wrong)
    }

    fn with_clusters(kind: Kind, sectors: u32, per_cluster: u32) -> Option<Self> {
        let (reserved, root_sectors) = match kind {
            Kind::Fat32 => (32, 0),
            Kind::Fat12 | Kind::Fat16 => (1, ROOT_ENTRIES * ENTRY as u32 / SECTOR as u32),
        };
        let rest = sectors.checked_sub(reserved + root_sectors)?;
        // The table is for as many clusters as there would be without it, so
        // that it is a little longer than needed, as the specification allows.
        let entries = u64::from(rest / per_cluster + FIRST);
        let table_sectors = (entries * kind.bits()).div_ceil(8 * SECTOR) as u32;
        let clusters = rest.checked_sub(TABLES * table_sectors)? / per_cluster;
        let geometry =
            Self { kind, sectors, reserved, table_sectors, root_sectors, per_cluster, clusters };
        Some(geometry)
    }

    pub fn cluster_bytes(&self) -> u64 {
        u64::from(self.per_cluster) * SECTOR
    }

    /// First byte of a cluster.
    pub fn offset(&self, cluster: u32) -> u64 {
        let (root, bytes) = self.fixed_root();
        root + bytes + u64::from(cluster - FIRST) * self.cluster_bytes()
    }

    /// First byte and length of the root directory's own place; none on FAT32.
    pub fn fixed_root(&self) -> (u64, u64) {
        let before = u64::from(self.reserved) + u64::from(TABLES * self.table_sectors);
        (before * SECTOR, u64::from(self.root_sectors) * SECTOR)
    }

    /// The boot sector with its parameter block.
    pub fn boot_sector(&self, options: &Options, label: &[u8; 11]) -> [u8; 512] {
        let mut sector = [0; 512];
        let mut put = |at: usize, bytes: &[u8]| {
            sector[at..at + bytes.len()].copy_from_slice(bytes);
        };
        let wide = self.kind == Kind::Fat32;
        // A jump over the parameter block to an endless loop, as nothing boots here.
        let code: u8 = if wide { 0x5a } else { 0x3e };
        put(0, &[0xeb, code - 2, 0x90]);
        put(usize::from(code), &[0xeb, 0xfe]);
        put(3, b"MSWIN4.1");
        put(11, &(SECTOR as u16).to_le_bytes());
        put(13, &[self.per_cluster as u8]);
        put(14, &(self.reserved as u16).to_le_bytes());
        put(16, &[TABLES as u8]);
        put(17, &(if wide { 0 } else { ROOT_ENTRIES as u16 }).to_le_bytes());
        match u16::try_from(self.sectors) {
            Ok(sectors) if !wide => put(19, &sectors.to_le_bytes()),
            _ => put(32, &self.sectors.to_le_bytes()),
        }
        put(21, &[0xf8]);
        put(24, &63u16.to_le_bytes());
        put(26, &255u16.to_le_bytes());
        put(28, &options.hidden_sectors.to_le_bytes());
        let extended = if wide {
            put(36, &self.table_sectors.to_le_bytes());
            put(44, &FIRST.to_le_bytes());
            put(48, &1u16.to_le_bytes());
            put(50, &(BACKUP as u16).to_le_bytes());
            64
        } else {
            put(22, &(self.table_sectors as u16).to_le_bytes());
            36
        };
        // Drive 0x80, and the signature of the three fields that follow.
        put(extended, &[0x80, 0, 0x29]);
        put(extended + 3, &options.volume_id.to_le_bytes());
        put(extended + 7, label);
        put(extended + 18, format!("{:8}", self.kind.to_string()).as_bytes());
        put(510, &[0x55, 0xaa]);
        sector
    }

    /// The information sector of FAT32 when the first `used` clusters are.
    pub fn info_sector(&self, used: u32) -> [u8; 512] {
        let mut sector = [0; 512];
        sector[..4].copy_from_slice(b"RRaA");
        sector[484..488].copy_from_slice(b"rrAa");
        sector[488..492].copy_from_slice(&(self.clusters - used).to_le_bytes());
        // Where to look for a free cluster; all ones when there is none.
        let next = if used < self.clusters { FIRST + used } else { u32::MAX };
        sector[492..496].copy_from_slice(&next.to_le_bytes());
        sector[508..].copy_from_slice(&[0, 0, 0x55, 0xaa]);
        sector
    }

    /// The allocation table's beginning, for chains of these lengths one after
    /// another from the first cluster on.
    pub fn table(&self, chains: &[u32]) -> Vec<u8> {
        const END: u32 = 0x0fff_ffff;
        // The first two entries hold the medium's byte and the clean-shutdown bits.
        let mut entries = vec![0x0fff_fff8, END];
        for &length in chains {
            for left in (0..length).rev() {
                let next = entries.len() as u32 + 1;
                entries.push(if left == 0 { END } else { next });
            }
        }
        match self.kind {
            Kind::Fat32 => entries.iter().flat_map(|entry| entry.to_le_bytes()).collect(),
            Kind::Fat16 => entries.iter().flat_map(|entry| (*entry as u16).to_le_bytes()).collect(),
            Kind::Fat12 => entries
                .chunks(2)
                .flat_map(|pair| {
                    let high = pair.get(1).copied().unwrap_or(0) & 0xfff;
                    let [a, b, c, _] = (pair[0] & 0xfff | high << 12).to_le_bytes();
                    [a, b, c]
                })
                .collect(),
        }
    }
}
