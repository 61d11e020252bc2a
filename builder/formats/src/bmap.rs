//! Block maps: which blocks of a raw image were written, with digests of them, as Tizen's
//! bmap-tools read them (format 2.0, `bmaptool copy`). Blocks outside the map are zeros here.

use crate::sparse;
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use thiserror::Error;

/// Bytes of a block.
const BLOCK: u64 = 4096;
/// Blocks of a range at most, so that ranges can be hashed in parallel.
const MAX_BLOCKS: u64 = 4096;
/// What the map's own digest is computed with in its place.
const NO_DIGEST: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Why a block map could not be made or read.
#[derive(Debug, Error)]
pub enum BmapError {
    /// Reading failed.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It is not a block map as [`Bmap::to_xml`] writes it.
    #[error("line {0} is not one of a block map that imgbuild wrote")]
    Damaged(usize),
    /// The caller asked to stop.
    #[error("stopped")]
    Stopped,
}

/// Blocks next to each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BmapRange {
    /// The first one's number.
    pub first: u64,
    /// The last one's number.
    pub last: u64,
    /// SHA-256 of their bytes, lower-case hexadecimal.
    pub sha256: String,
}

/// The block map of a raw image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bmap {
    /// Bytes of the image.
    pub size: u64,
    /// What was written, ascending.
    pub ranges: Vec<BmapRange>,
}

impl Bmap {
    /// Of `raw`: what its filesystem stores of it. `on` gets how many bytes of how many were
    /// hashed each time, from any thread, and returns whether to go on.
    ///
    /// # Errors
    /// When reading fails or `on` asks to stop.
    pub fn of(raw: &File, on: &(dyn Fn(u64, u64) -> bool + Sync)) -> Result<Self, BmapError> {
        let size = raw.metadata()?.len();
        let extents = sparse::extents(raw, size, BLOCK)?;
        let total = extents.iter().map(|e| e.end - e.start).sum();
        let pieces: Vec<(u64, u64)> = extents
            .into_iter()
            .flat_map(|e| {
                let (first, end) = (e.start / BLOCK, e.end.div_ceil(BLOCK));
                let starts = (first..end).step_by(MAX_BLOCKS as usize);
                starts.map(move |first| (first, (first + MAX_BLOCKS).min(end) - 1))
            })
            .collect();
        let hashed = pieces.into_par_iter().map(|(first, last)| {
            let sha256 = hash(raw, size, first, last, &|bytes| on(bytes, total))?;
            Ok(BmapRange { first, last, sha256 })
        });
        Ok(Self { size, ranges: hashed.collect::<Result<_, BmapError>>()? })
    }

    /// As an XML file.
    pub fn to_xml(&self) -> String {
        let text = self.with_digest(NO_DIGEST);
        self.with_digest(&hex::encode(Sha256::digest(text)))
    }

    fn with_digest(&self, digest: &str) -> String {
        let mapped: u64 = self.ranges.iter().map(|r| r.last - r.first + 1).sum();
        let mut text = format!(
            "<?xml version=\"1.0\" ?>\n<bmap version=\"2.0\">\n\
             <ImageSize> {} </ImageSize>\n<BlockSize> {BLOCK} </BlockSize>\n\
             <BlocksCount> {} </BlocksCount>\n<MappedBlocksCount> {mapped} </MappedBlocksCount>\n\
             <ChecksumType> sha256 </ChecksumType>\n\
             <BmapFileChecksum> {digest} </BmapFileChecksum>\n<BlockMap>\n",
            self.size,
            self.size.div_ceil(BLOCK),
        );
        for BmapRange { first, last, sha256 } in &self.ranges {
            let blocks = if first == last { first.to_string() } else { format!("{first}-{last}") };
            // Writing to a String cannot fail.
            let _ = writeln!(text, "<Range chksum=\"{sha256}\"> {blocks} </Range>");
        }
        text.push_str("</BlockMap>\n</bmap>\n");
        text
    }

