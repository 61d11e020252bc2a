//! One header of a package file: an index of typed entries and the store of their data.
//! Source: "RPM Package Format", rpm.org; the checks are those of rpm's `headerVerifyInfo`
//! and, beyond EL7's rpm, of `hdrblobVerifyRegion`: nothing may lie outside the region that
//! digests and signatures cover.

use super::error::{Malformed, in_words};
use super::tag;
use std::collections::BTreeMap;
use std::io::Read;

pub(super) const MAGIC: [u8; 8] = [0x8e, 0xad, 0xe8, 1, 0, 0, 0, 0];
/// Magic number, count of entries, bytes of data.
const INTRO: usize = 16;
/// One index entry: tag, type, offset, count.
const ENTRY: usize = 16;
/// rpm's own limits: more is damage.
const MAX_ENTRIES: u32 = 0xffff;
const MAX_BYTES: u32 = 0x0fff_ffff;

/// Which of the two headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The signature header, which nothing signs.
    Signature,
    /// The main header.
    Main,
}

impl Which {
    fn name(self) -> &'static str {
        match self {
            Self::Signature => "signature header",
            Self::Main => "main header",
        }
    }

    pub(super) fn region(self) -> u32 {
        match self {
            Self::Signature => tag::signature::REGION,
            Self::Main => tag::REGION,
        }
    }
}

/// Types of entries, by rpm's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EntryKind {
    Char,
    Int8,
    Int16,
    Int32,
    Int64,
    String,
    Binary,
    StringArray,
    I18nString,
}

impl EntryKind {
    fn from_number(number: u32) -> Option<Self> {
        Some(match number {
            1 => Self::Char,
            2 => Self::Int8,
            3 => Self::Int16,
            4 => Self::Int32,
            5 => Self::Int64,
            6 => Self::String,
            7 => Self::Binary,
            8 => Self::StringArray,
            9 => Self::I18nString,
            _ => return None,
        })
    }

    /// Bytes of one value; `None` for strings, which end with NUL.
    fn width(self) -> Option<usize> {
        match self {
            Self::Char | Self::Int8 | Self::Binary => Some(1),
            Self::Int16 => Some(2),
            Self::Int32 => Some(4),
            Self::Int64 => Some(8),
            Self::String | Self::StringArray | Self::I18nString => None,
        }
    }
}

/// Where an entry's data are in [`Header::bytes`].
#[derive(Clone, Copy, Debug)]
struct IndexEntry {
    kind: EntryKind,
    start: usize,
    end: usize,
    count: usize,
}

/// A header, all of whose entries are known to lie inside it.
#[derive(Clone, Debug)]
pub struct Header {
    index: BTreeMap<u32, IndexEntry>,
    bytes: Vec<u8>,
}

impl Header {
    /// Reads and checks a header at byte `at` of its file.
    ///
    /// # Errors
    /// [`Malformed`] with the byte offset in the file.
    pub fn read(from: &mut impl Read, which: Which, at: u64) -> Result<Self, Malformed> {
        let fail = |offset: usize, what: String| {
            Malformed::new(at + offset as u64, format!("{}: {what}", which.name()))
        };
        let io = |offset: usize, e: std::io::Error| fail(offset, in_words(&e));
        let mut bytes = vec![0; INTRO];
        from.read_exact(&mut bytes).map_err(|e| io(0, e))?;
        if bytes[..8] != MAGIC {
            return Err(fail(0, "it does not begin with its magic number".to_owned()));
        }
        let (entries, data) = (number(&bytes, 8), number(&bytes, 12));
        if entries == 0 || entries > MAX_ENTRIES || data > MAX_BYTES {
            return Err(fail(8, format!("impossible size: {entries} entries, {data} bytes")));
        }
        let whole = INTRO + entries as usize * ENTRY + data as usize;
        // Grows as data arrive, so that a false size costs nothing.
        from.take((whole - INTRO) as u64).read_to_end(&mut bytes).map_err(|e| io(INTRO, e))?;
        if bytes.len() != whole {
            return Err(fail(bytes.len(), "the file ends inside it".to_owned()));
        }
        let mut header = Self { index: BTreeMap::new(), bytes };
        header.check(which, entries as usize).map_err(|(offset, what)| fail(offset, what))?;
        Ok(header)
    }

