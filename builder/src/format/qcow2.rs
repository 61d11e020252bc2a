//! qcow2 images from a sparse raw file. Source: QEMU docs/interop/qcow2.txt, version 3
//! ("compat 1.1"), 64 KiB clusters, 16-bit reference counts; compressed clusters are raw
//! deflate with a 12-bit window, as decoders expect.

use flate2::{Compress, Compression, FlushCompress, Status};
use rayon::prelude::*;
use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use thiserror::Error;

const CLUSTER_BITS: u32 = 16;
const CLUSTER: u64 = 1 << CLUSTER_BITS;
const WINDOW_BITS: u8 = 12;
const COPIED: u64 = 1 << 63;
const COMPRESSED: u64 = 1 << 62;
/// Guest clusters that are read, compressed in parallel and written at a time: bounds memory.
const BATCH: usize = 256;
const HEADER: usize = 104;

/// Why no image was written.
#[derive(Debug, Error)]
pub enum Error {
    /// Reading or writing failed.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The caller asked to stop.
    #[error("stopped")]
    Stopped,
}

/// How clusters are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compressed {
    /// As they are.
    No,
    /// Deflate at this level, 1 to 9; readable by every QEMU since 0.10.
    Zlib(u32),
}

/// Writes the content of `raw` as a qcow2 image into `out`, which is empty. `progress` gets
/// bytes of data looked at and in all, holes not counted, and returns whether to go on. The bytes do not
/// depend on the number of threads.
///
/// # Errors
/// When reading or writing fails or `progress` says stop.
pub fn write(
    raw: &File,
    out: &File,
    compressed: Compressed,
    progress: &mut dyn FnMut(u64, u64) -> bool,
) -> Result<(), Error> {
    let size = raw.metadata()?.len();
    let clusters = size.div_ceil(CLUSTER);
    let mut l2 = vec![0u64; clusters as usize];
    let tables = Tables::new(clusters);
    let mut data = BufWriter::with_capacity(1 << 20, out);
    data.seek(SeekFrom::Start(tables.data))?;
    let mut end = tables.data;
    let occupied = data_clusters(raw, size)?;
    let total = occupied.len() as u64 * CLUSTER;
    let mut done = 0;
    for batch in occupied.chunks(BATCH) {
        let stored: Vec<Option<Stored>> = batch
            .par_iter()
            .map(|&cluster| store(raw, size, cluster, compressed))
            .collect::<io::Result<_>>()?;
        for (&cluster, stored) in batch.iter().zip(stored) {
            let Some(stored) = stored else { continue };
            l2[cluster as usize] = append(&mut data, &mut end, stored)?;
        }
        done += batch.len() as u64 * CLUSTER;
        if !progress(done, total) {
            return Err(Error::Stopped);
        }
    }
    // The file ends on a cluster's boundary, or the last compressed sectors would lie beyond it.
    data.flush()?;
    drop(data);
    let whole = end.next_multiple_of(CLUSTER);
    let refcounts = refcounts(&l2, whole);
    let file_end = tables.write(out, size, &l2, refcounts, whole)?;
    out.set_len(file_end)?;
    Ok(())
}

/// One guest cluster as it will be in the file.
enum Stored {
    Plain(Vec<u8>),
    Deflated(Vec<u8>),
}

/// The guest clusters that may hold something other than zeros.
fn data_clusters(raw: &File, size: u64) -> io::Result<Vec<u64>> {
    let mut found: Vec<u64> = Vec::new();
    let mut at = 0;
    while at < size {
        let start = match seek(raw, at, nix::libc::SEEK_DATA)? {
            Some(start) => start,
            None => break,
        };
        let end = seek(raw, start, nix::libc::SEEK_HOLE)?.unwrap_or(size);
        let first = (start / CLUSTER).max(found.last().map_or(0, |last| last + 1));
        found.extend(first..end.div_ceil(CLUSTER));
        at = end;
    }
    Ok(found)
}

