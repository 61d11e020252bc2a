//! A device that is a part of a file, to write to: a partition, which is one extent, or a logical
//! volume, which may be several.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Pieces of a file, one after the other, as one device. The counterpart of
/// [`super::read_at::Joined`].
#[derive(Debug)]
pub struct Area<'a> {
    file: &'a File,
    /// Where in the device and where in the file each piece begins.
    pieces: Vec<(u64, u64)>,
    size: u64,
}

impl<'a> Area<'a> {
    /// The pieces of `file` with these offsets and sizes in bytes, in the device's order.
    pub fn new(file: &'a File, pieces: impl IntoIterator<Item = (u64, u64)>) -> Self {
        let mut area = Self { file, pieces: Vec::new(), size: 0 };
        for (offset, size) in pieces.into_iter().filter(|(_, size)| *size > 0) {
            area.pieces.push((area.size, offset));
            area.size += size;
        }
        area
    }

    /// Bytes in it.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Where it begins in the file, if it is in one piece.
    pub fn whole(&self) -> Option<u64> {
        match self.pieces.as_slice() {
            [(_, offset)] => Some(*offset),
            _ => None,
        }
    }

    /// Where in the file byte `at` of the device is, and how many of `wanted` bytes follow
    /// it there: none at the end.
    fn locate(&self, at: u64, wanted: usize) -> (u64, usize) {
        let index = self.pieces.partition_point(|(start, _)| *start <= at);
        let Some((start, offset)) = index.checked_sub(1).map(|n| self.pieces[n]) else {
            return (0, 0);
        };
        let end = self.pieces.get(index).map_or(self.size, |(start, _)| *start);
        let left = end.saturating_sub(at);
        let here = usize::try_from(left).map_or(wanted, |left| wanted.min(left));
        (offset.saturating_add(at - start), here)
    }

    /// Reads some bytes from byte `at` of the device on; 0 at its end.
    ///
    /// # Errors
    /// When reading fails.
    pub fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let (offset, here) = self.locate(at, buffer.len());
        self.file.read_at(&mut buffer[..here], offset)
    }

    /// Writes some bytes at byte `at` of the device; 0 at its end.
    ///
    /// # Errors
    /// When writing fails.
    pub fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<usize> {
        let (offset, here) = self.locate(at, bytes.len());
        self.file.write_at(&bytes[..here], offset)
    }

    /// Writes `bytes` at byte `at` of the device.
    ///
    /// # Errors
    /// When they would end beyond it, before anything is written, or writing fails.
    pub fn write_all_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        if at.checked_add(bytes.len() as u64).is_none_or(|end| end > self.size) {
            let (count, size) = (bytes.len(), self.size);
            let what = format!("{count} bytes at byte {at} lie beyond the device's end of {size}");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        let (mut left, mut at) = (bytes, at);
        while !left.is_empty() {
            let (offset, here) = self.locate(at, left.len());
            let (now, later) = left.split_at(here);
            self.file.write_all_at(now, offset)?;
            (left, at) = (later, at + here as u64);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_go_into_the_pieces_in_order() {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(b"..........", 0).unwrap();
        let area = Area::new(&file, [(6, 4), (0, 0), (1, 3)]);
        assert_eq!((area.size(), area.whole()), (7, None));
        area.write_all_at(b"abcdef", 1).unwrap();
        area.write_all_at(b"", 7).unwrap();
        let mut found = [0; 10];
        file.read_exact_at(&mut found, 0).unwrap();
        assert_eq!(&found, b".def...abc");
        for (bytes, at) in [(&b"xy"[..], 6), (b"x", 7), (b"x", u64::MAX)] {
            let error = area.write_all_at(bytes, at).unwrap_err().to_string();
            assert!(error.contains("beyond the device's end of 7"), "{error}");
        }
        let mut found = [0; 10];
        assert_eq!(area.read_at(&mut found, 1).unwrap(), 3);
        assert_eq!(&found[..3], b"abc");
        assert_eq!(area.write_at(b"xyz", 6).unwrap(), 1);
        assert_eq!(area.write_at(b"xyz", 7).unwrap(), 0);
        assert_eq!(Area::new(&file, [(5, 2)]).whole(), Some(5));
        assert_eq!(Area::new(&file, []).read_at(&mut found, 0).unwrap(), 0);
    }
}
