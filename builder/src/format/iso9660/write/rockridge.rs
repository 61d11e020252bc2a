//! System use entries: SUSP 1.12 and Rock Ridge in its version of 1991 (RRIP
//! 1.10), which every reader knows.

use super::items::Item;
use super::{Error, SECTOR, both32, date};
use crate::format::tree::Content;

/// Bytes of a `CE` entry.
const CE: usize = 28;
/// Most bytes of text in one `NM` entry, and in one component of an `SL` entry.
const TEXT: usize = 240;

fn entry(signature: &[u8; 2], body: &[u8]) -> Vec<u8> {
    // Bodies are at most 251 bytes: see the constants and fixed sizes.
    let mut entry = signature.to_vec();
    entry.extend([body.len() as u8 + 4, 1]);
    entry.extend_from_slice(body);
    entry
}

/// `SP`, which says that system use entries are there.
pub(super) fn announcement() -> Vec<u8> {
    entry(b"SP", &[0xbe, 0xef, 0])
}

/// `ER`, which says that they are Rock Ridge's; texts as the standard has them.
pub(super) fn extension() -> Vec<u8> {
    let id = b"RRIP_1991A";
    let description = b"THE ROCK RIDGE INTERCHANGE PROTOCOL PROVIDES SUPPORT FOR POSIX FILE \
        SYSTEM SEMANTICS";
    let source = b"PLEASE CONTACT DISC PUBLISHER FOR SPECIFICATION SOURCE.  SEE PUBLISHER \
        IDENTIFIER IN PRIMARY VOLUME DESCRIPTOR FOR CONTACT INFORMATION.";
    let lengths = [id.len() as u8, description.len() as u8, source.len() as u8, 1];
    entry(b"ER", &[&lengths[..], id, description, source].concat())
}

/// `PX` and `TF`: mode, links, owner, group and times.
pub(super) fn attributes(item: &Item<'_>) -> Vec<Vec<u8>> {
    let kind = match item.entry.content {
        Content::Dir => 0o040_000,
        Content::File { .. } | Content::Bytes(_) | Content::Hardlink(_) => 0o100_000,
        Content::Symlink(_) => 0o120_000,
        Content::CharDevice { .. } => 0o020_000,
        Content::BlockDevice { .. } => 0o060_000,
        Content::Fifo => 0o010_000,
        Content::Socket => 0o140_000,
    };
    let mode = kind | u32::from(item.entry.mode & 0o7777);
    let posix = [mode, item.links, item.entry.uid, item.entry.gid].map(both32).concat();
    // Bits 1 to 3: times of modification, access and attributes.
    let time = date::to_short(item.entry.mtime);
    let times = [&[0b1110][..], &time, &time, &time].concat();
    vec![entry(b"PX", &posix), entry(b"TF", &times)]
}

/// All entries of one name in its directory.
pub(super) fn entries(item: &Item<'_>) -> Result<Vec<Vec<u8>>, Error> {
    let mut entries = attributes(item);
    let mut chunks = item.name().chunks(TEXT).peekable();
    while let Some(chunk) = chunks.next() {
        let continues = u8::from(chunks.peek().is_some());
        entries.push(entry(b"NM", &[&[continues], chunk].concat()));
    }
    match &item.entry.content {
        Content::Symlink(target) => entries.extend(link(item.path, target)?),
        Content::CharDevice { major, minor } | Content::BlockDevice { major, minor } => {
            entries.push(entry(b"PN", &[*major, *minor].map(both32).concat()));
        }
        _ => {}
    }
    Ok(entries)
}

