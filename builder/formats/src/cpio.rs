//! cpio archives in the "new ASCII" form that RPM payloads and initramfs use.
//! Source: cpio(5), "New ASCII Format"; kernel Documentation/driver-api/early-userspace/buffer-format.rst.

use std::io::{self, Read};
use thiserror::Error;

/// Bytes of an entry before its name.
pub const HEADER: usize = 110;
const TRAILER: &[u8] = b"TRAILER!!!";
/// Longer names occur in no package; a larger declared size is damage.
const LONGEST_NAME: u32 = 4096 * 4;

/// Why an archive was refused.
#[derive(Debug, Error)]
pub enum CpioError {
    /// The archive ends inside an entry, or the stream below failed.
    #[error("archive at byte {offset}: {source}")]
    Io {
        /// Where in the uncompressed archive.
        offset: u64,
        /// The error.
        source: io::Error,
    },
    /// A header that is none.
    #[error("archive at byte {offset}: {what}")]
    Malformed {
        /// Where in the uncompressed archive.
        offset: u64,
        /// What is wrong.
        what: &'static str,
    },
}

/// One entry's header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Name as stored, without the closing NUL.
    pub name: Vec<u8>,
    /// Inode number; equal for the links of one file.
    pub inode: u32,
    /// File type and permissions as in `st_mode`.
    pub mode: u32,
    /// Owner and group.
    pub owner: (u32, u32),
    /// Link count.
    pub links: u32,
    /// Modification time, seconds since 1970.
    pub mtime: u32,
    /// Bytes of data that follow.
    pub size: u32,
    /// Device numbers of a device node.
    pub device: (u32, u32),
}

/// Reads an archive entry by entry.
pub struct CpioReader<R> {
    from: R,
    offset: u64,
    left: u32,
}

impl<R: Read> CpioReader<R> {
    /// Over the uncompressed archive.
    pub fn new(from: R) -> Self {
        Self { from, offset: 0, left: 0 }
    }

    /// The next entry's header, or `None` at the trailer. What was not read of the
    /// entry before is skipped.
    ///
    /// # Errors
    /// When the archive is truncated or malformed.
    pub fn next_entry(&mut self) -> Result<Option<Header>, CpioError> {
        let mut sink = [0; 8192];
        while self.left > 0 {
            let want = sink.len().min(self.left as usize);
            self.exact(&mut sink[..want])?;
            self.left -= want as u32;
        }
        self.align()?;
        let at = self.offset;
        let malformed = |what| CpioError::Malformed { offset: at, what };
        let mut header = [0; HEADER];
        self.exact(&mut header)?;
        if !matches!(&header[..6], b"070701" | b"070702") {
            return Err(malformed("not a cpio header"));
        }
        let field = |n: usize| {
            let digits = &header[6 + n * 8..14 + n * 8];
            let text = std::str::from_utf8(digits)
                .ok()
                .filter(|_| digits.iter().all(u8::is_ascii_hexdigit));
            text.and_then(|t| u32::from_str_radix(t, 16).ok())
                .ok_or(malformed("a header field is not hexadecimal"))
        };
        let length = field(11)?;
        if length == 0 || length > LONGEST_NAME {
            return Err(malformed("a name of impossible length"));
        }
        let mut name = vec![0; length as usize];
        self.exact(&mut name)?;
        if name.pop() != Some(0) || name.contains(&0) {
            return Err(malformed("a name that does not end in NUL"));
        }
        self.align()?;
        if name == TRAILER {
            return Ok(None);
        }
        self.left = field(6)?;
        Ok(Some(Header {
            name,
            inode: field(0)?,
            mode: field(1)?,
            owner: (field(2)?, field(3)?),
            links: field(4)?,
            mtime: field(5)?,
            size: self.left,
            device: (field(9)?, field(10)?),
        }))
    }