    /// Reads what [`Bmap::to_xml`] wrote, and nothing else.
    ///
    /// # Errors
    /// When it is anything else.
    pub fn parse(text: &str) -> Result<Self, BmapError> {
        let mut map = Self { size: 0, ranges: Vec::new() };
        let mut next = 0;
        for (number, line) in (1..).zip(text.lines()) {
            let damaged = || BmapError::Damaged(number);
            if let Some(size) = line.strip_prefix("<ImageSize> ") {
                let size = size.strip_suffix(" </ImageSize>").ok_or_else(damaged)?;
                map.size = size.parse().map_err(|_| damaged())?;
            } else if let Some(range) = line.strip_prefix("<Range chksum=\"") {
                let range = parse_range(range).ok_or_else(damaged)?;
                if range.first < next || range.last >= map.size.div_ceil(BLOCK) {
                    return Err(damaged());
                }
                next = range.last + 1;
                map.ranges.push(range);
            }
        }
        // Its own digest is in it, too.
        let expected = map.to_xml();
        let different = text.lines().zip(expected.lines()).position(|(a, b)| a != b);
        match different {
            _ if text == expected => Ok(map),
            place => Err(BmapError::Damaged(place.unwrap_or_default() + 1)),
        }
    }

    /// The first byte from which on `raw` is not what the map says: in a range with another
    /// digest, or where it should be zeros; `None` when there is none. However the file is
    /// stored, all of it is compared, but for its holes.
    ///
    /// # Errors
    /// When reading fails or `on` asks to stop.
    pub fn difference(
        &self,
        raw: &File,
        on: &(dyn Fn(u64, u64) -> bool + Sync),
    ) -> Result<Option<u64>, BmapError> {
        let size = raw.metadata()?.len();
        if size != self.size {
            return Ok(Some(size.min(self.size)));
        }
        let total = self.ranges.iter().map(|r| (r.last - r.first + 1) * BLOCK).sum();
        let changed = self.ranges.par_iter().map(|range| {
            let found = hash(raw, size, range.first, range.last, &|bytes| on(bytes, total))?;
            Ok((found != range.sha256).then_some(range.first * BLOCK))
        });
        let changed: Vec<Option<u64>> = changed.collect::<Result<_, BmapError>>()?;
        let written = self.outside(raw, &|| on(0, total))?;
        Ok(changed.into_iter().flatten().chain(written).min())
    }

    /// The first byte outside the map's ranges that is not zero.
    fn outside(&self, raw: &File, on: &dyn Fn() -> bool) -> Result<Option<u64>, BmapError> {
        let extents = sparse::extents(raw, self.size, BLOCK)?;
        let mapped = self.ranges.iter().map(|r| (r.first * BLOCK, (r.last + 1) * BLOCK));
        let ends = mapped.chain([(self.size, self.size)]);
        let mut from = 0;
        let gaps: Vec<(u64, u64)> =
            ends.map(|(start, end)| (std::mem::replace(&mut from, end), start)).collect();
        let (mut found, mut stopped) = (None, false);
        for extent in extents {
            let first = gaps.partition_point(|(_, end)| *end <= extent.start);
            for &(start, end) in gaps[first..].iter().take_while(|(start, _)| *start < extent.end) {
                let gap = start.max(extent.start)..end.min(extent.end);
                sparse::read(raw, gap, &mut |at, bytes| {
                    let place = bytes.iter().position(|byte| *byte != 0);
                    found = place.map(|place| at + place as u64);
                    stopped = !on();
                    Ok(found.is_none() && !stopped)
                })?;
                if stopped {
                    return Err(BmapError::Stopped);
                }
                if found.is_some() {
                    return Ok(found);
                }
            }
        }
        Ok(None)
    }
}

/// SHA-256 of blocks; those that the image ends in may be shorter.
fn hash(
    raw: &File,
    size: u64,
    first: u64,
    last: u64,
    on: &dyn Fn(u64) -> bool,
) -> Result<String, BmapError> {
    let mut hasher = Sha256::new();
    let stopped = AtomicBool::new(false);
    sparse::read(raw, first * BLOCK..((last + 1) * BLOCK).min(size), &mut |_, bytes| {
        hasher.update(bytes);
        let go_on = on(bytes.len() as u64);
        stopped.store(!go_on, Ordering::Relaxed);
        Ok(go_on)
    })?;
    match stopped.into_inner() {
        true => Err(BmapError::Stopped),
        false => Ok(hex::encode(hasher.finalize())),
    }
}

