//! Directory records (ECMA-119 9.1) and what they say together with Rock Ridge.

use super::susp::{self, RockRidge};
use super::{Error, Extent, Iso, Kind, Node, SECTOR, date, le32};

/// Longest directory that is read: some 400,000 records. Bounds the memory
/// that a wrong size can cost.
const MAX_DIRECTORY: u64 = 64 << 20;

/// Which of an image's descriptions of its tree is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Names {
    /// Rock Ridge, whose system use areas start after this many bytes.
    RockRidge(usize),
    /// Joliet: UCS-2 names in a tree of their own.
    Joliet,
    /// Neither: `NAME.EXT;1`.
    Plain,
}

/// One record as stored.
pub(super) struct Record {
    /// Its first byte in the image.
    offset: u64,
    flags: u8,
    extent: Extent,
    date: [u8; 7],
    identifier: Vec<u8>,
    system_use: Vec<u8>,
    system_use_offset: u64,
}

impl Record {
    const HIDDEN_ASSOCIATED: u8 = 0x04;
    const DIRECTORY: u8 = 0x02;
    const CONTINUES: u8 = 0x80;

    /// Reads the record at the start of `bytes`, which lie at byte `offset`;
    /// its length is `bytes[0]`, not 0.
    pub(super) fn parse(iso: &Iso, bytes: &[u8], offset: u64) -> Result<Self, Error> {
        let length = usize::from(bytes[0]);
        let Some(record) = bytes.get(..length).filter(|record| record.len() >= 34) else {
            let what = format!("directory record of {length} bytes, {} remain", bytes.len());
            return Err(Error::malformed(offset, what));
        };
        let identifier_end = 33 + usize::from(record[32]);
        let Some(identifier) = record.get(33..identifier_end) else {
            return Err(Error::malformed(offset, "file identifier longer than its record"));
        };
        if record[26] != 0 || record[27] != 0 {
            return Err(Error::malformed(offset, "interleaved file, which is not supported"));
        }
        // The system use area starts at an even byte.
        let system_use = identifier_end + (identifier_end & 1);
        let block = u64::from(le32(record, 2)) + u64::from(record[1]);
        let mut date = [0; 7];
        date.copy_from_slice(&record[18..25]);
        Ok(Self {
            offset,
            flags: record[25],
            extent: Extent { offset: block * iso.block_size(), bytes: u64::from(le32(record, 10)) },
            date,
            identifier: identifier.to_vec(),
            system_use: record.get(system_use..).unwrap_or_default().to_vec(),
            system_use_offset: offset + system_use as u64,
        })
    }

    pub(super) fn system_use(&self) -> &[u8] {
        &self.system_use
    }

    fn is_dot(&self) -> bool {
        matches!(self.identifier[..], [0] | [1])
    }

    fn rock_ridge(&self, iso: &Iso) -> Result<Option<RockRidge>, Error> {
        let Names::RockRidge(skip) = iso.names() else { return Ok(None) };
        let area = self.system_use.get(skip..).unwrap_or_default();
        susp::parse(iso, area, self.system_use_offset + skip as u64).map(Some)
    }

    /// The record as a node; `None` for one that is listed elsewhere.
    pub(super) fn node(&self, iso: &Iso) -> Result<Option<Node>, Error> {
        let rock_ridge = self.rock_ridge(iso)?.unwrap_or_default();
        if rock_ridge.relocated {
            return Ok(None);
        }
        let name = match (&rock_ridge.name, iso.names()) {
            _ if self.is_dot() => Vec::new(),
            (Some(name), _) => name.clone(),
            (None, Names::Joliet) => strip_version(&from_ucs2(&self.identifier)).to_vec(),
            (None, _) => {
                let name = strip_version(&self.identifier);
                name.strip_suffix(b".").unwrap_or(name).to_vec()
            }
        };
        let bad = |name: &[u8]| name.is_empty() || name == b"." || name == b"..";
        if !self.is_dot() && (bad(&name) || name.iter().any(|c| matches!(c, 0 | b'/'))) {
            let what = format!("unusable file name {:?}", String::from_utf8_lossy(&name));
            return Err(Error::malformed(self.offset, what));
        }
        if let Some(block) = rock_ridge.child {
            return self.relocated(iso, block, name).map(Some);
        }
        Ok(Some(self.assemble(rock_ridge, name)))
    }