    fn exact(&mut self, buffer: &mut [u8]) -> Result<(), CpioError> {
        let offset = self.offset;
        self.from.read_exact(buffer).map_err(|source| CpioError::Io { offset, source })?;
        self.offset += buffer.len() as u64;
        Ok(())
    }

    fn align(&mut self) -> Result<(), CpioError> {
        let padding = (4 - (self.offset % 4) as usize) % 4;
        self.exact(&mut [0; 3][..padding])
    }
}

/// Reads the data of the entry whose header was read last.
impl<R: Read> Read for CpioReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let want = buffer.len().min(self.left as usize);
        // Some decompressors take a read into nothing for an error.
        if want == 0 {
            return Ok(0);
        }
        let n = self.from.read(&mut buffer[..want])?;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.offset += n as u64;
        self.left -= n as u32;
        Ok(n)
    }
}

/// Appends one entry of root's to an archive, without time and without other names.
pub fn append(archive: &mut Vec<u8>, name: &str, mode: u32, device: (u32, u32), data: &[u8]) {
    let inode = archive.len() as u32;
    let (name, owner) = (name.as_bytes().to_vec(), (0, 0));
    let header = Header { name, inode, mode, owner, links: 1, mtime: 0, size: 0, device };
    append_entry(archive, &header, data);
}

/// Appends one entry; the size is the data's, which the format limits to 4 GiB.
pub fn append_entry(archive: &mut Vec<u8>, header: &Header, data: &[u8]) {
    archive.extend_from_slice(b"070701");
    for field in [
        header.inode,
        header.mode,
        header.owner.0,
        header.owner.1,
        header.links,
        header.mtime,
        data.len() as u32,
        0,
        0,
        header.device.0,
        header.device.1,
        header.name.len() as u32 + 1,
        0,
    ] {
        archive.extend_from_slice(format!("{field:08X}").as_bytes());
    }
    archive.extend_from_slice(&header.name);
    archive.push(0);
    archive.resize(archive.len().next_multiple_of(4), 0);
    archive.extend_from_slice(data);
    archive.resize(archive.len().next_multiple_of(4), 0);
}

/// Ends an archive.
pub fn finish(archive: &mut Vec<u8>) {
    append(archive, "TRAILER!!!", 0, (0, 0), &[]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    fn sample() -> Vec<u8> {
        let mut archive = Vec::new();
        append(&mut archive, "bin", 0o40755, (0, 0), &[]);
        append(&mut archive, "bin/a", 0o100755, (0, 0), b"hello");
        append(&mut archive, "dev", 0o20600, (5, 1), &[]);
        finish(&mut archive);
        archive
    }

    #[test]
    fn bsdtar_reads_what_we_write() {
        let mut child = Command::new("bsdtar")
            .args(["-tvf", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Debian package libarchive-tools");
        io::Write::write_all(&mut child.stdin.take().unwrap(), &sample()).unwrap();
        let listing = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
        assert!(
            listing.contains("-rwxr-xr-x") && listing.contains(" 5 ") && listing.contains("bin/a"),
            "{listing}"
        );
        assert!(listing.contains("5,1"), "{listing}");
    }

    #[test]
    fn reads_back_and_refuses_every_truncation() {
        let archive = sample();
        let mut reader = CpioReader::new(archive.as_slice());
        assert_eq!(reader.next_entry().unwrap().unwrap().name, b"bin");
        assert_eq!(reader.next_entry().unwrap().unwrap().size, 5);
        let mut data = Vec::new();
        reader.read_to_end(&mut data).unwrap();
        assert_eq!(data, b"hello");
        assert_eq!(reader.next_entry().unwrap().unwrap().device, (5, 1));
        assert!(reader.next_entry().unwrap().is_none());
        for end in 0..archive.len() - 4 {
            let mut reader = CpioReader::new(&archive[..end]);
            while let Ok(entry) = reader.next_entry() {
                assert!(entry.is_some(), "cut at {end}");
            }
        }
    }
}
