//! An initramfs as the same bytes whenever it is created. dracut's `--reproducible` does that
//! where dracut and cpio are new enough; EL7's are not. So the archive is rebuilt: its
//! entries by name, inode numbers counted, no time stamp later than the build's.
//! Source: kernel Documentation/driver-api/early-userspace/buffer-format.rst.

use crate::base::malformed::Malformed;
use formats::cpio::{self, CpioReader, Header};
use formats::file_type;
use std::collections::BTreeMap;
use std::io::{self, Read, Write};

/// Archives that others follow are padded to this, as cpio does.
const BLOCK: usize = 512;

/// zstd's level: above it the time grows faster than the image shrinks.
const ZSTD_LEVEL: i32 = 9;

/// The device nodes that dracut makes where it may; a user namespace forbids them.
const DEVICES: [(&str, u32, (u32, u32)); 5] = [
    ("dev/console", 0o20600, (5, 1)),
    ("dev/kmsg", 0o20600, (1, 11)),
    ("dev/null", 0o20666, (1, 3)),
    ("dev/random", 0o20666, (1, 8)),
    ("dev/urandom", 0o20666, (1, 9)),
];

/// How an archive is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Codec {
    Gzip,
    Xz,
    Zstd,
    Bzip2,
}

impl Codec {
    fn of(bytes: &[u8]) -> Option<Self> {
        Some(match bytes {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            [b'B', b'Z', b'h', ..] => Self::Bzip2,
            _ => return None,
        })
    }

    fn unpack(self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut from: Box<dyn Read + '_> = match self {
            Self::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(bytes)),
            Self::Xz => Box::new(liblzma::bufread::XzDecoder::new(bytes)),
            Self::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(bytes)?),
            Self::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(bytes)),
        };
        let mut unpacked = Vec::new();
        from.read_to_end(&mut unpacked)?;
        Ok(unpacked)
    }

    fn pack(self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Self::Gzip => {
                let best = flate2::Compression::best();
                let mut to = flate2::write::GzEncoder::new(Vec::new(), best);
                to.write_all(bytes)?;
                to.finish()
            }
            Self::Xz => {
                // The kernel knows no check but CRC32 (Documentation/staging/xz.rst).
                let check = liblzma::stream::Check::Crc32;
                let stream = liblzma::stream::Stream::new_easy_encoder(6, check)?;
                let mut to = liblzma::write::XzEncoder::new_stream(Vec::new(), stream);
                to.write_all(bytes)?;
                to.finish()
            }
            Self::Zstd => zstd::bulk::compress(bytes, ZSTD_LEVEL),
            Self::Bzip2 => {
                let mut to = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
                to.write_all(bytes)?;
                to.finish()
            }
        }
    }
}

/// An archive's entries, each with its data, by name.
type Entries = BTreeMap<Vec<u8>, (Header, Vec<u8>)>;

/// The image with nothing in it that only says when and where it was created; `time` (seconds
/// since 1970) is the latest time stamp.
///
/// # Errors
/// When it is not a sequence of cpio archives, the last compressed by a codec known here.
pub fn settled(image: &[u8], time: u32) -> Result<Vec<u8>, Malformed> {
    let mut to = Vec::new();
    let mut rest = image;
    // The kernel skips zeros between archives.
    while let Some(start) = rest.iter().position(|&byte| byte != 0) {
        rest = &rest[start..];
        if let Some(codec) = Codec::of(rest) {
            let unpacked = codec.unpack(rest).map_err(|e| format!("cannot be unpacked: {e}"))?;
            let inside = settled(&unpacked, time)?;
            to.extend(codec.pack(&inside).map_err(|e| format!("cannot be packed: {e}"))?);
            return Ok(to);
        }
        let entries = entries(&mut rest)?;
        write(&mut to, entries, time);
        to.resize(to.len().next_multiple_of(BLOCK), 0);
    }
    Ok(to)
}

/// One archive's entries by name; `from` then begins behind the archive.
fn entries(from: &mut &[u8]) -> Result<Entries, Malformed> {
    let mut archive = CpioReader::new(from);
    let mut entries = BTreeMap::new();
    while let Some(header) = archive.next_entry().map_err(|e| e.to_string())? {
        let mut data = Vec::new();
        archive.read_to_end(&mut data).map_err(|e| e.to_string())?;
        entries.insert(header.name.clone(), (header, data));
    }
    Ok(entries)
}

