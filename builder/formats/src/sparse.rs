//! Where a sparse file has data, by `lseek(2)` SEEK_DATA and SEEK_HOLE, and what reads only that.

use rustix::fs::SeekFrom;
use rustix::io::Errno;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

/// Bytes that are read at a time.
const CHUNK: u64 = 1 << 20;
/// Holes are zeros, which need not be read to be hashed.
static ZEROS: [u8; CHUNK as usize] = [0; CHUNK as usize];

/// The extents with data among the first `size` bytes of `file`, in whole blocks of `block`
/// bytes but for the last one; ascending, none next to another. All of the file where its
/// filesystem knows no holes.
///
/// # Errors
/// When the file cannot be asked.
pub fn extents(file: &File, size: u64, block: u64) -> io::Result<Vec<Range<u64>>> {
    let mut found: Vec<Range<u64>> = Vec::new();
    let mut at = 0;
    while at < size {
        let Some(start) = seek(file, SeekFrom::Data(at))?.filter(|start| *start < size) else {
            break;
        };
        let end = seek(file, SeekFrom::Hole(start))?.unwrap_or(size).min(size);
        let extent = start / block * block..end.next_multiple_of(block).min(size);
        match found.last_mut() {
            Some(last) if extent.start <= last.end => last.end = extent.end,
            _ => found.push(extent),
        }
        at = end.max(start + 1);
    }
    Ok(found)
}

/// Numbers of the blocks of `block` bytes, among the first `size` bytes of `file`, that may
/// hold something other than zeros; ascending.
///
/// # Errors
/// When the file cannot be asked.
pub fn blocks(file: &File, size: u64, block: u64) -> io::Result<Vec<u64>> {
    let extents = extents(file, size, block)?;
    Ok(extents.into_iter().flat_map(|e| e.start / block..e.end.div_ceil(block)).collect())
}

/// Reads an extent piece by piece; `on` gets where each begins and its bytes, and returns
/// whether to go on.
///
/// # Errors
/// When reading fails.
pub fn read(
    file: &File,
    extent: Range<u64>,
    on: &mut dyn FnMut(u64, &[u8]) -> io::Result<bool>,
) -> io::Result<()> {
    let mut buffer = vec![0; (extent.end - extent.start).min(CHUNK) as usize];
    let mut at = extent.start;
    while at < extent.end {
        let length = (extent.end - at).min(CHUNK) as usize;
        file.read_exact_at(&mut buffer[..length], at)?;
        if !on(at, &buffer[..length])? {
            break;
        }
        at += length as u64;
    }
    Ok(())
}

/// SHA-256 of all bytes of a file, whose holes are not read; `on` gets how many bytes were
/// hashed each time and returns whether to go on. `None` when it was stopped.
///
/// # Errors
/// When reading fails.
pub fn sha256(file: &File, on: &mut dyn FnMut(u64) -> bool) -> io::Result<Option<[u8; 32]>> {
    let size = file.metadata()?.len();
    let mut hasher = Sha256::new();
    let mut go_on = true;
    let mut at = 0;
    let end_of_file = std::iter::once(size..size);
    for extent in extents(file, size, 1)?.into_iter().chain(end_of_file) {
        while at < extent.start && go_on {
            let length = (extent.start - at).min(CHUNK);
            hasher.update(&ZEROS[..length as usize]);
            at += length;
            go_on = on(length);
        }
        at = extent.end;
        if go_on {
            read(file, extent, &mut |_, bytes| {
                hasher.update(bytes);
                go_on = on(bytes.len() as u64);
                Ok(go_on)
            })?;
        }
    }
    Ok(go_on.then(|| hasher.finalize().into()))
}

