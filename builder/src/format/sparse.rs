//! Where a sparse file has data, by `lseek(2)` SEEK_DATA and SEEK_HOLE.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

/// Numbers of the blocks of `block` bytes, among the first `size` bytes of `file`, that may
/// hold something other than zeros; ascending.
///
/// # Errors
/// When the file cannot be asked.
pub fn blocks(file: &File, size: u64, block: u64) -> io::Result<Vec<u64>> {
    let mut found: Vec<u64> = Vec::new();
    let mut at = 0;
    while at < size {
        let Some(start) = seek(file, at, nix::libc::SEEK_DATA)? else { break };
        let end = seek(file, start, nix::libc::SEEK_HOLE)?.unwrap_or(size).min(size);
        let first = (start / block).max(found.last().map_or(0, |last| last + 1));
        found.extend(first..end.div_ceil(block));
        at = end.max(start + 1);
    }
    Ok(found)
}

/// `lseek` for data or hole; `None` when there is no data after `from`.
fn seek(file: &File, from: u64, whence: i32) -> io::Result<Option<u64>> {
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
