//! Reading at an offset: the interface of the readers of images and filesystems.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;

/// Bytes of a fixed number, readable from several threads.
pub trait ReadAt: Send + Sync {
    /// How many bytes there are.
    fn size(&self) -> u64;

    /// Fills `buffer` from byte `offset` on.
    ///
    /// # Errors
    /// When that goes beyond the end or reading fails.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
}

/// A file and its length when it was opened.
#[derive(Debug)]
pub struct Plain {
    file: File,
    size: u64,
}

impl Plain {
    /// Over an open file.
    ///
    /// # Errors
    /// When the file's length is unknown.
    pub fn new(file: File) -> io::Result<Self> {
        let size = file.metadata()?.len();
        Ok(Self { file, size })
    }
}

impl ReadAt for Plain {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)
    }
}

/// A part of something, such as a partition of a disk.
#[derive(Clone, Copy)]
pub struct Window<'a> {
    whole: &'a dyn ReadAt,
    start: u64,
    size: u64,
}

impl<'a> Window<'a> {
    /// `size` bytes of `whole` from byte `start` on.
    ///
    /// # Errors
    /// When `whole` ends before that.
    pub fn new(whole: &'a dyn ReadAt, start: u64, size: u64) -> io::Result<Self> {
        match start.checked_add(size) {
            Some(end) if end <= whole.size() => Ok(Self { whole, start, size }),
            _ => Err(beyond(start, size, whole.size())),
        }
    }
}

impl Window<'_> {
    /// `size` bytes of it from byte `start` on.
    ///
    /// # Errors
    /// When it ends before that.
    pub fn part(&self, start: u64, size: u64) -> io::Result<Self> {
        match start.checked_add(size) {
            Some(end) if end <= self.size => {
                Ok(Self { whole: self.whole, start: self.start + start, size })
            }
            _ => Err(beyond(start, size, self.size)),
        }
    }
}

impl ReadAt for Window<'_> {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        match offset.checked_add(buffer.len() as u64) {
            Some(end) if end <= self.size => self.whole.read_exact_at(buffer, self.start + offset),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

fn beyond(start: u64, size: u64, end: u64) -> io::Error {
    let what = format!("{size} bytes at byte {start} lie beyond the end of {end}");
    io::Error::new(io::ErrorKind::UnexpectedEof, what)
}

/// Several parts, one after the other, as one: a logical volume of LVM.
#[derive(Default)]
pub struct Joined<'a> {
    /// Where in the whole each part begins.
    parts: Vec<(u64, Window<'a>)>,
    size: u64,
}

impl<'a> Joined<'a> {
    /// Adds a part at the end.
    pub fn push(&mut self, part: Window<'a>) {
        self.parts.push((self.size, part));
        self.size += part.size();
    }
}

impl ReadAt for Joined<'_> {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let mut left = buffer;
        let mut at = offset;
        while !left.is_empty() {
            let index = self.parts.partition_point(|(start, _)| *start <= at);
            let part = index.checked_sub(1).and_then(|index| self.parts.get(index));
            let (start, part) = part.ok_or(io::ErrorKind::UnexpectedEof)?;
            let here = part.size().saturating_sub(at - start);
            let n = usize::try_from(here).map_or(left.len(), |here| left.len().min(here));
            if n == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let (now, later) = left.split_at_mut(n);
            part.read_exact_at(now, at - start)?;
            (left, at) = (later, at + n as u64);
        }
        Ok(())
    }
}

/// The same as a stream, for crates that want one. Nothing can be written.
pub struct Stream<'a> {
    from: &'a dyn ReadAt,
    at: u64,
    /// Bytes that may still be read.
    left: u64,
}

impl<'a> Stream<'a> {
    /// From the first byte on.
    pub fn new(from: &'a dyn ReadAt) -> Self {
        Self::within(from, u64::MAX)
    }

    /// From the first byte on; reading more than `most` bytes in all is an error. For formats in
    /// which a damaged chain can lead in a circle.
    pub fn within(from: &'a dyn ReadAt, most: u64) -> Self {
        Self { from, at: 0, left: most }
    }
}

impl std::fmt::Debug for Stream<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Stream({} of {})", self.at, self.from.size())
    }
}

impl Read for Stream<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.from.size().saturating_sub(self.at);
        let n = usize::try_from(left).map_or(buffer.len(), |left| buffer.len().min(left));
        self.left = self
            .left
            .checked_sub(n as u64)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "its chains form a loop"))?;
        self.from.read_exact_at(&mut buffer[..n], self.at)?;
        self.at += n as u64;
        Ok(n)
    }
}

impl Seek for Stream<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let (base, offset) = match to {
            SeekFrom::Start(at) => (at, 0),
            SeekFrom::End(offset) => (self.from.size(), offset),
            SeekFrom::Current(offset) => (self.at, offset),
        };
        self.at = base.checked_add_signed(offset).ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

impl Write for Stream<'_> {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_read_as_one() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"0123456789").unwrap();
        let plain = Plain::new(file).unwrap();
        let mut joined = Joined::default();
        for (start, size) in [(6, 4), (0, 0), (1, 3)] {
            joined.push(Window::new(&plain, start, size).unwrap());
        }
        let mut text = String::new();
        Stream::new(&joined).read_to_string(&mut text).unwrap();
        assert_eq!(text, "6789123");
        let mut two = [0; 2];
        joined.read_exact_at(&mut two, 3).unwrap();
        assert_eq!(&two, b"91");
        assert!(joined.read_exact_at(&mut two, 6).is_err());
    }
}