/// The first byte in which two files differ, whose common holes are not read; `None` when they
/// are equal. `on` gets how many bytes were compared each time and returns whether to go on:
/// when not, what was not compared counts as equal.
///
/// # Errors
/// When reading fails.
pub fn difference(a: &File, b: &File, on: &mut dyn FnMut(u64) -> bool) -> io::Result<Option<u64>> {
    let sizes = [a.metadata()?.len(), b.metadata()?.len()];
    let both = sizes[0].min(sizes[1]);
    let mut extents = [extents(a, both, 1)?, extents(b, both, 1)?].concat();
    extents.sort_by_key(|extent| extent.start);
    let (mut other, mut found, mut done) = (vec![0; CHUNK as usize], None, 0);
    for extent in extents {
        // What both have is compared once.
        read(a, extent.start.max(done)..extent.end.max(done), &mut |at, bytes| {
            let other = &mut other[..bytes.len()];
            b.read_exact_at(other, at)?;
            if bytes != other {
                let place = bytes.iter().zip(other.iter()).position(|(a, b)| a != b);
                found = place.map(|place| at + place as u64);
            }
            Ok(found.is_none() && on(bytes.len() as u64))
        })?;
        done = done.max(extent.end);
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok((sizes[0] != sizes[1]).then_some(both))
}

/// `lseek` for data or hole; `None` when there is no data behind the place.
fn seek(file: &File, to: SeekFrom) -> io::Result<Option<u64>> {
    match rustix::fs::seek(file, to) {
        Ok(at) => Ok(Some(at)),
        Err(Errno::NXIO) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

/// What the tests of every image format start from and judge by.
#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::os::unix::fs::FileExt;
    use std::process::Command;
    use tempfile::NamedTempFile;

    /// Runs qemu-img, which must succeed.
    pub fn qemu_img(arguments: &[&str]) -> String {
        let output =
            Command::new("qemu-img").args(arguments).output().expect("Debian package qemu-utils");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        said
    }

    /// Text, noise that does not compress, zeros written and zeros never written.
    pub fn raw(size: u64) -> NamedTempFile {
        let raw = NamedTempFile::new().unwrap();
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
    fn blocks_with_data_are_found() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(1 << 30).unwrap();
        file.write_all_at(b"x", 5 << 20).unwrap();
        file.write_all_at(b"y", (1 << 30) - 1).unwrap();
        let found = blocks(&file, 1 << 30, 1 << 20).unwrap();
        assert_eq!(found, [5, 1023]);
        assert_eq!(blocks(&file, 1 << 20, 1 << 20).unwrap(), Vec::<u64>::new());
    }

    #[test]
    fn holes_are_hashed_and_compared_without_reading() {
        // No tool reads this much in a test's time; coreutils judges the smaller ones.
        let [a, b] = [raw(9 << 40), raw(9 << 40)];
        let same = |a: &NamedTempFile, b: &NamedTempFile| {
            difference(a.as_file(), b.as_file(), &mut |_| true).unwrap()
        };
        assert_eq!(same(&a, &b), None);
        b.as_file().write_all_at(b"x", 7 << 40).unwrap();
        assert_eq!((same(&a, &b), same(&b, &a)), (Some(7 << 40), Some(7 << 40)));
        a.as_file().write_all_at(b"x", 7 << 40).unwrap();
        a.as_file().write_all_at(b"y", 100_000).unwrap();
        assert_eq!(same(&a, &b), Some(100_000));
        let (short, long) = (raw(8 << 20), raw(8 << 20));
        long.as_file().set_len(9 << 20).unwrap();
        assert_eq!(same(&short, &long), Some(8 << 20));

        for file in [&short, &long] {
            let ours = sha256(file.as_file(), &mut |_| true).unwrap().unwrap();
            let theirs = Command::new("sha256sum").arg(file.path()).output().unwrap();
            let theirs = String::from_utf8(theirs.stdout).unwrap();
            assert_eq!(hex::encode(ours), theirs[..64]);
        }
        assert_eq!(sha256(short.as_file(), &mut |_| false).unwrap(), None);
    }
}