    /// The directory that this placeholder record stands for.
    fn relocated(&self, iso: &Iso, block: u32, name: Vec<u8>) -> Result<Node, Error> {
        let dot = iso.dot(u64::from(block) * iso.block_size())?;
        let rock_ridge = dot.rock_ridge(iso)?.unwrap_or_default();
        if dot.identifier != [0] || dot.flags & Self::DIRECTORY == 0 || rock_ridge.child.is_some() {
            return Err(Error::malformed(self.offset, "child link (CL) to no directory"));
        }
        Ok(dot.assemble(rock_ridge, name))
    }

    fn assemble(&self, rock_ridge: RockRidge, name: Vec<u8>) -> Node {
        let is_dir = self.flags & Self::DIRECTORY != 0;
        let (mode, uid, gid) = rock_ridge.posix.unwrap_or((0o555, 0, 0));
        let kind = match (is_dir, rock_ridge.link, mode & 0o170_000) {
            (true, _, _) => Kind::Dir,
            (false, Some(target), _) => Kind::Symlink(target),
            (false, None, 0 | 0o100_000) => Kind::File,
            (false, None, _) => Kind::Special,
        };
        let has_data = matches!(kind, Kind::Dir | Kind::File) && self.extent.bytes > 0;
        let extents = if has_data { vec![self.extent] } else { Vec::new() };
        Node {
            name,
            kind,
            mode: (mode & 0o7777) as u16,
            uid,
            gid,
            mtime: rock_ridge.mtime.or(date::from_short(&self.date)).unwrap_or(0),
            size: extents.iter().map(|extent| extent.bytes).sum(),
            extents,
            compressed: rock_ridge.compressed,
        }
    }
}

fn from_ucs2(identifier: &[u8]) -> Vec<u8> {
    let units = identifier.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
    char::decode_utf16(units)
        .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect::<String>()
        .into_bytes()
}

/// `NAME;1` without its version number.
fn strip_version(name: &[u8]) -> &[u8] {
    match name.iter().rposition(|&c| c == b';') {
        Some(at) if at > 0 && name[at + 1..].iter().all(u8::is_ascii_digit) => &name[..at],
        _ => name,
    }
}

/// Lists the directory whose records are `extent`, in their order.
pub(super) fn list(iso: &Iso, extent: Extent) -> Result<Vec<Node>, Error> {
    if extent.bytes > MAX_DIRECTORY {
        let what = format!("directory of {} bytes, more than {MAX_DIRECTORY}", extent.bytes);
        return Err(Error::malformed(extent.offset, what));
    }
    let bytes = iso.bytes_at(extent.offset, extent.bytes as usize, "a directory")?;
    let mut nodes = Vec::new();
    // A file of several extents: what is known of it, and its identifier.
    let mut unfinished: Option<(Node, Vec<u8>)> = None;
    let mut at = 0;
    while at < bytes.len() {
        // Records do not cross sectors; a zero fills the rest of one.
        let sector_end = (at / SECTOR as usize + 1) * SECTOR as usize;
        if bytes[at] == 0 {
            at = sector_end;
            continue;
        }
        let within = &bytes[at..sector_end.min(bytes.len())];
        let record = Record::parse(iso, within, extent.offset + at as u64)?;
        at += usize::from(bytes[at]);
        if record.is_dot() || record.flags & Record::HIDDEN_ASSOCIATED != 0 {
            continue;
        }
        let node = match (unfinished.take(), record.node(iso)?) {
            (None, Some(node)) => node,
            (None, None) => continue,
            (Some((mut first, identifier)), Some(part)) if identifier == record.identifier => {
                first.size += part.size;
                first.extents.extend(part.extents);
                first
            }
            (Some(_), _) => {
                let what = "the extents of a file are not together";
                return Err(Error::malformed(record.offset, what));
            }
        };
        if record.flags & Record::CONTINUES != 0 {
            unfinished = Some((node, record.identifier));
        } else {
            nodes.push(node);
        }
    }
    match unfinished {
        None => Ok(nodes),
        Some(_) => Err(Error::malformed(extent.offset, "the last extent of a file is missing")),
    }
}
