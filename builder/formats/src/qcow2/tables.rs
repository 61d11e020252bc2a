//! Header, L1 and L2 tables, reference counts.

use super::entry::{CLUSTER, CLUSTER_BITS, COMPRESSED, COPIED, ZERO};
use super::error::Qcow2Error;
use super::model::{Backing, Compression};
use std::fs::File;
use std::os::unix::fs::FileExt;

/// The header with the field for the compression type, padded to a multiple of 8.
const HEADER: u32 = 112;
/// QEMU's limit for the name of a backing file.
const MAX_NAME: usize = 1023;
/// Header extension: format of the backing file.
const BACKING_FORMAT: u32 = 0xe279_2aca;
/// Incompatible feature: the compression type is not zlib.
const COMPRESSION_TYPE: u64 = 1 << 3;

/// Reference counts of the data clusters up to `end`: one for each guest cluster in them.
pub fn refcounts(l2: &[u64], end: u64) -> Vec<u16> {
    let mut counts = vec![0u16; (end / CLUSTER) as usize];
    for &entry in l2 {
        if entry & COMPRESSED != 0 {
            let x = 62 - (CLUSTER_BITS - 8);
            let offset = entry & ((1 << x) - 1);
            let sectors = entry >> x & ((1 << (62 - x)) - 1);
            let last = (offset / 512 + sectors) * 512;
            for count in &mut counts[(offset / CLUSTER) as usize..=(last / CLUSTER) as usize] {
                *count += 1;
            }
        } else if entry & COPIED != 0 {
            counts[((entry & !(COPIED | ZERO)) / CLUSTER) as usize] = 1;
        }
    }
    counts
}

/// Where the tables lie: header, L1, L2, then data, then the reference counts.
pub struct Tables {
    l1_entries: u64,
    l1_clusters: u64,
    l2: u64,
    /// Where data begins.
    pub data: u64,
}

impl Tables {
    /// For a disk of this many guest clusters.
    pub fn new(clusters: u64) -> Self {
        let l1_entries = clusters.div_ceil(CLUSTER / 8);
        let l1_clusters = (l1_entries * 8).div_ceil(CLUSTER).max(1);
        let l2 = (1 + l1_clusters) * CLUSTER;
        Self { l1_entries, l1_clusters, l2, data: l2 + l1_entries * CLUSTER }
    }

    /// Writes everything but the data and returns the file's length. L2 tables without an
    /// entry stay holes that nothing refers to.
    #[expect(clippy::too_many_arguments, reason = "everything that the tables describe")]
    pub fn write(
        &self,
        out: &File,
        size: u64,
        l2: &[u64],
        mut counts: Vec<u16>,
        end: u64,
        compression: Compression,
        backing: Option<Backing<'_>>,
    ) -> Result<u64, Qcow2Error> {
        let mut l1 = Vec::new();
        counts[0] = 1;
        counts[1..=self.l1_clusters as usize].fill(1);
        for (n, table) in l2.chunks((CLUSTER / 8) as usize).enumerate() {
            if table.iter().all(|&e| e == 0) {
                l1.push(0);
                continue;
            }
            let place = self.l2 + n as u64 * CLUSTER;
            out.write_all_at(&big_endian(table), place)?;
            l1.push(place | COPIED);
            counts[(place / CLUSTER) as usize] = 1;
        }
        out.write_all_at(&big_endian(&l1), CLUSTER)?;
        let (blocks, table_clusters) = count_clusters(end / CLUSTER);
        counts.resize((end / CLUSTER + blocks + table_clusters) as usize, 1);
        let first_block = end + table_clusters * CLUSTER;
        let places: Vec<u64> = (0..blocks).map(|n| first_block + n * CLUSTER).collect();
        out.write_all_at(&big_endian(&places), end)?;
        let bytes: Vec<u8> = counts.iter().flat_map(|c| c.to_be_bytes()).collect();
        out.write_all_at(&bytes, first_block)?;
        let header = self.header(size, end, table_clusters, compression, backing)?;
        out.write_all_at(&header, 0)?;
        Ok(first_block + blocks * CLUSTER)
    }

    fn header(
        &self,
        size: u64,
        refcount_table: u64,
        refcount_clusters: u64,
        compression: Compression,
        backing: Option<Backing<'_>>,
    ) -> Result<Vec<u8>, Qcow2Error> {
        let extensions = extensions(backing);
        let name = backing.map_or("", |b| b.name);
        if name.len() > MAX_NAME {
            return Err(Qcow2Error::Name(name.len()));
        }
        let name_at = if name.is_empty() { 0 } else { u64::from(HEADER) + extensions.len() as u64 };
        let zstd = matches!(compression, Compression::Zstd(_));
        let mut h = b"QFI\xfb".to_vec();
        h.extend_from_slice(&3u32.to_be_bytes());
        h.extend_from_slice(&name_at.to_be_bytes());
        h.extend_from_slice(&(name.len() as u32).to_be_bytes());
        h.extend_from_slice(&CLUSTER_BITS.to_be_bytes());
        h.extend_from_slice(&size.to_be_bytes());
        h.extend_from_slice(&0u32.to_be_bytes()); // no encryption
        h.extend_from_slice(&(self.l1_entries as u32).to_be_bytes());
        h.extend_from_slice(&CLUSTER.to_be_bytes());
        h.extend_from_slice(&refcount_table.to_be_bytes());
        h.extend_from_slice(&(refcount_clusters as u32).to_be_bytes());
        h.extend_from_slice(&[0; 12]); // no snapshots
        h.extend_from_slice(&(if zstd { COMPRESSION_TYPE } else { 0 }).to_be_bytes());
        h.extend_from_slice(&[0; 16]); // no other feature bits
        h.extend_from_slice(&4u32.to_be_bytes()); // 2^4 bits of reference count
        h.extend_from_slice(&HEADER.to_be_bytes());
        h.extend_from_slice(&[u8::from(zstd), 0, 0, 0, 0, 0, 0, 0]);
        h.extend_from_slice(&extensions);
        h.extend_from_slice(name.as_bytes());
        Ok(h)
    }
}

/// Header extensions with their end mark.
fn extensions(backing: Option<Backing<'_>>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(backing) = backing {
        bytes.extend_from_slice(&BACKING_FORMAT.to_be_bytes());
        bytes.extend_from_slice(&(backing.format.len() as u32).to_be_bytes());
        bytes.extend_from_slice(backing.format.as_bytes());
        bytes.resize(bytes.len().next_multiple_of(8), 0);
    }
    bytes.extend_from_slice(&[0; 8]);
    bytes
}

/// Clusters of reference counts and of the table that lists them, for `clusters` others: the
/// counts count their own clusters too.
fn count_clusters(clusters: u64) -> (u64, u64) {
    let (mut blocks, mut table) = (0, 0);
    loop {
        let all = clusters + blocks + table;
        let next = (all.div_ceil(CLUSTER / 2), (blocks * 8).div_ceil(CLUSTER).max(1));
        if next == (blocks, table) {
            return next;
        }
        (blocks, table) = next;
    }
}

fn big_endian(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|w| w.to_be_bytes()).collect()
}
