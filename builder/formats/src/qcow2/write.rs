//! Writes an image or an overlay.

use super::cluster::{Stored, append, store};
use super::entry::CLUSTER;
use super::error::Qcow2Error;
use super::model::{Backing, Compression};
use super::tables::{Tables, refcounts};
use crate::sparse;
use rayon::prelude::*;
use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};

/// Guest clusters that are read, compressed in parallel and written at a time: bounds memory.
const BATCH: usize = 256;

/// Writes the content of `raw` as a qcow2 image into `out`, which is empty. With `base`, the
/// image is an overlay that holds only the clusters in which `raw` differs from the base's
/// raw content, which must have the same size. `progress` gets bytes of data read and
/// in all, holes not counted, and returns whether to go on. The bytes do not depend on the
/// number of threads.
///
/// # Errors
/// When reading or writing fails or `progress` asks to stop.
pub fn write(
    raw: &File,
    out: &File,
    compression: Compression,
    base: Option<(Backing<'_>, &File)>,
    progress: &mut dyn FnMut(u64, u64) -> bool,
) -> Result<(), Qcow2Error> {
    let size = raw.metadata()?.len();
    let clusters = size.div_ceil(CLUSTER);
    let mut l2 = vec![0u64; clusters as usize];
    let tables = Tables::new(clusters);
    let mut data = BufWriter::with_capacity(1 << 20, out);
    data.seek(SeekFrom::Start(tables.data))?;
    let mut end = tables.data;
    let occupied = occupied(raw, base.map(|(_, file)| file), size)?;
    let total = occupied.len() as u64 * CLUSTER;
    let mut done = 0;
    for batch in occupied.chunks(BATCH) {
        let stored: Vec<Stored> = batch
            .par_iter()
            .map(|&cluster| store(raw, base.map(|(_, file)| file), size, cluster, compression))
            .collect::<io::Result<_>>()?;
        for (&cluster, stored) in batch.iter().zip(stored) {
            l2[cluster as usize] = append(&mut data, &mut end, stored)?;
        }
        done += batch.len() as u64 * CLUSTER;
        if !progress(done, total) {
            return Err(Qcow2Error::Stopped);
        }
    }
    // The file ends on a cluster's boundary, or the last compressed sectors would lie beyond it.
    data.flush()?;
    drop(data);
    let whole = end.next_multiple_of(CLUSTER);
    let refcounts = refcounts(&l2, whole);
    let backing = base.map(|(backing, _)| backing);
    let file_end = tables.write(out, size, &l2, refcounts, whole, compression, backing)?;
    out.set_len(file_end)?;
    Ok(())
}

/// Writes an empty overlay of `size` bytes on `backing` into `out`, which is empty: a disk
/// to write to that leaves the image below it as it is.
///
/// # Errors
/// When writing fails.
pub fn overlay(out: &File, size: u64, backing: Backing<'_>) -> Result<(), Qcow2Error> {
    let tables = Tables::new(size.div_ceil(CLUSTER));
    let l2 = vec![0; size.div_ceil(CLUSTER) as usize];
    let counts = refcounts(&l2, tables.data);
    let end =
        tables.write(out, size, &l2, counts, tables.data, Compression::None, Some(backing))?;
    out.set_len(end)?;
    Ok(())
}

/// Clusters that may hold something of the raw file's own.
fn occupied(raw: &File, base: Option<&File>, size: u64) -> io::Result<Vec<u64>> {
    let mut found = sparse::blocks(raw, size, CLUSTER)?;
    if let Some(base) = base {
        found.extend(sparse::blocks(base, size, CLUSTER)?);
        found.sort_unstable();
        found.dedup();
    }
    Ok(found)
}
