//! Files in memory, for parsers that take a file or its path.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use formats::read_at::ReadAt;
use nix::sys::memfd::{MFdFlags, memfd_create};

/// A file of these bytes that is in memory alone; beyond them zeros up to `size`.
///
/// # Panics
/// When the kernel has no memory for it.
pub fn file(data: &[u8], size: u64) -> File {
    let file = File::from(memfd_create(c"parsed", MFdFlags::MFD_CLOEXEC).expect("memory"));
    file.write_all_at(data, 0).expect("memory");
    file.set_len(size.max(data.len() as u64)).expect("memory");
    file
}

/// The path by which this process can open `file` again.
pub fn path(file: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

/// Bytes, and zeros after them: a disk of which only the beginning was ever written.
#[derive(Debug)]
pub struct Zeroed<'d> {
    data: &'d [u8],
    size: u64,
}

impl<'d> Zeroed<'d> {
    /// `data` with zeros up to `size` bytes.
    pub fn new(data: &'d [u8], size: u64) -> Self {
        Self { data, size: size.max(data.len() as u64) }
    }
}

impl ReadAt for Zeroed<'_> {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let end = offset.checked_add(buffer.len() as u64).filter(|end| *end <= self.size);
        end.ok_or(io::ErrorKind::UnexpectedEof)?;
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.data.len());
        let written = &self.data[start..];
        let count = written.len().min(buffer.len());
        buffer[..count].copy_from_slice(&written[..count]);
        buffer[count..].fill(0);
        Ok(())
    }
}