/// `lseek` for data or hole; `None` when there is no data after `from`.
fn seek(file: &File, from: u64, whence: i32) -> io::Result<Option<u64>> {
    use std::os::fd::AsRawFd;
    // SAFETY: the descriptor is open as long as `file` is.
    let at = unsafe { nix::libc::lseek(file.as_raw_fd(), from as i64, whence) };
    match u64::try_from(at) {
        Ok(at) => Ok(Some(at)),
        Err(_) => match io::Error::last_os_error() {
            e if e.raw_os_error() == Some(nix::libc::ENXIO) => Ok(None),
            e => Err(e),
        },
    }
}

fn store(
    raw: &File,
    size: u64,
    cluster: u64,
    compressed: Compressed,
) -> io::Result<Option<Stored>> {
    let mut bytes = vec![0; CLUSTER as usize];
    let length = (size - cluster * CLUSTER).min(CLUSTER) as usize;
    raw.read_exact_at(&mut bytes[..length], cluster * CLUSTER)?;
    if bytes.iter().all(|&b| b == 0) {
        return Ok(None);
    }
    if let Compressed::Zlib(level) = compressed {
        let mut deflated = Vec::with_capacity(CLUSTER as usize + 1024);
        let mut stream =
            Compress::new_with_window_bits(Compression::new(level), false, WINDOW_BITS);
        let status = stream.compress_vec(&bytes, &mut deflated, FlushCompress::Finish);
        if matches!(status, Ok(Status::StreamEnd)) && deflated.len() < CLUSTER as usize {
            return Ok(Some(Stored::Deflated(deflated)));
        }
    }
    Ok(Some(Stored::Plain(bytes)))
}

/// Writes a cluster at the end and returns its L2 entry.
fn append(data: &mut BufWriter<&File>, end: &mut u64, stored: Stored) -> io::Result<u64> {
    match stored {
        Stored::Plain(bytes) => {
            let start = end.next_multiple_of(CLUSTER);
            data.write_all(&vec![0; (start - *end) as usize])?;
            data.write_all(&bytes)?;
            *end = start + CLUSTER;
            Ok(start | COPIED)
        }
        Stored::Deflated(bytes) => {
            // Offset in the low bits, sectors beyond the first above them (x = 62 - (16 - 8)).
            let x = 62 - (CLUSTER_BITS - 8);
            let start = *end;
            data.write_all(&bytes)?;
            *end += bytes.len() as u64;
            let sectors = (*end - 1) / 512 - start / 512;
            Ok(COMPRESSED | sectors << x | start)
        }
    }
}

/// Reference counts of the data clusters up to `end`: one for each guest cluster in them.
fn refcounts(l2: &[u64], end: u64) -> Vec<u16> {
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
        } else if entry != 0 {
            counts[((entry & !COPIED) / CLUSTER) as usize] = 1;
        }
    }
    counts
}

/// Where the tables lie: header, L1, L2, then data, then the reference counts.
struct Tables {
    l1_entries: u64,
    l1_clusters: u64,
    l2: u64,
    data: u64,
}

impl Tables {
    fn new(clusters: u64) -> Self {
        let l1_entries = clusters.div_ceil(CLUSTER / 8);
        let l1_clusters = (l1_entries * 8).div_ceil(CLUSTER).max(1);
        let l2 = (1 + l1_clusters) * CLUSTER;
        Self { l1_entries, l1_clusters, l2, data: l2 + l1_entries * CLUSTER }
    }

    /// Writes everything but the data and returns the file's length. L2 tables without an
    /// entry stay holes that nothing refers to.
    fn write(
        &self,
        out: &File,
        size: u64,
        l2: &[u64],
        mut counts: Vec<u16>,
        end: u64,
    ) -> io::Result<u64> {
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
        // The counts count their own clusters too.
        let per_block = CLUSTER / 2;
        let data_clusters = end / CLUSTER;
        let mut blocks = 0;
        let mut table_clusters = 0;
        loop {
            let all = data_clusters + blocks + table_clusters;
            let (b, t) = (all.div_ceil(per_block), (blocks * 8).div_ceil(CLUSTER).max(1));
            if (b, t) == (blocks, table_clusters) {
                break;
            }
            (blocks, table_clusters) = (b, t);
        }
        counts.resize((data_clusters + blocks + table_clusters) as usize, 1);
        let table = end;
        let first_block = end + table_clusters * CLUSTER;
        let places: Vec<u64> = (0..blocks).map(|n| first_block + n * CLUSTER).collect();
        out.write_all_at(&big_endian(&places), table)?;
        let bytes: Vec<u8> = counts.iter().flat_map(|c| c.to_be_bytes()).collect();
        out.write_all_at(&bytes, first_block)?;
        out.write_all_at(&self.header(size, table, table_clusters), 0)?;
        Ok(first_block + blocks * CLUSTER)
    }