fn write(to: &mut Vec<u8>, mut entries: Entries, time: u32) {
    if entries.contains_key(&b"dev"[..]) {
        for (name, mode, device) in DEVICES {
            let name = name.as_bytes().to_vec();
            let header = Header {
                name: name.clone(),
                inode: 0,
                mode,
                owner: (0, 0),
                links: 1,
                mtime: time,
                size: 0,
                device,
            };
            entries.insert(name, (header, Vec::new()));
        }
    }
    // The data of a file with several names go with the last of them, as cpio writes them.
    let is_linked = |h: &Header| h.links > 1 && h.mode & file_type::MASK != file_type::DIRECTORY;
    let mut links: BTreeMap<u32, (u32, usize, Vec<u8>)> = BTreeMap::new();
    for (header, data) in entries.values_mut().filter(|(h, _)| is_linked(h)) {
        let link = links.entry(header.inode).or_default();
        link.1 += 1;
        if !data.is_empty() {
            link.2 = std::mem::take(data);
        }
    }
    let mut inode = 0;
    for (mut header, mut data) in entries.into_values() {
        inode += 1;
        match links.get_mut(&header.inode) {
            Some((first, left, linked)) if is_linked(&header) => {
                if *first == 0 {
                    *first = inode;
                }
                header.inode = *first;
                *left -= 1;
                if *left == 0 {
                    data = std::mem::take(linked);
                }
            }
            _ => header.inode = inode,
        }
        header.mtime = header.mtime.min(time);
        cpio::append_entry(to, &header, &data);
    }
    cpio::finish(to);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two links of one file, a directory `dev`, in the order given, made at `mtime`.
    fn archive(names: [&str; 4], inode: u32, mtime: u32) -> Vec<u8> {
        let mut archive = Vec::new();
        for (number, name) in names.into_iter().enumerate() {
            let directory = name == "dev";
            let linked = name.starts_with("link");
            let last = !names[number + 1..].iter().any(|n| n.starts_with("link"));
            let header = Header {
                name: name.into(),
                inode: if linked { inode } else { inode + 1 + number as u32 },
                mode: if directory { 0o40755 } else { 0o100644 },
                owner: (0, 0),
                links: if linked || directory { 2 } else { 1 },
                mtime,
                size: 0,
                device: (0, 0),
            };
            let data: &[u8] = if linked && last { b"data" } else { b"" };
            cpio::append_entry(&mut archive, &header, data);
        }
        cpio::finish(&mut archive);
        archive
    }

    #[test]
    fn order_inodes_and_times_do_not_matter() {
        let one = archive(["dev", "link1", "link2", "x"], 7, 2000);
        let two = archive(["x", "link2", "dev", "link1"], 900, 3000);
        let early = archive(["kernel", "a", "b", "c"], 1, 1);
        for codec in [Codec::Gzip, Codec::Xz, Codec::Zstd, Codec::Bzip2] {
            let image = |main: &[u8]| {
                let mut image = early.clone();
                image.resize(image.len().next_multiple_of(BLOCK), 0);
                image.extend(codec.pack(main).unwrap());
                image
            };
            let images = [image(&one), image(&two)].map(|i| settled(&i, 1000).unwrap());
            assert_eq!(images[0], images[1], "{codec:?}");
            assert_eq!(settled(&images[0], 1000).unwrap(), images[0], "{codec:?}");
        }
        let entries = entries(&mut settled(&one, 1000).unwrap().as_slice()).unwrap();
        let names: Vec<_> = entries.keys().map(|n| String::from_utf8_lossy(n)).collect();
        let devices = ["dev/console", "dev/kmsg", "dev/null", "dev/random", "dev/urandom"];
        assert_eq!(names, [&["dev"], &devices[..], &["link1", "link2", "x"]].concat());
        assert_eq!(entries[&b"link1"[..]].0.inode, entries[&b"link2"[..]].0.inode);
        assert_eq!(entries[&b"link2"[..]].1, b"data");
        assert!(entries.values().all(|(header, _)| header.mtime == 1000));
    }

    #[test]
    fn what_is_no_archive_is_refused() {
        assert!(settled(b"\x02\x21\x4c\x18lz4", 0).is_err());
    }
}