/// The `SL` entries of a symbolic link.
fn link(path: &[u8], target: &[u8]) -> Result<Vec<Vec<u8>>, Error> {
    // Linux has no longer ones, and readers bound the areas that they follow.
    if target.is_empty() || target.len() > 4095 {
        return Err(Error::entry(path, "a symbolic link's target has 1 to 4095 bytes"));
    }
    let mut components = Vec::new();
    if target[0] == b'/' {
        components.push(vec![0b1000, 0]);
    }
    for name in target.split(|&c| c == b'/').filter(|name| !name.is_empty()) {
        match name {
            b"." => components.push(vec![0b0010, 0]),
            b".." => components.push(vec![0b0100, 0]),
            _ => {
                let mut chunks = name.chunks(TEXT).peekable();
                while let Some(chunk) = chunks.next() {
                    let continues = u8::from(chunks.peek().is_some());
                    components.push([&[continues, chunk.len() as u8], chunk].concat());
                }
            }
        }
    }
    let mut bodies: Vec<Vec<u8>> = Vec::new();
    for component in components {
        match bodies.last_mut() {
            Some(body) if body.len() + component.len() <= TEXT + 3 => body.extend(component),
            _ => bodies.push([&[0][..], &component].concat()),
        }
    }
    let last = bodies.len() - 1;
    for body in &mut bodies[..last] {
        body[0] = 1;
    }
    Ok(bodies.iter().map(|body| entry(b"SL", body)).collect())
}

/// What does not fit into records, in areas of which none crosses a sector.
pub(super) struct Continuations {
    /// Sector of the first byte.
    first: u32,
    bytes: Vec<u8>,
}

impl Continuations {
    pub fn new(first: u32) -> Self {
        Self { first, bytes: Vec::new() }
    }

    /// Whole sectors of what was put here.
    pub fn finish(mut self) -> Vec<u8> {
        self.bytes.resize(self.bytes.len().next_multiple_of(SECTOR as usize), 0);
        self.bytes
    }

    /// The entries that go into a record with `room` bytes; the others go into
    /// continuation areas, to which the last one then leads.
    pub fn fit(&mut self, entries: Vec<Vec<u8>>, room: usize) -> Vec<u8> {
        if entries.iter().map(Vec::len).sum::<usize>() <= room {
            return entries.concat();
        }
        let mut here = Vec::new();
        let mut rest = entries.into_iter().peekable();
        while let Some(entry) = rest.next_if(|entry| here.len() + entry.len() + CE <= room) {
            here.extend(entry);
        }
        // Areas, each with room for the entry that leads to the next.
        let mut areas: Vec<Vec<u8>> = vec![Vec::new()];
        for entry in rest {
            match areas.last_mut() {
                Some(area) if area.len() + entry.len() + CE <= SECTOR as usize => {
                    area.extend(entry);
                }
                _ => areas.push(entry),
            }
        }
        // Each leads on to the next; some readers follow forward alone.
        let last = areas.len() - 1;
        let lengths = areas.iter().enumerate();
        let lengths = lengths.map(|(index, area)| area.len() + if index < last { CE } else { 0 });
        let leads = self.reserve(lengths);
        here.extend_from_slice(&leads[0].0);
        for (index, mut area) in areas.into_iter().enumerate() {
            if let Some((lead, _)) = leads.get(index + 1) {
                area.extend_from_slice(lead);
            }
            let at = leads[index].1;
            self.bytes[at..at + area.len()].copy_from_slice(&area);
        }
        here
    }

    /// Makes room for areas of these lengths; returns for each the `CE` entry
    /// that leads to it and its place in `bytes`.
    fn reserve(&mut self, lengths: impl Iterator<Item = usize>) -> Vec<(Vec<u8>, usize)> {
        let sector = SECTOR as usize;
        let reserve = |length: usize| {
            if self.bytes.len() % sector + length > sector {
                self.bytes.resize(self.bytes.len().next_multiple_of(sector), 0);
            }
            let at = self.bytes.len();
            self.bytes.resize(at + length, 0);
            let block = self.first.saturating_add((at / sector) as u32);
            let place = [block, (at % sector) as u32, length as u32];
            (entry(b"CE", &place.map(both32).concat()), at)
        };
        lengths.map(reserve).collect()
    }
}