/// `HEX"> 1-2 </Range>`.
fn parse_range(text: &str) -> Option<BmapRange> {
    let (sha256, blocks) = text.strip_suffix(" </Range>")?.split_once("\"> ")?;
    let is_digest = sha256.len() == 64 && sha256.bytes().all(|b| b.is_ascii_hexdigit());
    let (first, last) = blocks.split_once('-').unwrap_or((blocks, blocks));
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (is_digest && first <= last).then(|| BmapRange { first, last, sha256: sha256.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sparse::tests::raw;
    use std::os::unix::fs::FileExt;
    use std::process::Command;

    fn bmaptool(arguments: &[&str]) -> bool {
        let run = Command::new("bmaptool").args(arguments).output();
        run.expect("Debian package bmap-tools").status.success()
    }

    /// Numbers of all mapped blocks, by the text of a map of any program.
    fn mapped(xml: &str) -> Vec<u64> {
        let ranges = xml.lines().filter(|line| line.contains("<Range"));
        let blocks = ranges.filter_map(|line| line.split('>').nth(1)?.split('<').next());
        blocks
            .flat_map(|blocks| {
                let (first, last) = blocks.trim().split_once('-').unwrap_or((blocks, blocks));
                let number = |text: &str| text.trim().parse::<u64>().unwrap();
                number(first)..=number(last)
            })
            .collect()
    }

    #[test]
    fn bmaptool_copies_by_the_map_and_maps_the_same() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
        for size in [(100 << 20) + 512, 40 << 20] {
            let raw = raw(size);
            let (from, to) = (raw.path().to_str().unwrap(), path("copy"));
            let map = Bmap::of(raw.as_file(), &|_, _| true).unwrap();
            let xml = map.to_xml();
            std::fs::write(path("map"), &xml).unwrap();
            assert!(bmaptool(&["create", "-o", &path("theirs"), from]));
            let theirs = std::fs::read_to_string(path("theirs")).unwrap();
            assert_eq!(mapped(&xml), mapped(&theirs));
            assert!(bmaptool(&["copy", "--bmap", &path("map"), from, &to]));
            assert_eq!(std::fs::read(from).unwrap(), std::fs::read(&to).unwrap());
            assert_eq!(Bmap::parse(&xml).unwrap(), map);
            // bmaptool checks ranges, and the map itself.
            raw.as_file().write_all_at(b"other", 120_000).unwrap();
            assert!(!bmaptool(&["copy", "--bmap", &path("map"), from, &to]));
            std::fs::write(path("map"), xml.replace(" 512", " 513").replace("00-", "01-")).unwrap();
            assert!(!bmaptool(&["copy", "--bmap", &path("map"), &to, &path("second")]));
        }
    }

    #[test]
    fn what_is_changed_is_found_wherever_it_is() {
        let raw = raw(64 << 20);
        let file = raw.as_file();
        let map = Bmap::of(file, &|_, _| true).unwrap();
        let find = |file: &File| map.difference(file, &|_, _| true).unwrap();
        assert_eq!(find(file), None);
        // Stored otherwise, it is the same.
        file.write_all_at(&[0; 1 << 20], 30 << 20).unwrap();
        let copy = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(copy.path(), std::fs::read(raw.path()).unwrap()).unwrap();
        assert_eq!((find(file), find(&File::open(copy.path()).unwrap())), (None, None));
        file.write_all_at(b"x", (30 << 20) + 5).unwrap();
        assert_eq!(find(file), Some((30 << 20) + 5));
        file.write_all_at(b"x", 2 << 20).unwrap();
        assert_eq!(find(file), Some(2 << 20));
        file.set_len(65 << 20).unwrap();
        assert_eq!(find(file), Some(64 << 20));
        assert!(matches!(Bmap::of(file, &|_, _| false), Err(BmapError::Stopped)));
    }

    #[test]
    fn damaged_maps_are_refused() {
        let text = Bmap::of(raw(8 << 20).as_file(), &|_, _| true).unwrap().to_xml();
        for (from, to) in [
            ("</bmap>\n", ""),
            ("2.0", "1.4"),
            ("> 24-", "> 25-"),
            ("chksum=\"", "chksum=\"x"),
            ("<ImageSize> ", "<ImageSize> -"),
            ("</ImageSize>", "</ImageSize> "),
        ] {
            let bad = text.replacen(from, to, 1);
            assert_ne!(bad, text, "{from}");
            assert!(matches!(Bmap::parse(&bad), Err(BmapError::Damaged(_))), "{from}");
        }
        assert!(Bmap::parse("").is_err());
    }
}
