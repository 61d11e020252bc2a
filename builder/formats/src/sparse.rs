//! Where a sparse file has data, by `lseek(2)` SEEK_DATA and SEEK_HOLE.

use rustix::fs::SeekFrom;
use rustix::io::Errno;
use std::fs::File;
use std::io;

/// Numbers of the blocks of `block` bytes, among the first `size` bytes of `file`, that may
/// hold something other than zeros; ascending.
///
/// # Errors
/// When the file cannot be asked.
pub fn blocks(file: &File, size: u64, block: u64) -> io::Result<Vec<u64>> {
    let mut found: Vec<u64> = Vec::new();
    let mut at = 0;
    while at < size {
        let Some(start) = seek(file, SeekFrom::Data(at))? else { break };
        let end = seek(file, SeekFrom::Hole(start))?.unwrap_or(size).min(size);
        let first = (start / block).max(found.last().map_or(0, |last| last + 1));
        found.extend(first..end.div_ceil(block));
        at = end.max(start + 1);
    }
    Ok(found)
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
}
