//! Metadata files uncompressed incrementally, within limits: a file of a few kilobytes can hold
//! any number of bytes.

use super::repomd::Data;
use crate::base::malformed::Malformed;
use std::io::{self, Read};

/// More than any repository's metadata has when uncompressed; the rest of a larger file is not
/// read.
const MAX_OPEN: u64 = 1 << 30;
/// More than any database has that is read into memory as a whole.
pub const MAX_DATABASE: u64 = 512 << 20;
/// Memory of the xz decoder; `xz -9` makes files that need 65 MiB.
const XZ_MEMORY: u64 = 192 << 20;

/// Most packages, relations and files of one repository: they are kept in memory. All of RHEL 7
/// has less than half as many.
const MAX_RECORDS: u64 = 6_000_000;

/// How many there are so far.
#[derive(Default)]
pub struct Records(u64);

impl Records {
    /// Adds some.
    ///
    /// # Errors
    /// That there are too many.
    pub fn add(&mut self, count: u64) -> Result<(), Malformed> {
        self.0 += count;
        match self.0 > MAX_RECORDS {
            true => Err(format!("more than {MAX_RECORDS} packages, relations and files").into()),
            false => Ok(()),
        }
    }
}

/// The uncompressed text of a metadata file.
pub struct Unpacked<'a> {
    from: Box<dyn Read + 'a>,
    at: u64,
    limit: u64,
    /// Where the limit is from, if repomd.xml says it.
    declared: bool,
}

impl<'a> Unpacked<'a> {
    /// Of the file's `bytes`, by the ending of its name. What has more than the open-size of
    /// repomd.xml, or more than `most`, ends in an error.
    ///
    /// # Errors
    /// When no decoder can be created.
    pub fn new(data: &Data, bytes: &'a [u8], most: u64) -> Result<Self, Malformed> {
        let words = |e: &dyn std::fmt::Display| e.to_string();
        let from: Box<dyn Read + 'a> = match data.location.rsplit('.').next() {
            Some("gz") => Box::new(flate2::read::MultiGzDecoder::new(bytes)),
            Some("xz") => Box::new(xz(bytes).map_err(|e| words(&e))?),
            Some("bz2") => Box::new(bzip2::read::MultiBzDecoder::new(bytes)),
            Some("zst") => {
                Box::new(zstd::stream::read::Decoder::new(bytes).map_err(|e| words(&e))?)
            }
            _ => Box::new(bytes),
        };
        let declared = data.open_size.filter(|size| *size <= most.min(MAX_OPEN));
        let limit = declared.unwrap_or(most.min(MAX_OPEN));
        Ok(Self { from, at: 0, limit, declared: declared.is_some() })
    }

    /// All of it.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn whole(mut self) -> Result<Vec<u8>, Malformed> {
        let mut out = Vec::new();
        self.read_to_end(&mut out).map_err(|e| e.to_string())?;
        Ok(out)
    }

    fn too_long(&self) -> io::Error {
        let limit = self.limit;
        io::Error::other(match self.declared {
            true => {
                format!("more than {limit} bytes when uncompressed, its open-size in repomd.xml")
            }
            false => format!("more than {} MiB when uncompressed", limit >> 20),
        })
    }
}

impl Read for Unpacked<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let n = self.from.read(to).map_err(|e| {
            let text = format!("{e}, {} bytes into the uncompressed text", self.at);
            io::Error::new(e.kind(), text)
        })?;
        self.at += n as u64;
        if self.at > self.limit { Err(self.too_long()) } else { Ok(n) }
    }
}

fn xz(bytes: &[u8]) -> Result<liblzma::read::XzDecoder<&[u8]>, liblzma::stream::Error> {
    use liblzma::stream::{CONCATENATED, Stream};
    let stream = Stream::new_stream_decoder(XZ_MEMORY, CONCATENATED)?;
    Ok(liblzma::read::XzDecoder::new_stream(bytes, stream))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn data(location: &str, open_size: Option<u64>) -> Data {
        let mut data = Data::new("primary".to_owned());
        (data.location, data.open_size) = (location.to_owned(), open_size);
        data
    }

    #[test]
    fn no_more_than_is_declared() {
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(&[b' '; 5000]).unwrap();
        let gz = gz.finish().unwrap();
        let read = |size, most| Unpacked::new(&data("x.gz", size), &gz, most).unwrap().whole();
        assert_eq!(read(Some(5000), MAX_OPEN).unwrap().len(), 5000);
        assert_eq!(read(None, MAX_OPEN).unwrap().len(), 5000);
        let said = read(Some(4999), MAX_OPEN).unwrap_err().to_string();
        assert_eq!(said, "more than 4999 bytes when uncompressed, its open-size in repomd.xml");
        // What is declared does not lift the limit.
        let said = read(Some(u64::MAX), 4096).unwrap_err().to_string();
        assert_eq!(said, "more than 0 MiB when uncompressed");
        let cut = Unpacked::new(&data("x.gz", None), &gz[..gz.len() - 9], MAX_OPEN).unwrap();
        assert!(cut.whole().unwrap_err().to_string().contains("bytes into the uncompressed text"));
    }

    #[test]
    fn a_dictionary_beyond_all_measure_is_refused() {
        use liblzma::stream::{Check, Filters, LzmaOptions, Stream};
        let pack = |dictionary: u32| {
            let mut options = LzmaOptions::new_preset(0).unwrap();
            options.dict_size(dictionary);
            let mut filters = Filters::new();
            filters.lzma2(&options);
            let stream = Stream::new_stream_encoder(&filters, Check::Crc32).unwrap();
            let mut xz = liblzma::write::XzEncoder::new_stream(Vec::new(), stream);
            xz.write_all(b"text").unwrap();
            xz.finish().unwrap()
        };
        let read = |xz: &[u8]| Unpacked::new(&data("x.xz", None), xz, MAX_OPEN).unwrap().whole();
        assert_eq!(read(&pack(1 << 20)).unwrap(), b"text");
        let mut large = pack(1 << 20);
        // The block header's dictionary size (LZMA2 properties) and the header's checksum; see
        // "The .xz File Format" 1.1.0, 3.1 and 5.3.1.
        let at = large[12..].iter().position(|b| *b == 0x21).unwrap() + 12 + 2;
        large[at] = 40;
        let end = 12 + (usize::from(large[12]) + 1) * 4 - 4;
        let sum = crc32(&large[12..end]);
        large[end..end + 4].copy_from_slice(&sum.to_le_bytes());
        let said = read(&large).unwrap_err().to_string();
        assert!(said.to_lowercase().contains("mem"), "{said}");
    }

    /// CRC-32 of IEEE 802.3, bit by bit.
    fn crc32(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!0u32, |sum, byte| {
            (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
                (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg())
            })
        })
    }
}
