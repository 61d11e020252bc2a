//! Files of local media where they are on the disk, to be sent from there.

use formats::iso9660::Extent;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::SystemTime;

/// A file of a medium: a part of an ISO file, or a file by itself.
#[derive(Debug)]
pub struct StoredFile {
    /// What holds it.
    pub file: File,
    /// Where in that its data is, in order.
    pub extents: Vec<Extent>,
    /// When it was last changed.
    pub modified: SystemTime,
}

impl StoredFile {
    /// Its length in bytes.
    pub fn size(&self) -> u64 {
        self.extents.iter().map(|extent| extent.size).sum()
    }

    /// Fills `bytes` from the file's `offset` on.
    ///
    /// # Errors
    /// When it cannot be read, or ends before.
    pub fn read_exact_at(&self, mut bytes: &mut [u8], mut offset: u64) -> io::Result<()> {
        for extent in &self.extents {
            if offset >= extent.size {
                offset -= extent.size;
                continue;
            }
            let length = usize::try_from(extent.size - offset).unwrap_or(usize::MAX);
            let (here, rest) = bytes.split_at_mut(length.min(bytes.len()));
            self.file.read_exact_at(here, extent.offset + offset)?;
            (bytes, offset) = (rest, 0);
        }
        if bytes.is_empty() { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

/// A path that is the same from every working directory.
pub(super) fn absolute(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).to_string_lossy().into_owned()
}