    fn header(&self, size: u64, refcount_table: u64, refcount_clusters: u64) -> Vec<u8> {
        let mut h = b"QFI\xfb".to_vec();
        h.extend_from_slice(&3u32.to_be_bytes());
        h.extend_from_slice(&[0; 12]); // no backing file
        h.extend_from_slice(&CLUSTER_BITS.to_be_bytes());
        h.extend_from_slice(&size.to_be_bytes());
        h.extend_from_slice(&0u32.to_be_bytes()); // no encryption
        h.extend_from_slice(&(self.l1_entries as u32).to_be_bytes());
        h.extend_from_slice(&CLUSTER.to_be_bytes());
        h.extend_from_slice(&refcount_table.to_be_bytes());
        h.extend_from_slice(&(refcount_clusters as u32).to_be_bytes());
        h.extend_from_slice(&[0; 12 + 24]); // no snapshots, no feature bits
        h.extend_from_slice(&4u32.to_be_bytes()); // 2^4 bits of reference count
        h.extend_from_slice(&(HEADER as u32).to_be_bytes());
        h.extend_from_slice(&[0; 8]); // no header extensions
        h
    }
}

fn big_endian(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|w| w.to_be_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn qemu_img(arguments: &[&str]) -> String {
        let output =
            Command::new("qemu-img").args(arguments).output().expect("Debian package qemu-utils");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        said
    }

    /// Text, noise that does not compress, zeros written and zeros never written.
    fn raw(size: u64) -> tempfile::NamedTempFile {
        let raw = tempfile::NamedTempFile::new().unwrap();
        let file = raw.as_file();
        file.set_len(size).unwrap();
        let mut state = 1u32;
        let noise: Vec<u8> = (0..300_000)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            })
            .collect();
        file.write_all_at(&noise, 100_000).unwrap();
        file.write_all_at(&b"some text ".repeat(40_000), 2 << 20).unwrap();
        file.write_all_at(&[0; 200_000], 5 << 20).unwrap();
        file.write_all_at(b"the end", size - 7).unwrap();
        raw
    }

    #[test]
    fn qemu_img_reads_the_same() {
        for size in [8 << 20, (8 << 20) + 512, 50 << 30, (700 << 30) + 1024] {
            let raw = raw(size);
            for compressed in [Compressed::No, Compressed::Zlib(1), Compressed::Zlib(6)] {
                let image = tempfile::NamedTempFile::new().unwrap();
                write(raw.as_file(), image.as_file(), compressed, &mut |_, _| true).unwrap();
                let (image, raw) = (image.path().to_str().unwrap(), raw.path().to_str().unwrap());
                let said = qemu_img(&["check", "-f", "qcow2", image]);
                assert!(said.contains("No errors"), "{said}");
                qemu_img(&["compare", "-f", "raw", "-F", "qcow2", raw, image]);
                assert!(qemu_img(&["info", image]).contains("compat: 1.1"));
            }
        }
    }

    #[test]
    fn an_empty_disk_and_a_stop() {
        let raw = tempfile::NamedTempFile::new().unwrap();
        raw.as_file().set_len(1 << 30).unwrap();
        let image = tempfile::NamedTempFile::new().unwrap();
        write(raw.as_file(), image.as_file(), Compressed::No, &mut |_, _| true).unwrap();
        assert!(qemu_img(&["check", image.path().to_str().unwrap()]).contains("No errors"));
        raw.as_file().write_all_at(b"x", 0).unwrap();
        let stopped = write(raw.as_file(), image.as_file(), Compressed::No, &mut |_, _| false);
        assert!(matches!(stopped, Err(Error::Stopped)));
    }
}
