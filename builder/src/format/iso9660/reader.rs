//! A file of an image as [`Read`] and [`Seek`].

use super::{Extent, Iso, Node};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Deref;

/// Reads one file's data in place. `I` is `&Iso`, or `Arc<Iso>` for a reader
/// that outlives the borrow.
#[derive(Clone, Debug)]
pub struct Reader<I> {
    iso: I,
    extents: Vec<Extent>,
    size: u64,
    position: u64,
    compressed: bool,
}

impl<I: Deref<Target = Iso>> Reader<I> {
    pub(super) fn new(iso: I, node: &Node) -> Self {
        Self {
            iso,
            extents: node.extents.clone(),
            size: node.size,
            position: 0,
            compressed: node.compressed,
        }
    }

    /// Where `position` lies in the image, and how many bytes follow it there.
    fn locate(&self) -> Option<(u64, u64)> {
        let mut before = 0;
        for extent in &self.extents {
            let within = self.position - before;
            if within < extent.bytes {
                return Some((extent.offset + within, extent.bytes - within));
            }
            before += extent.bytes;
        }
        None
    }
}

impl<I: Deref<Target = Iso>> Read for Reader<I> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.compressed {
            let what = "the file is compressed by zisofs, which is not supported";
            return Err(io::Error::new(io::ErrorKind::Unsupported, what));
        }
        let Some((offset, left)) = self.locate() else { return Ok(0) };
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        let read = self.iso.read_at(&mut buffer[..most], offset)?;
        if read == 0 {
            let what = format!("image is cut off: file data at byte {offset} is missing");
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, what));
        }
        self.position += read as u64;
        Ok(read)
    }
}

impl<I> Seek for Reader<I> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::End(by) => self.size.checked_add_signed(by),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
        };
        let outside = || io::Error::new(io::ErrorKind::InvalidInput, "seek before byte 0");
        self.position = position.ok_or_else(outside)?;
        Ok(self.position)
    }
}
