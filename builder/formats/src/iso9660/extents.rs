//! The data of one file: its extents as one run of bytes.

use super::error::IsoError;
use super::image::Iso;
use super::model::{Extent, IsoNode};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Deref;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// A file's data, borrowing the image.
pub type FileReader<'a> = ExtentReader<&'a Iso>;
/// A file's data, keeping the image open.
pub type OwnedReader = ExtentReader<Arc<Iso>>;

/// Reads and seeks in a file's data; made by [`Iso::reader`] and [`Iso::owned_reader`].
pub struct ExtentReader<I> {
    iso: I,
    /// Each with the position in the file at which it starts.
    extents: Vec<(u64, Extent)>,
    size: u64,
    position: u64,
}

impl<I: Deref<Target = Iso>> ExtentReader<I> {
    pub(super) fn new(iso: I, node: &IsoNode) -> Result<Self, IsoError> {
        let (mut extents, mut size) = (Vec::new(), 0u64);
        for extent in iso.stored(node)?.1 {
            extents.push((size, *extent));
            size = size.saturating_add(extent.size);
        }
        Ok(Self { iso, extents, size, position: 0 })
    }
}

impl<I: Deref<Target = Iso>> Read for ExtentReader<I> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let next = self
            .extents
            .partition_point(|(start, extent)| start.saturating_add(extent.size) <= self.position);
        let Some((start, extent)) = self.extents.get(next) else { return Ok(0) };
        let within = self.position - start;
        let left = usize::try_from(extent.size - within).unwrap_or(usize::MAX);
        let size = buffer.len().min(left);
        self.iso.file.read_exact_at(&mut buffer[..size], extent.offset + within)?;
        self.position += size as u64;
        Ok(size)
    }
}

impl<I: Deref<Target = Iso>> Seek for ExtentReader<I> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(by) => self.size.checked_add_signed(by),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
        };
        self.position = position.ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidInput, "seek before the file's start")
        })?;
        Ok(self.position)
    }
}