    /// The header as it is in the file, without padding: what digests and signatures cover.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Fills the index; an error is the offset in the header and what is wrong.
    fn check(&mut self, which: Which, entries: usize) -> Result<(), (usize, String)> {
        let store = INTRO + entries * ENTRY;
        let end = self.bytes.len() - self.trailer(which, entries)?;
        // Entries follow each other in the store; any overlap is damage.
        let mut free = store;
        for n in 0..entries {
            let at = INTRO + n * ENTRY;
            let tag = number(&self.bytes, at);
            if n == 0 && tag == which.region() {
                continue;
            }
            let fail = |what: &str| Err((at, format!("tag {tag}: {what}")));
            let Some(kind) = EntryKind::from_number(number(&self.bytes, at + 4)) else {
                return fail("its type is not known");
            };
            let (offset, count) = (number(&self.bytes, at + 8), number(&self.bytes, at + 12));
            if tag < tag::I18N_TABLE {
                return fail("a region that is not the first entry");
            }
            if count == 0 || count > MAX_BYTES || offset > MAX_BYTES {
                return fail("impossible offset or count");
            }
            let start = store + offset as usize;
            if start < free {
                return fail("its data overlap another's");
            }
            if start > end || !(start - store).is_multiple_of(kind.width().unwrap_or(1)) {
                return fail("its data are not where they can be");
            }
            let Some(length) = self.length(kind, start, end, count as usize) else {
                return fail("its data do not end inside the header");
            };
            free = start + length;
            let entry = IndexEntry { kind, start, end: free, count: count as usize };
            if self.index.insert(tag, entry).is_some() {
                return fail("it appears twice");
            }
        }
        Ok(())
    }

    /// Checks the region and returns the length of its trailer at the header's end.
    fn trailer(&self, which: Which, entries: usize) -> Result<usize, (usize, String)> {
        let first = INTRO;
        if number(&self.bytes, first) != which.region() {
            return match which {
                // Old ones have none, and nothing depends on it.
                Which::Signature => Ok(0),
                Which::Main => Err((first, "it has no immutable region".to_owned())),
            };
        }
        let fail = |what: &str| Err((first, format!("its region {what}")));
        let (kind, offset) = (number(&self.bytes, first + 4), number(&self.bytes, first + 8));
        let store = INTRO + entries * ENTRY;
        let trailer = store + offset as usize;
        if kind != 7 || number(&self.bytes, first + 12) != 16 || offset > MAX_BYTES {
            return fail("is malformed");
        }
        if trailer + ENTRY != self.bytes.len() {
            return fail("does not cover the header's data");
        }
        let covered = (number(&self.bytes, trailer + 8) as i32).checked_neg();
        let same = number(&self.bytes, trailer + 4) == 7
            && number(&self.bytes, trailer + 12) == 16
            && (number(&self.bytes, trailer) == which.region()
                // Some old signature headers name the other region.
                || which == Which::Signature && number(&self.bytes, trailer) == tag::REGION);
        if !same || covered != i32::try_from(entries * ENTRY).ok() {
            return fail("does not cover the header's entries");
        }
        Ok(ENTRY)
    }

    fn length(&self, kind: EntryKind, start: usize, end: usize, count: usize) -> Option<usize> {
        if let Some(width) = kind.width() {
            return count.checked_mul(width).filter(|length| start + length <= end);
        }
        if kind == EntryKind::String && count != 1 {
            return None;
        }
        let mut at = start;
        for _ in 0..count {
            at += self.bytes.get(at..end)?.iter().position(|&b| b == 0)? + 1;
        }
        Some(at - start)
    }

    /// Whether the tag is present.
    pub fn has(&self, tag: u32) -> bool {
        self.index.contains_key(&tag)
    }

    /// How many values the tag has.
    pub fn count(&self, tag: u32) -> usize {
        self.index.get(&tag).map_or(0, |entry| entry.count)
    }

    /// A text; of several (translations), the first. Bytes that are not UTF-8 become U+FFFD.
    pub fn text(&self, tag: u32) -> Option<String> {
        self.strings(tag).next().map(lossy)
    }

    /// All texts of a tag.
    pub fn texts(&self, tag: u32) -> Vec<String> {
        self.strings(tag).map(lossy).collect()
    }

    /// The strings of a tag as stored, without their NUL; none when the tag is absent or is
    /// something else.
    pub fn strings(&self, tag: u32) -> impl Iterator<Item = &[u8]> {
        let entry = self.index.get(&tag).filter(|e| e.kind.width().is_none());
        let (data, count) = entry.map_or((&[][..], 0), |e| (&self.bytes[e.start..e.end], e.count));
        data.split(|&b| b == 0).take(count)
    }

    /// The numbers of a tag, of any width; none when the tag is absent or is something else.
    pub fn numbers(&self, tag: u32) -> Vec<u64> {
        let Some(entry) = self.index.get(&tag) else { return Vec::new() };
        let (Some(width), false) = (entry.kind.width(), entry.kind == EntryKind::Binary) else {
            return Vec::new();
        };
        let value = |bytes: &[u8]| bytes.iter().fold(0, |n, &b| n << 8 | u64::from(b));
        self.bytes[entry.start..entry.end].chunks_exact(width).map(value).collect()
    }

    /// The first number of a tag.
    pub fn number(&self, tag: u32) -> Option<u64> {
        self.numbers(tag).first().copied()
    }

    /// Binary data.
    pub fn binary(&self, tag: u32) -> Option<&[u8]> {
        let entry = self.index.get(&tag).filter(|e| e.kind == EntryKind::Binary)?;
        Some(&self.bytes[entry.start..entry.end])
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn number(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
